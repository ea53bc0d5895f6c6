"""Everything that runs: simulation, replay, scoring, reports, studies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obmm.lab.frames import Records


def read(folder: str | Path) -> Records:
    """The records of a run as Arrow tables with words in the place of codes: `read("runs/first").fills`.

    A run that was killed, or goes on, is read as far as its last part. Needs pyarrow (`obmm[records]`).

    Raises:
        RunError: The folder holds no run, or one that is damaged.
    """
    from obmm.lab.frames import Records
    from obmm.lab.recorded import Run

    return Records(Run(Path(folder)))


__all__ = ["read"]
