"""What must be true of an instruction before it leaves.

A reply with one instruction that breaks the protocol's rules is lost as a whole, and an instruction the
venue's books cannot take is lost silently; both are caught here, one by one, with a reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from obmm.market import BUY, BoolArray, FloatArray, InstructionKind, IntArray, MarketState, NoticeKind, Orders
from obmm.market.arrays import as_flags
from obmm.market.grid import floor_units
from obmm.market.open_orders import ID_LIMIT
from obmm.market.rules import (
    LEVERAGE_DECIMALS,
    QUOTE_DECIMALS,
    Dropped,
    Rule,
    instruction_rank,
    message_rules,
    sorted_out,
)

#: Beyond this a double no longer counts every unit.
_UNITS_LIMIT = 2.0**53


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
    return sorted_out(
        orders,
        partial(message_rules, n_books=state.n_books),
        partial(_venue_rules, state=state),
        partial(_joint_rules, state=state),
    )


def _venue_rules(orders: Orders, state: MarketState) -> Iterator[Rule]:
    """What the books of this venue can take, of instructions on books that there are."""
    cancel, limit = orders.is_cancel, as_flags(orders.kind == InstructionKind.LIMIT)
    yield "book", "its id is not of 32 bits", ~_sendable_id(state.venue.book_ids[orders.book])
    price, price_decimals = orders.price, state.venue.price_decimals[orders.book]
    yield "price", "too large", limit & (price >= _UNITS_LIMIT / 10.0**price_decimals)
    yield "price", "below one tick", limit & (_units(price, price_decimals) < 1)
    yield "leverage", "too large", ~cancel & (orders.leverage >= _UNITS_LIMIT / 10.0**LEVERAGE_DECIMALS)
    yield from _size_rules(orders, cancel, limit, state)
    yield "order_id", "no own order of this book has it", cancel & ~_own_order(orders, state)


def _size_rules(orders: Orders, cancel: BoolArray, limit: BoolArray, state: MarketState) -> Iterator[Rule]:
    book, size, venue = orders.book, orders.size, state.venue
    decimals = size_decimals(orders, state)
    sized = ~(cancel & np.isnan(size))
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


def _own_order(orders: Orders, state: MarketState) -> BoolArray:
    """Rows whose order id stands among our open orders of the book, or was told as accepted just now."""
    resting, notices = state.open_orders, state.notices
    accepted = notices.kind == NoticeKind.ACCEPTED
    books = np.concatenate([resting.book, notices.book[accepted]])
    ids = np.concatenate([resting.order_id, notices.order_id[accepted]])
    own = _sendable_id(ids) & (books >= 0)
    keys = books[own] * ID_LIMIT + ids[own]
    return as_flags(_sendable_id(orders.order_id) & np.isin(orders.book * ID_LIMIT + orders.order_id, keys))


def _sendable_id(order_id: IntArray) -> BoolArray:
    return as_flags((order_id >= 0) & (order_id < ID_LIMIT))


def _joint_rules(orders: Orders, state: MarketState) -> Iterator[Rule]:
    """Rules that concern the instructions of a book together."""
    repeated = _repeats(np.where(orders.is_cancel, orders.book * ID_LIMIT + orders.order_id, -1))
    yield "order_id", "cancelled twice in one answer", orders.is_cancel & repeated
    rank = instruction_rank(orders)
    most = state.venue.max_instructions
    yield "book", f"more than {most} instructions", as_flags(rank >= most)


def _repeats(keys: IntArray) -> BoolArray:
    """Elements that stood before."""
    repeated = np.ones(keys.size, dtype=np.bool_)
    repeated[np.unique(keys, return_index=True)[1]] = False
    return repeated


def size_decimals(orders: Orders, state: MarketState) -> IntArray:
    """(N,) places at which the venue cuts each size."""
    in_quote = orders.in_quote & ~orders.is_cancel
    return np.where(in_quote, QUOTE_DECIMALS, state.venue.volume_decimals[orders.book])


def _units(value: FloatArray, decimals: IntArray) -> IntArray:
    """Grid units of `value` after the venue's cut; 0 for what other rules refuse."""
    usable = (value > 0.0) & (value < _UNITS_LIMIT / 10.0**decimals)
    return floor_units(np.where(usable, value, 0.0), decimals)
