"""How far all books of an account together may lean one way."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market import (
    FloatArray,
    Limits,
    MarketState,
    Reason,
    Signals,
    Stage,
    group_sums,
    memory,
    option,
)
from obmm.market.arrays import zero_for_nan
from obmm.risk._marks import mark_prices
from obmm.settings import gate


@gate("exposure")
@attrs.define(kw_only=True)
class ExposureGate(Stage):
    """Shrinks the side that adds while |Σ position x mid| over all books exceeds a share of all capital.

    Long in sum, bids shrink on every book; short in sum, asks do. The side that brings the sum back is free.

    >>> from obmm.market import Accounts, Venue
    >>> accounts = Accounts.of(2, base=120.0, base_initial=40.0, quote=1_000.0)
    >>> book = [(299.9, 1.0)], [(300.1, 1.0)]
    >>> state = MarketState.of_books(Venue.of(2), [book[0]] * 2, [book[1]] * 2, accounts=accounts)
    >>> limits = ExposureGate(max_share=0.5)(state, Signals(n_books=2))
    >>> limits.bid_size_factor, limits.ask_size_factor
    (array([0.5, 0.5]), array([1., 1.]))
    """

    max_share: float = option(
        0.5, help="Largest net value of all positions as a share of all capital", unit="fraction", low=0.0
    )
    size_factor: float = option(
        0.5, help="Multiplies sizes of the side that adds while it is exceeded", unit="1", low=0.0, high=1.0
    )
    _marks: FloatArray | None = memory()

    @property
    def across_books(self) -> bool:
        """Whether one book's data may change what is said of another."""
        return True

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        marks = self._marks = mark_prices(self._marks, state)
        net = group_sums(zero_for_nan(state.accounts.position * marks), state.venue)
        capital = group_sums(zero_for_nan(state.accounts.value(marks)), state.venue)
        over = ~(np.abs(net) <= self.max_share * capital)
        if not over.any():
            return Limits.open(state.n_books)
        bid, ask = np.where([over & (net > 0.0), over & ~(net > 0.0)], self.size_factor, 1.0)
        groups = state.venue.groups
        return Limits.of(
            state.n_books,
            bid_size_factor=bid[groups],
            ask_size_factor=ask[groups],
            reason=Reason.EXPOSURE,
        )
