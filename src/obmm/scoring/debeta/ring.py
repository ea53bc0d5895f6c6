"""The newest rows of every book, in arrays."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market import FloatArray, IntArray
from obmm.market.arrays import as_floats, as_ints

_FIRST_CAPACITY = 128


@attrs.define
class BookRing:
    """Rows of integers and floats per book, numbered from each book's first row on; old rows are overwritten.

    The capacity is a power of two and doubles when a book still needs more rows.

    Attributes:
        count: (B,) rows pushed so far, so the number of the next row.

    >>> ring = BookRing.empty(2, n_ints=1, n_floats=1)
    >>> ring.push(np.array([0, 2, 2]), np.array([[5, 6]]), np.array([[0.5, 0.6]]), needed=np.zeros(2, int))
    >>> ring.ints(0, np.array([0]), np.array([1])), ring.count
    (array([6]), array([2, 0]))
    """

    count: IntArray
    _ints: IntArray
    _floats: FloatArray

    @classmethod
    def empty(cls, n_books: int, n_ints: int, n_floats: int) -> BookRing:
        """No rows yet."""
        return cls(
            np.zeros(n_books, dtype=np.int64),
            np.zeros((n_ints, n_books, _FIRST_CAPACITY), dtype=np.int64),
            np.zeros((n_floats, n_books, _FIRST_CAPACITY)),
        )

    @property
    def capacity(self) -> int:
        """Rows kept per book."""
        return int(self._ints.shape[2])

    def push(self, offset: IntArray, ints: IntArray, floats: FloatArray, needed: IntArray) -> None:
        """Append rows; those of book b are offset[b]:offset[b+1].

        Args:
            offset: (B+1,) first row of each book.
            ints: (I, N) integer columns.
            floats: (F, N) float columns.
            needed: (B,) number of the oldest row that must survive.
        """
        added = np.diff(offset)
        while (self.count + added - needed > self.capacity).any():
            self._double()
        book = np.repeat(np.arange(added.size), added)
        slot = (self.count[book] + np.arange(book.size) - offset[book]) & (self.capacity - 1)
        self._ints[:, book, slot] = ints
        self._floats[:, book, slot] = floats
        self.count += added

    def ints(self, column: int, book: IntArray, number: IntArray) -> IntArray:
        """Integers of the rows `number` of the books `book`, which broadcast."""
        return as_ints(self._ints[column].reshape(-1)[self._flat(book, number)])

    def floats(self, column: int, book: IntArray, number: IntArray) -> FloatArray:
        """Floats of the rows `number` of the books `book`, which broadcast."""
        return as_floats(self._floats[column].reshape(-1)[self._flat(book, number)])

    def clear(self) -> None:
        """Forget all rows."""
        self.count[:] = 0

    def _flat(self, book: IntArray, number: IntArray) -> IntArray:
        # Numpy looks up by one index several times as fast as by three.
        return book * self.capacity + (number & (self.capacity - 1))

    def _double(self) -> None:
        old = self.capacity
        number = self.count[:, np.newaxis] - old + np.arange(old)
        book = np.arange(self.count.size)[:, np.newaxis]
        slot = number & (2 * old - 1)
        for name in ("_ints", "_floats"):
            rows = getattr(self, name)
            wider = np.zeros((rows.shape[0], rows.shape[1], 2 * old), dtype=rows.dtype)
            wider[:, book, slot] = rows[:, book, number & (old - 1)]
            setattr(self, name, wider)
