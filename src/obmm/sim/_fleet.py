"""Books that run side by side on threads, and what they hand out at the end of an interval.

A block of books runs on one thread, since its books share the clock of their fees; blocks share nothing while
they run, so the number of threads cannot change a result.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market import IntArray
from obmm.market.arrays import as_ints
from obmm.sim._loop import run
from obmm.sim._memory import zeroed
from obmm.sim._states import Board
from obmm.sim.background._layout import BACKGROUND
from obmm.sim.exchange._instructions import submit_each
from obmm.sim.exchange._layout import (
    BOOK,
    FAULT_EVENTS,
    FAULT_INSTRUCTIONS,
    FAULT_NOTICES,
    FAULT_ORDERS,
    FAULT_TAPE,
    NOTICE,
    TAPE_ROW,
)
from obmm.sim.exchange._publish import drain, publish

Rows = npt.NDArray[np.void]

_FAULTS = {
    FAULT_ORDERS: "resting orders",
    FAULT_EVENTS: "pending timers",
    FAULT_INSTRUCTIONS: "instructions under way",
    FAULT_TAPE: "events of one interval",
    FAULT_NOTICES: "notices of one interval",
}


@attrs.define
class Pile:
    """Rows of some books as they were collected, now and then.

    Attributes:
        dtype: Type of a row.
        books: Number of books.
    """

    dtype: np.dtype[np.void]
    books: int
    _parts: list[tuple[Rows, IntArray]] = attrs.field(factory=list)

    def room(self, first: int, counts: IntArray) -> Rows:
        """Rows to write to for the books from number `first` on, `counts` of them each."""
        every = np.zeros(self.books, dtype=np.int64)
        every[first : first + counts.size] = counts
        rows = np.empty(int(counts.sum()), dtype=self.dtype)
        if rows.size:
            self._parts.append((rows, every))
        return rows

    def take(self) -> tuple[Rows, IntArray]:
        """All rows since the last call, book after book, and how many each book has."""
        parts, self._parts = self._parts, []
        if not parts:
            return np.empty(0, dtype=self.dtype), np.zeros(self.books, dtype=np.int64)
        if len(parts) == 1:
            return parts[0]
        rows, counts = joined([part for part, _ in parts]), np.array([n for _, n in parts])
        book = np.concatenate([np.arange(self.books).repeat(n) for n in counts])
        return rows.take(np.argsort(book, kind="stable")), counts.sum(axis=0)


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows one after the other; joining bytes is many times faster than joining structured arrays."""
    return np.frombuffer(b"".join([part.tobytes() for part in parts]), dtype=parts[0].dtype)


class Share:
    """The books of one thread: consecutive ones, in whole blocks.

    Args:
        first: Number of the first book.
        blocks: How many books each block has.
        build: Writes book number i into its zeroed record and background, both (1,).
    """

    def __init__(self, first: int, blocks: Sequence[int], build: Callable[[int, Rows, Rows], None]) -> None:
        self.first = first
        n_books = sum(blocks)
        self._bounds = list(itertools.pairwise((0, *itertools.accumulate(blocks))))
        self.books = zeroed(n_books, BOOK)
        self.backgrounds = zeroed(n_books, BACKGROUND)
        self.tape = Pile(TAPE_ROW, n_books)
        self.notices = Pile(NOTICE, n_books)
        for i in range(n_books):
            build(first + i, self.books[i : i + 1], self.backgrounds[i : i + 1])

    def run_to(self, time_ns: int, step_ns: int, board: Board, detail: int) -> None:
        """Run all books to `time_ns` and let them publish on `board`.

        Block by block, so that books publish while they are still in the caches.
        """
        for first, end in self._bounds:
            books, backgrounds = self.books[first:end], self.backgrounds[first:end]
            at = run(books, backgrounds, 0, time_ns, step_ns)
            while at < end - first:
                waiting = books[at : at + 1]
                counts = as_ints([[waiting["tape_count"][0], waiting["notice_count"][0]]])
                self._collect(first + at, counts)
                at = run(books, backgrounds, at, time_ns, step_ns)
            publish(
                books,
                self.first + first,
                detail,
                board.prices,
                board.sizes,
                board.maker_ratio,
                board.accounts,
                board.order_counts,
                board.order_ids,
                board.order_numbers,
                board.counts,
            )
        counts = board.counts[self.first : self.first + len(self.books), :2]
        if counts.any():
            self._collect(0, counts)

    def _collect(self, first: int, counts: IntArray) -> None:
        """Take tape and notices of the books from number `first` on; `counts` (n, 2) rows of them."""
        books = self.books[first : first + len(counts)]
        drain(books, self.tape.room(first, counts[:, 0]), self.notices.room(first, counts[:, 1]))


class Fleet:
    """All books of a market, in step.

    Args:
        build: Writes book number i into its zeroed record and background, both (1,).
        step_ns: Publish interval.
        threads: Threads to run them on; at most one per block is used.
        blocks: Number of books of each block, in order.
    """

    def __init__(
        self, build: Callable[[int, Rows, Rows], None], step_ns: int, threads: int, blocks: Sequence[int]
    ) -> None:
        bounds = [0, *itertools.accumulate(blocks)]
        n = max(1, min(threads, len(blocks)))
        cuts = [len(blocks) * k // n for k in range(n + 1)]
        self.shares = [Share(bounds[a], blocks[a:b], build) for a, b in itertools.pairwise(cuts)]
        self._starts = np.array([bounds[cut] for cut in cuts[:-1]])
        self._step_ns = step_ns
        self._tape_on = False
        self._pool = ThreadPoolExecutor(n - 1, thread_name_prefix="obmm-sim") if n > 1 else None

    def run_to(self, time_ns: int, board: Board, detail: int) -> None:
        """Run every book to `time_ns`, then let it publish on `board`.

        Raises:
            RuntimeError: A book ran out of room; nothing it says afterwards is right.
        """
        mine, *others = self.shares
        running = [
            self._pool.submit(share.run_to, time_ns, self._step_ns, board, detail)
            for share in others
            if self._pool is not None
        ]
        mine.run_to(time_ns, self._step_ns, board, detail)
        for other in running:
            other.result()
        faults = int(np.bitwise_or.reduce(board.counts[:, 2]))
        if faults:
            full = ", ".join(what for bit, what in _FAULTS.items() if faults & bit)
            raise RuntimeError(f"a book has no room for more {full}")

    def one(self, book: int) -> tuple[Rows, Rows]:
        """Record and background of book number `book`, both (1,)."""
        share = self.shares[int(np.searchsorted(self._starts, book, side="right")) - 1]
        i = book - share.first
        return share.books[i : i + 1], share.backgrounds[i : i + 1]

    def submit(self, book: IntArray, rows: Rows) -> None:
        """Queue instructions, each on the book of its row, in their order."""
        for share in self.shares:
            at = book - share.first
            mine = np.flatnonzero((at >= 0) & (at < len(share.books)))
            submit_each(share.books, at[mine], rows.take(mine))

    def set_tape(self, on: bool) -> None:
        """Write the tape from now on, or not."""
        if on is not self._tape_on:
            self._tape_on = on
            for share in self.shares:
                share.books["tape_on"] = on

    def take_tape(self) -> tuple[Rows, IntArray]:
        """The tape since the last call, book after book, and the number of rows of each book."""
        return self._taken([share.tape for share in self.shares])

    def take_notices(self) -> Rows:
        """Notices of all books since the last call, book after book, rows of dtype NOTICE.

        They name a book by its place among all books, whatever number it has in its own market.
        """
        rows, counts = self._taken([share.notices for share in self.shares])
        if rows.size:
            rows = rows if rows.flags.writeable else rows.copy()
            rows["book"] = np.arange(counts.size).repeat(counts)
        return rows

    @staticmethod
    def _taken(piles: Sequence[Pile]) -> tuple[Rows, IntArray]:
        if len(piles) == 1:
            return piles[0].take()
        parts = [pile.take() for pile in piles]
        return joined([rows for rows, _ in parts]), np.concatenate([counts for _, counts in parts])

    def close(self) -> None:
        """Let the threads end."""
        if self._pool is not None:
            self._pool.shutdown()
