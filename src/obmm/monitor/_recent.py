"""The newest states in full, and all of a day by the minute; memory is bounded."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from obmm.market import FloatArray, IntArray

#: States that are kept in full, and minutes that are kept thinned.
STATES, MINUTES = 900, 1440
_MINUTE_NS = 60 * 10**9


class Rows:
    """The newest rows of some columns, one after the other in memory."""

    def __init__(self, keep: int, columns: dict[str, tuple[int, ...]]) -> None:
        self.n = 0
        self._keep = keep
        self._time_ns = np.empty(2 * keep, np.int64)
        self._columns = {name: np.empty((2 * keep, *shape)) for name, shape in columns.items()}

    def add(self, time_ns: int, **values: npt.ArrayLike) -> None:
        """Add a row."""
        if self.n == 2 * self._keep:
            for column in (self._time_ns, *self._columns.values()):
                column[: self._keep] = column[self._keep :]
            self.n = self._keep
        self._time_ns[self.n] = time_ns
        for name, column in self._columns.items():
            column[self.n] = values[name]
        self.n += 1

    @property
    def time_ns(self) -> IntArray:
        """(T,) times of the rows."""
        return self._time_ns[max(self.n - self._keep, 0) : self.n]

    def __getitem__(self, name: str) -> FloatArray:
        """(T, …) a column."""
        return self._columns[name][max(self.n - self._keep, 0) : self.n]

    def after(self, time_ns: int, *at: int) -> dict[str, npt.NDArray[Any]]:
        """The rows later than `time_ns` by column, of them what is at the place `at`; copies."""
        first = int(np.searchsorted(self.time_ns, time_ns, side="right"))
        place: Any = (slice(first, None), *at)
        rows = {name: self[name][place].copy() for name in self._columns}
        return {"time_ns": self.time_ns[first:].copy(), **rows}


class Recent:
    """What the charts of one simulation show."""

    def __init__(self, n_books: int) -> None:
        per_book = ("mid", "bid", "ask", "own_bid", "own_ask", "position")
        self.states = Rows(STATES, dict.fromkeys(per_book, (n_books,)))
        self.minutes = Rows(
            MINUTES, {"share": (n_books,), **dict.fromkeys(("pnl", "endowment", "fees", "traded"), ())}
        )
        self._minute = -1

    def add(self, time_ns: int, **values: Any) -> None:
        """Add a state; what `minutes` needs is worked out by `thinned` when a minute begins."""
        self.states.add(time_ns, **values)

    def minute_begins(self, time_ns: int) -> bool:
        """Whether this is the first state of its minute."""
        minute = time_ns // _MINUTE_NS
        begins = minute != self._minute
        self._minute = minute
        return begins
