"""What of the endowment is kept, and what is sold: the position is measured against it."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market import FloatArray, Limits, MarketState, PerBook, Signals, Stage, memory, option
from obmm.market.arrays import as_floats
from obmm.settings import gate


@gate("endowment")
@attrs.define(kw_only=True)
class EndowmentGate(Stage):
    """Measures the position against a share of the endowment, for every stage of the pipeline.

    An account starts with base worth up to half of its wealth, whose price moves its worth more than trading
    does. With `keep` = 1 that is held, as without this gate; with 0 it is sold, with 0.5 half of it. The
    share glides from 1 to `keep` over the first `over_s` of a simulation, so that what is to be sold is a
    position of a few orders at a time, which builders lean against like any other:

        share(t) = 1 + (keep - 1) min(1, t / over_s)      position = own base - share(t) x endowment

    What is sold counts as bought with the endowment's quote, at the initial price, so that the result of
    trading starts at nothing. The gate itself allows everything. Records and reports keep measuring against
    the endowment.

    >>> from obmm.market import Accounts, Venue
    >>> accounts = Accounts.of(1, base=80.0, quote=26_000.0)
    >>> books = [[(299.9, 1.0)]], [[(300.1, 1.0)]]
    >>> state = MarketState.of_books(Venue.of(1), *books, time_ns=900 * 10**9, accounts=accounts)
    >>> EndowmentGate(keep=0.5, over_s=3600.0).through(state).accounts.position
    array([10.])
    """

    keep: PerBook = option(
        1.0, help="Share of the endowment that is kept", unit="share", per_book=True, low=0.0, high=2.0
    )
    over_s: PerBook = option(
        3600.0, help="Time from the start over which the rest is sold", unit="s", per_book=True, low=0.0
    )
    _price: FloatArray | None = memory()

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        return Limits.open(state.n_books)

    def through(self, state: MarketState) -> MarketState:
        """The state whose accounts started with what is kept of the endowment now."""
        first = state.venue.initial_price if self._price is None else self._price
        # Where the venue tells none, the first price that is seen.
        self._price = np.where(np.isnan(first) & state.sound, state.mid, first)
        gone = np.clip(state.time_ns / 1e9 / np.maximum(self.over_s, 1e-9), 0.0, 1.0)
        share = as_floats(1.0 + (np.asarray(self.keep) - 1.0) * gone)
        accounts = state.accounts
        base = share * accounts.base_initial
        paid = (accounts.base_initial - base) * np.nan_to_num(self._price)
        known = attrs.evolve(accounts, base_initial=base, quote_initial=accounts.quote_initial + paid)
        return attrs.evolve(state, accounts=known)
