"""The miner's own resting orders."""

from __future__ import annotations

import functools
from typing import Any

import attrs
import numpy as np

from obmm.market.arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    as_flags,
    as_floats,
    as_ints,
    book_of_rows,
    check_offset,
    check_shape,
    column,
    sealed,
)

#: Ids of orders, and our own numbers of them, are unsigned 32-bit numbers on the wire.
ID_LIMIT = 2**32


@attrs.frozen(kw_only=True, slots=False)
class OpenOrders:
    """Own resting orders of all books; the rows of book i are offset[i]:offset[i+1].

    Attributes:
        offset: (B+1,) first row of each book, and the number of rows N at the end.
        order_id: (N,) the venue's id, unique within its book.
        client_id: (N,) our own number, -1 if none.
        side: (N,) 0 buy, 1 sell.
        price: (N,) quote.
        size: (N,) remaining base.
        time_ns: (N,) when it was placed.
        queue_ahead: (N,) base standing before it at its price; NaN where level detail does not tell.

    Raises:
        ValueError: Columns differ in length or `offset` does not fit.

    >>> orders = OpenOrders.empty(2)
    >>> orders, orders.count.tolist()
    (OpenOrders(2 books, 0 orders), [0, 0])
    """

    offset: IntArray = column(as_ints)
    order_id: IntArray = column(as_ints)
    client_id: IntArray = column(as_ints)
    side: IntArray = column(as_ints)
    price: FloatArray = column(as_floats)
    size: FloatArray = column(as_floats)
    time_ns: IntArray = column(as_ints)
    queue_ahead: FloatArray = column(as_floats)

    def __attrs_post_init__(self) -> None:
        n = self.order_id.size
        check_offset(self, self.offset, n)
        check_shape(self, (n,), *(f.name for f in attrs.fields(OpenOrders) if f.name != "offset"))

    @classmethod
    def empty(cls, n_books: int) -> OpenOrders:
        """No order on any book."""
        columns: dict[str, Any] = {f.name: () for f in attrs.fields(cls) if f.name != "offset"}
        return cls(offset=np.zeros(n_books + 1, dtype=np.int64), **columns)

    @property
    def n_books(self) -> int:
        """Number of books B."""
        return self.offset.size - 1

    @functools.cached_property
    def book(self) -> IntArray:
        """(N,) book index of each row."""
        return sealed(book_of_rows(self.offset))

    @property
    def can_cancel(self) -> BoolArray:
        """(N,) whether the id is one that a cancel can name."""
        return as_flags((self.order_id >= 0) & (self.order_id < ID_LIMIT))

    @property
    def count(self) -> IntArray:
        """(B,) number of open orders."""
        return np.diff(self.offset)

    def rows(self, book: int) -> slice:
        """The rows of one book."""
        return slice(int(self.offset[book]), int(self.offset[book + 1]))

    def __len__(self) -> int:
        return self.order_id.size

    def __repr__(self) -> str:
        return f"OpenOrders({self.n_books} books, {len(self)} orders)"
