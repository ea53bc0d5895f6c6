"""Making and skill of a whole field, with every factor on the way, and their ranks."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market import FloatArray, IntArray
from obmm.scoring.debeta import making, skill
from obmm.scoring.debeta.counterparties import (
    background_share,
    concentration_factor,
    excess_concentration,
    tether_factor,
)
from obmm.scoring.debeta.dials import Dials
from obmm.scoring.debeta.ranks import scoped_rank


@attrs.frozen(kw_only=True, eq=False)
class FieldSums:
    """What a field is scored from. B books, U uids, M makers; money is quote.

    Several fields of one size may stand together: arrays then have an axis of fields before those of books,
    makers and uids.

    Attributes:
        uids: (U,) the field: every uid with a captured fill or a marked inventory in the window. One whose
            fills all wait for their mid is in it with zeros.
        captured: (2, B, U) captured by buys and sells, see `captured_spread`.
        quality: (U,) share of the captured spread that was realised, 0 to 1, over the whole field's books.
        alpha: (B, U) alpha of the filled books, NaN elsewhere.
        kept: (B, U) the alphas over the hurdle, NaN elsewhere.
        flow: (M, 1 + T) base each maker traded with the background (column 0) and with each miner taker.
        maker_row: (U,) row of each uid in `flow`.
        tether_flow: (M, 1 + T) the same for the tether; differs from `flow` within an asset class.
        skill: (U,) skill before its factors if it is not `consistency` of the kept alphas, else None.
        skill_rank_scale: Multiplies skill ranks.
    """

    uids: IntArray
    captured: FloatArray
    quality: FloatArray
    alpha: FloatArray
    kept: FloatArray
    flow: FloatArray
    maker_row: IntArray
    tether_flow: FloatArray
    skill: FloatArray | None = None
    skill_rank_scale: float = 1.0


@attrs.frozen(kw_only=True, eq=False)
class FieldScores:
    """Making, skill and score of each uid, arrays (U,) in the order of `uids`; money is quote.

    Attributes:
        uids: The field.
        score: Ranks of both halves, weighted; 0 to 1.
        making: Making credit after both factors.
        making_captured: Two-sided captured spread.
        making_realised: That times quality.
        quality: Share of the captured spread that was realised, 0 to 1.
        making_rank: Rank of the making credit, 0 to 1.
        making_concentration_factor: Factor of concentration on few counterparties, 0 to 1; 1 where there
            was nothing to cut.
        making_tether_factor: Factor of flow with miners beyond the tether, 0 to 1; 1 where there was
            nothing to cut.
        background_share: Share of the uid's flow as a maker that the background took, NaN without flow.
        skill: Skill after both factors.
        skill_rank: Rank of skill, 0 to 1.
        skill_coverage_factor: Factor of books left untraded, 0 to 1; 1 where there was nothing to cut.
        skill_concentration_factor: Factor of concentration on few counterparties, 0 to 1.
        net_alpha: Alpha summed over the filled books.
        skill_books: Books whose alpha counts.
        coverage_books: Books filled.
        bar: Books needed for any skill.

    Fields that were scored together have an axis of fields before that of uids.
    """

    uids: IntArray
    score: FloatArray
    making: FloatArray
    making_captured: FloatArray
    making_realised: FloatArray
    quality: FloatArray
    making_rank: FloatArray
    making_concentration_factor: FloatArray
    making_tether_factor: FloatArray
    background_share: FloatArray
    skill: FloatArray
    skill_rank: FloatArray
    skill_coverage_factor: FloatArray
    skill_concentration_factor: FloatArray
    net_alpha: FloatArray
    skill_books: IntArray
    coverage_books: IntArray
    bar: int

    def each(self) -> list[FieldScores]:
        """Those of each of the fields that were scored together, or of the only one."""
        if self.uids.ndim == 1:
            return [self]
        columns = zip(*(getattr(self, name) for name in _COLUMNS), strict=True)
        return [FieldScores(**dict(zip(_COLUMNS, one, strict=True)), bar=self.bar) for one in columns]


_COLUMNS = tuple(one.name for one in attrs.fields(FieldScores) if one.name != "bar")


def score_field(sums: FieldSums, dials: Dials, *, bar: int, floor: float) -> FieldScores:
    """Score a field.

    Args:
        sums: What the field did in the window.
        dials: The rules.
        bar: Books needed for any skill, see `skill_bar`.
        floor: Least |alpha| that counts, quote, see `magnitude_floor`.
    """
    row = sums.maker_row
    excess = np.take_along_axis(excess_concentration(sums.flow, dials.p11_topk), row, axis=-1)

    captured = making.two_sided_making(sums.captured)
    realised = captured * sums.quality
    base = realised if dials.making_basis == "realized" else captured
    making_concentration = _where_felt(concentration_factor(excess, dials.p11_strength), base)
    tether = np.take_along_axis(tether_factor(sums.tether_flow, dials.s3_k), row, axis=-1)
    tether = _where_felt(tether, base * making_concentration)
    credit = base * making_concentration * tether
    cut = making.making_floor(credit, dials.making_floor_scale)
    making_rank = scoped_rank(np.where(credit >= cut, credit, 0.0), dials.making_rank_scope)

    raw = skill.floored_consistency(sums.kept, floor, bar) if sums.skill is None else sums.skill
    coverage_books = skill.books_with(sums.alpha)
    coverage = _where_felt(skill.coverage_factor(coverage_books, dials.skill_max_inactive_books), raw)
    skill_concentration = concentration_factor(excess, dials.skill_p11_strength)
    skilled = raw * coverage * skill_concentration
    skill_rank = scoped_rank(skilled, dials.skill_rank_scope) * sums.skill_rank_scale

    return FieldScores(
        uids=sums.uids,
        score=dials.w_make * making_rank + (1.0 - dials.w_make) * skill_rank,
        making=credit,
        making_captured=captured,
        making_realised=realised,
        quality=sums.quality,
        making_rank=making_rank,
        making_concentration_factor=making_concentration,
        making_tether_factor=tether,
        background_share=np.take_along_axis(background_share(sums.tether_flow), row, axis=-1),
        skill=skilled,
        skill_rank=skill_rank,
        skill_coverage_factor=coverage,
        skill_concentration_factor=skill_concentration,
        net_alpha=skill.net_alpha(sums.alpha),
        skill_books=skill.books_with(skill.over_floor(sums.kept, floor)),
        coverage_books=coverage_books,
        bar=bar,
    )


def _where_felt(factor: FloatArray, value: FloatArray) -> FloatArray:
    return np.where(value != 0.0, factor, 1.0)
