"""`obmm import-recording`."""

from __future__ import annotations

from pathlib import Path

from obmm.cli._errors import needs
from obmm.cli._inputs import runs_of
from obmm.cli._output import console, print_json
from obmm.cli._parameters import Flag


def import_recording(
    recording: Path,
    /,
    *,
    out: Path | None = None,
    code: Path | None = None,
    force: Flag = False,
    json: Flag = False,
) -> None:
    """Make runs of a live recording: one for each simulation of each validator.

    They are runs like any other, for `obmm report`, `score`, `diagnose` and whatever else reads runs. These
    commands also take the recording itself where it holds one simulation.

        obmm import-recording recordings/main
        obmm report recordings/main/runs/5FHneW46-20261127_1200

    Args:
        recording: The recording: its folder, or one of its files.
        out: Folder of the runs; `runs` within the recording's if not given.
        code: Folder with the modules of your own stages as they were when it was recorded.
        force: Make them anew although they are there.
        json: Print JSON for machines.
    """
    needs("pyarrow")
    from obmm.lab.recorded import Run

    made = [Run(folder) for folder in runs_of(recording, out, code=code, force=force)]
    if json:
        told = ("validator", "scenario", "states", "late", "undecided", "not_decided", "config_hash")
        print_json(
            [{"run": str(run.folder), **{k: run.about[k] for k in told if k in run.about}} for run in made]
        )
        return
    out_ = console()
    for run in made:
        out_.print(f"{run.folder}: {run.about['states']:,} states", markup=False, soft_wrap=True)
        if "not_decided" in run.about:
            why = run.about["not_decided"]
            out_.print(f"without orders and signals: {why}", markup=False, style="yellow")
