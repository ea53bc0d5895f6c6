"""Books and accounts of a message as columns over books."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar

import attrs
import numpy as np

from obmm.market import BUY, Accounts, EventKind, FeePolicy, FloatArray, IntArray, OpenOrders, Tape
from obmm.wire.errors import WireError
from obmm.wire.models import Account, Book, DetailedLevel, Event, Key, Level, OwnOrder, TapedBook

T = TypeVar("T")

#: Event kinds of the wire; others are left out of the tape.
_KINDS = {"o": int(EventKind.ORDER), "t": int(EventKind.TRADE), "c": int(EventKind.CANCEL)}
_TRADE = int(EventKind.TRADE)


def by_number(mapping: Mapping[Key, T], field: str) -> Mapping[int, T]:
    """A map keyed by integers, which JSON writes as strings.

    Raises:
        WireError: A key is no number of 32 bits, or two keys are the same number.

    >>> by_number({"7": "a", 12: "b"}, "books")
    {7: 'a', 12: 'b'}
    """
    numbered = {_number(key, field): value for key, value in mapping.items()}
    if len(numbered) != len(mapping):
        raise WireError(field, "two keys are the same number")
    return numbered


def _number(key: Key, field: str) -> int:
    if isinstance(key, str) and len(key) <= 10 and key.isascii() and key.isdecimal():
        key = int(key)
    if isinstance(key, str) or not 0 <= key < 2**32:
        raise WireError(field, f"{key!r:.40} is no id")
    return key


def sides(books: Sequence[Book[Level] | None], n_levels: int) -> tuple[FloatArray, ...]:
    """Bid price, bid size, ask price and ask size, each (B, L), NaN and 0 where there is no level."""
    bids = [book.bids if book is not None and book.bids else () for book in books]
    asks = [book.asks if book is not None and book.asks else () for book in books]
    return *_side(bids, n_levels), *_side(asks, n_levels)


def _side(books: Sequence[Sequence[Level]], n_levels: int) -> tuple[FloatArray, FloatArray]:
    count = np.array([len(levels) for levels in books], dtype=np.int64)
    if count.max(initial=0) > n_levels:
        books = [levels[:n_levels] for levels in books]
    rows = list(chain.from_iterable(books))
    filled = np.arange(n_levels) < count[:, None]
    price, size = np.full(filled.shape, np.nan), np.zeros(filled.shape)
    price[filled] = np.array([level.price for level in rows], dtype=np.float64)
    size[filled] = np.array([level.size for level in rows], dtype=np.float64)
    return price, size


def maker_ratio(books: Sequence[Book[Any] | None]) -> FloatArray:
    """Maker share (B,), NaN where it is not told."""
    told = [None if book is None else book.old_ratio if book.ratio is None else book.ratio for book in books]
    return np.array(told, dtype=np.float64)


def tape_of(books: Sequence[Book[Any] | None]) -> Tape:
    """Events of all books; those of a kind that nobody knows are left out."""
    per_book: list[Sequence[Event]]
    per_book = [book.events or () if isinstance(book, TapedBook) else () for book in books]
    rows = list(chain.from_iterable(per_book))
    kinds = [_KINDS.get(event.kind, -1) for event in rows]
    if -1 in kinds:
        per_book = [[event for event in events if event.kind in _KINDS] for events in per_book]
        rows = list(chain.from_iterable(per_book))
        kinds = [_KINDS[event.kind] for event in rows]
    n, kind = len(rows), _ints(kinds)
    order_id = _ints([event.number for event in rows])
    side = _ints([-1 if event.side is None else event.side for event in rows])
    client_id = _ints([-1 if event.client_id is None else event.client_id for event in rows])
    taker_order_id, maker_id, taker_id = (np.full(n, -1) for _ in range(3))
    maker_fee, taker_fee = np.zeros(n), np.zeros(n)
    for row in np.flatnonzero(kind == _TRADE).tolist():
        trade = rows[row]
        order_id[row], taker_order_id[row] = trade.maker_order_id, trade.taker_order_id
        maker_id[row], taker_id[row] = trade.maker_id, trade.taker_id
        maker_fee[row], taker_fee[row] = trade.maker_fee, trade.taker_fee
    return Tape(
        offset=_offsets(per_book),
        kind=kind,
        time_ns=_ints([event.time_ns for event in rows]),
        side=side,
        price=_floats([event.price for event in rows]),
        size=_floats([event.size for event in rows]),
        order_id=order_id,
        taker_order_id=taker_order_id,
        maker_id=maker_id,
        taker_id=taker_id,
        maker_fee=maker_fee,
        taker_fee=taker_fee,
        client_id=client_id,
    )


def accounts_of(accounts: Sequence[Account | None], fees: FeePolicy, ratio: FloatArray) -> Accounts:
    """Accounts (B,); rates that an account does not tell follow from the policy and the maker ratio."""
    unknown = Accounts.unknown(len(accounts))
    told = [
        (row, account, account.base, account.quote)
        for row, account in enumerate(accounts)
        if account is not None and account.base is not None and account.quote is not None
    ]
    if not told:
        return unknown
    columns = {f.name: getattr(unknown, f.name).copy() for f in attrs.fields(Accounts)}
    numbers, own, base, quote = zip(*told, strict=True)
    rows = list(numbers)
    columns["known"][rows] = True
    values = {
        "base_total": [balance.total for balance in base],
        "base_free": [balance.free for balance in base],
        "base_initial": [balance.initial for balance in base],
        "quote_total": [balance.total for balance in quote],
        "quote_free": [balance.free for balance in quote],
        "quote_initial": [balance.initial for balance in quote],
        "base_loan": [account.base_loan for account in own],
        "quote_loan": [account.quote_loan for account in own],
        "base_collateral": [account.base_collateral for account in own],
        "quote_collateral": [account.quote_collateral for account in own],
        "maker_rate": [account.fees and account.fees.maker_rate for account in own],
        "taker_rate": [account.fees and account.fees.taker_rate for account in own],
        "traded_quote": [account.traded_quote for account in own],
    }
    for name, column in values.items():
        columns[name][rows] = np.array(column, dtype=np.float64)
    for name, rate in (("maker_rate", fees.maker_rate), ("taker_rate", fees.taker_rate)):
        untold = [row for row, value in zip(rows, values[name], strict=True) if value is None]
        if untold:
            columns[name][untold] = rate(ratio[untold])
    return Accounts(**columns)


def open_orders_of(accounts: Sequence[Account | None], books: Sequence[Book[Level] | None]) -> OpenOrders:
    """Own resting orders; `queue_ahead` where the levels of `books` carry their queues."""
    per_book = [account.orders if account is not None and account.orders else () for account in accounts]
    rows = list(chain.from_iterable(per_book))
    return OpenOrders(
        offset=_offsets(per_book),
        order_id=_ints([order.order_id for order in rows]),
        client_id=_ints([-1 if order.client_id is None else order.client_id for order in rows]),
        side=_ints([order.side for order in rows]),
        price=_floats([order.price for order in rows]),
        size=_floats([order.size for order in rows]),
        time_ns=_ints([order.time_ns for order in rows]),
        queue_ahead=_floats(
            [_ahead(order, book) for orders, book in zip(per_book, books, strict=True) for order in orders]
        ),
    )


def _ahead(order: OwnOrder, book: Book[Level] | None) -> float:
    """Base standing before an own order at its price, leveraged parts included."""
    levels = () if book is None else (book.bids if order.side == BUY else book.asks) or ()
    for level in levels:
        if isinstance(level, DetailedLevel) and level.price == order.price:
            ahead = 0.0
            for other in level.orders or ():
                if other.order_id == order.order_id:
                    return ahead
                ahead += other.size * (1.0 + other.leverage)
    return float("nan")


def _offsets(per_book: Sequence[Sequence[object]]) -> IntArray:
    offset = np.zeros(len(per_book) + 1, dtype=np.int64)
    np.cumsum([len(rows) for rows in per_book], out=offset[1:])
    return offset


def _ints(values: Iterable[int]) -> IntArray:
    return np.array(values, dtype=np.int64)


def _floats(values: Iterable[float | None]) -> FloatArray:
    return np.array(values, dtype=np.float64)
