"""What must be true of an instruction before it leaves.

A reply with one instruction that breaks the protocol's rules is lost as a whole, and an instruction the
venue's books cannot take is lost silently; both are caught here, one by one, with a reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import attrs
import numpy as np

from obmm.market import (
    BUY,
    BoolArray,
    FloatArray,
    InstructionKind,
    IntArray,
    MarketState,
    NoticeKind,
    Orders,
    SelfTrade,
    TimeInForce,
)
from obmm.market.arrays import as_flags, as_ints
from obmm.market.grid import floor_units

#: Ids and client ids are unsigned 32-bit numbers on the wire.
_ID_LIMIT = 2**32
#: Places at which the venue cuts a leverage, and (at least) an amount of quote.
LEVERAGE_DECIMALS, QUOTE_DECIMALS = 4, 8
#: Beyond this a double no longer counts every unit.
_UNITS_LIMIT = 2.0**53

#: Field of `Orders`, what is wrong, and the rows of which it is true.
Rule: TypeAlias = tuple[str, str, BoolArray]


@attrs.frozen
class Dropped:
    """An instruction that was not sent.

    Attributes:
        row: Its row in the orders that were checked.
        book: Its book index there.
        field: Column of `Orders` at fault.
        reason: What is wrong with it.

    >>> print(Dropped(row=3, book=1, field="price", reason="not positive"))
    row 3, book 1: price: not positive
    """

    row: int
    book: int
    field: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}, book {self.book}: {self.field}: {self.reason}"


@np.errstate(all="ignore")
def check(orders: Orders, state: MarketState) -> tuple[Orders, tuple[Dropped, ...]]:
    """The instructions that may leave, in their order, and those that may not.

    Prices, sizes and leverages off the grid are judged as the venue will read them, cut toward zero.
    Checking what has passed changes nothing.

    Args:
        orders: Instructions.
        state: The state they answer.

    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(1), [[(299.0, 1.0)]], [[(301.0, 1.0)]])
    >>> wanted = Orders.limits(n_books=1, book=[0, 0], side=0, price=[299.5, -1.0], size=[0.5, 0.5])
    >>> passed, dropped = check(wanted, state)
    >>> passed, str(dropped[0])
    (Orders(1 placements, 0 cancels), 'row 1, book 0: price: not positive')
    """
    dropped: list[Dropped] = []
    alive = np.ones(len(orders), dtype=np.bool_)
    for rules in (_own_rules, _joint_rules):
        rows = np.flatnonzero(alive)
        for name, reason, broken in rules(orders.take(rows), state):
            for row in rows[broken & alive[rows]].tolist():
                alive[row] = False
                dropped.append(Dropped(row, int(orders.book[row]), name, reason))
    return orders.take(alive) if dropped else orders, tuple(sorted(dropped, key=lambda drop: drop.row))


def _own_rules(orders: Orders, state: MarketState) -> Iterator[Rule]:
    """Rules that concern one instruction alone."""
    known_book = as_flags((orders.book >= 0) & (orders.book < state.n_books))
    yield "book", "the venue has no such book", ~known_book
    cancel, limit = orders.is_cancel, as_flags(orders.kind == InstructionKind.LIMIT)
    market = as_flags(orders.kind == InstructionKind.MARKET)
    yield "kind", "no such instruction", ~(cancel | limit | market)
    yield "delay_ns", "negative", as_flags(orders.delay_ns < 0)
    if not state.n_books:
        return
    book = np.where(known_book, orders.book, 0)
    yield from _placement_rules(orders, ~cancel)
    yield from _limit_rules(orders, limit, book, state)
    yield from _size_rules(orders, cancel, limit, book, state)
    slippage = orders.max_slippage
    bounded = ~np.isnan(slippage)
    usable = (slippage >= 0.0) & np.isfinite(slippage)
    yield "max_slippage", "negative or infinite", market & bounded & ~usable
    yield "order_id", "no own order of this book has it", cancel & ~_own_order(orders, book, state)


def _placement_rules(orders: Orders, placed: BoolArray) -> Iterator[Rule]:
    yield "side", "neither buy nor sell", placed & ~np.isin(orders.side, (0, 1))
    client_id = orders.client_id
    yield "client_id", "not of 32 bits", placed & ~((client_id >= -1) & (client_id < _ID_LIMIT))
    mode = orders.self_trade
    sent = (mode >= SelfTrade.CANCEL_OLDEST) & (mode <= SelfTrade.DECREMENT)
    yield "self_trade", "a mode validators refuse", placed & ~sent
    leverage = orders.leverage
    yield "leverage", "negative or not finite", placed & ~((leverage >= 0.0) & np.isfinite(leverage))
    yield "leverage", "too large", placed & (leverage >= _UNITS_LIMIT / 10.0**LEVERAGE_DECIMALS)


def _limit_rules(orders: Orders, limit: BoolArray, book: IntArray, state: MarketState) -> Iterator[Rule]:
    price, life, expiry = orders.price, orders.time_in_force, orders.expiry_ns
    decimals = state.venue.price_decimals[book]
    yield "price", "not finite", limit & ~np.isfinite(price)
    yield "price", "not positive", limit & (price <= 0.0)
    yield "price", "too large", limit & (price >= _UNITS_LIMIT / 10.0**decimals)
    yield "price", "below one tick", limit & (_units(price, decimals) < 1)
    yield "in_quote", "a limit order is sized in base", limit & orders.in_quote
    yield "time_in_force", "no such time in force", limit & ~((life >= 0) & (life <= TimeInForce.FOK))
    timed = life == TimeInForce.GTT
    yield "expiry_ns", "a timed order needs one", limit & timed & (expiry <= 0)
    yield "expiry_ns", "only a timed order has one", limit & ~timed & (expiry != 0)
    at_once = (life == TimeInForce.IOC) | (life == TimeInForce.FOK)
    yield "post_only", "an order that trades at once or never", limit & at_once & orders.post_only


def _size_rules(
    orders: Orders, cancel: BoolArray, limit: BoolArray, book: IntArray, state: MarketState
) -> Iterator[Rule]:
    size, venue = orders.size, state.venue
    decimals = size_decimals(orders, book, state)
    # A cancel without a size takes the whole order.
    sized = ~(cancel & np.isnan(size))
    yield "size", "not finite", sized & ~np.isfinite(size)
    yield "size", "not positive", sized & (size <= 0.0)
    yield "size", "too large", sized & (size >= _UNITS_LIMIT / 10.0**decimals)
    lots = _units(size, decimals)
    yield "size", "below one lot", sized & (lots < 1)
    # The leveraged part counts toward the minimum of a limit order only.
    counted = lots * np.where(limit, 1.0 + np.maximum(orders.leverage, 0.0), 1.0)
    small = ~orders.in_quote & (counted < venue.min_lots[book])
    yield "size", "below the venue's minimum", ~cancel & small
    touch = np.where(orders.side == BUY, state.best_ask[book], state.best_bid[book])
    implied = np.divide(size, touch, out=np.full(size.shape, np.inf), where=touch > 0.0)
    small = orders.in_quote & (implied < venue.min_size_base[book])
    yield "size", "worth less than the venue's minimum", ~cancel & ~limit & small


def _own_order(orders: Orders, book: IntArray, state: MarketState) -> BoolArray:
    """Rows whose order id stands among our open orders of the book, or was told as accepted just now."""
    resting, notices = state.open_orders, state.notices
    accepted = notices.kind == NoticeKind.ACCEPTED
    books = np.concatenate([resting.book, notices.book[accepted]])
    ids = np.concatenate([resting.order_id, notices.order_id[accepted]])
    own = _sendable_id(ids) & (books >= 0)
    keys = books[own] * _ID_LIMIT + ids[own]
    return as_flags(_sendable_id(orders.order_id) & np.isin(book * _ID_LIMIT + orders.order_id, keys))


def _sendable_id(order_id: IntArray) -> BoolArray:
    return as_flags((order_id >= 0) & (order_id < _ID_LIMIT))


def _joint_rules(orders: Orders, state: MarketState) -> Iterator[Rule]:
    """Rules that concern the instructions of a book together."""
    repeated = _repeats(np.where(orders.is_cancel, orders.book * _ID_LIMIT + orders.order_id, -1))
    yield "order_id", "cancelled twice in one answer", orders.is_cancel & repeated
    rank = instruction_rank(orders)
    most = state.venue.max_instructions
    yield "book", f"more than {most} instructions", as_flags(rank >= most)


def _repeats(keys: IntArray) -> BoolArray:
    """Elements that stood before."""
    repeated = np.ones(keys.size, dtype=np.bool_)
    repeated[np.unique(keys, return_index=True)[1]] = False
    return repeated


def instruction_rank(orders: Orders) -> IntArray:
    """(N,) which instruction of its book a row is part of, from 0; all cancels of a book are one.

    >>> both = Orders.cancels(n_books=1, book=[0, 0], order_id=[7, 8])
    >>> limit = Orders.limits(n_books=1, book=[0], side=0, price=1.0, size=1.0)
    >>> instruction_rank(limit.joined(both)).tolist()
    [0, 1, 1]
    """
    book, row = orders.book, np.arange(len(orders))
    cancel = np.flatnonzero(orders.is_cancel)
    first_cancel = np.full(book.max(initial=-1) + 1, book.size)
    np.minimum.at(first_cancel, book[cancel], cancel)
    first = row.copy()
    first[cancel] = first_cancel[book[cancel]]
    leading = np.flatnonzero(first == row)
    order = leading[np.argsort(book[leading], kind="stable")]
    rank = np.zeros_like(row)
    rank[order] = np.arange(order.size) - np.searchsorted(book[order], book[order])
    return as_ints(rank[first])


def size_decimals(orders: Orders, book: IntArray, state: MarketState) -> IntArray:
    """(N,) places at which the venue cuts each size; `book` (N,) are valid indices."""
    return np.where(orders.in_quote & ~orders.is_cancel, QUOTE_DECIMALS, state.venue.volume_decimals[book])


def _units(value: FloatArray, decimals: IntArray) -> IntArray:
    """Grid units of `value` after the venue's cut; 0 for what other rules refuse."""
    usable = (value > 0.0) & (value < _UNITS_LIMIT / 10.0**decimals)
    return floor_units(np.where(usable, value, 0.0), decimals)
