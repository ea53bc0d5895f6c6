"""Counterfactual shares of the emission under 0.6."""

from __future__ import annotations

from collections import defaultdict, deque

import attrs
import numpy as np

from obmm.lab.diagnose.record import AS_IT_WAS, Altered, Record, Rescored, like_the_others
from obmm.lab.score import UID_SHIFT
from obmm.market import BoolArray, FloatArray, IntArray, Venue
from obmm.market.arrays import as_flags
from obmm.scoring import EraConstants
from obmm.scoring.debeta import DIALS_0_6_3, Dials, pools, skill
from obmm.scoring.debeta.accumulate import Accumulation
from obmm.scoring.debeta.classes import classes_of
from obmm.scoring.debeta.combine import FieldScores, FieldSums, score_field
from obmm.scoring.debeta.fields import Fields, field_of
from obmm.scoring.debeta.prints import prints_of_columns

#: Prints are taken in by blocks of this length, not state by state: marks differ a little, time much.
BLOCK_NS = 20 * 1_000_000_000
#: Stands in the print stream for somebody else in our place.
SOMEBODY = -(10**9)


@attrs.define(eq=False)
class DebetaRescorer:
    """The share of the emission within the run's field, before smoothing, as it was or altered.

    A fill that does not happen is somebody else's; the prints stay. Fees do not enter.

    Attributes:
        record: The account.
        era: Constants.
        venue: Gives the asset classes.
    """

    record: Record
    era: EraConstants
    venue: Venue
    dials: Dials = DIALS_0_6_3
    _base: Accumulation | None = attrs.field(init=False, default=None)

    def rescored(self, altered: Altered = AS_IT_WAS) -> Rescored:
        """The field at the end, had things been as `altered` says."""
        sums = self._accumulation(altered)
        as_it_stands = field_of(sums)
        field = as_it_stands.sums
        n_books = self.record.n_books
        missing, ones = np.full(n_books, np.nan), np.ones(n_books)
        uid = self.record.uid + UID_SHIFT
        if uid not in field.uids:
            none = np.zeros(n_books, dtype=np.bool_)
            return Rescored(score=0.0, ratio=missing, factor=ones, outliers=none, complete=False)
        u = int(np.searchsorted(field.uids, uid))
        field = self._lifted(field, u, altered)
        alpha = field.alpha[:, u]
        return Rescored(
            score=self._share(as_it_stands, field, u),
            ratio=alpha,
            factor=np.where(np.isnan(alpha), 0.0, 1.0),
            outliers=far_below(alpha),
            complete=True,
        )

    def _lifted(self, field: FieldSums, u: int, altered: Altered) -> FieldSums:
        alpha = field.alpha[:, u]
        typical = altered.typical
        if altered.busy is not None:
            idle = altered.busy & np.isnan(alpha)
            typical = idle if typical is None else typical | idle
        if typical is None and altered.least_ratio is None:
            return field
        least = np.full(alpha.size, -np.inf) if altered.least_ratio is None else altered.least_ratio
        better = like_the_others(np.where(np.isnan(alpha), np.nan, np.fmax(alpha, least)), typical)
        changed = ~(better == alpha) & ~np.isnan(better)
        alphas, kept, captured = field.alpha.copy(), field.kept.copy(), field.captured.copy()
        alphas[:, u] = better
        kept[changed, u] = better[changed]
        for side in captured:
            side[:, u] = like_the_others(side[:, u], typical)
        return attrs.evolve(field, alpha=alphas, kept=kept, captured=captured)

    def _share(self, fields: Fields, field: FieldSums, u: int) -> float:
        """What `field`, made of `fields`, pays."""
        dials = self.dials
        floor = skill.magnitude_floor(field.alpha, dials.floor_scale)
        parts = fields.in_classes(field)
        weights = dials.layout_weights(len(parts)) or (1.0,)
        sizes = [int(np.count_nonzero(inside)) for inside in fields.inside] or [self.record.n_books]
        scored: list[FieldScores] = []
        for part, n_books in zip(parts or [field], sizes, strict=True):
            bar = skill.skill_bar(dials.skill_min_books, dials.skill_min_books_share, n_books)
            scored.append(score_field(part, dials, bar=bar, floor=floor))
        everybody = np.ones(field.uids.size, dtype=np.bool_)
        making = pools.mixed_shares([part.making for part in scored], weights)
        skilled = pools.mixed_shares([pools.skill_credit(part, everybody) for part in scored], weights)
        return float(dials.pool * making[u] + (1.0 - dials.pool) * skilled[u])

    def _accumulation(self, altered: Altered) -> Accumulation:
        untouched = altered.keep is None and altered.price is None
        if untouched and self._base is not None:
            return self._base
        record, trades = self.record, self.record.run.table("trades")
        maker, taker = trades["maker_id"].astype(np.int64), trades["taker_id"].astype(np.int64)
        price, size = trades["price"], trades["size"]
        rows = self._own_prints()
        there = rows >= 0
        if altered.price is not None:
            price = price.copy()
            price[rows[there]] = altered.price[there]
        if altered.keep is not None:
            gone = rows[~altered.keep & there]
            maker[gone] = np.where(maker[gone] == record.uid, SOMEBODY, maker[gone])
            taker[gone] = np.where(taker[gone] == record.uid, SOMEBODY - 1, taker[gone])
        maker, taker = (np.where(ids >= 0, ids + UID_SHIFT, ids) for ids in (maker, taker))
        ids = record.run.about["venue"]["book_ids"]
        book = np.searchsorted(ids, trades["book"])
        state = np.searchsorted(record.times_ns, trades["time_ns"], side="right")
        told_ns = np.append(record.times_ns, -1)[state]
        block = told_ns // BLOCK_NS
        sums = Accumulation.empty(self.dials, self.era, classes_of(self.venue), [record.uid + UID_SHIFT])
        for number in np.unique(block[block >= 0]).tolist():
            chosen = np.flatnonzero(block == number)
            chosen = chosen[np.argsort(book[chosen], kind="stable")]
            prints = prints_of_columns(
                np.searchsorted(book[chosen], np.arange(record.n_books + 1)),
                trades["time_ns"][chosen],
                price[chosen],
                size[chosen],
                trades["side"][chosen].astype(np.int64),
                maker[chosen],
                taker[chosen],
                sums.columns,
            )
            sums.add(min((number + 1) * BLOCK_NS - 1, int(record.times_ns[-1])), prints)
        if untouched:
            self._base = sums
        return sums

    def _own_prints(self) -> IntArray:
        """(N,) row of `trades` that each own fill is; -1 where the print never came, live."""
        trades, fills = self.record.run.table("trades"), self.record.run.of("fills", self.record.uid)
        uid = self.record.uid
        (own,) = np.nonzero((trades["maker_id"] == uid) | (trades["taker_id"] == uid))
        keys = ("time_ns", "book", "price", "size")
        waiting: defaultdict[tuple[float, ...], deque[int]] = defaultdict(deque)
        for row, *told in zip(own.tolist(), *(trades[key][own].tolist() for key in keys), strict=True):
            waiting[tuple(told)].append(row)
        told_of = zip(*(fills[key].tolist() for key in keys), strict=True)
        rows = [waiting[told].popleft() if waiting[told] else -1 for told in told_of]
        return np.array(rows, dtype=np.int64)


def far_below(alpha: FloatArray) -> BoolArray:
    """(B,) losing books below the lower quartile by more than 1.5 interquartile ranges."""
    known = alpha[~np.isnan(alpha)]
    if known.size < skill.LEAST_BOOKS:
        return np.zeros(alpha.size, dtype=np.bool_)
    low, high = np.percentile(known, (25, 75))
    return as_flags(np.nan_to_num(alpha) < min(low - 1.5 * (high - low), 0.0))
