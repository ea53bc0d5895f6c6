"""Bringing a position to where a signal points, at once where it lags too far behind."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.execution._shape import SIGN, given, lifted
from obmm.execution.taking import TakingBuilder
from obmm.market import BoolArray, Feed, FloatArray, Limits, MarketState, PerBook, Quotes, Signals, option
from obmm.market.arrays import as_flags, as_floats, zero_for_nan
from obmm.settings import builder


@builder("following")
@attrs.define(kw_only=True)
class FollowingBuilder(TakingBuilder):
    """What another builder quotes, but a position that lags behind a signal is brought nearer by taking.

    With the bound L of the position, base, the position that is wished is

        target = L x target_share x clip(gain x signal, -1, 1)

    and what is held beyond it stands where a position stands in `taking`: a take goes toward the target. It
    costs `flat_cost_bps` at most, begins where the position is `flat_from_base` beyond a band of
    L x `band_share` around the target, and ends at the band: trading to the nearer edge of a band is what is
    best where a trade costs in proportion to its size (Davis & Norman 1990). Where a take is paid `edge_bps`,
    it goes all the way to the target.

    Where a take would cost more than that, and half the spread is at most `join_bps`, the side that goes
    toward the target rests at the price at which others stand, `size_base` of it, while the other side stays
    the other builder's.

    With `beside` the other builder's quotes keep standing, behind a take or an order at the touch of the same
    side: what waits for large orders is not given up each time that the position is a little behind.

    A signal that is NaN wishes no position; where there is no bound none is wished, either.

    >>> from obmm.market import Accounts, Reason, Venue
    >>> accounts = Accounts.of(1, base=80.0, quote=25_000.0)
    >>> books = [[(299.99, 9.0)]], [[(300.01, 9.0)]]
    >>> state = MarketState.of_books(Venue.of(1), *books, accounts=accounts)
    >>> signals = Signals(n_books=1)
    >>> signals.add("flow", np.array([0.4]))
    >>> follow = FollowingBuilder(signal="flow", gain=2.0, band_share=0.2, size_base=5.0, flat_cost_bps=3.0)
    >>> quotes = follow(state, signals, Limits.of(1, position_limit=10.0, reason=Reason.CUSTOM))
    >>> quotes.bid_price, quotes.bid_size, quotes.has_ask  # target 8, band 2
    (array([[300.01]]), array([[5.]]), array([[False]]))
    """

    signal: str = option("", help="Signal whose sign says which way; empty: none, as with taking")
    gain: PerBook = option(
        1.0, help="Target per unit of signal", unit="target_share of the bound", per_book=True
    )
    target_share: PerBook = option(
        1.0,
        help="Largest target as a share of the position bound",
        unit="fraction",
        per_book=True,
        low=0.0,
        high=1.0,
    )
    band_share: PerBook = option(
        0.25,
        help="Half-width of the band around the target in which nothing is taken, as a share of the bound",
        unit="fraction",
        per_book=True,
        low=0.0,
    )
    join_bps: PerBook = option(
        0.0,
        help="Half a spread up to which it rests at the touch where taking is too dear; 0: never",
        unit="bp",
        per_book=True,
        low=0.0,
        endless=True,
    )
    beside: bool = option(False, help="Keep the other builder's quotes behind what is taken or joined")

    @property
    def needs(self) -> frozenset[Feed | str]:
        return super().needs | ({self.signal} - {""})

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        quotes = super().__call__(state, signals, limits)
        if not given(self.join_bps):
            return quotes
        touch = state.competing_touch
        narrow = as_flags((touch[1] - touch[0]) / (touch[1] + touch[0]) <= np.asarray(self.join_bps) / 1e4)
        excess, slack = self.excess(state, signals, limits)
        over = np.abs(excess) - slack
        best = np.array([quotes.bid_price[:, 0], quotes.ask_price[:, 0]])
        # What stands nearer, as a take does, stays.
        better = ~(SIGN * best > SIGN * touch)
        goes = np.array([excess < 0.0, excess > 0.0]) & better & state.sound & np.isfinite(touch)
        goes &= narrow & (over >= self.flat_from_base) & (over >= state.venue.least_base)
        if not goes.any():
            return quotes
        wish = lifted(as_floats(np.minimum(self.size_base, over)), state.venue.least_base)
        return _first(quotes, goes, touch, np.array([wish, wish]), keep=self.beside)

    def instead(self, quotes: Quotes, books: BoolArray, price: FloatArray, size: FloatArray) -> Quotes:
        if not self.beside:
            return super().instead(quotes, books, price, size)
        return _first(quotes, as_flags(size > 0.0), price, size, keep=True)

    def excess(
        self, state: MarketState, signals: Signals, limits: Limits
    ) -> tuple[FloatArray, FloatArray | float]:
        held, _ = super().excess(state, signals, limits)
        if not self.signal:
            return held, 0.0
        known = state.accounts.known & np.isfinite(limits.position_bound)
        bound = np.where(known, limits.position_bound, 0.0)
        lean = np.clip(self.gain * zero_for_nan(signals.scalar(self.signal)), -1.0, 1.0)
        return as_floats(held - bound * self.target_share * lean), as_floats(bound * self.band_share)


def _first(quotes: Quotes, goes: BoolArray, price: FloatArray, size: FloatArray, *, keep: bool) -> Quotes:
    """`quotes`, but where a side `goes` its best level is `size` at `price`, all (2, B).

    With `keep` what was wished on that side follows a level deeper, else it goes. Where the other side would
    trade with it, the side that goes has the say.
    """
    prices = np.array([quotes.bid_price, quotes.ask_price])
    sizes = np.array([quotes.bid_size, quotes.ask_size])
    if keep:
        prices = np.concatenate([np.full((*goes.shape, 1), np.nan), prices], axis=2)
        sizes = np.concatenate([np.zeros((*goes.shape, 1)), sizes], axis=2)
        prices[~goes] = np.roll(prices[~goes], -1, axis=1)
        sizes[~goes] = np.roll(sizes[~goes], -1, axis=1)
    else:
        prices[goes], sizes[goes] = np.nan, 0.0
    prices[goes, 0], sizes[goes, 0] = price[goes], size[goes]
    meets = (prices[0, :, 0] >= prices[1, :, 0]) & goes.any(axis=0)
    prices[~goes & meets], sizes[~goes & meets] = np.nan, 0.0
    return attrs.evolve(
        quotes, bid_price=prices[0], bid_size=sizes[0], ask_price=prices[1], ask_size=sizes[1]
    )
