"""What a command is pointed at: scenarios, recordings and runs."""

from __future__ import annotations

import re
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
    """The file of a recording; `sample` is the one that ships with obmm, unless a file is called so.

    Raises:
        UsageError: It is a folder that holds none.
    """
    from obmm.lab.bench import sample_path
    from obmm.wire.recording import is_recording

    if capture == SAMPLE and not capture.exists():
        return sample_path()
    if capture.is_dir() and not is_recording(capture):
        raise UsageError(
            f"{capture} holds no recording: name the folder of obmm run --record, or a recorded stream"
        )
    return capture


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


def newest_run_of(path: Path, last: str) -> Path:
    """The folder of a run made of the newest hours of a live recording, of the simulation that began last.

    Args:
        path: The recording.
        last: How much of it, up to what was recorded last: `6h`, `30m`, `2d`.

    Raises:
        UsageError: It is no live recording, holds no state of that time, or the time cannot be read.
        WireError: It is damaged.
    """
    from obmm.cli._progress import counted
    from obmm.lab.live_run import import_recording
    from obmm.wire.recording import Recording, is_recording

    found = re.fullmatch(r"(\d+(?:\.\d+)?)([mhd])", last)
    if found is None or not float(found[1]):
        raise UsageError(f"--last {last!r} is no time; write 30m, 6h or 2d")
    if not is_recording(path):
        raise UsageError(f"--last is for live recordings, and {path} is none")
    recording = Recording(path)
    folder, files = recording.folder, recording.index.files
    until_ns = max((folder / file.name).stat().st_mtime_ns for file in files)
    since_ns = until_ns - int(float(found[1]) * {"m": 60, "h": 3600, "d": 86_400}[found[2]] * 1e9)
    # Files that ended before are not read; each says by itself what it needs.
    recording.index.files = [file for file in files if not file.closed or file.last_ns >= since_ns]
    with counted(f"the last {last} of {path.name}") as progress:
        try:
            return import_recording(
                recording, folder / "runs" / f"last-{last}", force=True, since_ns=since_ns, progress=progress
            )[-1]
        except mendable():
            raise
        except ValueError as error:
            raise UsageError(str(error)) from error


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
