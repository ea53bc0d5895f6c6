"""Taking where that is paid, or cheaper than to hold."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.execution._around import Around
from obmm.execution._shape import lifted
from obmm.market import (
    BoolArray,
    Feed,
    FloatArray,
    IntArray,
    Limits,
    MarketState,
    News,
    PerBook,
    Quotes,
    Signals,
    memory,
    option,
)
from obmm.market.arrays import as_flags, as_floats
from obmm.market.news import news_of
from obmm.settings import builder


@builder("taking")
@attrs.define(kw_only=True)
class TakingBuilder(Around):
    """What another builder quotes, but on books where trading at once is worth it a quote that does.

    A take costs half the competing spread and the taker rate, which is a rebate where miners make more than
    their share. Per book, in bp of the mid:

        earned = -(half spread + taker rate)

    * Paid to take: earned is at least `edge_bps`. The side is the one that brings the position toward zero;
      without a position the sides take turns.
    * Cheaper than to hold: there is a position of at least `flat_from_base`, and getting rid of it costs no
      more than `flat_cost_bps`.

    There the other builder is not heard; else its quotes stand. A take is `size_base`, at most the position
    it closes and what the competing touch shows, priced at that touch; at most one a book in `every_s`, while
    nothing else is quoted on a book that is paid to take. The placer must be told to `take`.

    Attributes:
        news: What the other builder tells.

    >>> from obmm.market import Accounts, Venue
    >>> accounts = Accounts.of(1, base=80.0, quote=25_000.0, maker_rate=0.0015, taker_rate=-0.0012)
    >>> books = [[(299.99, 9.0)]], [[(300.01, 9.0)]]
    >>> state = MarketState.of_books(Venue.of(1), *books, accounts=accounts)
    >>> quotes = TakingBuilder()(state, Signals(n_books=1), Limits.open(1))
    >>> quotes.has_bid, quotes.has_ask, quotes.bid_price
    (array([[ True]]), array([[False]]), array([[300.01]]))
    """

    size_base: PerBook = option(0.26, help="Size of a take", unit="base", per_book=True, low=0.0)
    edge_bps: PerBook = option(
        2.0, help="What a take must earn, after half the spread and the taker rate", unit="bp", per_book=True
    )
    flat_cost_bps: PerBook = option(
        0.0, help="What getting rid of a position may cost", unit="bp", per_book=True
    )
    flat_from_base: PerBook = option(
        0.25, help="Position from which on it is got rid of", unit="base", per_book=True, low=0.0
    )
    every_s: PerBook = option(1.0, help="Time between two takes on a book", unit="s", per_book=True, low=0.0)
    taker_rate: str = option(
        "",
        help="Signal of the taker rate, its second column if it has several; empty: the account's",
    )
    news: tuple[News, ...] = memory(tuple)
    _last_ns: IntArray | None = memory()
    _turn: BoolArray = memory()

    @property
    def needs(self) -> frozenset[Feed | str]:
        return super().needs | ({self.taker_rate} - {""})

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        quotes = self.around(state, signals, limits)
        self.news = news_of(self.around)
        touch = state.competing_touch
        mid = (touch[0] + touch[1]) / 2.0
        rate = state.accounts.taker_rate
        if self.taker_rate:
            told = signals[self.taker_rate]
            told = told[:, 1] if told.ndim == 2 and told.shape[1] > 1 else signals.scalar(self.taker_rate)
            rate = np.where(np.isnan(told), rate, told)
        earned = -1e4 * ((touch[1] - touch[0]) / (2.0 * mid) + rate)
        excess, slack = self.excess(state, signals, limits)
        held = np.abs(excess) >= state.venue.least_base
        flatten = held & (np.abs(excess) - slack >= self.flat_from_base) & (-earned <= self.flat_cost_bps)
        worth = as_flags(state.sound & ((earned >= self.edge_bps) | flatten))
        if not worth.any():
            return quotes
        if self._last_ns is None:
            # Books start on different sides, by something of their own.
            first = np.where(np.isfinite(mid), np.rint(touch[0] * state.venue.ticks_per_quote) % 2.0, 0.0)
            self._last_ns, self._turn = np.full(state.n_books, -(2**62)), first > 0.0
        buying = np.where(held, excess < 0.0, self._turn)
        due = state.time_ns - self._last_ns >= np.rint(np.asarray(self.every_s) * 1e9)
        going = worth & due & np.where(buying, limits.bid_allowed, limits.ask_allowed)
        self._last_ns = np.where(going, state.time_ns, self._last_ns)
        self._turn = self._turn ^ (going & ~held)
        over = np.abs(excess) - np.where(earned >= self.edge_bps, 0.0, slack)
        wish = np.minimum(self.size_base, np.where(held, over, np.inf))
        size = np.where(going, lifted(as_floats(wish), state.venue.least_base), 0.0)
        return self.instead(quotes, worth, touch[::-1], np.array([size * buying, size * ~buying]))

    def instead(self, quotes: Quotes, books: BoolArray, price: FloatArray, size: FloatArray) -> Quotes:
        """What is quoted where it is worth to trade at once, on `books`, and elsewhere.

        Args:
            quotes: The other builder's.
            books: (B,) where it is worth it.
            price: (2, B) what a take reaches.
            size: (2, B) base to take, 0 where nothing is taken at this state.
        """
        return _replaced(quotes, books, price, size)

    def excess(
        self, state: MarketState, signals: Signals, limits: Limits
    ) -> tuple[FloatArray, FloatArray | float]:
        """(B,) base held beyond what is wished, and how much of that is left alone unless paid for."""
        return np.where(state.accounts.known, state.accounts.position, 0.0), 0.0


def _replaced(quotes: Quotes, books: BoolArray, price: FloatArray, size: FloatArray) -> Quotes:
    """`quotes`, but on `books` only an order of `size` at `price`, both (2, B), where the size is not 0."""
    prices = np.array([quotes.bid_price, quotes.ask_price])
    sizes = np.array([quotes.bid_size, quotes.ask_size])
    prices[:, books], sizes[:, books] = np.nan, 0.0
    side, book = np.nonzero(books & (size > 0.0))
    prices[side, book, 0], sizes[side, book, 0] = price[side, book], size[side, book]
    why = np.where(books, 0, np.array([quotes.bid_reason, quotes.ask_reason]))
    return Quotes(
        bid_price=prices[0],
        bid_size=sizes[0],
        ask_price=prices[1],
        ask_size=sizes[1],
        bid_reason=why[0],
        ask_reason=why[1],
    )
