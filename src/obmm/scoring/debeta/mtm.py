"""What holding inventory earned while prices moved, per uid and book."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market import BoolArray, FloatArray, IntArray
from obmm.market.arrays import zero_for_nan
from obmm.scoring.debeta.marks import BookMarks
from obmm.scoring.debeta.prints import Prints
from obmm.scoring.debeta.samples import SampledSums

MTM, HELD_PRINTS, HELD_INVENTORY, HELD_DRIFT, INVENTORY_SUM = range(5)
"""Rows of `MarkToMarket.path`."""


@attrs.define
class MarkToMarket:
    """Path of inventories through the marks, over a sliding window.

    At each print of a book, in order: if the mark moved by d since the last print, every uid with inventory I
    on the book earns I * d; then buyer and seller change their inventory by the size; then the inventory of
    every uid that ever traded on the book is sampled. Fees do not enter.

    Prints of different books are taken together, the first of each, then the second, and so on: sums run in
    print order within each book, as the validator's do, at the speed of whole arrays.

    Attributes:
        mode: Mark, see `BookMarks`.
        window: Prints of the mark's window.
        inventory: (B, U) base bought less base sold.
        path: (5, B, U) window sums. Over the mark changes met with inventory: quote earned (`MTM`), their
            number (`HELD_PRINTS`), inventory (`HELD_INVENTORY`) and mark change (`HELD_DRIFT`). Over all
            prints: inventory after the print (`INVENTORY_SUM`).
        notional: (B, U) quote filled in the window.
        print_count: (B,) prints in the window.
        drift: (B,) mark change over the window, quote.
    """

    mode: str
    window: int
    inventory: FloatArray
    path: SampledSums
    notional: SampledSums
    print_count: SampledSums
    drift: SampledSums
    _seen: BoolArray
    _last: FloatArray
    _marks: list[BookMarks]

    @classmethod
    def empty(cls, n_books: int, mode: str = "last", window: int = 200) -> MarkToMarket:
        """Nothing traded yet."""
        return cls(
            mode=mode,
            window=window,
            inventory=np.zeros((n_books, 0)),
            path=SampledSums.zeros((5, n_books, 0)),
            notional=SampledSums.zeros((n_books, 0)),
            print_count=SampledSums.zeros((n_books,)),
            drift=SampledSums.zeros((n_books,)),
            seen=np.zeros((n_books, 0), dtype=np.bool_),
            last=np.full(n_books, np.nan),
            marks=[BookMarks(mode, window) for _ in range(n_books)],
        )

    @property
    def windows(self) -> tuple[SampledSums, ...]:
        """All sums that slide."""
        return self.path, self.notional, self.print_count, self.drift

    def add(self, prints: Prints) -> None:
        """Walk inventories through one state's prints, into the sample that is open."""
        counts = np.diff(prints.offset)
        book = np.repeat(np.arange(counts.size), counts)
        drift = self._mark_changes(prints)
        moved = np.flatnonzero(drift)
        self.drift.add_at((book[moved],), drift[moved])
        traded = np.flatnonzero(counts)
        self.print_count.add(traded, counts[traded].astype(np.float64), np.ones(traded.size, dtype=np.bool_))

        sides = np.stack((prints.buyer, prints.seller), axis=1).ravel()
        fills = np.flatnonzero(sides >= 0)
        fill_book, column = book[fills // 2], sides[fills]
        self.notional.add_at((fill_book, column), (prints.price * prints.size)[fills // 2])
        self._seen[fill_book, column] = True
        self._walk(prints, counts, drift)

    def restart(self) -> None:
        """A new simulation: inventories and marks go, the window's sums stay."""
        self.inventory[:] = 0.0
        self._seen[:] = False
        self._last[:] = np.nan
        self._marks = [BookMarks(self.mode, self.window) for _ in self._marks]

    def forget(self, column: int) -> None:
        """Remove one uid; what belongs to the book stays."""
        self.inventory[:, column] = 0.0
        self._seen[:, column] = False
        self.path.forget((..., column))
        self.notional.forget((..., column))

    def grow(self, n_uids: int) -> None:
        """Make room for `n_uids` uids."""
        n_books, known = self.inventory.shape
        more = ((0, 0), (0, n_uids - known))
        self.inventory = np.pad(self.inventory, more)
        self._seen = np.pad(self._seen, more)
        self.path.grow((5, n_books, n_uids))
        self.notional.grow((n_books, n_uids))

    def _walk(self, prints: Prints, counts: IntArray, drift: FloatArray) -> None:
        # The busiest books first, so that those with another print are always the leading rows.
        books = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
        inventory = self.inventory[books]
        sums = self.path.take((slice(None), books))
        step = np.empty((5, *inventory.shape))
        buyer, seller = prints.buyer, prints.seller
        for turn in range(int(counts.max(initial=0))):
            n = np.count_nonzero(counts > turn)
            rows = prints.offset[books[:n]] + turn
            held, gained = inventory[:n], step[:, :n]
            change = drift[rows, np.newaxis]
            holds = (held != 0.0) & (change != 0.0)
            np.multiply(held, change, out=gained[MTM])
            gained[HELD_PRINTS] = holds
            np.multiply(held, holds, out=gained[HELD_INVENTORY])
            np.multiply(change, holds, out=gained[HELD_DRIFT])
            _fill(held, buyer[rows], prints.size[rows])
            _fill(held, seller[rows], -prints.size[rows])
            gained[INVENTORY_SUM] = held
            sums[:, :, :n] += gained
        self.inventory[books] = inventory
        self.path.put((slice(None), books), sums)
        self.path.touch((slice(HELD_DRIFT + 1), books), self.path.current.part[HELD_PRINTS, books] > 0.0)
        self.path.touch((INVENTORY_SUM, books), self._seen[books])

    def _mark_changes(self, prints: Prints) -> FloatArray:
        """(N,) change of the mark at each print, 0 at the first print of a book."""
        traded = np.flatnonzero(np.diff(prints.offset))
        first, last = prints.offset[traded], prints.offset[traded + 1] - 1
        mark = self._marks_after(prints)
        previous = np.concatenate((mark[:0], mark[-1:], mark[:-1]))
        previous[first] = self._last[traded]
        self._last[traded] = mark[last]
        return zero_for_nan(mark - previous)

    def _marks_after(self, prints: Prints) -> FloatArray:
        if self.mode == "last":
            return prints.price
        book = np.repeat(np.arange(prints.n_books), np.diff(prints.offset)).tolist()
        rows = zip(book, prints.price.tolist(), prints.size.tolist(), strict=True)
        return np.array([self._marks[b].after(price, size) for b, price, size in rows])


def _fill(inventory: FloatArray, columns: IntArray, size: FloatArray) -> None:
    miners = np.flatnonzero(columns >= 0)
    if miners.size:
        inventory[miners, columns[miners]] += size[miners]
