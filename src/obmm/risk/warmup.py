"""No quotes before the signals have settled."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market import Limits, MarketState, PerBook, Reason, Signals, Stage, option
from obmm.settings import gate


@gate("warmup")
@attrs.define(kw_only=True)
class WarmupGate(Stage):
    """Closes a book until it has been fed with good data for as long as the signals need.

    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(2), [[(299.9, 1.0)]] * 2, [[(300.1, 1.0)]] * 2)
    >>> signals = Signals(n_books=2, age_s=np.array([10.0, 90.0]), warmup_s=60.0)
    >>> WarmupGate()(state, signals).bid_allowed
    array([False,  True])
    """

    min_age_s: PerBook = option(
        0.0, help="Wait at least this long, even if the signals need less", unit="s", per_book=True, low=0.0
    )

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        warm = signals.age_s >= np.maximum(signals.warmup_s, self.min_age_s)
        if warm.all():
            return Limits.open(state.n_books)
        return Limits.of(state.n_books, allowed=warm, reason=Reason.WARMING_UP)
