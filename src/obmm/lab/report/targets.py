"""Targets and alerts: a file that ships with the package and that a user may own a copy of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs

from obmm.agent import ConfigError, Problem
from obmm.settings.errors import did_you_mean
from obmm.settings.toml import file_layer, parse_layer

Status: TypeAlias = Literal["on target", "below target", "above target", "alert", "out of reach", "no figure"]

SHIPPED = resources.files("obmm.lab") / "targets.toml"


@attrs.frozen(kw_only=True)
class Threshold:
    """Where a figure should be, and where it needs attention, in the figure's own unit.

    Attributes:
        target_min: Least value on target.
        target_max: Largest value on target.
        alert_below: Values below it are an alert.
        alert_above: Values above it are an alert.
    """

    target_min: float | None = None
    target_max: float | None = None
    alert_below: float | None = None
    alert_above: float | None = None

    def status(self, value: float | None, ceiling: float | None = None) -> Status:
        """What to make of `value`.

        Args:
            value: The figure; None or NaN for none.
            ceiling: Largest value that the rules let anyone keep up. Falling short of a target and an alert
                that both lie above it is no fault: it is "out of reach".

        >>> Threshold(target_min=1.5, alert_below=1.2).status(1.02, ceiling=1.05)
        'out of reach'
        >>> Threshold(target_min=1.5, alert_below=1.2).status(1.02)
        'alert'
        """
        if value is None or math.isnan(value):
            return "no figure"
        if self.alert_above is not None and value > self.alert_above:
            return "alert"
        if not self._above(value, self.target_min):
            if self.out_of_reach(ceiling) and self._above(self.alert_below, ceiling):
                return "out of reach"
            alert = self.alert_below is not None and value < self.alert_below
            return "alert" if alert else "below target"
        return "on target" if self._above(self.target_max, value) else "above target"

    def out_of_reach(self, ceiling: float | None) -> bool:
        """Whether the whole target lies above `ceiling`."""
        return ceiling is not None and self.target_min is not None and self.target_min > ceiling

    @staticmethod
    def _above(high: float | None, low: float | None) -> bool:
        return high is None or low is None or high >= low


def load_targets(path: Path | None = None) -> dict[str, Threshold]:
    """The thresholds by figure: those that ship with the package, changed by a file of the user's.

    Raises:
        ConfigError: The file cannot be read, names unknown figures or keys, or holds something other than
            numbers.

    >>> load_targets()["outlier_penalty"].target_max
    0.05
    """
    shipped = dict(parse_layer(SHIPPED.read_text(encoding="utf-8"), "shipped").table)
    if path is not None:
        own = file_layer(path).table
        problems = [Problem(f"{path}: {where}", what) for where, what in _faults(own, shipped)]
        if problems:
            raise ConfigError(problems)
        shipped |= {key: shipped[key] | table for key, table in own.items()}
    return {key: Threshold(**table) for key, table in shipped.items()}


def _faults(own: Mapping[str, Any], shipped: Mapping[str, Any]) -> list[tuple[str, str]]:
    keys = [field.name for field in attrs.fields(Threshold)]
    faults = []
    for figure, table in own.items():
        if figure not in shipped:
            faults.append((figure, f"no such figure; {did_you_mean(figure, shipped)}"))
        elif not isinstance(table, dict):
            faults.append((figure, f"a table [{figure}] is expected"))
        else:
            for key, value in table.items():
                if key not in keys:
                    faults.append((f"{figure}.{key}", f"no such threshold; {did_you_mean(key, keys)}"))
                elif isinstance(value, bool) or not isinstance(value, (int, float)):
                    faults.append((f"{figure}.{key}", f"{value!r} is not a number"))
    return faults
