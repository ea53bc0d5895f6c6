"""A book with missing or bad data is quiet; the others are not disturbed."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market import (
    BoolArray,
    FloatArray,
    IntArray,
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


@gate("data_quality")
@attrs.define(kw_only=True)
class DataQualityGate(Stage):
    """Closes a book without account, without two sound sides, with numbers that are none, or standing still.

    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(3), [[(299.9, 1.0)], [(300.2, 1.0)], []], [[(300.1, 1.0)]] * 3)
    >>> limits = DataQualityGate()(state, Signals(n_books=3))
    >>> [Reason(code).name for code in limits.bid_reason]
    ['OPEN', 'CROSSED', 'ONE_SIDED']
    """

    max_still_s: PerBook = option(
        np.inf,
        help="Longest time in which no level of a book changes before its data count as stale",
        unit="s",
        per_book=True,
        low=0.0,
    )
    _levels: tuple[FloatArray, ...] | None = memory()
    _moved_ns: IntArray = memory()

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        accounts = state.accounts
        numbers = accounts.position + accounts.quote_own + accounts.base_free + accounts.quote_free
        numbers = numbers + accounts.quote_initial + accounts.maker_rate
        good = state.sound & accounts.known & np.isfinite(numbers)
        if np.isfinite(self.max_still_s).any():
            good = good & ~self._still(state)
        if good.all():
            return Limits.open(state.n_books)
        return Limits.of(state.n_books, allowed=good, reason=_why(state))

    def _still(self, state: MarketState) -> BoolArray:
        """(B,) books whose levels have been the same for longer than `max_still_s`."""
        levels = (state.bid_price, state.bid_size, state.ask_price, state.ask_size)
        now = np.full(state.n_books, state.time_ns)
        if self._levels is None or self._levels[0].shape != state.bid_price.shape:
            self._moved_ns = now
        else:
            same = np.ones(state.n_books, dtype=np.bool_)
            for before, after in zip(self._levels, levels, strict=True):
                same &= ((before == after) | (np.isnan(before) & np.isnan(after))).all(axis=1)
            self._moved_ns = np.where(same, self._moved_ns, now)
        self._levels = levels
        return (state.time_ns - self._moved_ns) / 1e9 > self.max_still_s


def _why(state: MarketState) -> IntArray:
    """(B,) what would be wrong with each book, were it closed."""
    bids = np.isfinite(state.best_bid) & (state.bid_size[:, 0] > 0.0)
    asks = np.isfinite(state.best_ask) & (state.ask_size[:, 0] > 0.0)
    return np.select(
        [~state.accounts.known, ~bids & ~asks, bids ^ asks, bids & (state.best_bid >= state.best_ask)],
        [int(Reason.NO_ACCOUNT), int(Reason.EMPTY_BOOK), int(Reason.ONE_SIDED), int(Reason.CROSSED)],
        default=int(Reason.BAD_DATA),
    )
