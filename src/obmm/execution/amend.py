"""The least instructions from what rests to what should rest."""

from __future__ import annotations

import functools
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from obmm.execution._desired import Desired, affordable, desired_orders
from obmm.execution._matching import Matching, matched
from obmm.execution._shape import on_rows
from obmm.execution._urgency import most_valuable, priority
from obmm.market import (
    BoolArray,
    InstructionKind,
    IntArray,
    Limits,
    MarketState,
    News,
    Orders,
    PerBook,
    Quotes,
    Reason,
    SelfTrade,
    Stage,
    TimeInForce,
    Unplaced,
    memory,
    option,
)
from obmm.market.arrays import as_flags, as_ints
from obmm.market.open_orders import ID_LIMIT
from obmm.settings import placer


@placer("amend")
@attrs.define(kw_only=True)
class AmendPlacer(Stage):
    """Leaves alone what is already there, cancels what should not be, places what is missing.

    An open order stands for a desired one while it is within `tolerance_ticks` of its price (less where
    levels stand closer), not smaller by more than `size_tolerance`, and younger than `max_age_s`. An order
    that is too large shrinks in place and keeps its turn. Everything else is cancelled, in one instruction
    per book; what is missing is placed, good till `expiry_s` in case we are not heard again.

    * Never more than the venue's number of instructions and of open orders, where an order being cancelled
      still counts as open. Where that is too few, what is worth most is sent (`obmm.execution._urgency`):
      cancels, takes, what reduces the position, then the levels nearest the touch, of one level the order
      with more edge times size.
    * Never more money than is free now: what a cancel of the same answer sets free comes too late. What one
      side binds pays for its own replacements at the next state.
    * With `post_only` a side that would trade at once moves back behind the competing touch. With `take` a
      quote that reaches the other side means to trade with it: it goes out as immediate-or-cancel, up to its
      price, at every state that wishes it; all others stay post-only.
    * The first instruction of a book reaches the venue before the others, which follow 5–25 ms later in any
      order. It is the cancel where the cancel protects: of an order nearer to the other side than anything
      now wanted, of one that must shrink, on a book that may only reduce, or on a side on which what rests
      and what is placed would together pass the position bound. Else it is a placement: best level first,
      on the side that reduces the position. So nothing that fills, once the first instruction has arrived,
      carries a position past its bound.

    The same state and quotes give the same orders, whatever came before. Client ids number the publish
    interval, the book and the place among its instructions, and do not repeat within a simulation. Why a
    wanted order is not (or not yet) standing is told as `Unplaced`.

    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(1), [[(299.5, 9.0)]], [[(300.5, 9.0)]])
    >>> quotes = attrs.evolve(Quotes.none(1), bid_price=[[299.6]], bid_size=[[0.5]])
    >>> orders = AmendPlacer()(state, quotes, Limits.open(1))
    >>> orders, orders.price, orders.post_only
    (Orders(1 placements, 0 cancels), array([299.6]), array([ True]))
    """

    tolerance_ticks: PerBook = option(
        2.0, help="How far an order may be off before it is moved", unit="ticks", per_book=True, low=0.0
    )
    size_tolerance: PerBook = option(
        0.25,
        help="By which share a size may be off before it is changed",
        unit="fraction",
        per_book=True,
        low=0.0,
        high=1.0,
    )
    max_age_s: PerBook = option(
        45.0, help="Age at which an order is renewed", unit="s", per_book=True, low=0.001
    )
    expiry_s: PerBook = option(
        60.0,
        help="Life of an order if nothing more is heard of us",
        unit="s",
        per_book=True,
        low=0.001,
        high=1e6,
    )
    post_only: bool = option(True, help="Never trade at once: refused rather than filled as taker")
    take: bool = option(
        False, help="A quote that reaches the other side trades at once, or not at all; the others never do"
    )

    #: Told of the last call: why a quote is not standing.
    news: tuple[News, ...] = memory(tuple)

    def __call__(self, state: MarketState, quotes: Quotes, limits: Limits) -> Orders:
        desired = desired_orders(state, quotes, limits, post_only=self.post_only, take=self.take)
        matching = matched(
            state,
            desired,
            tolerance_ticks=self.tolerance_ticks,
            shrink_tolerance=np.where(limits.reduce_only, 0.0, self.size_tolerance),
            grow_tolerance=self.size_tolerance,
            max_age_s=self.max_age_s,
        )
        # An order that no cancel can name stays, and its book is quiet.
        gone = state.open_orders.can_cancel & (~matching.ours | (matching.surplus > 0.0))
        cancelling = np.bincount(matching.book[gone], minlength=state.n_books) > 0
        placements = _placements(state, desired, matching, cancelling)
        self.news = Unplaced.of(*placements.reason)
        if not (gone.any() or placements.book.size):
            return _nothing(state.n_books)
        protecting = _protecting(desired, matching, limits, placements) if gone.any() else gone
        cancels = _cancels(gone, protecting, matching.book, state.n_books)
        return self._orders(state, desired, matching, cancels, placements)

    def _orders(
        self,
        state: MarketState,
        desired: Desired,
        matching: Matching,
        cancels: _Cancels,
        placements: _Placements,
    ) -> Orders:
        """Instructions: cancels that go first, placements, the other cancels; each by book."""
        venue, own = state.venue, state.open_orders
        book, side, level = placements.book, placements.side, placements.level
        rows = np.concatenate([cancels.first, cancels.last])
        n, cut = rows.size + book.size, cancels.first.size
        middle = slice(cut, cut + book.size)

        def column(
            of_cancels: float, of_placements: npt.ArrayLike, dtype: type = np.int64
        ) -> npt.NDArray[Any]:
            values: npt.NDArray[Any] = np.full(n, of_cancels, dtype=dtype)
            values[middle] = of_placements
            return values

        def around(of_cancels: npt.NDArray[Any], of_placements: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return np.concatenate([of_cancels[:cut], of_placements, of_cancels[cut:]])

        surplus = matching.surplus[rows]
        part = np.where(surplus > 0.0, surplus / venue.lots_per_base[matching.book[rows]], np.nan)
        ticks = np.abs(desired.signed[side, book, level])
        size = desired.lots[side, book, level] / venue.lots_per_base[book]
        turn = placements.rank + cancels.leads[book]
        life_ns = np.rint(on_rows(self.expiry_s, book) * 1e9)
        taking = desired.taking[side, book, level]
        urgency = column(venue.max_instructions, turn)
        urgency[:cut] = 0
        return Orders(
            kind=column(int(InstructionKind.CANCEL), int(InstructionKind.LIMIT)),
            book=around(matching.book[rows], book),
            side=column(-1, side),
            price=column(np.nan, ticks / venue.ticks_per_quote[book], np.float64),
            size=around(part, size),
            time_in_force=column(
                int(TimeInForce.GTC), np.where(taking, int(TimeInForce.IOC), int(TimeInForce.GTT))
            ),
            expiry_ns=column(0, np.where(taking, 0, life_ns)),
            post_only=column(False, (self.post_only or self.take) & ~taking, np.bool_),
            order_id=around(own.order_id[rows], np.full(book.size, -1)),
            client_id=column(-1, _client_ids(state, book, turn)),
            delay_ns=np.zeros(n, dtype=np.int64),
            urgency=urgency,
            self_trade=np.full(n, int(SelfTrade.CANCEL_OLDEST)),
            in_quote=np.zeros(n, dtype=np.bool_),
            leverage=np.zeros(n),
            max_slippage=np.full(n, np.nan),
            n_books=state.n_books,
        )


@functools.lru_cache(maxsize=16)
def _nothing(n_books: int) -> Orders:
    return Orders.none(n_books)


@attrs.frozen
class _Cancels:
    """Rows of open orders to cancel, wholly or in part.

    Attributes:
        first: Rows whose book's cancel comes before its placements.
        last: Rows whose book's cancel comes after them.
        leads: (B,) whether the cancel comes first.
    """

    first: IntArray
    last: IntArray
    leads: BoolArray


def _cancels(gone: BoolArray, protecting: BoolArray, book: IntArray, n_books: int) -> _Cancels:
    """The cancels of a book lead if one of them protects: they are one instruction."""
    leads = np.bincount(book[gone & protecting], minlength=n_books) > 0
    leading = leads[book]
    return _Cancels(np.flatnonzero(gone & leading), np.flatnonzero(gone & ~leading), leads)


def _protecting(desired: Desired, matching: Matching, limits: Limits, placements: _Placements) -> BoolArray:
    """(N,) open orders whose cancel, if they are cancelled, must reach the venue before anything else.

    Among them those of a side on which all that rests and all that is placed would together pass the room
    that risk leaves: later instructions come in any order, so that a cancel among them may be the last.
    """
    n_books = limits.n_books
    lots = desired.lots[placements.side, placements.book, placements.level]
    placed = np.bincount(placements.side * n_books + placements.book, lots, minlength=2 * n_books)
    resting = np.bincount(matching.group, matching.lots, minlength=2 * n_books)
    over = resting + placed > desired.room.ravel()
    return as_flags(
        matching.ahead | (matching.surplus > 0.0) | limits.reduce_only[matching.book] | over[matching.group]
    )


@attrs.frozen
class _Placements:
    """Orders to place; columns (N,), by book and rank.

    Attributes:
        book: Book index.
        side: 0 buy, 1 sell.
        level: Level of the desired order.
        rank: Place among the placements of its book, from 0.
        reason: (2, B) why a desired order is not placed, and not yet standing.
    """

    book: IntArray
    side: IntArray
    level: IntArray
    rank: IntArray
    reason: IntArray


_NO_ROWS: IntArray = np.zeros(0, dtype=np.int64)


def _placements(
    state: MarketState, desired: Desired, matching: Matching, cancelling: BoolArray
) -> _Placements:
    """What is missing and can be placed now: paid for, below the cap of open orders, within the answer."""
    venue = state.venue
    missing = (desired.lots > 0.0) & ~matching.served
    if not missing.any():
        return _Placements(_NO_ROWS, _NO_ROWS, _NO_ROWS, _NO_ROWS, desired.reason)
    spent = np.where(missing, desired.lots * desired.cost, 0.0).cumsum(axis=2)
    paid = missing & affordable(spent, desired.free[..., None])
    # Level by level, and within a level first the side that brings the position toward zero.
    lead = as_ints(state.accounts.position > 0.0)
    sides, books = np.array([lead, 1 - lead]), np.arange(state.n_books)
    turns = paid[sides, books].transpose(1, 2, 0).reshape(state.n_books, 2 * desired.lots.shape[2])
    rank = turns.cumsum(axis=1) - 1
    room = venue.max_open_orders - state.open_orders.count
    slots = venue.max_instructions - cancelling
    cap = np.minimum(room, slots)
    now = turns
    if (rank[:, -1] >= cap).any():
        prior = priority(state, desired)[:, sides, books].transpose(0, 2, 3, 1)
        now = most_valuable(turns, prior.reshape(-1, *turns.shape), cap)
        rank = now.cumsum(axis=1) - 1
    book, turn = np.nonzero(now)
    side, level = sides[turn % 2, book], turn // 2
    reason = desired.reason
    left = missing.copy()
    left[side, book, level] = False
    if left.any():
        cap = np.where(room <= slots, int(Reason.OPEN_ORDER_CAP), int(Reason.INSTRUCTION_CAP))
        why = np.where((missing & ~paid).any(axis=2), int(Reason.NO_FUNDS), cap)
        reason = np.where(left.any(axis=2) & (reason == 0), why, reason)
    return _Placements(book, side, level, rank[book, turn], reason)


def _client_ids(state: MarketState, book: IntArray, turn: IntArray) -> IntArray:
    """(N,) numbers that name publish interval, book and turn; they come round after 2**32 orders."""
    venue = state.venue
    step = state.time_ns // venue.publish_interval_ns
    number = step * venue.group_size[book] + venue.rank_in_group[book]
    number = number * venue.max_instructions + turn
    return as_ints(number % ID_LIMIT)
