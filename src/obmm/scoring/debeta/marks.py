"""Marks of inventory smoother than the last print."""

from __future__ import annotations

import statistics
from collections import deque

import attrs


@attrs.define
class BookMarks:
    """Marks of one book: "vwap" or "median" of the last `window` prints (0: of all).

    >>> marks = BookMarks("vwap", 2)
    >>> [marks.after(price, size) for price, size in [(10.0, 1.0), (13.0, 2.0), (14.0, 2.0)]]
    [10.0, 12.0, 13.5]
    """

    mode: str
    window: int
    _prints: deque[tuple[float, float]] = attrs.field(factory=deque)
    _quote: float = 0.0
    _base: float = 0.0

    def after(self, price: float, size: float) -> float:
        """The mark once this print, price in quote and size in base, has joined the window."""
        self._prints.append((price, size))
        self._quote += price * size
        self._base += size
        if self.window and len(self._prints) > self.window:
            old_price, old_size = self._prints.popleft()
            self._quote -= old_price * old_size
            self._base -= old_size
        if self.mode == "median":
            return statistics.median(p for p, _ in self._prints)
        return self._quote / self._base
