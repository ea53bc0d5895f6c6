"""What a command is pointed at: scenarios, recordings and runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from obmm.cli._errors import UsageError, mendable

if TYPE_CHECKING:
    from obmm.sim import Scenario

#: The market of the network as it is today: `obmm.sim.DEFAULT_SCENARIO`, which takes a while to import.
TODAY = "taos-0.6.2"
#: The word for the recording that ships with obmm.
SAMPLE = Path("sample")


def scenario_of(name: str) -> Scenario:
    """The scenario of that name or TOML file.

    Raises:
        ConfigError: There is none, or it has faults.
    """
    from obmm.sim import Scenario

    return Scenario.load(name)


def recording_of(capture: Path) -> Path:
    """The file of a recording; `sample` is the one that ships with obmm, unless a file is called so."""
    from obmm.lab.bench import sample_path

    return sample_path() if capture == SAMPLE and not capture.exists() else capture


def run_of(path: Path) -> Path:
    """The folder of a run; of a live recording that of its only simulation, made if it is not there.

    The runs of a recording lie in `runs` within its folder.

    Raises:
        UsageError: The recording holds several simulations, or none.
        WireError: It is damaged.
    """
    from obmm.wire.recording import is_recording

    if not is_recording(path):
        return path
    folders = runs_of(path)
    if len(folders) > 1:
        names = ", ".join(map(str, folders))
        raise UsageError(f"{path} holds {len(folders)} simulations, a run each; name one of {names}")
    return folders[0]


def runs_of(
    path: Path, out: Path | None = None, *, code: Path | None = None, force: bool = False
) -> list[Path]:
    """The folders of the runs made of a live recording, those that are there already included.

    Raises:
        UsageError: It holds no state.
        WireError: It is damaged.
    """
    from obmm.cli._progress import counted
    from obmm.lab.live_run import import_recording
    from obmm.wire.recording import Recording

    recording = Recording(path)
    with counted(f"runs of {path.name}") as progress:
        try:
            folder = recording.folder / "runs" if out is None else out
            return import_recording(recording, folder, code=code, force=force, progress=progress)
        except mendable():
            raise
        except ValueError as error:
            raise UsageError(str(error)) from error
