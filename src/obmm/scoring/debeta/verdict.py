"""The field as it stands: what each uid would be paid for."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import attrs
import numpy as np

from obmm.market import BoolArray, FloatArray
from obmm.scoring.debeta import pools, skill
from obmm.scoring.debeta.accumulate import Accumulation
from obmm.scoring.debeta.combine import FieldScores, score_field
from obmm.scoring.debeta.dials import Dials
from obmm.scoring.debeta.fields import fields_of
from obmm.scoring.debeta.presence import Presence
from obmm.scoring.debeta.standing import Standing


@attrs.frozen(kw_only=True, eq=False, slots=False)
class Verdict:
    """The field as it stands: scores, and what each uid is to be paid for.

    Attributes:
        field: Scores over all books.
        classes: Scores within each asset class, empty for one market.
        weights: Weight of each class, or of the whole market.
        present: (U,) uids that still answer queries.
        presence_share: (U,) share of the last queries answered, NaN for a uid that was never asked.
        score: (U,) score of the field, weighted by presence where the rules say so, 0 for absent uids.
    """

    field: FieldScores
    classes: tuple[FieldScores, ...]
    weights: tuple[float, ...]
    present: BoolArray
    presence_share: FloatArray
    score: FloatArray

    @property
    def fields(self) -> tuple[FieldScores, ...]:
        """What is paid: the asset classes, or the whole market as one."""
        return self.classes or (self.field,)

    @functools.cached_property
    def making_credits(self) -> list[FloatArray]:
        """(U,) per class, quote that the making half is paid by."""
        return [np.where(self.present, field.making, 0.0) for field in self.fields]

    @functools.cached_property
    def skill_credits(self) -> list[FloatArray]:
        """(U,) per class, quote that the skill half is paid by."""
        return [pools.skill_credit(field, self.present) for field in self.fields]


def judge(accumulation: Accumulation, presence: Presence, group: int = 0) -> Verdict:
    """Score the field of a group as it stands.

    Args:
        accumulation: What was summed up so far.
        presence: Who still answers.
        group: Which market's.
    """
    return judge_each(accumulation, [accumulation.standing()], presence, [group])[0][0]


def judge_each(
    accumulation: Accumulation, standings: Sequence[Standing], presence: Presence, groups: Sequence[int]
) -> list[list[Verdict]]:
    """Score the fields of `groups` as they stood: the verdicts of each moment, by group."""
    dials, class_of_book = accumulation.dials, accumulation.class_of_book
    sizes = [class_of_book.size, *np.bincount(class_of_book).tolist()]
    found: dict[tuple[int, int], Verdict] = {}
    for fields in fields_of(accumulation, standings, groups):
        parts = (fields.whole, *fields.in_classes(fields.sums))
        scores = [
            score_field(sums, dials, bar=_bar(dials, n_books), floor=fields.floor).each()
            for sums, n_books in zip(parts, sizes[: len(parts)], strict=True)
        ]
        weights = dials.layout_weights(len(parts) - 1) or (1.0,)
        places = zip(fields.which.moment.tolist(), fields.which.group.tolist(), strict=True)
        for place, (field, *classes) in zip(places, zip(*scores, strict=True), strict=True):
            found[place] = _verdict(dials, presence, field, tuple(classes), weights)
    return [[found[moment, group] for group in groups] for moment in range(len(standings))]


def _verdict(
    dials: Dials,
    presence: Presence,
    field: FieldScores,
    classes: tuple[FieldScores, ...],
    weights: tuple[float, ...],
) -> Verdict:
    uids = field.uids.tolist()
    share = presence.share(uids)
    present = ~presence.absent(uids) if dials.presence_gate else np.ones(len(uids), dtype=np.bool_)
    weight: FloatArray = np.ones(len(uids))
    if dials.presence_share_weighting:
        present &= ~(share < dials.presence_min_share)
        weight = np.where(np.isnan(share), 1.0, share)
    return Verdict(
        field=field,
        classes=classes,
        weights=weights,
        present=present,
        presence_share=share,
        score=np.where(present, field.score * weight, 0.0),
    )


def _bar(dials: Dials, n_books: int) -> int:
    return skill.skill_bar(dials.skill_min_books, dials.skill_min_books_share, n_books)
