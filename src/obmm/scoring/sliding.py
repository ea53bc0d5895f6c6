"""A window that slides over a stream in bounded memory and stays one contiguous slice."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

Scalar = TypeVar("Scalar", bound=np.generic)


class SlidingWindow(Generic[Scalar]):
    """The newest part of a (…, ∞) array; time is the last axis.

    Columns come in on the right and leave on the left. The buffer is at most twice the longest window so far,
    and each column is copied a constant number of times on average.

    >>> window = SlidingWindow(np.dtype(np.float64), (2,))
    >>> for i in range(5):
    ...     window.append([i, -i])
    >>> window.drop(3)
    >>> window.view
    array([[ 3., 4.], [-3., -4.]])
    """

    def __init__(self, dtype: np.dtype[Scalar], lead: tuple[int, ...] = ()) -> None:
        self._buffer: npt.NDArray[Scalar] = np.empty((*lead, 16), dtype=dtype)
        self._start = 0
        self._stop = 0

    def __len__(self) -> int:
        return self._stop - self._start

    @property
    def view(self) -> npt.NDArray[Scalar]:
        """The window (…, T), oldest first; valid until the next change."""
        return self._buffer[..., self._start : self._stop]

    def append(self, column: Any) -> None:
        """Add one column of the leading shape."""
        self._reserve(1)
        self._buffer[..., self._stop] = column
        self._stop += 1

    def extend(self, columns: npt.ArrayLike) -> None:
        """Add several columns, shape (…, K)."""
        block = np.asarray(columns)
        n = block.shape[-1]
        self._reserve(n)
        self._buffer[..., self._stop : self._stop + n] = block
        self._stop += n

    def drop(self, n: int) -> None:
        """Forget the `n` oldest columns, or all if there are fewer."""
        self._start = min(self._start + n, self._stop)

    def replace(self, columns: npt.ArrayLike) -> None:
        """Forget all columns and take these instead."""
        block = np.array(columns)
        self.clear()
        self.extend(block)

    def clear(self) -> None:
        """Forget all columns."""
        self._start = self._stop = 0

    def _reserve(self, n: int) -> None:
        if self._stop + n <= self._buffer.shape[-1]:
            return
        kept = self.view
        size = 2 * (len(self) + n)
        buffer = np.empty((*self._buffer.shape[:-1], max(size, 16)), dtype=self._buffer.dtype)
        buffer[..., : len(self)] = kept
        self._buffer, self._stop, self._start = buffer, len(self), 0
