"""The training pool (0.4.5 and later): gradient scores by rank, averaged per uid."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from obmm.market.arrays import FloatArray
from obmm.scoring.eras import EraConstants


def rank_scores(scores: Mapping[int, float], n_uids: int) -> FloatArray:
    """Ranks (n_uids,) of the accepted uids' scores: 0 for the lowest to 1 for the highest, 0 for all others.

    A single accepted uid gets 1 if its score is positive.

    >>> rank_scores({0: -0.3, 3: 0.5, 4: 0.1}, 5)
    array([0. , 0. , 0. , 1. , 0.5])
    """
    ranks = np.zeros(n_uids)
    ordered = sorted(scores, key=lambda uid: scores[uid])
    if len(ordered) == 1:
        ranks[ordered[0]] = float(scores[ordered[0]] > 0.0)
    for place, uid in enumerate(ordered):
        if len(ordered) > 1:
            ranks[uid] = place / (len(ordered) - 1)
    return ranks


def training_average(average: FloatArray | None, ranks: FloatArray, era: EraConstants) -> FloatArray:
    """Moving average (n,) of the ranks after a round; a uid without an accepted score counts as 0.

    Args:
        average: (n,) before the round, None in the first: 0.4.5 then starts at the ranks, later eras at 0.
        ranks: (n,) of this round.
        era: Gives the weight of the new rank and the start.

    >>> from obmm.scoring import ERAS
    >>> training_average(None, np.array([1.0, 0.0]), ERAS["0.5.4"])
    array([0.1, 0. ])
    """
    if average is None:
        if era.training_seeded:
            return np.copy(ranks)
        average = np.zeros_like(ranks)
    averaged: FloatArray = era.training_alpha * ranks + (1.0 - era.training_alpha) * average
    return averaged
