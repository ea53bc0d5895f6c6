"""Everything the era sums up, state by state."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from obmm.market import IntArray
from obmm.scoring.debeta import skill
from obmm.scoring.debeta.combine import FieldSums
from obmm.scoring.debeta.dials import Dials
from obmm.scoring.debeta.making import quality
from obmm.scoring.debeta.mtm import MarkToMarket
from obmm.scoring.debeta.prints import Columns, Prints
from obmm.scoring.debeta.queues import Bookings, FillQueues
from obmm.scoring.debeta.samples import SampledSums
from obmm.scoring.debeta.subwindows import (
    marked_pairs,
    sign_gated,
    subwindow_alphas,
    weakest_part,
    window_alpha,
)
from obmm.scoring.debeta.told import Told
from obmm.scoring.eras import EraConstants


@attrs.define
class Accumulation:
    """Captured and realised spread, mark-to-market and counterparties of one run, over a sliding window.

    Attributes:
        dials: The rules.
        era: Gives window, sample width and how often the window is pruned.
        class_of_book: (B,) asset class of each book.
        columns: Column of each uid.
        captured: (2, B, U) quote captured by buys and sells.
        realised: (2, B, U) quote realised by makers' buys and sells.
        mtm: Inventories through time.
        flows: (U, 1 + U) base between makers and takers, of the whole field and then of each class if there
            are several; column 0 is the background.
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
    _pruned_ns: int = 0

    @classmethod
    def empty(
        cls, dials: Dials, era: EraConstants, class_of_book: IntArray, uids: Sequence[int] = ()
    ) -> Accumulation:
        """Nothing traded yet; `uids` are part of the field from the start."""
        n_books = class_of_book.size
        n_classes = int(class_of_book.max(initial=0)) + 1
        columns = Columns()
        columns.of(np.array(uids, dtype=np.int64))
        accumulation = cls(
            dials=dials,
            era=era,
            class_of_book=class_of_book,
            columns=columns,
            captured=SampledSums.zeros((2, n_books, 0)),
            realised=SampledSums.zeros((2, n_books, 0)),
            mtm=MarkToMarket.empty(n_books, dials.mark_mode, dials.mark_window),
            flows=[SampledSums.zeros((0, 1)) for _ in range(1 + n_classes if n_classes > 1 else 1)],
            queues=FillQueues.empty(n_books, dials.capture_half_window, dials.horizon_ns, dials.stale_ns),
        )
        accumulation._make_room()
        return accumulation

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
        time_ns = int(told.times_ns[-1])
        self._make_room()
        self._open(time_ns)
        self._queues.push(told.prints)
        self._book(self._queues.release_each(told.times_ns, told.counts))
        self.mtm.add(told.prints)
        self._count_flows(told)
        if self.prunes_at(time_ns):
            self._pruned_ns = time_ns
            for sums in self.windows:
                sums.drop_before(time_ns - self.era.kappa_lookback_ns)

    def restart(self, old_end_ns: int, new_start_ns: int) -> None:
        """A new simulation: drain the queues, move the window to the new clock, forget inventories."""
        self._open(old_end_ns)
        self._book(self._queues.release(old_end_ns, drain=True))
        self._queues.clear()
        for sums in self.windows:
            sums.shift(new_start_ns - old_end_ns)
            sums.drop_before(new_start_ns - self.era.kappa_lookback_ns)
        self.mtm.restart()
        self._pruned_ns = new_start_ns

    def forget(self, uid: int) -> None:
        """Remove what one uid did; what belongs to a book or to other makers stays."""
        column = self.columns.index(uid)
        if column is None:
            return
        self.captured.forget((..., column))
        self.realised.forget((..., column))
        self.mtm.forget(column)
        for flow in self.flows:
            flow.forget((column, ...))
            flow.forget((..., column + 1))

    def field(self) -> FieldSums:
        """What the field is scored from over all books, uids ascending, alphas as they are."""
        dials = self.dials
        uids = np.array(self.columns.uids, dtype=np.int64)
        captured = np.logical_or(*self.captured.present)
        marked = marked_pairs(self.mtm, dials.skill_variant)
        rows = np.flatnonzero((captured | marked).any(axis=0))
        rows = rows[np.argsort(uids[rows])]
        alpha = window_alpha(self.mtm, dials.skill_variant, captured)[:, rows]
        kept = skill.over_hurdle(alpha, self.mtm.notional.total[:, rows], dials.skill_hurdle_bps)
        flow = self.flows[0].total
        return FieldSums(
            uids=uids[rows],
            captured=self.captured.total[:, :, rows],
            quality=quality(self.captured.total[:, :, rows], self.realised.total[:, :, rows]),
            alpha=alpha,
            kept=kept,
            flow=flow,
            maker_row=rows,
            tether_flow=flow,
            skill_rank_scale=skill.hurdle_share(alpha, kept, dials.skill_hurdle_books)
            if dials.skill_pool_scaling
            else 1.0,
        )

    def with_subwindows(self, sums: FieldSums, floor: float) -> FieldSums:
        """`sums` with the skill that parts of the window leave, if the rules cut the window into parts.

        Args:
            sums: The field.
            floor: Least |alpha| that counts, quote.
        """
        dials = self.dials
        if dials.skill_subwindows == 1:
            return sums
        parts = subwindow_alphas(self.mtm, dials.skill_subwindows, self.era.kappa_lookback_ns)
        parts = np.where(np.isnan(sums.kept), np.nan, parts[:, :, sums.maker_row])
        if dials.skill_subwindow_form == "weakest":
            value = weakest_part(parts, floor)
        else:
            agreed = sign_gated(sums.kept, parts, dials.skill_subwindow_min_agree)
            value = skill.floored_consistency(agreed, floor)
        return attrs.evolve(sums, kept=sums.alpha, skill=value)

    def class_fields(self, sums: FieldSums) -> list[FieldSums]:
        """`sums` within each asset class; none where classes carry no weights.

        Alphas are those over the hurdle only, quality is the whole field's. Counterparties are those of the
        class (of the whole field if the class has none), the tether is the whole field's.
        """
        n_classes = len(self.dials.layout_weights(len(self.flows) - 1))
        return [self._class_field(sums, number) for number in range(n_classes)]

    def _class_field(self, sums: FieldSums, number: int) -> FieldSums:
        inside = (self.class_of_book == number)[:, np.newaxis]
        flow = self.flows[1 + number].total
        kept = np.where(inside, sums.kept, np.nan)
        return attrs.evolve(
            sums,
            captured=sums.captured * inside,
            alpha=kept,
            kept=kept,
            flow=flow if flow.any() else sums.flow,
        )

    def _make_room(self) -> None:
        n_books, n_uids = self.class_of_book.size, len(self.columns.uids)
        if self.captured.total.shape[-1] == n_uids:
            return
        self.captured.grow((2, n_books, n_uids))
        self.realised.grow((2, n_books, n_uids))
        self.mtm.grow(n_uids)
        for flow in self.flows:
            flow.grow((n_uids, 1 + n_uids))

    def _open(self, time_ns: int) -> None:
        sample_ns = self.sample_of(time_ns)
        for sums in self.windows:
            sums.open(sample_ns)

    def _book(self, released: tuple[Bookings, Bookings]) -> None:
        for sums, bookings in zip((self.captured, self.realised), released, strict=True):
            sums.add_at((bookings.side, bookings.book, bookings.column), bookings.quote)

    def _count_flows(self, told: Told) -> None:
        # These sums run over all books: here the states must come one after the other.
        prints, rows = told.prints, told.order
        rows = rows[(prints.maker[rows] >= 0) & ~prints.self_trade[rows]]
        if not rows.size:
            return
        index, size = (prints.maker[rows], prints.taker[rows] + 1), prints.size[rows]
        self.flows[0].add_at(index, size)
        if len(self.flows) == 1:
            return
        book = np.searchsorted(prints.offset, rows, side="right") - 1
        row_class = self.class_of_book[book]
        for number, flow in enumerate(self.flows[1:]):
            mine = row_class == number
            flow.add_at((index[0][mine], index[1][mine]), size[mine])
