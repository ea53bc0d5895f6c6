"""What an intention means in options: wider, smaller, more skew; whatever the pipeline has for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from obmm.agent import StageSpec
from obmm.execution import Quoting, SkewedBuilder, TouchBuilder
from obmm.lab.diagnose.case import Case
from obmm.lab.diagnose.finding import Change
from obmm.market.venue import classes_of
from obmm.risk import FeeGate, InventoryGate
from obmm.settings.books import select_books
from obmm.settings.structure import structure

#: Turns the present value of an option into the one proposed.
Step = Callable[[float], float]


@attrs.frozen
class Lever:
    """A number option of a stage class, whatever the pipeline calls the stages of that class.

    Attributes:
        stage: The class; stages of a class derived from it have the option, too.
        field: The option.
    """

    stage: type
    field: attrs.Attribute[Any]

    @property
    def option(self) -> str:
        """Its name."""
        return self.field.name


SIZE = Lever(Quoting, attrs.fields(Quoting).size_base)
EDGE = Lever(Quoting, attrs.fields(Quoting).min_edge_bps)
SPREAD = Lever(SkewedBuilder, attrs.fields(SkewedBuilder).target_spread_bps)
SKEW = Lever(SkewedBuilder, attrs.fields(SkewedBuilder).inventory_skew_factor)
SHIFT = Lever(SkewedBuilder, attrs.fields(SkewedBuilder).signal_shift)
TILT = Lever(SkewedBuilder, attrs.fields(SkewedBuilder).signal_size)
INSIDE = Lever(TouchBuilder, attrs.fields(TouchBuilder).inside_ticks)
INVENTORY = Lever(InventoryGate, attrs.fields(InventoryGate).max_inventory_pct)
SOFT_SHARE = Lever(InventoryGate, attrs.fields(InventoryGate).soft_share)
MAX_RATE = Lever(FeeGate, attrs.fields(FeeGate).max_rate_bps)


def smaller_inventory(case: Case, books: Sequence[int] = (), reached: float = 1.0) -> list[Change]:
    """A lower inventory limit: a step below the share of it that was `reached`."""
    t = case.thresholds

    def step(pct: float) -> float:
        return min(pct, max(pct * t.inventory_step * min(reached, 1.0), t.least_inventory))

    return _changed(case, INVENTORY, step, books)


def stronger_skew(case: Case, books: Sequence[int] = ()) -> list[Change]:
    """More lean against the position; a builder without skew closes the adding side earlier instead."""
    t = case.thresholds
    skew = _changed(case, SKEW, lambda s: min(max(s, 0.25) * t.skew_step, t.largest_skew), books)
    return skew or _changed(case, SOFT_SHARE, lambda share: share * t.soft_step, books)


def larger_edge(case: Case, books: Sequence[int] = (), by_bps: float | None = None) -> list[Change]:
    """A larger least edge."""
    t = case.thresholds
    step = t.edge_step_bps if by_bps is None else by_bps
    return _changed(case, EDGE, lambda e: min(e + step, t.largest_edge_bps), books)


def smaller_edge(case: Case, books: Sequence[int] = ()) -> list[Change]:
    """A smaller least edge, not below 0."""
    step = case.thresholds.edge_step_bps
    return _changed(case, EDGE, lambda edge: max(edge - step, min(edge, 0.0)), books)


def wider(case: Case, books: Sequence[int] = (), by_bps: float = 0.0) -> list[Change]:
    """A wider spread, by a step or at least by `by_bps`; at the touch some ticks behind it."""
    t = case.thresholds
    return _changed(
        case,
        SPREAD,
        lambda s: min(max(s * t.spread_step, s + by_bps), t.largest_spread_bps),
        books,
    ) or _changed(case, INSIDE, lambda ticks: ticks - t.touch_step, books)


def tighter(case: Case, books: Sequence[int] = ()) -> list[Change]:
    """A tighter spread; at the touch some ticks inside it."""
    t = case.thresholds
    return _changed(case, SPREAD, lambda s: max(s / t.spread_step, t.least_spread_bps), books) or _changed(
        case, INSIDE, lambda ticks: ticks + t.touch_step, books
    )


def larger_size(case: Case, books: Sequence[int] = ()) -> list[Change]:
    """Larger orders."""
    return _changed(case, SIZE, lambda size: size * case.thresholds.size_step, books)


def smaller_size(case: Case, books: Sequence[int] = ()) -> list[Change]:
    """Smaller orders, not below the venue's minimum."""
    least = _least_size(case)
    step = case.thresholds.size_step
    return _changed(case, SIZE, lambda size: min(size, max(size / step, least)), books)


def least_size(case: Case, books: Sequence[int] = ()) -> list[Change]:
    """Orders of at least the venue's minimum."""
    least = _least_size(case)
    return _changed(case, SIZE, lambda size: max(size, least), books)


def other_sign(case: Case, books: Sequence[int] = ()) -> list[Change]:
    """Lean against the signal instead of with it."""
    return [
        *_changed(case, SHIFT, lambda shift: -shift, books),
        *_changed(case, TILT, lambda size: -size, books),
    ]


def dearer_fees(case: Case, books: Sequence[int] = ()) -> list[Change]:
    """Quote where a fee is higher than so far."""
    step = case.thresholds.rate_step
    return _changed(case, MAX_RATE, lambda rate: max(rate * step, rate), books)


def _changed(case: Case, lever: Lever, step: Step, books: Sequence[int]) -> list[Change]:
    """The option moved by a step on all books, or on each of `books`, in every stage that has it.

    Nothing of a stage where that is not possible.
    """
    found = []
    for spec in case.config.all_specs:
        if issubclass(spec.cls, lever.stage):
            found += _changed_in(case, spec, lever, step, books)
    return found


def _changed_in(case: Case, spec: StageSpec, lever: Lever, step: Step, books: Sequence[int]) -> list[Change]:
    present = getattr(spec.build(), lever.option)
    if isinstance(present, bool) or not isinstance(present, (int, float)) or not np.isfinite(present):
        return []
    found = []
    for book in books or (None,):
        over = _override(case, spec.path, lever.option, book)
        old = float(present) if over is None else over
        new = _tidy(step(old))
        if new != old and _admitted(spec, lever, new, book):
            found.append(Change(spec.path, lever.option, old, new, book))
    return found


def _override(case: Case, path: str, option: str, book: int | None) -> float | None:
    """What the configuration already says of one book."""
    if book is None:
        return None
    value = None
    venue = case.run.about["venue"]
    ids, classes = np.array(venue["book_ids"]), classes_of(np.array(venue["initial_price"], np.float64))
    for setting in case.config.overrides:
        chosen = select_books(setting.selector, ids, classes)[ids == book].any()
        if chosen and (setting.path, setting.option) == (path, option):
            value = setting.value
    return value


def _admitted(spec: StageSpec, lever: Lever, value: float, book: int | None) -> bool:
    """Whether the stage takes the value, and takes it for single books if one is meant."""
    if book is not None and not lever.field.metadata.get("per_book", False):
        return False
    options = {name: setting.value for name, setting in spec.options.items()}
    parts = {name: part.build() for name, part in spec.parts.items()}
    return not structure(options | parts | {lever.option: value}, spec.cls)[1]


def _least_size(case: Case) -> float:
    return float(max(case.run.about["venue"]["min_size_base"]))


def _tidy(value: float) -> float:
    """Four significant digits: what a person would write down.

    >>> _tidy(0.15000000000000002), _tidy(12.34567)
    (0.15, 12.35)
    """
    return float(f"{value:.4g}")
