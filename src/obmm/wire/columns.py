"""Books and accounts of a message as columns over books."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, TypeAlias, TypeVar

import attrs
import numpy as np

from obmm.market import (
    BUY,
    SELL,
    Accounts,
    BoolArray,
    EventKind,
    FeePolicy,
    FloatArray,
    IntArray,
    OpenOrders,
    Tape,
)
from obmm.wire.bounds import MAX_ALL_OWN_ORDERS, MAX_ALL_QUEUED, MAX_EVENTS
from obmm.wire.errors import WireError
from obmm.wire.models import (
    Account,
    Book,
    DetailedLevel,
    Event,
    Key,
    Level,
    OwnOrder,
    QueuedOrder,
    TapedBook,
    Trade,
    TradedBook,
)

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
    """Bid price, bid size, ask price and ask size, each (B, L), NaN and 0 where there is no level.

    Best first, in whatever order they came. What is no price may hide any, so it stands before all others:
    such a book is not `sound`.
    """
    bids = [book.bids if book is not None and book.bids else () for book in books]
    asks = [book.asks if book is not None and book.asks else () for book in books]
    return *_side(bids, n_levels, -1.0), *_side(asks, n_levels, 1.0)


def _side(books: Sequence[Sequence[Level]], n_levels: int, sign: float) -> tuple[FloatArray, FloatArray]:
    count = np.array([len(levels) for levels in books], dtype=np.int64)
    rows = list(chain.from_iterable(books))
    filled = np.arange(max(n_levels, int(count.max(initial=0)))) < count[:, None]
    price, size = np.full(filled.shape, np.nan), np.zeros(filled.shape)
    price[filled] = np.array([level.price for level in rows], dtype=np.float64)
    size[filled] = np.array([level.size for level in rows], dtype=np.float64)
    # What is worst comes last: no level at all.
    usable = (price > 0.0) & (price < np.inf)
    rank = np.where(filled, np.where(usable, sign * price, -np.inf), np.inf)
    if (rank[:, 1:] < rank[:, :-1]).any():
        order = np.argsort(rank, axis=1, kind="stable")
        price, size = np.take_along_axis(price, order, 1), np.take_along_axis(size, order, 1)
    return price[:, :n_levels], size[:, :n_levels]


def maker_ratio(books: Sequence[Book[Any] | None]) -> FloatArray:
    """Maker share (B,), NaN where it is not told."""
    told = [None if book is None else book.old_ratio if book.ratio is None else book.ratio for book in books]
    return np.array(told, dtype=np.float64)


def tape_of(books: Sequence[Book[Any] | None]) -> Tape:
    """Events of all books; those of a kind that nobody knows are left out.

    Raises:
        WireError: There are more than a venue can send.
    """
    per_book: list[Sequence[Event]]
    per_book = [book.events or () if isinstance(book, TapedBook) else () for book in books]
    check_count(per_book, MAX_EVENTS, "books[...].e")
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


def trades_of(books: Sequence[Book[Any] | None]) -> Tape:
    """The trades of all books, without the other events.

    Raises:
        WireError: There are more events than a venue can send.
    """
    events = [book.events or () if isinstance(book, TradedBook) else () for book in books]
    check_count(events, MAX_EVENTS, "books[...].e")
    # Four times as fast as isinstance, which for structs goes a long way round.
    per_book = [[event for event in happened if type(event) is Trade] for happened in events]
    rows = list(chain.from_iterable(per_book))
    return Tape(
        offset=_offsets(per_book),
        kind=np.full(len(rows), _TRADE),
        time_ns=_ints([trade.time_ns for trade in rows]),
        side=_ints([-1 if trade.side is None else trade.side for trade in rows]),
        price=_floats([trade.price for trade in rows]),
        size=_floats([trade.size for trade in rows]),
        order_id=_ints([trade.maker_order_id for trade in rows]),
        taker_order_id=_ints([trade.taker_order_id for trade in rows]),
        maker_id=_ints([trade.maker_id for trade in rows]),
        taker_id=_ints([trade.taker_id for trade in rows]),
        maker_fee=_floats([trade.maker_fee for trade in rows]),
        taker_fee=_floats([trade.taker_fee for trade in rows]),
        client_id=_ints([-1 if trade.client_id is None else trade.client_id for trade in rows]),
    )


def accounts_of(
    accounts: Sequence[Account | None], fees: FeePolicy, ratio: FloatArray, clear: BoolArray
) -> Accounts:
    """Accounts (B,); rates that an account does not tell follow from the policy and the maker ratio.

    An account without balances is unknown, and so is that of a book that is not `clear` (B,).
    """
    unknown = Accounts.unknown(len(accounts))
    told = [
        (row, account, account.base, account.quote)
        for row, (account, is_clear) in enumerate(zip(accounts, clear.tolist(), strict=True))
        if is_clear and account is not None and account.base is not None and account.quote is not None
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


def open_orders_of(
    accounts: Sequence[Account | None], books: Sequence[Book[Level] | None], *, with_queues: bool
) -> OpenOrders:
    """Own resting orders.

    Args:
        accounts: Account of each book.
        books: Books.
        with_queues: Whether to look up `queue_ahead` in the levels of `books`; it is NaN otherwise.

    Raises:
        WireError: There are more than a venue can hold.
    """
    per_book = [account.orders if account is not None and account.orders else () for account in accounts]
    check_count(per_book, MAX_ALL_OWN_ORDERS, "accounts[...][...].o")
    rows = list(chain.from_iterable(per_book))
    ahead: FloatArray = np.full(len(rows), np.nan)
    if with_queues:
        queues = [_shared_levels(orders, book) for orders, book in zip(per_book, books, strict=True)]
        check_count(
            [level for levels in queues for _, level in levels], MAX_ALL_QUEUED, "books[...].b[...].o"
        )
        told = [_ahead(orders, levels) for orders, levels in zip(per_book, queues, strict=True)]
        ahead = _floats(list(chain.from_iterable(told)))
    return OpenOrders(
        offset=_offsets(per_book),
        order_id=_ints([order.order_id for order in rows]),
        client_id=_ints([-1 if order.client_id is None else order.client_id for order in rows]),
        side=_ints([order.side for order in rows]),
        price=_floats([order.price for order in rows]),
        size=_floats([order.size for order in rows]),
        time_ns=_ints([order.time_ns for order in rows]),
        queue_ahead=ahead,
    )


def clear_books(own: OpenOrders) -> BoolArray:
    """(B,) books on which each own order has a price and a size that can be."""
    told = (own.price > 0.0) & np.isfinite(own.price) & (own.size > 0.0) & np.isfinite(own.size)
    clear: BoolArray = np.bincount(own.book[~told], minlength=own.n_books) == 0
    return clear


#: Side and price of a level, and its queue.
Queue: TypeAlias = tuple[tuple[int, float | None], Sequence[QueuedOrder]]


def _shared_levels(own: Sequence[OwnOrder], book: Book[Level] | None) -> list[Queue]:
    """The levels of a book at which own orders stand, as far as their queues are told."""
    wanted = {(order.side, order.price) for order in own}
    if book is None or not wanted:
        return []
    return [
        ((side, level.price), level.orders)
        for side, levels in ((BUY, book.bids), (SELL, book.asks))
        for level in levels or ()
        if isinstance(level, DetailedLevel) and level.orders and (side, level.price) in wanted
    ]


def _ahead(own: Sequence[OwnOrder], queues: Sequence[Queue]) -> list[float]:
    """Base standing before each own order at its price, leveraged parts included; NaN where nobody tells."""
    ahead: dict[tuple[tuple[int, float | None], int], float] = {}
    for place, queue in queues:
        before = 0.0
        for other in queue:
            ahead.setdefault((place, other.order_id), before)
            before += other.size * (1.0 + other.leverage)
    return [ahead.get(((order.side, order.price), order.order_id), math.nan) for order in own]


def check_count(per_book: Sequence[Sequence[object]], most: int, field: str) -> None:
    """Refuse what has more rows over all books than a venue can send.

    Raises:
        WireError: It has.
    """
    if sum(map(len, per_book)) > most:
        raise WireError(field, f"more than {most} in all")


def _offsets(per_book: Sequence[Sequence[object]]) -> IntArray:
    offset = np.zeros(len(per_book) + 1, dtype=np.int64)
    np.cumsum([len(rows) for rows in per_book], out=offset[1:])
    return offset


def _ints(values: Iterable[int]) -> IntArray:
    return np.array(values, dtype=np.int64)


def _floats(values: Iterable[float | None]) -> FloatArray:
    return np.array(values, dtype=np.float64)
