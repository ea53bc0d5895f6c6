"""Tighter limits while a book is volatile."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market import (
    BoolArray,
    Feed,
    FloatArray,
    Limits,
    MarketState,
    PerBook,
    Reason,
    Signals,
    Stage,
    memory,
    option,
)
from obmm.settings import gate


@gate("volatility")
@attrs.define(kw_only=True)
class VolatilityGate(Stage):
    """Cuts the position bound and widens the spread while volatility is high.

    High means above `threshold`, or above `multiple` times the book's own slow volatility (a mean over past
    settled values with a half-life of `slow_halflife_s`, weights corrected for the short past). It stays
    high until it falls below `release_share` of that mark, so the regime does not flicker. A book whose
    volatility is NaN keeps its regime.

    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(2), [[(299.9, 1.0)]] * 2, [[(300.1, 1.0)]] * 2)
    >>> signals = Signals(n_books=2)
    >>> signals.add("volatility", np.array([0.0001, 0.003]))
    >>> VolatilityGate()(state, signals).spread_factor
    array([1. , 1.2])
    """

    signal: str = option("volatility", help="Name of the signal that measures volatility")
    threshold: PerBook = option(
        0.002, help="Volatility that is high anywhere", unit="as the signal", per_book=True, low=0.0
    )
    multiple: PerBook = option(
        2.0, help="High from this multiple of the book's slow volatility", unit="1", per_book=True, low=1.0
    )
    slow_halflife_s: float = option(1800.0, help="Half-life of the slow volatility", unit="s", low=1.0)
    release_share: PerBook = option(
        0.8, help="Calm again below this share of the mark", unit="fraction", per_book=True, low=0.0, high=1.0
    )
    position_factor: PerBook = option(
        0.8, help="Multiplies position bounds while high", unit="1", per_book=True, low=0.0, high=1.0
    )
    spread_factor: PerBook = option(
        1.2, help="Multiplies spreads while high", unit="1", per_book=True, low=1.0
    )
    _high: BoolArray | None = memory()
    _weighted: FloatArray | None = memory()
    _weight: FloatArray = memory()
    _last_ns: int | None = memory()

    @property
    def needs(self) -> frozenset[Feed | str]:
        return frozenset({self.signal})

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        volatility = signals.scalar(self.signal)
        slow = self._slow(state, volatility, signals.age_s >= signals.warmup_s)
        mark = np.fmin(self.threshold, self.multiple * slow)
        was_high = np.zeros(state.n_books, dtype=np.bool_) if self._high is None else self._high
        high = self._high = (volatility > mark) | (was_high & ~(volatility < self.release_share * mark))
        if not high.any():
            return Limits.open(state.n_books)
        return Limits.of(
            state.n_books,
            position_factor=np.where(high, self.position_factor, 1.0),
            spread_factor=np.where(high, self.spread_factor, 1.0),
            reason=Reason.VOLATILITY,
        )

    def _slow(self, state: MarketState, volatility: FloatArray, settled: BoolArray) -> FloatArray:
        """(B,) mean of past values, NaN before the first; then the present value is added to it."""
        if self._weighted is None:
            self._weighted, self._weight = np.zeros(state.n_books), np.zeros(state.n_books)
        interval_ns = state.venue.publish_interval_ns
        gap_ns = interval_ns if self._last_ns is None else max(state.time_ns - self._last_ns, 0)
        self._last_ns = state.time_ns
        before = np.full(state.n_books, np.nan)
        np.divide(self._weighted, self._weight, out=before, where=self._weight > 0.0)
        keep = np.where(settled & np.isfinite(volatility), 0.5 ** (gap_ns / 1e9 / self.slow_halflife_s), 1.0)
        self._weighted = keep * self._weighted + (1.0 - keep) * np.where(keep < 1.0, volatility, 0.0)
        self._weight = keep * self._weight + (1.0 - keep)
        return before
