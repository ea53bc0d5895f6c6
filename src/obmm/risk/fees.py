"""Quiet where the maker fee itself is too high."""

from __future__ import annotations

import attrs

from obmm.market import Limits, MarketState, PerBook, Reason, Signals, Stage, option
from obmm.settings import gate


@gate("fees")
@attrs.define(kw_only=True)
class FeeGate(Stage):
    """Closes both sides of a book while its maker rate exceeds a bound.

    The edge after the fee is the builder's, which keeps `min_edge_bps` plus the rate away from the fair
    value. Beyond some rate that is no protection: the rate changes with every trade among miners, and a quote
    far out trades only when the market has run. The rate is the account's of this very state; NaN closes
    nothing.

    >>> from obmm.market import Accounts, Venue
    >>> accounts = Accounts.of(3, base=80.0, quote=25_000.0, maker_rate=[-0.001, 0.0009, 0.003])
    >>> books = [[(299.5, 9.0)]] * 3, [[(300.5, 9.0)]] * 3
    >>> state = MarketState.of_books(Venue.of(3), *books, accounts=accounts)
    >>> FeeGate()(state, Signals(n_books=3)).bid_allowed
    array([ True,  True, False])
    """

    max_rate_bps: PerBook = option(
        25.0, help="Highest maker rate at which to quote", unit="bp", per_book=True
    )

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        dear = 1e4 * state.accounts.maker_rate > self.max_rate_bps
        if not dear.any():
            return Limits.open(state.n_books)
        return Limits.of(state.n_books, allowed=~dear, reason=Reason.FEES)
