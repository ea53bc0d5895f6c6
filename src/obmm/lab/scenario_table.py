"""A scenario as a run keeps it, and made again out of that."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

import attrs

from obmm.agent import ConfigError, Problem
from obmm.settings.structure import Structure
from obmm.sim import Rivals, Scenario
from obmm.sim._parameters import KINDS
from obmm.sim.scenario import scenario_names


def described_scenario(scenario: Scenario) -> dict[str, Any]:
    """What `run.json` must say of a scenario beside its name and its rivals: nothing of one that ships."""
    if scenario.name in scenario_names():
        shipped = Scenario.load(scenario.name)
        if attrs.evolve(shipped, rivals=scenario.rivals) == scenario:
            return {}
    return {"scenario_table": _table(scenario)}


def scenario_of(about: Mapping[str, Any]) -> Scenario:
    """The scenario of a run with its rivals.

    Raises:
        ConfigError: It cannot be made again.
    """
    if "scenario_table" in about:
        made, complaints = _STRUCTURE(about["scenario_table"], Scenario)
        if complaints:
            raise ConfigError([Problem(f"scenario_table: {path}", what) for path, what in complaints])
        scenario: Scenario = made
    else:
        scenario = Scenario.load(str(about["scenario"]))
    return attrs.evolve(scenario, rivals=Rivals(**about["synthetic_rivals"]))


_STRUCTURE = Structure(KINDS)


def _table(value: Any, hint: Any = None) -> Any:
    """What a scenario file would say of a value of this type, with its kind where there are several."""
    if attrs.has(type(value)):
        kinds = {cls: kind for kind, cls in KINDS.get(hint, {}).items()}
        kind = {"kind": kinds[type(value)]} if kinds else {}
        hints = typing.get_type_hints(type(value))
        fields = [f.name for f in attrs.fields(type(value)) if f.init]
        return kind | {name: _table(getattr(value, name), hints[name]) for name in fields}
    if isinstance(value, (list, tuple)):
        of_item = (*typing.get_args(hint), None)[0]
        return [_table(item, of_item) for item in value]
    return value
