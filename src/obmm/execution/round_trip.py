"""Works what is open toward a profitable close."""

from __future__ import annotations

import logging

import attrs
import numpy as np

from obmm.execution._around import Around
from obmm.market import (
    BoolArray,
    Feed,
    FloatArray,
    Limits,
    MarketState,
    News,
    PerBook,
    Quotes,
    Signals,
    memory,
    option,
)
from obmm.market.arrays import as_flags, as_floats, zero_for_nan
from obmm.market.news import news_of
from obmm.settings import builder

#: A typical win is at least that of this gain, bp, or nothing could be a multiple of it.
_LEAST_BPS = 1e-6
#: Unit of the signal `lots`, by which a signal with its columns is known.
LOTS_UNIT = "base; quote; s; quote; quote; quote; base; quote"


@attrs.frozen(kw_only=True)
class Cut(News):
    """The oldest lots of a book have lost so much that they are closed at what they fetch.

    Attributes:
        loss_quote: What closing them loses at the price at which others stand.
    """

    event = "open lots are cut"
    level = logging.DEBUG

    loss_quote: float


@builder("round_trip")
@attrs.define(kw_only=True)
class RoundTripBuilder(Around):
    """Another builder's quotes, but on the side that closes open lots a quote that realises a gain.

    Fills are matched first in, first out, so whatever closes next closes the oldest lots, at the price b that
    they were paid for, fees of opening included (signal `lots`, whose `close_base` is the size of a close).
    With the maker rate m and the sign s of what is open (+1 long, -1 short) a close at

        p = b (1 + s gain / 1e4) / (1 - s m)

    realises the gain, to the last digit. The gain is `gain_bps` for a new lot and falls in a straight line
    to `late_gain_bps` at the age of `patience_s`. Where the market pays more, the quote stands
    where others do instead, or `exit_ticks` inside them, but never nearer than p. The side that opens
    is the other builder's, and so are both while nothing is open.

    What is open may be less than the venue's minimum, as a partial fill leaves it. No order closes it alone,
    but any that the other builder has on that side would: nearer than its p they are moved out to it.

    * At once: where taking, at the taker rate, realises `take_gain_bps` or more, the close reaches the other
      side. The placer must be told to `take`.
    * Cut: where a close at the price at which others stand would lose `cut_wins` typical wins (the
      signal's, before the first `gain_bps` of the close), it is quoted there, or with `cut_take` reaches the
      other side. It ends when the loss is smaller again.

    So no quote of this builder realises a loss beyond `late_gain_bps`, unless the cut says so.

    Attributes:
        news: What the other builder tells, and which books begin to be cut.

    >>> from obmm.market import Accounts, Venue
    >>> state = MarketState.of_books(Venue.of(1), [[(299.9, 9.0)]], [[(300.1, 9.0)]])
    >>> signals = Signals(n_books=1)
    >>> signals.add("lots", np.array([[0.5, 300.0, 9.0, 0.05, 0.0, 0.0, 0.25, 300.0]]))
    >>> quotes = RoundTripBuilder(gain_bps=10.0, patience_s=np.inf)(state, signals, Limits.open(1))
    >>> quotes.ask_price.round(2), quotes.ask_size, quotes.bid_price
    (array([[300.3]]), array([[0.25]]), array([[299.9]]))
    """

    gain_bps: PerBook = option(4.0, help="What a close of a new lot realises", unit="bp", per_book=True)
    late_gain_bps: PerBook = option(
        0.0, help="What a close of a lot older than patience_s realises", unit="bp", per_book=True
    )
    patience_s: PerBook = option(
        600.0,
        help="Age at which a close realises the late gain; inf: never",
        unit="s",
        per_book=True,
        low=0.0,
        endless=True,
    )
    exit_ticks: PerBook = option(
        0.0,
        help="Ticks inside the price at which others stand, where that realises more than the gain",
        unit="ticks",
        per_book=True,
    )
    take_gain_bps: PerBook = option(
        np.inf,
        help="Gain from which on a close is taken at once; inf: never",
        unit="bp",
        per_book=True,
        endless=True,
    )
    cut_wins: PerBook = option(
        np.inf,
        help="Loss of a close, in typical wins, from which on it is made; inf: never",
        unit="wins",
        per_book=True,
        low=0.0,
    )
    cut_take: bool = option(False, help="Whether a cut takes, or is quoted where others stand")
    lots: str = option("lots", help="Signal of the open lots")
    news: tuple[News, ...] = memory(tuple)
    _cutting: BoolArray | None = memory()

    @property
    def needs(self) -> frozenset[Feed | str]:
        return super().needs | {self.lots}

    @property
    def reads_as(self) -> dict[str, str]:
        """Signal → the unit it must have: columns are read by their places."""
        return {self.lots: LOTS_UNIT}

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        quotes = self.around(state, signals, limits)
        self.news = news_of(self.around)
        lots = signals[self.lots]
        size = zero_for_nan(lots[:, 6])
        going = as_flags(state.sound & (size > 0.0))
        rest = as_flags(state.sound & ~going & (zero_for_nan(lots[:, 0]) != 0.0))
        long = lots[:, 0] > 0.0
        sign = np.where(long, 1.0, -1.0)
        if rest.any():
            quotes = _moved_out(quotes, rest, long, self._least(state, lots[:, 1], lots[:, 2], sign))
        if self._cutting is None:
            self._cutting = np.zeros(state.n_books, dtype=np.bool_)
        if not going.any():
            self._cutting = going
            return quotes
        price, loss, cutting = self._exit(state, lots, sign)
        begins = cutting & going & ~self._cutting
        self._cutting = cutting & going
        books = np.arange(state.n_books)
        told = (Cut(books=books == i, loss_quote=float(loss[i])) for i in np.flatnonzero(begins))
        self.news = (*self.news, *told)
        return _closing(quotes, going, long, price, size)

    def _exit(
        self, state: MarketState, lots: FloatArray, sign: FloatArray
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        """(B,) price of the close, its loss at the price at which others stand, and whether it is cut."""
        _, _, age, _, _, win, size, paid = lots.T
        accounts, touch = state.accounts, state.competing_touch
        maker, taker = zero_for_nan(accounts.maker_rate), zero_for_nan(accounts.taker_rate)
        bid, ask = touch
        long = sign > 0.0
        beside, across = np.where(long, ask, bid), np.where(long, bid, ask)
        least = self._least(state, paid, age, sign)
        inside = beside - sign * self.exit_ticks * state.venue.grid.tick
        # Where nobody else stands the gain decides; what is quoted does not reach the other side.
        price = sign * np.fmax(np.fmax(sign * least, sign * inside), sign * across + state.venue.grid.tick)
        at_once = sign * (across * (1.0 - sign * taker) - paid)
        price = np.where(at_once >= paid * self.take_gain_bps / 1e4, across, price)
        loss = -sign * (beside * (1.0 - sign * maker) - paid) * size
        typical = np.where(win > 0.0, win, np.maximum(self.gain_bps, _LEAST_BPS) / 1e4 * paid * size)
        cutting = as_flags((loss > 0.0) & (loss >= self.cut_wins * typical))
        return np.where(cutting, across if self.cut_take else beside, price), loss, cutting

    def _least(self, state: MarketState, paid: FloatArray, age_s: FloatArray, sign: FloatArray) -> FloatArray:
        """(B,) price from which on a passive close of what was paid for at `paid` realises the gain."""
        late = np.clip(age_s / np.maximum(self.patience_s, 1e-9), 0.0, 1.0)
        gain = self.gain_bps + (self.late_gain_bps - self.gain_bps) * late
        rate = zero_for_nan(state.accounts.maker_rate)
        return as_floats(paid * (1.0 + sign * gain / 1e4) / (1.0 - sign * rate))


def _moved_out(quotes: Quotes, books: BoolArray, long: BoolArray, least: FloatArray) -> Quotes:
    """`quotes`, but on `books` the closing side comes no nearer than `least` (B,)."""
    bid, ask = (np.where(books & side, least, np.nan)[:, None] for side in (~long, long))
    # A price that is not there stays so, and one without a bound as it is.
    return attrs.evolve(
        quotes,
        bid_price=np.where(quotes.bid_price > bid, bid, quotes.bid_price),
        ask_price=np.where(quotes.ask_price < ask, ask, quotes.ask_price),
    )


def _closing(
    quotes: Quotes, books: BoolArray, long: BoolArray, price: FloatArray, size: FloatArray
) -> Quotes:
    """`quotes`, but on `books` the closing side has one order of `size` at `price`, both (B,).

    What the other side has that would meet it goes.
    """
    prices = np.array([quotes.bid_price, quotes.ask_price])
    sizes = np.array([quotes.bid_size, quotes.ask_size])
    why = np.array([quotes.bid_reason, quotes.ask_reason])
    rows = np.flatnonzero(books)
    side, sign = np.where(long[rows], 1, 0), np.where(long[rows], 1.0, -1.0)[:, None]
    opening = prices[1 - side, rows]
    meets = sign * opening >= sign * price[rows, None]
    prices[1 - side, rows] = np.where(meets, np.nan, opening)
    sizes[1 - side, rows] = np.where(meets, 0.0, sizes[1 - side, rows])
    prices[side, rows], sizes[side, rows], why[side, rows] = np.nan, 0.0, 0
    prices[side, rows, 0], sizes[side, rows, 0] = price[rows], size[rows]
    return Quotes(
        bid_price=prices[0],
        bid_size=sizes[0],
        ask_price=prices[1],
        ask_size=sizes[1],
        bid_reason=why[0],
        ask_reason=why[1],
    )
