"""A day's worth of turnover, spent over the day, with enough left to close."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market import (
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
from obmm.market.turnover import DAY_S, SLOTS, filled_quote, roll, slot_of
from obmm.risk._marks import mark_prices
from obmm.settings import gate

#: Stands for "no cap" where infinity would make NaN of 0 x inf.
_NO_CAP_QUOTE = 1e18


@gate("turnover")
@attrs.define(kw_only=True)
class TurnoverGate(Stage):
    """Keeps the turnover of a book below the venue's cap, which lets only cancels pass once it is reached.

    * Budget: reduce-only when the turnover of the last day has used all but `reserve_share` of the cap, or
      all but what closing the present position takes; closed when the cap is reached. Turnover is the
      larger of what the venue tells and of our own count of fills, since either may lag.
    * Pace: a bucket takes in what trades and loses (1 - reserve_share) x cap per day. Sizes shrink from half
      of its room of `burst_share` x cap on; full, the book is reduce-only. The cap is thus spent over the
      day and not in its first hour.

    >>> from obmm.market import Accounts, Venue
    >>> accounts = Accounts.of(2, base=80.0, quote=25_000.0, traded_quote=[100_000.0, 460_000.0])
    >>> books = [[(299.9, 1.0)]] * 2, [[(300.1, 1.0)]] * 2
    >>> state = MarketState.of_books(Venue.of(2), *books, accounts=accounts)
    >>> TurnoverGate()(state, Signals(n_books=2)).reduce_only
    array([False,  True])
    """

    reserve_share: PerBook = option(
        0.1, help="Share of the cap kept for closing", unit="fraction", per_book=True, low=0.0, high=1.0
    )
    burst_share: PerBook = option(
        0.05,
        help="Share of the cap that may trade at once, ahead of an even pace",
        unit="fraction",
        per_book=True,
        low=0.001,
    )
    _marks: FloatArray | None = memory()
    _bucket: FloatArray = memory()
    _slots: FloatArray | None = memory()
    _traded: FloatArray = memory()
    _slot: int = memory(int)
    _last_ns: int | None = memory()

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        cap = np.minimum(state.venue.turnover_cap_quote, _NO_CAP_QUOTE)
        marks = self._marks = mark_prices(self._marks, state)
        traded, fill = self._counted(state, cap)
        used = np.fmax(state.accounts.traded_quote, traded)
        to_close = np.abs(state.accounts.position) * marks
        spent = (used >= (1.0 - self.reserve_share) * cap) | (cap - used <= to_close)
        ahead = np.clip(2.0 * fill - 1.0, 0.0, 1.0)
        reducing = spent | (ahead >= 1.0)
        if not (reducing | (ahead > 0.0)).any():
            return Limits.open(state.n_books)
        closed, factor = used >= cap, np.where(reducing, 1.0, 1.0 - ahead)
        return Limits.of(
            state.n_books,
            allowed=~closed,
            size_factor=factor,
            reduce_only=reducing,
            reason=np.where(reducing, int(Reason.TURNOVER), int(Reason.TURNOVER_PACE)),
        )

    def _counted(self, state: MarketState, cap: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(B,) our own count of the last day's turnover, quote, and how full the bucket is, 0 and up."""
        n = state.n_books
        slot = slot_of(state)
        if self._slots is None:
            self._slots, self._traded, self._bucket = np.zeros((SLOTS, n)), np.zeros(n), np.zeros(n)
            self._slot = slot
        if slot > self._slot:
            roll(self._slots, self._slot, slot)
            self._traded = self._slots.sum(axis=0)
            self._slot = slot
        gap_s = 0.0 if self._last_ns is None else max(state.time_ns - self._last_ns, 0) / 1e9
        self._last_ns = state.time_ns
        self._bucket = np.maximum(self._bucket - (1.0 - self.reserve_share) * cap / DAY_S * gap_s, 0.0)
        fresh = filled_quote(state)
        if fresh is not None:
            self._slots[self._slot % SLOTS] += fresh
            self._traded = self._traded + fresh
            self._bucket = self._bucket + fresh
        return self._traded, self._bucket / (self.burst_share * cap)
