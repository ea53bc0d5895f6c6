"""Books that run side by side on threads, and what they hand out at the end of an interval.

Books share nothing while they run, so the number of threads cannot change a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import attrs
import numpy as np
import numpy.typing as npt

from obmm.sim._instructions import submit_rows
from obmm.sim._layout import FAULT_EVENTS, FAULT_INSTRUCTIONS, FAULT_NOTICES, FAULT_ORDERS, FAULT_TAPE
from obmm.sim._loop import run
from obmm.sim._publish import collected, publish
from obmm.sim._states import Board, Rows

_FAULTS = {
    FAULT_ORDERS: "resting orders",
    FAULT_EVENTS: "pending timers",
    FAULT_INSTRUCTIONS: "instructions under way",
    FAULT_TAPE: "events of one interval",
    FAULT_NOTICES: "notices of one interval",
}


@attrs.define
class _Book:
    """One book, its background, and what was collected from it since the last publication."""

    record: Rows
    background: Rows
    tape_rows: Rows
    notice_rows: Rows
    tape: list[Rows] = attrs.field(factory=list)
    notices: list[Rows] = attrs.field(factory=list)

    def collect(self, tape_count: int, notice_count: int) -> None:
        """Copy what stands on tape and notices and start them anew."""
        if tape_count:
            self.tape.append(self.tape_rows[:tape_count].copy())
        if notice_count:
            self.notices.append(self.notice_rows[:notice_count].copy())
        if tape_count or notice_count:
            collected(self.record)


class Fleet:
    """All books of a market, in step.

    Args:
        books: (1,) record of each book with its (1,) background.
        step_ns: Publish interval.
        threads: Threads to run them on; at most one per book is used.
    """

    def __init__(self, books: Sequence[tuple[Rows, Rows]], step_ns: int, threads: int) -> None:
        self._books = [
            _Book(record, background, record["tape"][0], record["notices"][0]) for record, background in books
        ]
        self._step_ns = step_ns
        n = max(1, min(threads, len(self._books)))
        self._shares = [range(i, len(self._books), n) for i in range(n)]
        self._pool = ThreadPoolExecutor(n - 1, thread_name_prefix="obmm-sim") if n > 1 else None

    def run_to(self, time_ns: int, board: Board, detail: int) -> None:
        """Run every book to `time_ns`, then let it publish on `board`.

        Raises:
            RuntimeError: A book ran out of room; nothing it says afterwards is right.
        """
        others = [
            self._pool.submit(self._run_share, share, time_ns, board, detail)
            for share in self._shares[1:]
            if self._pool is not None
        ]
        self._run_share(self._shares[0], time_ns, board, detail)
        for other in others:
            other.result()
        faults = int(np.bitwise_or.reduce(board.counts[:, 2]))
        if faults:
            full = ", ".join(what for bit, what in _FAULTS.items() if faults & bit)
            raise RuntimeError(f"a book has no room for more {full}")

    def _run_share(self, share: range, time_ns: int, board: Board, detail: int) -> None:
        columns = (board.prices, board.sizes, board.maker_ratio, board.accounts)
        orders = (board.order_counts, board.order_ids, board.order_numbers)
        for i in share:
            book = self._books[i]
            while not run(book.record, book.background, time_ns, self._step_ns):
                record = book.record[0]
                book.collect(int(record["tape_count"]), int(record["notice_count"]))
            publish(book.record, i, detail, *columns, *orders, board.counts)
            tape_count, notice_count, _ = board.counts[i].tolist()
            book.collect(tape_count, notice_count)

    def submit(self, book: npt.NDArray[np.int64], rows: Rows) -> None:
        """Queue instructions, each on the book of its row, in their order."""
        order = np.argsort(book, kind="stable")
        rows = rows[order]
        which, starts = np.unique(book[order], return_index=True)
        for i, start, stop in zip(which.tolist(), starts, [*starts[1:], len(rows)], strict=True):
            submit_rows(self._books[i].record, rows[start:stop])

    def set_tape(self, on: bool) -> None:
        """Write the tape from now on, or not."""
        for book in self._books:
            book.record["tape_on"] = on

    def take_tape(self) -> list[Rows]:
        """The tape of each book since the last call."""
        taken = [np.concatenate([*book.tape, book.tape_rows[:0]]) for book in self._books]
        for book in self._books:
            book.tape.clear()
        return taken

    def take_notices(self) -> list[Rows]:
        """Notices of all books since the last call, book after book."""
        taken = [rows for book in self._books for rows in book.notices]
        for book in self._books:
            book.notices.clear()
        return taken

    @property
    def records(self) -> list[Rows]:
        """The (1,) record of each book."""
        return [book.record for book in self._books]

    def close(self) -> None:
        """Let the threads end."""
        if self._pool is not None:
            self._pool.shutdown()
