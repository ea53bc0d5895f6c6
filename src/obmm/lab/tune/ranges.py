"""Where to look for an option's best value when nobody says: around the value it has, within its bounds."""

from __future__ import annotations

import math
import typing
from collections.abc import Mapping
from typing import Any

import attrs

from obmm.settings.structure import structure

#: A value is looked for between this part of itself and this multiple.
REACH = 4.0
#: What is a step of an option that stands at 0, or at its least value, by its unit.
_STEP = {"bp": 2.5, "ticks": 1.0, "s": 60.0, "fraction": 0.05, "base": 0.25, "levels": 1.0}
_ANY_STEP = 0.25
#: Where to look for an option that is switched off by infinity, by its unit.
_ENDLESS = {"s": (1.0, 3600.0)}
_ANY_ENDLESS = (0.25, 4.0)


@attrs.frozen(kw_only=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Attributes:
        low: The least.
        high: The greatest.
        log: Whether equal ratios are equally far apart, rather than equal differences.
        whole: Whether only whole numbers count.
        step: Distance of the numbers, from `low` on; None for any number.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False
    step: float | None = None

    def __str__(self) -> str:
        more = (", log" if self.log else "") + (f", step {self.step:g}" if self.step else "")
        return f"{self.low:g} … {self.high:g}{more}"

    def holds(self, value: Any) -> bool:
        """Whether a search of this range can come to `value`."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and self.low <= value <= self.high


@attrs.frozen
class Choice:
    """One of several values: texts, flags, numbers or lists of them."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return ", ".join(str(list(v) if isinstance(v, tuple) else v) for v in self.values)

    def holds(self, value: Any) -> bool:
        """Whether `value` is one of them."""
        return value in self.values


def range_around(cls: type, option: str, value: Any, given: Mapping[str, Any]) -> Range | Choice | None:
    """Where to look for an option's best value, around the one it has.

    * A flag is on or off, a word one of those the option admits.
    * A number above its least value is looked for between a quarter and four times its distance from there,
      on a logarithmic scale; a step stands for the distance where it is 0.
    * A number that may be negative is looked for between its own opposite and three times itself.
    * Never outside of what the option admits.

    Args:
        cls: The stage's class.
        option: The option.
        value: Its value.
        given: All options of the stage, as it was made.

    Returns:
        None for what has no order and no list: texts, lists, tables.

    >>> from obmm.execution import SkewedBuilder
    >>> print(range_around(SkewedBuilder, "target_spread_bps", 10.0, {}))
    2.5 … 40, log
    >>> print(range_around(SkewedBuilder, "signal_shift", 0.3, {}))
    -0.3 … 0.9
    >>> print(range_around(SkewedBuilder, "fair", "mid", {}))
    None
    """
    hint = _hint(cls, option)
    if isinstance(value, bool):
        return Choice((False, True))
    if typing.get_origin(hint) is typing.Literal:
        return Choice(typing.get_args(hint))
    if not isinstance(value, (int, float)):
        return None
    field = attrs.fields_dict(cls)[option]
    unit = field.metadata.get("unit", "")
    least, most = field.metadata.get("bounds", (-math.inf, math.inf))

    def admits(number: float) -> bool:
        return structure({**given, option: number}, cls)[0] is not None

    return _around(value, unit, least, most, hint is int, admits)


def range_of_item(value: float) -> Range:
    """Where to look for one number of a table, such as a weight: its sign may be wrong.

    >>> print(range_of_item(-0.2))
    -0.6 … 0.2
    """
    return _signed(float(value), _ANY_STEP)


def _around(value: float, unit: str, least: float, most: float, whole: bool, admits: Any) -> Range | None:
    step = _STEP.get(unit, _ANY_STEP)
    if math.isinf(value):
        low, high = _ENDLESS.get(unit, _ANY_ENDLESS)
        return Range(low=low, high=high, log=True)
    signed = admits(-abs(value) if value else -step)
    found = _signed(value, step) if signed else _above(value, max(least, 0.0), 1.0 if whole else step)
    low, high = max(found.low, least), min(found.high, most)
    if whole:
        low, high = math.floor(low), math.ceil(high)
    # Bounds that no number tells, such as those of an option beside it.
    low, high = _admitted(value, low, admits), _admitted(value, high, admits)
    if not low < high:
        return None
    return Range(low=low, high=high, log=found.log and low > 0.0, whole=whole)


def _signed(value: float, step: float) -> Range:
    reach = 2.0 * (abs(value) or 2.0 * step)
    return Range(low=_short(value - reach), high=_short(value + reach))


def _above(value: float, least: float, step: float) -> Range:
    distance = value - least
    if distance <= 0.0:
        return Range(low=least, high=_short(least + REACH * step))
    low, high = _short(least + distance / REACH), _short(least + distance * REACH)
    return Range(low=low, high=high, log=True)


def _admitted(value: float, end: float, admits: Any) -> float:
    """The end, or the farthest number from `value` towards it that the option takes."""
    if admits(end):
        return end
    near, far = float(value), end
    for _ in range(20):
        middle = (near + far) / 2.0
        near, far = (middle, far) if admits(middle) else (near, middle)
    return _short(near) if admits(_short(near)) else near


def _short(number: float) -> float:
    """A number as a person would say it: four digits."""
    return float(f"{number:.4g}")


def _hint(cls: type, option: str) -> Any:
    try:
        return typing.get_type_hints(cls).get(option)
    except Exception:  # An annotation of the user's may name what is not there.
        return None
