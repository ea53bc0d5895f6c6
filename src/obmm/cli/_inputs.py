"""What a command is pointed at: scenarios and recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obmm.sim import Scenario

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
