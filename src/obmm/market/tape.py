"""The events of the last publish interval, as columns."""

from __future__ import annotations

import enum
from typing import Any

import attrs
import numpy as np

from obmm.market.arrays import (
    FloatArray,
    IntArray,
    as_floats,
    as_ints,
    book_of_rows,
    check_offset,
    check_shape,
    column,
)


class EventKind(enum.IntEnum):
    """What happened."""

    ORDER = 0
    TRADE = 1
    CANCEL = 2


@attrs.frozen(kw_only=True)
class Tape:
    """Events of all books in engine order; the rows of book i are offset[i]:offset[i+1].

    An order event is written after matching, so `size` is what was left to rest and an order that traded
    completely leaves only trades. A cancel carries the cancelled size.

    Attributes:
        offset: (B+1,) first row of each book, and the number of rows N at the end.
        kind: (N,) `EventKind`.
        time_ns: (N,) simulated time.
        side: (N,) 0 buy, 1 sell: of the order, or of the aggressor of a trade; -1 for a cancel.
        price: (N,) quote; NaN for a market order.
        size: (N,) base.
        order_id: (N,) the order; of a trade the resting (maker) order.
        taker_order_id: (N,) the aggressor's order of a trade, else -1.
        maker_id: (N,) account of the maker of a trade (0 and up are miners), else -1.
        taker_id: (N,) account of the taker of a trade, else -1.
        maker_fee: (N,) quote paid by the maker, negative for a rebate; 0 unless a trade.
        taker_fee: (N,) quote paid by the taker, negative for a rebate; 0 unless a trade.
        client_id: (N,) the owner's own number of an order, else -1.

    Raises:
        ValueError: Columns differ in length or `offset` does not fit.

    >>> tape = Tape.empty(3)
    >>> tape, tape.rows(1)
    (Tape(3 books, 0 events), slice(0, 0, None))
    """

    offset: IntArray = column(as_ints)
    kind: IntArray = column(as_ints)
    time_ns: IntArray = column(as_ints)
    side: IntArray = column(as_ints)
    price: FloatArray = column(as_floats)
    size: FloatArray = column(as_floats)
    order_id: IntArray = column(as_ints)
    taker_order_id: IntArray = column(as_ints)
    maker_id: IntArray = column(as_ints)
    taker_id: IntArray = column(as_ints)
    maker_fee: FloatArray = column(as_floats)
    taker_fee: FloatArray = column(as_floats)
    client_id: IntArray = column(as_ints)

    def __attrs_post_init__(self) -> None:
        n = self.kind.size
        check_offset(self, self.offset, n)
        check_shape(self, (n,), *(f.name for f in attrs.fields(Tape) if f.name != "offset"))

    @classmethod
    def empty(cls, n_books: int) -> Tape:
        """A tape on which nothing happened."""
        columns: dict[str, Any] = {f.name: () for f in attrs.fields(cls) if f.name != "offset"}
        return cls(offset=np.zeros(n_books + 1, dtype=np.int64), **columns)

    @property
    def n_books(self) -> int:
        """Number of books B."""
        return self.offset.size - 1

    @property
    def book(self) -> IntArray:
        """(N,) book index of each row."""
        return book_of_rows(self.offset)

    def rows(self, book: int) -> slice:
        """The rows of one book."""
        return slice(int(self.offset[book]), int(self.offset[book + 1]))

    def __len__(self) -> int:
        return self.kind.size

    def __repr__(self) -> str:
        return f"Tape({self.n_books} books, {len(self)} events)"
