"""A stage named on the command line."""

from __future__ import annotations

from pathlib import Path

from obmm.settings.errors import ConfigError, Problem, did_you_mean
from obmm.settings.registry import GROUPS, class_at, registered
from obmm.testing import group_of

_NO_STAGE = (
    "is no stage: a signal has `__call__(self, state, signals) -> FloatArray`, a gate "
    "`(self, state, signals) -> Limits`, a builder `(self, state, signals, limits) -> Quotes`, "
    "a placer `(self, state, quotes, limits) -> Orders`; "
    "annotate the result, it tells gate and signal apart"
)


def is_stage(target: str) -> bool:
    """Whether `target` has the form `module:Class` or is a registered name."""
    return ":" in target or any(target in registered(group) for group in GROUPS)


def stage_of(target: str) -> tuple[str, type]:
    """The group and class that `module:Class` or a registered name means; the current folder is searched too.

    Raises:
        ConfigError: There is no such class, or it is no stage.
    """
    for group in GROUPS:
        if target in registered(group):
            return group, registered(group)[target]
    if ":" not in target:
        known = {name for group in GROUPS for name in registered(group)}
        raise ConfigError([Problem(target, f"no stage is called so: {did_you_mean(target, known)}")])
    try:
        cls = class_at(target, (Path.cwd(),))
    except LookupError as error:
        raise ConfigError([Problem(target, str(error))]) from error
    try:
        return group_of(cls), cls
    except LookupError as error:
        raise ConfigError([Problem(target, _NO_STAGE)]) from error
