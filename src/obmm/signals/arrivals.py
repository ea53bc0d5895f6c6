"""How often aggressive orders reach how far: the intensity that optimal quotes rest on."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from obmm.market import Feed, FloatArray, IntArray, MarketState, Signals, Stage, memory, option
from obmm.market.arrays import as_floats
from obmm.settings import signal
from obmm.signals.trade_flow import trade_rows


@signal("arrivals")
@attrs.define
class Arrivals(Stage):
    """Rate of aggressive orders that reach d bp from the mid, as A exp(-k d), estimated from the tape.

    The trades of one instant on a book are one order; how far it reached is the distance of its last price
    from the mid of the state before. Orders are counted by whether they reached each of `points` distances,
    from the touch's typical distance to `reach` times it, with weights that decay over `tau_s`; log rates are
    fitted by a straight line with the counts as weights, over this near range only. One side is half of all.

    Until `least_orders` are in the counts, and where they do not fall with the distance, the defaults stand.

    Returns (B, 4): A per second and side, k per bp, and the standard errors of k and of A relative to them (1
    for the defaults). A state without a tape counts nothing; NaN on books that are not sound.

    >>> from obmm.testing import random_state
    >>> import attrs
    >>> from obmm.market import Tape
    >>> state = attrs.evolve(random_state(1, n_books=1), tape=Tape.empty(1))
    >>> Arrivals()(state, Signals(n_books=1))
    array([[0.05, 0.1 , 1.  , 1.  ]])
    """

    unit: ClassVar[str] = "A, 1/s; k, 1/bp; error of k, share; error of A, share"
    source: ClassVar[str] = "Avellaneda and Stoikov 2008, section 2.5; fit over the near range"
    only_trades: ClassVar[bool] = True

    tau_s: float = option(1800.0, help="Time constant of the counts", unit="s", low=1.0)
    points: int = option(5, help="Distances at which orders are counted", unit="1", low=2, high=50)
    reach: float = option(
        3.0, help="Farthest distance over that of the touch", unit="1", validator=attrs.validators.gt(1.0)
    )
    least_orders: float = option(20.0, help="Orders before the fit replaces the defaults", unit="1", low=3.0)
    default_a: float = option(0.05, help="A before anything is known", unit="1/s", low=1e-6)
    default_k: float = option(0.1, help="k before anything is known", unit="1/bp", low=1e-6)
    _counts: FloatArray | None = memory()
    _touch_bps: FloatArray = memory()
    _mid: FloatArray = memory()
    _seen_s: FloatArray = memory()
    _last_ns: int = memory(lambda: -1)

    @property
    def needs(self) -> frozenset[Feed | str]:
        return frozenset({Feed.TAPE})

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        n = state.n_books
        half_bps = np.where(state.sound, 5e3 * state.spread / state.mid, np.nan)
        if self._counts is None:
            self._counts, self._seen_s = np.zeros((n, self.points)), np.zeros(n)
            self._touch_bps, self._mid = half_bps, np.full(n, np.nan)
        if state.time_ns > self._last_ns:
            self._count(state, half_bps)
        return np.where(state.sound[:, None], self._fit(), np.nan)

    @property
    def _steps(self) -> FloatArray:
        """(P,) distances in units of the touch's."""
        return as_floats(np.linspace(1.0, self.reach, self.points))

    def _count(self, state: MarketState, half_bps: FloatArray) -> None:
        """Age what was counted by the time since the last state, and enter this state's orders."""
        gap_s = 0.0 if self._last_ns < 0 else (state.time_ns - self._last_ns) / 1e9
        keep = np.exp(-gap_s / self.tau_s)
        self._counts = keep * self._counts
        self._seen_s = np.where(np.isfinite(self._mid), keep * self._seen_s + gap_s, self._seen_s)
        if state.tape is not None:
            book, bps = self._orders(state)
            reached = bps[:, None] >= self._touch_bps[book, None] * self._steps
            np.add.at(self._counts, book, reached)
        gain = -np.expm1(-gap_s / self.tau_s)
        moved = self._touch_bps + gain * (half_bps - self._touch_bps)
        self._touch_bps = np.where(
            np.isnan(self._touch_bps), half_bps, np.where(np.isnan(moved), self._touch_bps, moved)
        )
        self._mid = np.where(state.sound, state.mid, self._mid)
        self._last_ns = state.time_ns

    def _orders(self, state: MarketState) -> tuple[IntArray, FloatArray]:
        """Book of each aggressive order of the tape, and how far from the mid before it reached, bp."""
        tape = state.tape
        assert tape is not None
        rows, book = trade_rows(tape, self._last_ns)
        mid = self._mid[book]
        bps = 1e4 * np.abs(tape.price[rows] - mid) / mid
        good = np.isfinite(bps)
        rows, book, bps = rows[good], book[good], bps[good]
        if not rows.size:
            return book, bps
        first = np.ones(rows.size, dtype=np.bool_)
        first[1:] = (book[1:] != book[:-1]) | (tape.time_ns[rows[1:]] != tape.time_ns[rows[:-1]])
        starts = np.flatnonzero(first)
        return book[starts], np.maximum.reduceat(bps, starts)

    def _fit(self) -> FloatArray:
        """(B, 4) weighted least squares of log rates on distances."""
        counts = self._counts
        assert counts is not None
        d = self._touch_bps[:, None] * self._steps
        weight = np.where(counts > 0.5, counts, 0.0)
        rate = np.log(np.maximum(counts, 1e-12) / np.maximum(self._seen_s, 1e-9)[:, None] / 2.0)
        total = np.maximum(weight.sum(axis=1), 1e-12)
        mean_d, mean_r = (weight * d).sum(axis=1) / total, (weight * rate).sum(axis=1) / total
        spread = (weight * (d - mean_d[:, None]) ** 2).sum(axis=1)
        slope = (weight * (d - mean_d[:, None]) * rate).sum(axis=1) / np.maximum(spread, 1e-12)
        k = -slope
        a = np.exp(np.minimum(mean_r + k * mean_d, 50.0))
        # Counts of orders are Poisson: the variance of a log count is its inverse.
        error = 1.0 / np.sqrt(np.maximum(spread, 1e-12)) / np.maximum(k, 1e-12)
        # At no distance the line is above its middle by k times the mean distance, whose errors add.
        error_a = np.sqrt(1.0 / total + (error * k * mean_d) ** 2)
        known = (counts[:, 0] >= self.least_orders) & (spread > 0.0) & (k > 0.0) & (error < 1.0)
        defaults = np.array([self.default_a, self.default_k, 1.0, 1.0])
        fitted = np.column_stack([a, k, error, error_a])
        return np.where(known[:, None] & np.isfinite(fitted).all(axis=1)[:, None], fitted, defaults)
