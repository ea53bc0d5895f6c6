"""What an intention means in options: wider, smaller, more skew; whatever the pipeline has for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from obmm.agent import StageSpec
from obmm.lab.diagnose.case import Case
from obmm.lab.diagnose.finding import Change
from obmm.settings.books import select_books
from obmm.settings.structure import structure

#: Turns the present value of an option into the one proposed.
Step = Callable[[float], float]


def smaller_inventory(case: Case, books: Sequence[int] = (), reached: float = 1.0) -> list[Change]:
    """A lower inventory limit: a step below the share of it that was `reached`."""
    t = case.thresholds

    def step(pct: float) -> float:
        return min(pct, max(pct * t.inventory_step * min(reached, 1.0), t.least_inventory))

    return _changed(case, "gates.inventory", "max_inventory_pct", step, books)


def stronger_skew(case: Case, books: Sequence[int] = ()) -> list[Change]:
    """More lean against the position; a builder without skew closes the adding side earlier instead."""
    t = case.thresholds
    skew = _changed(
        case,
        "builder",
        "inventory_skew_factor",
        lambda s: min(max(s, 0.25) * t.skew_step, t.largest_skew),
        books,
    )
    return skew or _changed(case, "gates.inventory", "soft_share", lambda share: share * t.soft_step, books)


def larger_edge(case: Case, books: Sequence[int] = (), by_bps: float | None = None) -> list[Change]:
    """A larger least edge."""
    t = case.thresholds
    step = t.edge_step_bps if by_bps is None else by_bps
    return _changed(case, "builder", "min_edge_bps", lambda e: min(e + step, t.largest_edge_bps), books)


def smaller_edge(case: Case, books: Sequence[int] = ()) -> list[Change]:
    """A smaller least edge, not below 0."""
    step = case.thresholds.edge_step_bps
    return _changed(case, "builder", "min_edge_bps", lambda edge: max(edge - step, min(edge, 0.0)), books)


def wider(case: Case, books: Sequence[int] = (), by_bps: float = 0.0) -> list[Change]:
    """A wider spread, by a step or at least by `by_bps`; at the touch some ticks behind it."""
    t = case.thresholds
    return _changed(
        case,
        "builder",
        "target_spread_bps",
        lambda s: min(max(s * t.spread_step, s + by_bps), t.largest_spread_bps),
        books,
    ) or _changed(case, "builder", "inside_ticks", lambda ticks: ticks - t.touch_step, books)


def tighter(case: Case, books: Sequence[int] = ()) -> list[Change]:
    """A tighter spread; at the touch some ticks inside it."""
    t = case.thresholds
    return _changed(
        case, "builder", "target_spread_bps", lambda s: max(s / t.spread_step, t.least_spread_bps), books
    ) or _changed(case, "builder", "inside_ticks", lambda ticks: ticks + t.touch_step, books)


def larger_size(case: Case, books: Sequence[int] = ()) -> list[Change]:
    """Larger orders."""
    return _changed(case, "builder", "size_base", lambda size: size * case.thresholds.size_step, books)


def smaller_size(case: Case, books: Sequence[int] = ()) -> list[Change]:
    """Smaller orders, not below the venue's minimum."""
    least = _least_size(case)
    step = case.thresholds.size_step
    return _changed(case, "builder", "size_base", lambda size: min(size, max(size / step, least)), books)


def least_size(case: Case, books: Sequence[int] = ()) -> list[Change]:
    """Orders of at least the venue's minimum."""
    least = _least_size(case)
    return _changed(case, "builder", "size_base", lambda size: max(size, least), books)


def other_sign(case: Case, books: Sequence[int] = ()) -> list[Change]:
    """Lean against the signal instead of with it."""
    return [
        *_changed(case, "builder", "signal_shift", lambda shift: -shift, books),
        *_changed(case, "builder", "signal_size", lambda size: -size, books),
    ]


def dearer_fees(case: Case, books: Sequence[int] = ()) -> list[Change]:
    """Quote where a fee is higher than so far."""
    step = case.thresholds.rate_step
    return _changed(case, "gates.fees", "max_rate_bps", lambda rate: max(rate * step, rate), books)


def spec(case: Case, path: str) -> StageSpec | None:
    """The stage at a path, None if the pipeline has none."""
    return next((spec for spec in case.config.specs if spec.path == path), None)


def now(case: Case, path: str, option: str) -> float | None:
    """Present value of a number option, None where the pipeline does not have it."""
    value = _now(case, path, option)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _changed(case: Case, path: str, option: str, step: Step, books: Sequence[int]) -> list[Change]:
    """The option moved by a step on all books, or on each of `books`; nothing where that is not possible."""
    found = []
    for book in books or (None,):
        old = _override(case, path, option, book)
        old = now(case, path, option) if old is None else old
        if old is None or not np.isfinite(old):
            return []
        new = _tidy(step(old))
        if new != old and _admitted(case, path, option, new, book):
            found.append(Change(path, option, old, new, book))
    return found


def _override(case: Case, path: str, option: str, book: int | None) -> float | None:
    """What the configuration already says of one book."""
    if book is None:
        return None
    value = None
    for setting in case.config.overrides:
        chosen = select_books(setting.selector, np.array([book]))[0]
        if chosen and (setting.path, setting.option) == (path, option):
            value = setting.value
    return value


def _admitted(case: Case, path: str, option: str, value: float, book: int | None) -> bool:
    """Whether the stage takes the value, and takes it for single books if one is meant."""
    stage = spec(case, path)
    if stage is None:
        return False
    field = attrs.fields_dict(stage.cls)[option]
    if book is not None and not field.metadata.get("per_book", False):
        return False
    options = {name: setting.value for name, setting in stage.options.items()}
    return not structure(options | {option: value}, stage.cls)[1]


def _now(case: Case, path: str, option: str) -> Any:
    stage = spec(case, path)
    return None if stage is None else getattr(stage.build(), option, None)


def _least_size(case: Case) -> float:
    return float(max(case.run.about["venue"]["min_size_base"]))


def _tidy(value: float) -> float:
    """Four significant digits: what a person would write down.

    >>> _tidy(0.15000000000000002), _tidy(12.34567)
    (0.15, 12.35)
    """
    return float(f"{value:.4g}")
