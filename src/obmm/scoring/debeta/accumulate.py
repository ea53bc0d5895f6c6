"""Everything the era sums up, state by state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import attrs
import numpy as np

from obmm.market import FloatArray, IntArray
from obmm.scoring.debeta.dials import Dials
from obmm.scoring.debeta.mtm import MarkToMarket, by_part
from obmm.scoring.debeta.prints import Columns, Prints
from obmm.scoring.debeta.queues import Bookings, FillQueues
from obmm.scoring.debeta.samples import SampledSums
from obmm.scoring.debeta.standing import Standing
from obmm.scoring.debeta.subwindows import marked_pairs
from obmm.scoring.debeta.told import Told
from obmm.scoring.eras import EraConstants

_Flow: TypeAlias = tuple[tuple[IntArray, ...], FloatArray]


@attrs.define
class Accumulation:
    """Captured and realised spread, mark-to-market and counterparties of one run, over a sliding window.

    Several markets side by side (groups) are summed up at once: their books follow one another, each group
    has as many, and uids of its own.

    Attributes:
        dials: The rules.
        era: Gives window, sample width and how often the window is pruned.
        class_of_book: (B,) asset class of each book of a group.
        columns: Column of each uid.
        captured: (2, G·B, U) quote captured by buys and sells.
        realised: (2, G·B, U) quote realised by makers' buys and sells.
        mtm: Inventories through time.
        flows: (U, 1 + U, G) base between makers and takers, of the whole field and then of each class if
            there are several; column 0 is the background.
    """

    dials: Dials
    era: EraConstants
    class_of_book: IntArray
    columns: Columns
    captured: SampledSums
    realised: SampledSums
    mtm: MarkToMarket
    flows: list[SampledSums]
    _queues: FillQueues
    _known: IntArray
    _pruned_ns: int = 0

    @classmethod
    def empty(
        cls,
        dials: Dials,
        era: EraConstants,
        class_of_book: IntArray,
        uids: Sequence[int] = (),
        n_groups: int = 1,
    ) -> Accumulation:
        """Nothing traded yet; `uids` are part of every field from the start."""
        n_books = class_of_book.size * n_groups
        n_classes = int(class_of_book.max(initial=0)) + 1
        columns = Columns(n_groups)
        for group in range(n_groups):
            columns.of(np.array(uids, dtype=np.int64), group)
        accumulation = cls(
            dials=dials,
            era=era,
            class_of_book=class_of_book,
            columns=columns,
            captured=SampledSums.zeros((2, n_books, 0)),
            realised=SampledSums.zeros((2, n_books, 0)),
            mtm=MarkToMarket.empty(n_books, dials.mark_mode, dials.mark_window),
            flows=[SampledSums.zeros((0, 1, n_groups)) for _ in range(1 + n_classes if n_classes > 1 else 1)],
            queues=FillQueues.empty(n_books, dials.capture_half_window, dials.horizon_ns, dials.stale_ns),
            known=columns.counts,
        )
        accumulation._make_room()
        return accumulation

    def books_of(self, group: int) -> slice:
        """The books of a group."""
        return slice(group * self.class_of_book.size, (group + 1) * self.class_of_book.size)

    @property
    def windows(self) -> tuple[SampledSums, ...]:
        """All sums that slide."""
        return self.captured, self.realised, *self.mtm.windows, *self.flows

    @property
    def pending(self) -> list[tuple[int, int]]:
        """Per book, fills waiting to be captured and to be realised."""
        return self._queues.pending

    def sample_of(self, time_ns: int) -> int:
        """The sample that a state at `time_ns` is booked into, by its own time."""
        return time_ns // self.era.volume_sample_ns * self.era.volume_sample_ns

    def prunes_at(self, time_ns: int) -> bool:
        """Whether old samples go once the state at `time_ns` is in."""
        return time_ns - self._pruned_ns >= self.era.prune_interval_ns

    def add(self, time_ns: int, prints: Prints) -> None:
        """Take in the prints of the state at `time_ns`; their columns come from `columns`."""
        self.take_in(Told.at_once(time_ns, prints))

    def take_in(self, told: Told) -> None:
        """Take in the prints of states of one sample, of which only the last may prune.

        The sums are, to the last bit, those of the states one by one.
        """
        self.stand_at(told, ())

    def stand_at(self, told: Told, stops: Sequence[int]) -> list[Standing]:
        """As `take_in`, and how everything stood after the states numbered `stops` (rising)."""
        n_states, time_ns = told.times_ns.size, int(told.times_ns[-1])
        ends = [1 + stop for stop in stops] + ([] if stops and stops[-1] == n_states - 1 else [n_states])
        # Of each state, the number of the part it belongs to.
        part = np.arange(len(ends)).repeat(np.diff(ends, prepend=0))
        known = self._known_after(told, part, len(ends))
        self._make_room()
        self._open(time_ns)
        self._queues.push(told.prints)
        booked = self._queues.release_each(told.times_ns, told.counts, told.state)
        counts = np.add.reduceat(told.counts, [0, *ends[:-1]], axis=0)
        flows = [self._flows_in(told, part, len(ends), number) for number in range(len(self.flows))]
        each = [by_part(np.arange(one.book.size), part[one.state], len(ends)) for one in booked]
        found = []
        for nth, _ in enumerate(self.mtm.add_each(told.prints, counts)):
            for sums, bookings, rows in zip((self.captured, self.realised), booked, each, strict=True):
                self._book(sums, bookings, rows[nth])
            for sums, parts in zip(self.flows, flows, strict=True):
                sums.add_at(*parts[nth])
            if nth == len(ends) - 1 and self.prunes_at(time_ns):
                self._pruned_ns = time_ns
                for sums in self.windows:
                    sums.drop_before(time_ns - self.era.kappa_lookback_ns)
            if nth < len(stops):
                found.append(self._standing(known[nth]))
        return found

    def standing(self) -> Standing:
        """How everything stands."""
        return self._standing(self.columns.counts)

    def restart(self, old_end_ns: int, new_start_ns: int) -> None:
        """A new simulation: drain the queues, move the window to the new clock, forget inventories."""
        self._open(old_end_ns)
        for sums, bookings in zip(
            (self.captured, self.realised), self._queues.release(old_end_ns, drain=True), strict=True
        ):
            self._book(sums, bookings, np.arange(bookings.book.size))
        self._queues.clear()
        for sums in self.windows:
            sums.shift(new_start_ns - old_end_ns)
            sums.drop_before(new_start_ns - self.era.kappa_lookback_ns)
        self.mtm.restart()
        self._pruned_ns = new_start_ns

    def forget(self, uid: int, group: int = 0) -> None:
        """Remove what one uid of a group did; what belongs to a book or to other makers stays."""
        column = self.columns.index(uid, group)
        if column is None:
            return
        books = self.books_of(group)
        self.captured.forget((..., books, column))
        self.realised.forget((..., books, column))
        self.mtm.forget(column, books)
        for flow in self.flows:
            flow.forget((column, ..., group))
            flow.forget((..., column + 1, group))

    def _standing(self, known: IntArray) -> Standing:
        mtm, variant = self.mtm, self.dials.skill_variant
        return Standing(
            captured=self.captured.total.copy(),
            filled=np.logical_or(*self.captured.present),
            realised=self.realised.total.copy(),
            path=mtm.path.total.copy(),
            marked=marked_pairs(mtm, variant).copy(),
            notional=mtm.notional.total.copy(),
            print_count=mtm.print_count.total.copy(),
            drift=mtm.drift.total.copy(),
            flows=[flow.total.copy() for flow in self.flows],
            known=known,
        )

    def _known_after(self, told: Told, part: IntArray, n_parts: int) -> IntArray:
        """(S, G) columns given out once each part had been told."""
        before, now = self._known, self.columns.counts
        self._known = now
        known = np.tile(before, (n_parts, 1))
        if (before != now).any():
            prints = told.prints
            group = self._book_of_rows(prints) // self.class_of_book.size
            np.maximum.at(known, (part[told.state], group), 1 + np.maximum(prints.maker, prints.taker))
            known = np.maximum.accumulate(known, axis=0)
            known[-1] = now
        return known

    def _book_of_rows(self, prints: Prints) -> IntArray:
        return np.arange(prints.n_books).repeat(np.diff(prints.offset))

    def _flows_in(self, told: Told, part: IntArray, n_parts: int, number: int) -> list[_Flow]:
        """What each part adds to a flow, of the whole field (0) or of a class.

        These sums run over all books of a group: here the states must come one after the other.
        """
        prints, rows, n_books = told.prints, told.order, self.class_of_book.size
        counts = (prints.maker >= 0) & ~prints.self_trade
        book = self._book_of_rows(prints)
        if number:
            counts &= self.class_of_book[book % n_books] == number - 1
        rows = rows[counts[rows]]
        return [
            ((prints.maker[one], prints.taker[one] + 1, book[one] // n_books), prints.size[one])
            for one in by_part(rows, part[told.state], n_parts)
        ]

    def _make_room(self) -> None:
        n_groups, n_uids = self.columns.n_groups, int(self.columns.counts.max())
        n_books = n_groups * self.class_of_book.size
        if self.captured.total.shape[-1] == n_uids:
            return
        self.captured.grow((2, n_books, n_uids))
        self.realised.grow((2, n_books, n_uids))
        self.mtm.grow(n_uids)
        for flow in self.flows:
            flow.grow((n_uids, 1 + n_uids, n_groups))

    def _open(self, time_ns: int) -> None:
        sample_ns = self.sample_of(time_ns)
        for sums in self.windows:
            sums.open(sample_ns)

    def _book(self, sums: SampledSums, bookings: Bookings, rows: IntArray) -> None:
        index = bookings.side[rows], bookings.book[rows], bookings.column[rows]
        sums.add_at(index, bookings.quote[rows])
