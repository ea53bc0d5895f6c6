"""No new positions shortly before the simulation ends."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market import Limits, MarketState, PerBook, Reason, Signals, Stage, option
from obmm.settings import gate


@gate("ending")
@attrs.define(kw_only=True)
class EndingGate(Stage):
    """Leaves only the reducing side during the last seconds of a simulation whose length is known.

    >>> from obmm.market import Venue
    >>> book = [[(299.9, 1.0)]], [[(300.1, 1.0)]]
    >>> late = MarketState.of_books(Venue.of(1), *book, time_ns=86_200 * 10**9)
    >>> EndingGate(before_s=300.0)(late, Signals(n_books=1)).reduce_only
    array([ True])
    """

    before_s: PerBook = option(
        300.0, help="How long before the end no position is opened", unit="s", per_book=True, low=0.0
    )

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        duration_ns = state.venue.duration_ns
        if duration_ns <= 0:
            return Limits.open(state.n_books)
        late = (duration_ns - state.time_ns) / 1e9 <= self.before_s
        if not np.any(late):
            return Limits.open(state.n_books)
        return Limits.of(state.n_books, reduce_only=late, reason=Reason.SIMULATION_ENDING)
