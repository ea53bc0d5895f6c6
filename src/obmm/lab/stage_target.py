"""A stage named on the command line."""

from __future__ import annotations

import sys
from pathlib import Path

from obmm.agent.errors import ConfigError, Problem
from obmm.market.stages import GROUPS, find, registered


def stage_of(target: str) -> type:
    """The class that `module:Class` or a registered name means, looked for in the current folder too.

    Raises:
        ConfigError: There is no such class.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    for group in GROUPS:
        if target in registered(group):
            return registered(group)[target]
    try:
        return find("signals", target)
    except LookupError as error:
        raise ConfigError([Problem(target, str(error))]) from error
