"""Figures, targets and alerts in words, the same on the page and in the terminal."""

from __future__ import annotations

import math

from obmm.lab.report.measure import Measure
from obmm.lab.report.targets import Threshold


def number(
    value: float | int | None, digits: int | None = None, *, sign: bool = False, unit: str = ""
) -> str:
    """A figure for readers: thousands apart, a real minus, a dash for what is not known.

    Without `digits` a float gets as many decimals as its size deserves.

    >>> number(-1234.5), number(0.03127), number(3.0, 2, sign=True), number(None)
    ('−1,234', '0.031', '+3.00', '–')
    >>> number(61.25, 1, unit="%").split()
    ['61.2', '%']
    """
    if value is None or not math.isfinite(value):
        return "–"
    if digits is None:
        size = abs(value)
        digits = 0 if isinstance(value, int) or size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3
    told = f"{value:{'+' if sign else ''},.{digits}f}"
    if float(told.replace(",", "")) == 0.0:
        told = told.lstrip("+-")
    return told.replace("-", "−") + (f"\N{NO-BREAK SPACE}{unit}" if unit else "")


def percent(share: float | None, digits: int = 1) -> str:
    """A share as per cent.

    >>> percent(0.6229).split()
    ['62.3', '%']
    """
    return number(None if share is None else 100.0 * share, digits, unit="%")


def figure_words(value: float | None, measure: Measure) -> str:
    """The value of a measure with its unit."""
    return number(value, measure.digits, unit=measure.unit)


def target_words(threshold: Threshold, unit: str) -> str:
    """A target in words.

    >>> target_words(Threshold(target_min=2.0, target_max=3.0), "ms")
    '2–3 ms'
    """
    low, high, tail = threshold.target_min, threshold.target_max, f" {unit}" if unit else ""
    if low is not None and high is not None:
        return f"{low:g}–{high:g}{tail}"
    if low is not None:
        return f"≥ {low:g}{tail}"
    return "–" if high is None else f"≤ {high:g}{tail}"


def alert_words(threshold: Threshold, unit: str) -> str:
    """An alert in words.

    >>> alert_words(Threshold(alert_below=1.2, alert_above=1.95), "")
    '< 1.2 or > 1.95'
    """
    below, above = threshold.alert_below, threshold.alert_above
    words = [f"< {below:g}"] if below is not None else []
    words += [f"> {above:g}"] if above is not None else []
    return " or ".join(words) + (f" {unit}" if unit and words else "") or "–"
