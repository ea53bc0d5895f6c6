"""One scoring of the whole field: track record, pools, emission."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market import BoolArray, FloatArray, IntArray
from obmm.scoring.debeta import pools
from obmm.scoring.debeta.dials import Dials
from obmm.scoring.debeta.track_record import TrackRecord
from obmm.scoring.debeta.verdict import Verdict
from obmm.scoring.eras import EraConstants
from obmm.scoring.pareto import Float32Array

SMOOTHED, MAKING_TERM, MAKING_SHARE = range(3)


@attrs.frozen(kw_only=True, eq=False)
class Round:
    """What one scoring paid; arrays (n,) in the order of `uids`.

    Attributes:
        time_ns: Simulated time.
        uids: Everybody who is paid from the same emission, ascending.
        verdict: What the scores come from; None while the field is too small.
        carried: The verdict is an earlier one, since too few uids score now.
        trading: Score of this round.
        smoothed: Track record of that score.
        making_term: Smoothed part of the score that came from making.
        making_share: Smoothed share of the making half.
        skill_share: Share of the skill half.
        ladder_input: Score that a ladder of ranks would be built from.
        emission: What is paid, 32-bit.
    """

    time_ns: int
    uids: IntArray
    verdict: Verdict | None
    carried: bool
    trading: FloatArray
    smoothed: FloatArray
    making_term: FloatArray
    making_share: FloatArray
    skill_share: FloatArray
    ladder_input: FloatArray
    emission: Float32Array


def blend(scores: FloatArray | None, kappa_pnl: FloatArray, dials: Dials, era: EraConstants) -> FloatArray:
    """(n,) trading scores: Kappa and P&L as weighted, cut to 0…1, plus the weighted score of the field.

    Args:
        scores: (n,) scores of making and skill; None in a round without, whose weight goes to the others.
        kappa_pnl: (n,) `kappa_weight` times Kappa score plus `pnl_weight` times P&L score.
        dials: Gives the weight of making and skill.
        era: Gives the weights of Kappa and P&L.

    >>> from obmm.scoring.debeta import RUNGS_0_6_1
    >>> era, dials = RUNGS_0_6_1[2]
    >>> blend(None, np.array([0.3]), dials, era)
    array([0.6])
    """
    if scores is not None:
        return np.clip(kappa_pnl, 0.0, 1.0) + dials.weight * np.clip(scores, 0.0, 1.0)
    weight = era.kappa_weight + era.pnl_weight
    return np.clip(kappa_pnl / weight, 0.0, 1.0) if weight > 0.0 else np.zeros(kappa_pnl.size)


@attrs.define
class Payroll:
    """Turns verdicts into emissions and remembers what the rules remember between them.

    Attributes:
        dials: The rules.
        era: Gives reward floor, Pareto draws and the weights of Kappa and P&L.
        record: Track record of score, making term and making share.
        verdict: The last verdict with enough uids, None before the first.
    """

    dials: Dials
    era: EraConstants
    record: TrackRecord
    verdict: Verdict | None = None

    @classmethod
    def empty(cls, dials: Dials, era: EraConstants) -> Payroll:
        """Nobody has been paid yet."""
        return cls(dials, era, TrackRecord.empty(np.zeros(0, dtype=np.int64), dials.halflife_ns, 3))

    def pay(
        self,
        time_ns: int,
        uids: IntArray,
        verdict: Verdict,
        deregistered: BoolArray,
        kappa_pnl: FloatArray,
    ) -> Round:
        """Pay one scoring.

        With fewer positive scores than `min_books` the last verdict that had enough stands in for the field,
        or nothing does. Shares within asset classes do not wait for that: they are those of the field as it
        stands.

        Args:
            time_ns: Simulated time.
            uids: (n,) everybody paid from this emission, ascending.
            verdict: The field as it stands.
            deregistered: (n,) uids that lose their track record.
            kappa_pnl: (n,) weighted Kappa and P&L scores, see `blend`.
        """
        enough = np.count_nonzero(verdict.score > 0.0) >= self.dials.min_books
        if enough:
            self.verdict = verdict
        judged = verdict if enough else self.verdict if self.dials.weight >= 1.0 else None

        self.record.follow(uids)
        values = np.zeros((3, uids.size))
        skill_share: FloatArray = np.zeros(uids.size)
        scores: FloatArray | None = None
        if judged is not None:
            scores = _spread(uids, judged.field.uids, judged.score)
            values[MAKING_TERM] = self.dials.pool * _spread(uids, judged.field.uids, judged.field.making_rank)
        paid = verdict if verdict.classes else judged
        if paid is not None:
            making = pools.mixed_shares(paid.making_credits, paid.weights)
            skilled = pools.mixed_shares(paid.skill_credits, paid.weights)
            values[MAKING_SHARE] = _spread(uids, paid.field.uids, making)
            skill_share = _spread(uids, paid.field.uids, skilled)
        values[SMOOTHED] = blend(scores, kappa_pnl, self.dials, self.era)

        smoothed, term, share = self.record.update(time_ns, values, deregistered)
        making_share = pools.shares_of(share)
        ladder_input = pools.ladder_scores(smoothed, term)
        return Round(
            time_ns=time_ns,
            uids=uids,
            verdict=judged,
            carried=judged is not None and not enough,
            trading=values[SMOOTHED],
            smoothed=smoothed,
            making_term=term,
            making_share=making_share,
            skill_share=skill_share,
            ladder_input=ladder_input,
            emission=pools.emission(
                self.dials.making_pool,
                pool=self.dials.pool,
                making=making_share,
                skill=skill_share,
                smoothed=smoothed,
                ladder_input=ladder_input,
                era=self.era,
            ),
        )


def _spread(uids: IntArray, among: IntArray, values: FloatArray) -> FloatArray:
    """(n,) `values` of the uids `among`, 0 for the others; uids that are gone are left out."""
    place = np.searchsorted(uids, among)
    known = uids[np.minimum(place, uids.size - 1)] == among
    spread = np.zeros(uids.size)
    spread[place[known]] = values[known]
    return spread
