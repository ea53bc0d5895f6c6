"""Fills that wait for later prints before their mid and their mark are known."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

from obmm.market import BUY, SELL, BoolArray, FloatArray, IntArray
from obmm.market.arrays import as_ints
from obmm.scoring.debeta.prints import Prints
from obmm.scoring.debeta.realised import REACH, background_columns
from obmm.scoring.debeta.ring import BookRing

_TIME, _SIDE, _MAKER, _TAKER, _SELF_TRADE = range(5)
_PRICE, _SIZE, _BACKGROUND_QUOTE, _BACKGROUND_BASE = range(4)


@attrs.frozen
class Bookings:
    """Quote earned by fills, in the order in which it is booked.

    Attributes:
        side: (N,) 0 for the sum of buys, 1 for that of sells.
        book: (N,) book.
        column: (N,) column of the uid.
        quote: (N,) quote earned.
    """

    side: IntArray
    book: IntArray
    column: IntArray
    quote: FloatArray


@attrs.define
class FillQueues:
    """The retained prints of all books and the two first-in first-out queues of each book.

    A fill leaves the capture queue once `half_window` prints follow it, or once it is `stale_ns` old. It
    leaves the realised queue once a print one horizon later exists and `half_window` prints follow that one,
    or once it is horizon + `stale_ns` old. The head blocks those behind it. Prints older than the oldest
    waiting fill less `half_window` are let go, and neither a mid nor a mark looks past that edge.

    Each step is taken for all books at once; sums run in print order, as in a loop over prints.

    Attributes:
        half_window: Prints on either side of a fill that make its mid.
        horizon_ns: Simulated time after a fill at which its mark is taken.
        stale_ns: Simulated time after which a fill no longer waits.
    """

    half_window: int
    horizon_ns: int
    stale_ns: int
    _prints: BookRing
    _measured: BookRing
    _start: IntArray
    _captured: IntArray
    _realised: IntArray

    @classmethod
    def empty(cls, n_books: int, half_window: int, horizon_ns: int, stale_ns: int) -> FillQueues:
        """Nothing printed yet."""
        prints = BookRing.empty(n_books, n_ints=5, n_floats=4)
        measured = BookRing.empty(n_books, n_ints=1, n_floats=0)
        heads = np.zeros((3, n_books), dtype=np.int64)
        return cls(half_window, horizon_ns, stale_ns, prints, measured, *heads)

    @property
    def pending(self) -> list[tuple[int, int]]:
        """Per book, fills waiting in the capture and in the realised queue."""
        n = self._prints.count
        waiting = []
        for book, (head, end) in enumerate(zip(self._captured.tolist(), n.tolist(), strict=True)):
            numbers = np.arange(head, end)
            capture = np.count_nonzero(
                self._prints.ints(_SELF_TRADE, np.full_like(numbers, book), numbers) == 0
            )
            waiting.append((int(capture), int(self._measured.count[book] - self._realised[book])))
        return waiting

    def push(self, prints: Prints) -> None:
        """Take in the prints of a state."""
        quote, base = background_columns(prints)
        ints = as_ints((prints.time_ns, prints.side, prints.maker, prints.taker, prints.self_trade))
        floats = np.stack((prints.price, prints.size, quote, base))
        book = np.repeat(np.arange(prints.n_books), np.diff(prints.offset))
        number = self._prints.count[book] + np.arange(book.size) - prints.offset[book]
        # The newest half-window stays addressable even after it has been let go.
        needed = np.minimum(self._start, self._prints.count - self.half_window - 1)
        self._prints.push(prints.offset, ints, floats, needed)
        rows = np.flatnonzero(prints.measured)
        offset = np.searchsorted(rows, prints.offset)
        self._measured.push(offset, number[rows][np.newaxis], np.empty((0, rows.size)), self._realised)

    def release(self, now_ns: int, *, drain: bool = False) -> tuple[Bookings, Bookings]:
        """Captured and realised bookings of the fills that need not wait any longer; of all when draining."""
        captured = self._release_captured(now_ns, drain)
        self._let_go()
        realised = self._release_realised(now_ns, drain)
        self._let_go()
        return captured, realised

    def clear(self) -> None:
        """Forget all prints and waiting fills."""
        self._prints.clear()
        self._measured.clear()
        for head in (self._start, self._captured, self._realised):
            head[:] = 0

    def _release_captured(self, now_ns: int, drain: bool) -> Bookings:
        n = self._prints.count
        end = n.copy()
        if not drain:
            end = np.maximum(self._captured, n - self.half_window)
            _advance(end, n, lambda book, at: self._prints.ints(_TIME, book, at) <= now_ns - self.stale_ns)
        book, number = _ranges(self._captured, end)
        self._captured = end
        _advance(self._captured, n, lambda book, at: self._prints.ints(_SELF_TRADE, book, at) != 0)

        maker = self._prints.ints(_MAKER, book, number)
        taker = self._prints.ints(_TAKER, book, number)
        self_trade = self._prints.ints(_SELF_TRADE, book, number)
        earns = np.flatnonzero(((maker >= 0) | (taker >= 0)) & (self_trade == 0))
        book, number, maker, taker = book[earns], number[earns], maker[earns], taker[earns]
        edge = (self._mids(book, number) - self._prints.floats(_PRICE, book, number)) * self._prints.floats(
            _SIZE, book, number
        )
        bought = self._prints.ints(_SIDE, book, number) == BUY
        buyer, seller = np.where(bought, taker, maker), np.where(bought, maker, taker)
        buys, sells = np.flatnonzero(buyer >= 0), np.flatnonzero(seller >= 0)
        return Bookings(
            np.concatenate((np.full(buys.size, BUY), np.full(sells.size, SELL))),
            np.concatenate((book[buys], book[sells])),
            np.concatenate((buyer[buys], seller[sells])),
            np.concatenate((edge[buys], -edge[sells])),
        )

    def _release_realised(self, now_ns: int, drain: bool) -> Bookings:
        n, n_measured = self._prints.count, self._measured.count
        end = n_measured.copy()
        if not drain:
            end = self._realised.copy()
            followed = n - 1 - self.half_window
            marked_ns = self._prints.ints(_TIME, np.arange(n.size), np.maximum(followed, 0)) - self.horizon_ns
            stale_ns = now_ns - self.horizon_ns - self.stale_ns

            def may_go(book: IntArray, at: IntArray) -> BoolArray:
                number = self._measured.ints(0, book, at)
                time_ns = self._prints.ints(_TIME, book, number)
                return (time_ns <= stale_ns) | ((number <= followed[book]) & (time_ns <= marked_ns[book]))

            _advance(end, n_measured, may_go)
        book, at = _ranges(self._realised, end)
        self._realised = end
        number = self._measured.ints(0, book, at)
        makers = np.flatnonzero(self._prints.ints(_MAKER, book, number) >= 0)
        return self._realise(book[makers], number[makers])

    def _realise(self, book: IntArray, number: IntArray) -> Bookings:
        if not book.size:
            return Bookings(book, book, book, np.zeros(0))
        mark = self._marks(book, self._horizon_prints(book, number))
        known = np.flatnonzero(~np.isnan(mark))
        book, number, mark = book[known], number[known], mark[known]
        price = self._prints.floats(_PRICE, book, number)
        size = self._prints.floats(_SIZE, book, number)
        limit = np.abs(self._mids(book, number) - price) * size
        value = np.clip((mark - price) * size, -limit, limit)
        sold = self._prints.ints(_SIDE, book, number) == BUY
        return Bookings(
            np.where(sold, SELL, BUY),
            book,
            self._prints.ints(_MAKER, book, number),
            np.where(sold, -value, value),
        )

    def _horizon_prints(self, book: IntArray, number: IntArray) -> IntArray:
        """First print at or after each one and its horizon, the newest where there is none."""
        due_ns = self._prints.ints(_TIME, book, number) + self.horizon_ns
        low, high = number.copy(), self._prints.count[book]
        while (low < high).any():
            middle = (low + high) // 2
            later = self._prints.ints(_TIME, book, middle) >= due_ns
            open_ = low < high
            high = np.where(open_ & later, middle, high)
            low = np.where(open_ & ~later, middle + 1, low)
        return as_ints(np.minimum(low, self._prints.count[book] - 1))

    def _mids(self, book: IntArray, number: IntArray) -> FloatArray:
        total, count = self._window_sums(_PRICE, book, number, self.half_window)
        return total / count

    def _marks(self, book: IntArray, number: IntArray) -> FloatArray:
        """Size-weighted mean of the prints with the background around each print, NaN where there is none."""
        mark = np.full(book.size, np.nan)
        width = self.half_window
        while True:
            rows = np.flatnonzero(np.isnan(mark))
            base, _ = self._window_sums(_BACKGROUND_BASE, book[rows], number[rows], width)
            found = rows[base > 0.0]
            quote, _ = self._window_sums(_BACKGROUND_QUOTE, book[found], number[found], width)
            mark[found] = quote / base[base > 0.0]
            width *= 2
            if found.size == rows.size or width == 0 or width > REACH * self.half_window:
                return mark

    def _window_sums(
        self, column: int, book: IntArray, number: IntArray, width: int
    ) -> tuple[FloatArray, IntArray]:
        """Sum over the retained prints up to `width` away, from the oldest on, and their number."""
        window = number[:, np.newaxis] + np.arange(-width, width + 1)
        inside = (window >= self._start[book][:, np.newaxis]) & (
            window < self._prints.count[book][:, np.newaxis]
        )
        values = np.where(inside, self._prints.floats(column, book[:, np.newaxis], window), 0.0)
        return np.cumsum(values, axis=1)[:, -1], np.count_nonzero(inside, axis=1)

    def _let_go(self) -> None:
        oldest = self._captured
        waits = self._realised < self._measured.count
        first = self._measured.ints(0, np.arange(waits.size), self._realised)
        oldest = np.where(waits, np.minimum(oldest, first), oldest)
        self._start = np.maximum(self._start, oldest - self.half_window)


def _ranges(first: IntArray, end: IntArray) -> tuple[IntArray, IntArray]:
    """Books and numbers of all rows first[b]:end[b], book by book."""
    length = end - first
    book = np.repeat(np.arange(first.size), length)
    before = np.cumsum(length) - length
    return book, first[book] + np.arange(book.size) - before[book]


def _advance(at: IntArray, end: IntArray, passes: Callable[[IntArray, IntArray], BoolArray]) -> None:
    """Move `at` on, book by book and in place, while it is before `end` and its row passes."""
    books = np.flatnonzero(at < end)
    while books.size:
        books = books[passes(books, at[books])]
        at[books] += 1
        books = books[at[books] < end[books]]
