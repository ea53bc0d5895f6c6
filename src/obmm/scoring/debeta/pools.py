"""From making and skill to the emission: shares of the two halves, and the ladder of ranks.

Shares are arrays (n,) over the whole field, 0 to 1, that sum to 1 or are all 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from obmm.market import BoolArray, FloatArray
from obmm.scoring.debeta.combine import FieldScores
from obmm.scoring.eras import EraConstants
from obmm.scoring.pareto import Float32Array, distribute_rewards
from obmm.scoring.reward_floor import apply_reward_floor


def shares_of(credit: FloatArray) -> FloatArray:
    """Credit over its sum; all 0 if there is none.

    >>> shares_of(np.array([3.0, 1.0, 0.0])).tolist()
    [0.75, 0.25, 0.0]
    """
    total = credit.sum()
    return credit / total if total > 0.0 else np.zeros(credit.size)


def skill_credit(field: FieldScores, present: BoolArray) -> FloatArray:
    """(U,) quote that the skill half is paid by: net alpha after the factor of concentration.

    0 for a uid that is absent, whose skill is not positive or whose alpha counts on fewer books than the bar.
    """
    earns = present & (field.skill > 0.0) & (field.skill_books >= field.bar)
    return np.where(earns, np.maximum(field.net_alpha, 0.0) * field.skill_concentration_factor, 0.0)


def rates(credits: Sequence[FloatArray], weights: Sequence[float]) -> list[float]:
    """Share paid per unit of credit in each asset class; one without credit leaves its weight to the others.

    Args:
        credits: (n,) credit of every uid in each class; one class is the whole market.
        weights: Weight of each class.

    >>> rates([np.array([3.0, 1.0]), np.array([0.0, 0.0])], [0.95, 0.05])
    [0.25, 0.0]
    """
    totals = [float(credit.sum()) for credit in credits]
    credited = sum(weight for weight, total in zip(weights, totals, strict=True) if total > 0.0)
    return [
        weight / credited / total if total > 0.0 and credited > 0.0 else 0.0
        for weight, total in zip(weights, totals, strict=True)
    ]


def mixed_shares(credits: Sequence[FloatArray], weights: Sequence[float]) -> FloatArray:
    """(n,) shares of one half of the emission: credit over the class's total, classes weighted.

    >>> mixed_shares([np.array([3.0, 1.0]), np.array([0.0, 2.0])], [0.95, 0.05])
    array([0.7125, 0.2875])
    """
    shares = np.zeros(credits[0].size)
    for credit, rate in zip(credits, rates(credits, weights), strict=True):
        shares += rate * credit
    return shares


def ladder(scores: FloatArray, era: EraConstants) -> Float32Array:
    """Scores of the field after the reward floor, times Pareto draws of equal rank."""
    return distribute_rewards(apply_reward_floor(scores, era), era)


def ladder_scores(smoothed: FloatArray, making_term: FloatArray) -> FloatArray:
    """(n,) smoothed trading score less the smoothed part that making put into it, not below 0."""
    return np.maximum(0.0, smoothed - making_term)


def emission(
    rule: str,
    *,
    pool: float,
    making: FloatArray,
    skill: FloatArray,
    smoothed: FloatArray,
    ladder_input: FloatArray,
    era: EraConstants,
) -> Float32Array:
    """(n,) what a round pays, 32-bit.

    Args:
        rule: "rank" pays the ladder of smoothed trading scores and nothing else. The others pay `pool` in
            proportion to `making` and the rest by the ladder of `ladder_input` ("proportional"), of
            `smoothed` ("proportional_blended"), or in proportion to `skill` ("proportional_both").
        pool: Share of the making half, 0 to 1.
        making: (n,) shares of the making half.
        skill: (n,) shares of the skill half.
        smoothed: (n,) smoothed trading scores.
        ladder_input: (n,) `ladder_scores`.
        era: Gives floor and Pareto draws.
    """
    if rule == "rank" or pool <= 0.0:
        return ladder(smoothed, era)
    if rule == "proportional_both" and skill.any():
        other = skill
    else:
        steps = ladder(smoothed if rule == "proportional_blended" else ladder_input, era)
        other = shares_of(steps.astype(np.float64))
    if not making.any():
        return other.astype(np.float32)
    return ((1.0 - pool) * other + pool * making).astype(np.float32)
