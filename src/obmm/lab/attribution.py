"""Where the P&L of trading comes from: what each fill earned at once, what its position earned later, fees.

A fill at price p of q base (q > 0 bought, q < 0 sold) is worth q (M_end - p) at the end of the run. With the
mid at the fill, a minute and five minutes later in between, that is a sum of four moves, none left out:

    q (M_end - p) = q (M_0 - p) + q (M_60 - M_0) + q (M_300 - M_60) + q (M_end - M_300)

The first is the spread captured, the others are what holding the position earned or lost. What is left of
what trading earned against holding the starting endowment are fees and rebates: to the last digit, since a
venue may take the fee of a buy in base, which is worth what base is worth at the end, and it rounds. Source:
the realised spread of Huang and Stoll (1996), cut at two horizons and carried to the end.
"""

from __future__ import annotations

import itertools
from typing import Protocol

import numpy as np

from obmm.market import BUY, FloatArray, IntArray

#: The parts, in the order of time, in the words that name them.
PARTS = {
    "spread": "spread captured at the fill",
    "first_minute": "first minute after it",
    "one_to_five_minutes": "one to five minutes",
    "held_longer": "held longer",
    "fees_and_rebates": "fees and rebates",
}
#: Seconds after a fill at which the parts meet.
CUTS_S = (0, 60, 300)


class FillColumns(Protocol):
    """Own fills, all arrays (N,)."""

    @property
    def book(self) -> IntArray:
        """Position of the book."""

    @property
    def side(self) -> IntArray:
        """0 bought, 1 sold."""

    @property
    def price(self) -> FloatArray:
        """Quote."""

    @property
    def size(self) -> FloatArray:
        """Base."""

    @property
    def time_ns(self) -> IntArray:
        """Simulated time."""


def attribute(
    fills: FillColumns, state_ns: IntArray, mid: FloatArray, pnl: FloatArray
) -> dict[str, FloatArray]:
    """Part → what it came to on each book (B,), quote; the names are those of `PARTS`, and they sum to `pnl`.

    Mids are those of the first state at or after an instant, as in the markout curve, and where the run ended
    before, its last: then the parts after that are 0.

    Args:
        fills: Own fills.
        state_ns: (T,) times of the states.
        mid: (T, B) mids without gaps.
        pnl: (B,) what trading earned against holding the starting endowment, fees included.

    >>> from types import SimpleNamespace
    >>> one = np.array([0])
    >>> fills = SimpleNamespace(book=one, side=one, price=np.array([99.0]), size=np.array([2.0]),
    ...     time_ns=one)
    >>> mid = np.array([[100.0], [101.0], [97.0], [98.0]])
    >>> parts = attribute(fills, np.array([0, 60, 300, 900]) * 10**9, mid, np.array([-2.5]))
    >>> {name: float(value[0]) for name, value in parts.items()} == {
    ...     "spread": 2.0, "first_minute": 2.0, "one_to_five_minutes": -8.0, "held_longer": 2.0,
    ...     "fees_and_rebates": -0.5}
    True
    """
    signed = np.where(fills.side == BUY, fills.size, -fills.size)
    marks = [fills.price]
    for seconds in CUTS_S:
        row = np.searchsorted(state_ns, fills.time_ns + seconds * 1_000_000_000)
        marks.append(mid[np.minimum(row, state_ns.size - 1), fills.book])
    marks.append(mid[-1, fills.book])
    earned = [signed * (later - before) for before, later in itertools.pairwise(marks)]
    parts = {
        name: np.bincount(fills.book, weights=values, minlength=mid.shape[1]).astype(np.float64)
        for name, values in zip(PARTS, earned, strict=False)
    }
    return parts | {"fees_and_rebates": pnl - np.sum(list(parts.values()), axis=0)}
