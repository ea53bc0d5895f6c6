"""What holding inventory earned while prices moved, per uid and book."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from obmm.market import BoolArray, FloatArray, IntArray
from obmm.market.arrays import zero_for_nan
from obmm.scoring.debeta.marks import BookMarks
from obmm.scoring.debeta.prints import Prints
from obmm.scoring.debeta.samples import SampledSums

MTM, HELD_PRINTS, HELD_INVENTORY, HELD_DRIFT, INVENTORY_SUM = range(5)
"""Rows of `MarkToMarket.path`."""
_ENTRIES = 2**18
"""Sums of this many are followed through the prints at once: more would not fit the caches."""


@attrs.define
class MarkToMarket:
    """Path of inventories through the marks, over a sliding window.

    At each print of a book, in order: if the mark moved by d since the last print, every uid with inventory I
    on the book earns I * d; then buyer and seller change their inventory by the size; then the inventory of
    every uid that ever traded on the book is sampled. Fees do not enter.

    Sums run in print order within each book, as the validator's do, over all books at once.

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
        """Walk inventories through prints, into the sample that is open."""
        for _ in self.add_each(prints, np.diff(prints.offset)[np.newaxis]):
            pass

    def add_each(self, prints: Prints, counts: IntArray) -> Iterator[None]:
        """Walk inventories through prints part by part, and stop after each part.

        Args:
            prints: All prints.
            counts: (S, B) prints of each book in each part.
        """
        n_parts, n_books = counts.shape
        book = np.arange(n_books).repeat(counts.sum(axis=0))
        part = np.tile(np.arange(n_parts), n_books).repeat(counts.T.ravel())
        begins = prints.offset[:-1] + counts.cumsum(axis=0) - counts
        drift = self._mark_changes(prints)
        value = prints.price * prints.size
        sides = np.stack((prints.buyer, prints.seller), axis=1).ravel()
        moved = by_part(np.flatnonzero(drift), part, n_parts)
        fills = by_part(np.flatnonzero(sides >= 0), part.repeat(2), n_parts)
        for nth in range(n_parts):
            rows = moved[nth]
            self.drift.add_at((book[rows],), drift[rows])
            traded = np.flatnonzero(counts[nth])
            ones = np.ones(traded.size, dtype=np.bool_)
            self.print_count.add(traded, counts[nth, traded].astype(np.float64), ones)
            rows = fills[nth]
            fill_book, column = book[rows // 2], sides[rows]
            self.notional.add_at((fill_book, column), value[rows // 2])
            self._seen[fill_book, column] = True
            self._walk(prints, begins[nth], counts[nth], drift)
            yield

    def restart(self) -> None:
        """A new simulation: inventories and marks go, the window's sums stay."""
        self.inventory[:] = 0.0
        self._seen[:] = False
        self._last[:] = np.nan
        self._marks = [BookMarks(self.mode, self.window) for _ in self._marks]

    def forget(self, column: int, books: slice = slice(None)) -> None:
        """Remove one uid from its books; what belongs to a book stays."""
        self.inventory[books, column] = 0.0
        self._seen[books, column] = False
        self.path.forget((..., books, column))
        self.notional.forget((..., books, column))

    def grow(self, n_uids: int) -> None:
        """Make room for `n_uids` uids."""
        n_books, known = self.inventory.shape
        more = ((0, 0), (0, n_uids - known))
        self.inventory = np.pad(self.inventory, more)
        self._seen = np.pad(self._seen, more)
        self.path.grow((5, n_books, n_uids))
        self.notional.grow((n_books, n_uids))

    def _walk(self, prints: Prints, begins: IntArray, counts: IntArray, drift: FloatArray) -> None:
        """Through the `counts` (B,) prints from the rows `begins` (B,) on."""
        # The busiest books first, so that those with another print are always the leading rows.
        books = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
        inventory = self.inventory[books]
        sums = self.path.take((slice(None), books))
        n_turns = int(counts.max(initial=0))
        at_once = max(1, _ENTRIES // max(sums.size, 1))
        for first in range(0, n_turns, at_once):
            n = np.count_nonzero(counts > first)
            turn = np.arange(first, min(first + at_once, n_turns))[:, np.newaxis]
            printed = turn < counts[books[:n]]
            rows = np.where(printed, begins[books[:n]] + turn, 0)
            held, after = _inventories(prints, rows, printed, inventory[:n])
            change = np.where(printed, drift[rows], 0.0)[:, :, np.newaxis]
            holds = (held != 0.0) & (change != 0.0)
            gained = np.empty((1 + turn.size, *sums[:, :, :n].shape))
            gained[0] = sums[:, :, :n]
            gained[1:, :, MTM] = (held * change)[:, np.newaxis]
            gained[1:, :, HELD_PRINTS] = holds[:, np.newaxis]
            gained[1:, :, HELD_INVENTORY] = (held * holds)[:, np.newaxis]
            gained[1:, :, HELD_DRIFT] = (change * holds)[:, np.newaxis]
            gained[1:, :, INVENTORY_SUM] = (after * printed[:, :, np.newaxis])[:, np.newaxis]
            # Along the slowest axis numpy adds turn after turn; along the fastest it would add in pairs.
            sums[:, :, :n] = np.add.reduce(gained, axis=0)
            inventory[:n] = after[-1]
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


def by_part(rows: IntArray, part: IntArray, n_parts: int) -> list[IntArray]:
    """The `rows` of each of the parts in turn, in their order; `part` is that of every row there is."""
    if n_parts == 1:
        return [rows]
    mine = part[rows]
    cuts = np.bincount(mine, minlength=n_parts).cumsum()[:-1]
    return np.split(rows[np.argsort(mine, kind="stable")], cuts)


def _inventories(
    prints: Prints, rows: IntArray, printed: BoolArray, inventory: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """(T, B, U) inventories before and after each of T turns, from (B, U) on.

    Args:
        prints: The prints.
        rows: (T, B) row of each.
        printed: (T, B) whether there is one; a turn without one changes nothing.
        inventory: (B, U) inventories before the first turn.
    """
    steps = np.zeros((1 + 2 * rows.shape[0], *inventory.shape))
    steps[0] = inventory
    for nth, (column, size) in enumerate(((prints.buyer, prints.size), (prints.seller, -prints.size))):
        who = column[rows]
        turn, book = np.nonzero(printed & (who >= 0))
        steps[1 + 2 * turn + nth, book, who[turn, book]] = size[rows[turn, book]]
    path = np.add.accumulate(steps, axis=0)
    return path[:-1:2], path[2::2]
