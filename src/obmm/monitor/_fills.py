"""Own fills as they age: their markouts, and where what they earned comes from."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from obmm.market import BUY, FloatArray, IntArray
from obmm.monitor.snapshot import MARKOUT_S, WIN_S, Fills

#: Fills kept; when they are as many, the older half goes.
MAX_FILLS = 16_384
#: Parts of what a fill earns in the order of time, and the seconds after it at which they meet.
PARTS = ("spread", "first_minute", "one_to_five_minutes", "held_longer")
_CUTS = tuple(MARKOUT_S.index(seconds) for seconds in (0, 60, 300))
_WIN = MARKOUT_S.index(WIN_S)
_DELAY_NS = np.array(MARKOUT_S) * 10**9

_KINDS: dict[str, npt.DTypeLike] = {
    "book": np.int64,
    "side": np.int64,
    "maker": np.bool_,
    "price": np.float64,
    "size": np.float64,
    "fee": np.float64,
    "time_ns": np.int64,
}


class FillBook:
    """Fills of one simulation, with sums that outlive them.

    The mid h seconds after a fill is that of the first state at or after that instant, as in the summary of a
    run; a fill is cut at three of them, as in its attribution.
    """

    def __init__(self, n_books: int) -> None:
        self.n_books = n_books
        self.won, self.judged = (np.zeros(n_books, np.int64) for _ in range(2))
        self.markout_sum_bps = np.zeros((len(MARKOUT_S), n_books))
        self.markout_count = np.zeros((len(MARKOUT_S), n_books), np.int64)
        self._parts = np.zeros((len(PARTS), n_books))
        # Fills that are past the last cut, and what they were worth there: they stay with the position.
        self._held_base, self._held_worth = np.zeros(n_books), np.zeros(n_books)
        self._n = 0
        self._columns: dict[str, npt.NDArray[Any]] = {
            name: np.empty(MAX_FILLS, kind) for name, kind in _KINDS.items()
        }
        self._marks = np.empty((MAX_FILLS, len(MARKOUT_S)))
        self._next = [0] * len(MARKOUT_S)

    def add(self, **columns: npt.NDArray[Any]) -> None:
        """Take in fills, all arrays (N,), `book` by position."""
        size = columns["book"].size
        for at in range(0, size, MAX_FILLS // 2):
            part = slice(at, at + MAX_FILLS // 2)
            n = columns["book"][part].size
            if self._n + n > MAX_FILLS:
                self._make_room()
            rows = slice(self._n, self._n + n)
            for name, values in self._columns.items():
                values[rows] = columns[name][part]
            self._marks[rows] = np.nan
            self._n += n

    def age(self, state_ns: IntArray, mid: FloatArray) -> None:
        """Mark fills that have become old enough.

        Args:
            state_ns: (T,) times of the newest states.
            mid: (T, B) their mids without gaps, NaN before the first one known.
        """
        for h in range(len(MARKOUT_S)):
            first = self._next[h]
            waiting = np.arange(first, self._n)
            if not waiting.size:
                continue
            due_ns = self._columns["time_ns"][waiting] + _DELAY_NS[h]
            rows = waiting[np.isnan(self._marks[waiting, h]) & (due_ns <= state_ns[-1])]
            if rows.size:
                at = np.searchsorted(state_ns, self._columns["time_ns"][rows] + _DELAY_NS[h])
                self._mark(rows, h, mid[at, self._columns["book"][rows]])
            unmarked = np.flatnonzero(np.isnan(self._marks[first : self._n, h]))
            self._next[h] = first + int(unmarked[0]) if unmarked.size else self._n

    def parts(self, mid: FloatArray) -> FloatArray:
        """(4, B) what the fills earned up to now, with the mids (B,) of now, in the `PARTS` of time."""
        told = self._parts.copy()
        now = np.where(np.isfinite(mid), mid, 0.0)
        told[-1] += self._held_base * now - self._held_worth
        rows = np.arange(min(self._next[cut] for cut in _CUTS), self._n)
        if rows.size:
            book, base = self._columns["book"][rows], self._signed(rows)
            before = self._columns["price"][rows]
            for part, cut in enumerate(_CUTS):
                mark = self._marks[rows, cut]
                open_now = np.isnan(mark) & np.isfinite(before) & np.isfinite(mid[book])
                np.add.at(told[part], book[open_now], (base * (mid[book] - before))[open_now])
                before = mark  # NaN from the first open cut on: the later parts are still nothing
        return told

    def newest(self, n: int, book_ids: IntArray, position: int | None = None) -> Fills:
        """The newest fills, of all books or of the one at a position, oldest first, with ids of books."""
        rows: Any = slice(max(self._n - n, 0), self._n)
        if position is not None:
            rows = np.flatnonzero(self._columns["book"][: self._n] == position)[-n:]
        columns = {name: values[rows].copy() for name, values in self._columns.items()}
        columns["book"] = book_ids[columns["book"]]
        price = columns["price"][:, None]
        sign = np.where(columns["side"] == BUY, 1.0, -1.0)[:, None]
        return Fills(**columns, markout_bps=1e4 * sign * (self._marks[rows] - price) / price)

    def _mark(self, rows: IntArray, h: int, mark: FloatArray) -> None:
        # Nobody knows a mid yet: the price itself stands for it, and the fill neither won nor lost.
        price, book = self._columns["price"][rows], self._columns["book"][rows]
        mark = np.where(np.isfinite(mark), mark, price)
        self._marks[rows, h] = mark
        sign = np.where(self._columns["side"][rows] == BUY, 1.0, -1.0)
        move_bps = 1e4 * sign * (mark - price) / price
        np.add.at(self.markout_sum_bps[h], book, move_bps)
        np.add.at(self.markout_count[h], book, 1)
        if h == _WIN:
            np.add.at(self.judged, book, 1)
            np.add.at(self.won, book, move_bps > 0.0)
        if h in _CUTS:
            part, base = _CUTS.index(h), self._signed(rows)
            before = price if part == 0 else self._marks[rows, _CUTS[part - 1]]
            np.add.at(self._parts[part], book, base * (mark - before))
            if part == len(_CUTS) - 1:
                np.add.at(self._held_base, book, base)
                np.add.at(self._held_worth, book, base * mark)

    def _signed(self, rows: IntArray) -> FloatArray:
        size = self._columns["size"][rows]
        return np.where(self._columns["side"][rows] == BUY, size, -size)

    def _make_room(self) -> None:
        """Forget the older half; what of it still waits for a cut counts as held longer from here on."""
        gone = self._n // 2
        for row in range(min(self._next[cut] for cut in _CUTS), gone):
            marks = self._marks[row, list(_CUTS)]
            if np.isnan(marks).any():
                known = marks[np.isfinite(marks)]
                base = float(self._signed(np.array([row]))[0])
                worth = float(known[-1]) if known.size else float(self._columns["price"][row])
                book = self._columns["book"][row]
                self._held_base[book] += base
                self._held_worth[book] += base * worth
        kept = self._n - gone
        for values in (*self._columns.values(), self._marks):
            values[:kept] = values[gone : self._n].copy()
        self._n = kept
        self._next = [max(at - gone, 0) for at in self._next]
