"""Variants of a state: books spoiled, reordered, cut to fewer levels."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import TypeVar

import attrs
import numpy as np

from obmm.market import (
    Accounts,
    EventKind,
    FloatArray,
    IntArray,
    MarketState,
    Notices,
    OpenOrders,
    Tape,
)
from obmm.market.arrays import as_ints
from obmm.market.layout import books_of, columns_of

_Rows = TypeVar("_Rows", OpenOrders, Tape)


class Flaw(enum.Enum):
    """Ways in which one book of a state can be thin, empty or wrong."""

    THIN = "one level a side"
    EMPTY = "no level at all"
    NO_BIDS = "only asks"
    NO_ASKS = "only bids"
    CROSSED = "best bid above best ask"
    LOCKED = "best bid equal to best ask"
    NAN_PRICE = "best prices NaN, sizes there"
    INFINITE_PRICE = "best ask infinite"
    NEGATIVE_PRICE = "best bid below zero"
    NAN_SIZE = "best sizes NaN"
    ZERO_SIZE = "best sizes 0"
    INFINITE_SIZE = "best bid of infinite size"
    HUGE_SIZE = "best bid of 1e300 base"
    NO_ACCOUNT = "no account"
    NAN_ACCOUNT = "balances and rates NaN"


def _spoil(flaw: Flaw, bid: FloatArray, bid_size: FloatArray, ask: FloatArray, ask_size: FloatArray) -> None:
    """Apply a flaw to the levels (L,) of one book, in place."""
    first = slice(1, None) if flaw is Flaw.THIN else slice(0, None)
    if flaw in (Flaw.THIN, Flaw.EMPTY, Flaw.NO_BIDS):
        bid[first], bid_size[first] = np.nan, 0.0
    if flaw in (Flaw.THIN, Flaw.EMPTY, Flaw.NO_ASKS):
        ask[first], ask_size[first] = np.nan, 0.0
    if flaw is Flaw.CROSSED:
        bid[0], ask[0] = ask[0], bid[0]
    if flaw is Flaw.LOCKED:
        ask[0] = bid[0]
    if flaw is Flaw.NAN_PRICE:
        bid[0] = ask[0] = np.nan
    if flaw is Flaw.INFINITE_PRICE:
        ask[0] = np.inf
    if flaw is Flaw.NEGATIVE_PRICE:
        bid[0] = -bid[0]
    if flaw is Flaw.NAN_SIZE:
        bid_size[0] = ask_size[0] = np.nan
    if flaw is Flaw.ZERO_SIZE:
        bid_size[0] = ask_size[0] = 0.0
    if flaw is Flaw.INFINITE_SIZE:
        bid_size[0] = np.inf
    if flaw is Flaw.HUGE_SIZE:
        bid_size[0] = 1e300


def spoiled(state: MarketState, flaws: Mapping[int, Flaw]) -> MarketState:
    """A copy of `state` in which book `index` suffers from `flaws[index]`; the others are untouched.

    >>> from obmm.testing.states import random_state
    >>> spoiled(random_state(1, n_books=3), {1: Flaw.CROSSED}).sound
    array([ True, False,  True])
    """
    levels = [x.copy() for x in (state.bid_price, state.bid_size, state.ask_price, state.ask_size)]
    known = state.accounts.known.copy()
    floats = {name: getattr(state.accounts, name).copy() for name in _BALANCES}
    for book, flaw in flaws.items():
        _spoil(flaw, *(x[book] for x in levels))
        if flaw is Flaw.NO_ACCOUNT:
            known[book] = False
        if flaw in (Flaw.NO_ACCOUNT, Flaw.NAN_ACCOUNT):
            for balance in floats.values():
                balance[book] = np.nan if flaw is Flaw.NAN_ACCOUNT else 0.0
    bid, bid_size, ask, ask_size = levels
    return attrs.evolve(
        state,
        bid_price=bid,
        bid_size=bid_size,
        ask_price=ask,
        ask_size=ask_size,
        accounts=attrs.evolve(state.accounts, known=known, **floats),
    )


_BALANCES = tuple(f.name for f in attrs.fields(Accounts) if f.name != "known")


def with_levels(state: MarketState, n_levels: int) -> MarketState:
    """The best `n_levels` of every book; missing ones are NaN with a size of 0.

    >>> from obmm.testing.states import random_state
    >>> with_levels(random_state(1, n_books=2, n_levels=3), 5).bid_size[0, 3:]
    array([0., 0.])
    """

    def fit(levels: FloatArray, empty: float) -> FloatArray:
        missing = max(n_levels - state.n_levels, 0)
        return np.pad(levels[:, :n_levels], ((0, 0), (0, missing)), constant_values=empty)

    return attrs.evolve(
        state,
        bid_price=fit(state.bid_price, np.nan),
        bid_size=fit(state.bid_size, 0.0),
        ask_price=fit(state.ask_price, np.nan),
        ask_size=fit(state.ask_size, 0.0),
    )


def selected(state: MarketState, books: Sequence[int] | IntArray) -> MarketState:
    """The given books in the given order, as a state of its own; notices about others are dropped.

    >>> from obmm.testing.states import random_state
    >>> selected(random_state(1, n_books=3), [2, 0]).venue.book_ids
    array([2, 0])
    """
    index = as_ints(books)
    position = np.full(state.n_books + 1, -1)  # the last entry stands for "no book"
    position[index] = np.arange(index.size)
    kept = np.flatnonzero((state.notices.book < 0) | (position[state.notices.book] >= 0))
    notices = _take(state.notices, kept)
    return attrs.evolve(
        state,
        venue=books_of(state.venue, index),
        bid_price=state.bid_price[index],
        bid_size=state.bid_size[index],
        ask_price=state.ask_price[index],
        ask_size=state.ask_size[index],
        maker_ratio=state.maker_ratio[index],
        accounts=books_of(state.accounts, index),
        open_orders=_rows_of(state.open_orders, index),
        notices=attrs.evolve(notices, book=position[notices.book]),
        tape=None if state.tape is None else _rows_of(state.tape, index),
    )


def traded(state: MarketState) -> MarketState:
    """`state` with nothing but the trades on its tape, if it has one.

    >>> from obmm.market import EventKind
    >>> from obmm.testing.states import random_state
    >>> state = random_state(1)
    >>> set(traded(state).tape.kind.tolist()) == {EventKind.TRADE} < set(state.tape.kind.tolist())
    True
    """
    tape = state.tape
    if tape is None:
        return state
    trades = tape.kind == int(EventKind.TRADE)
    offset = np.concatenate([[0], np.cumsum(trades)])[tape.offset]
    columns = {name: value[trades] for name, value in columns_of(tape).items() if name != "offset"}
    return attrs.evolve(state, tape=attrs.evolve(tape, offset=offset, **columns))


def _rows_of(part: _Rows, index: IntArray) -> _Rows:
    count = np.diff(part.offset)[index]
    offset = np.concatenate([[0], np.cumsum(count)])
    rows = np.arange(offset[-1]) + np.repeat(part.offset[index] - offset[:-1], count)
    columns = {name: value[rows] for name, value in columns_of(part).items() if name != "offset"}
    return attrs.evolve(part, offset=offset, **columns)


def _take(notices: Notices, rows: IntArray) -> Notices:
    columns = {name: value[rows] for name, value in columns_of(notices).items()}
    return attrs.evolve(notices, message=tuple(notices.message[row] for row in rows), **columns)
