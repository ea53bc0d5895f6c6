"""Fills that wait for later prints before their mid and their mark are known."""

from __future__ import annotations

from collections.abc import Sequence

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
        state: (N,) which of the states told together it is booked at.
    """

    side: IntArray
    book: IntArray
    column: IntArray
    quote: FloatArray
    state: IntArray


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
        """Take in prints, of one state or of several together."""
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
        state = np.zeros(int((self._prints.count - self._captured).sum()), dtype=np.int64)
        return self._release(np.array([now_ns]), self._prints.count[np.newaxis].copy(), state, drain)

    def release_each(
        self, times_ns: IntArray, counts: IntArray, state: IntArray
    ) -> tuple[Bookings, Bookings]:
        """Those of K states, as if each had been pushed and released by itself.

        Args:
            times_ns: (K,) times of the states.
            counts: (K, B) prints of each state; all of them have just been pushed.
            state: (N,) the state of each of these prints, book by book.
        """
        new = counts.sum(axis=0)
        begin = self._prints.count - new
        ends = begin + np.cumsum(counts, axis=0)
        # Prints that waited before were told before the first of the states.
        before = begin - self._captured
        told = np.zeros(int((before + new).sum()), dtype=np.int64)
        told[np.arange(state.size) + before.cumsum().repeat(new)] = state
        return self._release(times_ns, ends, told, drain=False)

    def clear(self) -> None:
        """Forget all prints and waiting fills."""
        self._prints.clear()
        self._measured.clear()
        for head in (self._start, self._captured, self._realised):
            head[:] = 0

    def _release(
        self, times_ns: IntArray, ends: IntArray, told: IntArray, drain: bool
    ) -> tuple[Bookings, Bookings]:
        """Bookings at each of K states.

        Args:
            times_ns: (K,) times of the states.
            ends: (K, B) prints of each book once each state had been told.
            told: (W,) the state at which each print that waits for its mid was told, book by book.
            drain: Release all.
        """
        captured, heads = self._release_captured(times_ns, ends, told, drain)
        return captured, self._release_realised(times_ns, ends, heads, drain)

    def _release_captured(
        self, times_ns: IntArray, ends: IntArray, told: IntArray, drain: bool
    ) -> tuple[Bookings, IntArray]:
        """Bookings, and (K, B) where the queue of each book began once each state had been told."""
        prints, n_states, first = self._prints, times_ns.size, self._captured
        book, number = _ranges(first, ends[-1])
        self_trade = prints.ints(_SELF_TRADE, book, number) != 0
        if drain:
            due = told
        else:
            # Followed by enough prints at the state that tells of the last of them, or stale before that.
            stale = times_ns.searchsorted(prints.ints(_TIME, book, number) + self.stale_ns)
            due = np.full(book.size, n_states)
            rows = np.flatnonzero(number + self.half_window < ends[-1, book])
            due[rows] = told[rows + self.half_window]
            due = np.maximum(told, np.minimum(due, stale))
        # The head blocks those behind it; trades of a miner with itself do not wait.
        released = _latest_so_far(due, book, n_states)
        passed = _latest_so_far(np.where(self_trade, told, released), book, n_states)
        heads = first + _counted(passed, book, n_states, first.size)
        self._captured = heads[-1].copy()

        maker, taker = prints.ints(_MAKER, book, number), prints.ints(_TAKER, book, number)
        rows = np.flatnonzero((released < n_states) & ((maker >= 0) | (taker >= 0)) & ~self_trade)
        book, number, maker, taker, state = (
            values[rows] for values in (book, number, maker, taker, released)
        )
        known = ends[state, book]
        price, size = prints.floats(_PRICE, book, number), prints.floats(_SIZE, book, number)
        edge = (self._mids(book, number, known) - price) * size
        bought = prints.ints(_SIDE, book, number) == BUY
        buyer, seller = np.where(bought, taker, maker), np.where(bought, maker, taker)
        buys, sells = np.flatnonzero(buyer >= 0), np.flatnonzero(seller >= 0)
        bookings = Bookings(
            np.concatenate((np.full(buys.size, BUY), np.full(sells.size, SELL))),
            np.concatenate((book[buys], book[sells])),
            np.concatenate((buyer[buys], seller[sells])),
            np.concatenate((edge[buys], -edge[sells])),
            np.concatenate((state[buys], state[sells])),
        )
        return bookings, heads

    def _release_realised(self, times_ns: IntArray, ends: IntArray, heads: IntArray, drain: bool) -> Bookings:
        prints, last = self._prints, self._measured.count
        before = self._realised
        book, at = _ranges(before, last)
        number = self._measured.ints(0, book, at)
        time_ns = prints.ints(_TIME, book, number)
        followed = ends - 1 - self.half_window
        every = np.arange(last.size)
        marked_ns = prints.ints(_TIME, every, np.maximum(followed, 0)) - self.horizon_ns
        stale_ns = (times_ns - self.horizon_ns - self.stale_ns)[:, np.newaxis]
        marked = (number <= followed[:, book]) & (time_ns <= marked_ns[:, book])
        leaves = (number < ends[:, book]) & (drain | (time_ns <= stale_ns) | marked)
        released = _first_refused(leaves, before, last)
        self._realised = released[-1]

        # Where the retained prints began while each state's fills were marked, and where they begin now.
        waiting = np.concatenate((before[np.newaxis], released))
        first_waits = self._measured.ints(0, every, np.minimum(waiting, np.maximum(last - 1, 0)))
        first_waits = np.where(waiting < last, first_waits, ends[-1])
        oldest = self._start
        starts = np.maximum(oldest, np.minimum(heads, first_waits[:-1]) - self.half_window)
        self._start = np.maximum(oldest, np.minimum(heads[-1], first_waits[-1]) - self.half_window)

        rows = np.flatnonzero((at < released[-1, book]) & (prints.ints(_MAKER, book, number) >= 0))
        book, number, at = book[rows], number[rows], at[rows]
        state = _first_state(released[:, book] > at)
        horizon = self._horizon_prints(book, number, oldest)
        return self._realise(book, number, horizon, state, starts[state, book], ends[state, book])

    def _realise(
        self,
        book: IntArray,
        number: IntArray,
        horizon: IntArray,
        state: IntArray,
        start: IntArray,
        known: IntArray,
    ) -> Bookings:
        """Bookings of fills, given the state of each, its horizon's print and the retained start:known."""
        if not book.size:
            return Bookings(book, book, book, np.zeros(0), book)
        horizon = np.minimum(horizon, known - 1)
        mark = self._marks(book, horizon, start, known)
        rows = np.flatnonzero(~np.isnan(mark))
        book, number, mark, known, state = book[rows], number[rows], mark[rows], known[rows], state[rows]
        price = self._prints.floats(_PRICE, book, number)
        size = self._prints.floats(_SIZE, book, number)
        limit = np.abs(self._mids(book, number, known) - price) * size
        value = np.clip((mark - price) * size, -limit, limit)
        sold = self._prints.ints(_SIDE, book, number) == BUY
        return Bookings(
            np.where(sold, SELL, BUY),
            book,
            self._prints.ints(_MAKER, book, number),
            np.where(sold, -value, value),
            state,
        )

    def _horizon_prints(self, book: IntArray, number: IntArray, oldest: IntArray) -> IntArray:
        """First print at or after each one and its horizon, the number to come where there is none.

        Prints from the `oldest` (B,) of each book on are looked at.
        """
        if not book.size:
            return number
        prints = self._prints
        of, every = _ranges(oldest, prints.count)
        time_ns = prints.ints(_TIME, of, every)
        due_ns = prints.ints(_TIME, book, number) + self.horizon_ns
        # All books in one row, each behind the one before it.
        begin_ns = time_ns.min()
        span_ns = max(int(time_ns.max()), int(due_ns.max())) - begin_ns + 1
        found = (of * span_ns + time_ns - begin_ns).searchsorted(book * span_ns + due_ns - begin_ns)
        before = (prints.count - oldest).cumsum() - prints.count
        return as_ints(np.maximum(found - before[book], number))

    def _mids(self, book: IntArray, number: IntArray, known: IntArray) -> FloatArray:
        # A fill that waits keeps the half-window before it: only the stream's own beginning cuts it.
        (total,), count = self._window_sums((_PRICE,), book, number, self.half_window, number * 0, known)
        return total / count

    def _marks(self, book: IntArray, number: IntArray, start: IntArray, known: IntArray) -> FloatArray:
        """Size-weighted mean of the prints with the background around each print, NaN where there is none."""
        mark = np.full(book.size, np.nan)
        width = self.half_window
        rows: IntArray = np.arange(book.size)
        while True:
            around = book[rows], number[rows], width, start[rows], known[rows]
            (base, quote), _ = self._window_sums((_BACKGROUND_BASE, _BACKGROUND_QUOTE), *around)
            found = base > 0.0
            mark[rows[found]] = quote[found] / base[found]
            rows = rows[~found]
            width *= 2
            if not rows.size or width == 0 or width > REACH * self.half_window:
                return mark

    def _window_sums(
        self,
        columns: Sequence[int],
        book: IntArray,
        number: IntArray,
        width: int,
        start: IntArray,
        end: IntArray,
    ) -> tuple[list[FloatArray], IntArray]:
        """(N,) sums over the prints start:end up to `width` away, from the oldest on, and their number."""
        first, last = np.maximum(number - width, start), np.minimum(number + width + 1, end)
        window = np.arange(-width, width + 1)[:, np.newaxis] + number
        cut = np.flatnonzero(last - first <= 2 * width)
        outside = (window[:, cut] < first[cut]) | (window[:, cut] >= last[cut])
        sums = []
        for column in columns:
            values = self._prints.floats(column, book, window)
            values[:, cut] = np.where(outside, 0.0, values[:, cut])
            # Not `sum`, which adds in pairs where there is one fill only.
            sums.append(np.cumsum(values, axis=0)[-1])
        return sums, last - first


def _ranges(first: IntArray, end: IntArray) -> tuple[IntArray, IntArray]:
    """Books and numbers of all rows first[b]:end[b], book by book."""
    length = end - first
    book = np.repeat(np.arange(first.size), length)
    before = np.cumsum(length) - length
    return book, np.arange(book.size) + (first - before)[book]


def _latest_so_far(state: IntArray, book: IntArray, n_states: int) -> IntArray:
    """(N,) latest of the states of the rows of the same book up to each; `book` rises."""
    base = book * (n_states + 1)
    return as_ints(np.maximum.accumulate(base + state) - base)


def _counted(state: IntArray, book: IntArray, n_states: int, n_books: int) -> IntArray:
    """(K, B) rows of each book whose state has come by each of K states."""
    counts = np.bincount(book * (n_states + 1) + state, minlength=n_books * (n_states + 1))
    return as_ints(counts.reshape(n_books, n_states + 1)[:, :n_states].cumsum(axis=1).T)


def _first_refused(passes: BoolArray, first: IntArray, end: IntArray) -> IntArray:
    """(K, B) first of the rows first[b]:end[b] that does not pass, end[b] where all do.

    Args:
        passes: (K, N) whether each row passes at each state, in the order of `_ranges`.
        first: (B,) first row of each book.
        end: (B,) end of its rows.
    """
    length = end - first
    refused = np.repeat(end[np.newaxis], passes.shape[0], axis=0)
    books = np.flatnonzero(length)
    if books.size:
        book, number = _ranges(first, end)
        begins = (np.cumsum(length) - length)[books]
        refused[:, books] = np.minimum.reduceat(np.where(passes, end[book], number), begins, axis=1)
    return refused


def _first_state(holds: BoolArray) -> IntArray:
    """(N,) first state at which each of (K, N) holds."""
    return as_ints(holds.argmax(axis=0))
