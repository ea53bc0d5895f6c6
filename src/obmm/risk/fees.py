"""Quiet or wider where the maker fee eats the edge."""

from __future__ import annotations

from typing import Literal

import attrs
import numpy as np

from obmm.market import BUY, SELL, Feed, Limits, MarketState, PerBook, Reason, Signals, Stage, option
from obmm.settings import gate


@gate("fees")
@attrs.define(kw_only=True)
class FeeGate(Stage):
    """Keeps the edge after the current maker rate at `min_edge_bps`: edge = half-spread - maker rate, bp.

    * `reference = "half_spread"`: the half-spread is the one the builder means to quote. Where the edge
      falls short, spreads widen just enough to restore it; where that takes more than `max_spread_factor`,
      both sides close.
    * `reference = "touch"`: the half-spread of a side is the distance between the best competing price and
      the fair value, as for an order that joins the touch. A side that falls short closes.

    A rebate (negative rate) adds to the edge. The rate is the account's of this very state, and changes
    with every trade among miners.

    >>> from obmm.market import Accounts, Venue
    >>> accounts = Accounts.of(3, base=80.0, quote=25_000.0, maker_rate=[0.0, 0.0004, 0.002])
    >>> books = [[(299.5, 9.0)]] * 3, [[(300.5, 9.0)]] * 3
    >>> state = MarketState.of_books(Venue.of(3), *books, accounts=accounts)
    >>> limits = FeeGate(half_spread_bps=5.0, min_edge_bps=2.0)(state, Signals(n_books=3))
    >>> limits.spread_factor, limits.bid_allowed
    (array([1. , 1.2, 1. ]), array([ True,  True, False]))
    """

    half_spread_bps: PerBook = option(
        5.0, help="Half-spread the builder means to quote", unit="bp", per_book=True, low=0.01
    )
    min_edge_bps: PerBook = option(2.0, help="Least edge after the maker rate", unit="bp", per_book=True)
    max_spread_factor: PerBook = option(
        2.0, help="Close rather than widen by more than this", unit="1", per_book=True, low=1.0
    )
    reference: Literal["half_spread", "touch"] = option(
        "half_spread",
        help="Where the edge is taken from: the half-spread given here, or the best competing prices",
        validator=attrs.validators.in_(("half_spread", "touch")),
    )
    fair: str = option("", help="Signal of the fair value for 'touch'; empty: the middle of the touch")

    @property
    def needs(self) -> frozenset[Feed | str]:
        return frozenset({self.fair} if self.fair and self.reference == "touch" else ())

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        least_bps = self.min_edge_bps + 1e4 * state.accounts.maker_rate
        if self.reference == "touch":
            return self._at_touch(state, signals, least_bps)
        factor = least_bps / self.half_spread_bps
        if not (factor > 1.0).any():
            return Limits.open(state.n_books)
        far = factor > self.max_spread_factor
        return Limits.of(
            state.n_books,
            allowed=~far,
            spread_factor=np.where(far, 1.0, factor),
            reason=np.where(far, int(Reason.FEES), int(Reason.FEES_WIDE)),
        )

    def _at_touch(self, state: MarketState, signals: Signals, least_bps: PerBook) -> Limits:
        touch = state.competing_touch
        fair = signals.scalar(self.fair) if self.fair else touch.mean(axis=0)
        bid_bps = 1e4 * (1.0 - touch[BUY] / fair)
        ask_bps = 1e4 * (touch[SELL] / fair - 1.0)
        # A book without a touch says nothing about fees; others close it.
        bid_short, ask_short = bid_bps < least_bps, ask_bps < least_bps
        if not (bid_short | ask_short).any():
            return Limits.open(state.n_books)
        return Limits.of(state.n_books, bid_allowed=~bid_short, ask_allowed=~ask_short, reason=Reason.FEES)
