"""The series of inventory values that the Sharpe eras score."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market.arrays import FloatArray, IntArray
from obmm.scoring.eras import EraConstants
from obmm.scoring.sliding import SlidingWindow


@attrs.define
class InventoryHistory:
    """The newest values of one uid, less what it started with; memory is bounded by the lookback.

    Attributes:
        n_books: Number of books B.
        era: Gives the lookback.
        initial_quote: (B,) value that is taken off; NaN until the account is first seen, then its value.

    >>> from obmm.scoring import ERAS
    >>> history = InventoryHistory(n_books=1, era=ERAS["0.1.51"])
    >>> for second, value in ((600, 1000.0), (601, 1002.5)):
    ...     history.append(second * 10**9, np.array([value]))
    >>> history.values
    array([[0. , 2.5]])
    """

    n_books: int
    era: EraConstants
    initial_quote: FloatArray = attrs.field()
    _times: SlidingWindow[np.int64] = attrs.field(init=False)
    _values: SlidingWindow[np.float64] = attrs.field(init=False)

    @initial_quote.default
    def _unknown(self) -> FloatArray:
        return np.full(self.n_books, np.nan)

    def __attrs_post_init__(self) -> None:
        self._times = SlidingWindow(np.dtype(np.int64))
        self._values = SlidingWindow(np.dtype(np.float64), (self.n_books,))

    @property
    def times_ns(self) -> IntArray:
        """(T,) times of the states; valid until the next change."""
        return self._times.view

    @property
    def values(self) -> FloatArray:
        """(B, T) value less what the account started with, quote; valid until the next change."""
        return self._values.view

    def append(self, time_ns: int, value_quote: FloatArray) -> None:
        """Add the value (B,) of a state, quote; NaN, for a book without account, enters as 0."""
        self.initial_quote = np.where(np.isnan(self.initial_quote), value_quote, self.initial_quote)
        self._times.append(time_ns)
        self._values.append(np.where(np.isnan(value_quote), 0.0, value_quote - self.initial_quote))
        n_old = len(self._times) - self.era.sharpe_lookback
        if n_old > 0:
            self._times.drop(n_old)
            self._values.drop(n_old)

    def shift(self, offset_ns: int) -> None:
        """Move all times by `offset_ns` for a new simulation."""
        self._times.replace(self._times.view + offset_ns)

    def clear(self) -> None:
        """Forget everything, as after a reset of the account."""
        self._times.clear()
        self._values.clear()
        self.initial_quote = np.full(self.n_books, np.nan)
