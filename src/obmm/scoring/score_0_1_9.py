"""Weighting and score of 0.1.9."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from obmm.market.arrays import FloatArray, as_floats
from obmm.scoring.eras import EraConstants
from obmm.scoring.score_0_1_51 import BookWeights, weight_by_activity
from obmm.scoring.sharpe import normalize_sharpe


def score_books_0_1_9(sharpe: npt.ArrayLike, factors: npt.ArrayLike, era: EraConstants) -> BookWeights:
    """Score of one uid from its books' Sharpe ratios and activity factors.

    The activity factors are those of 0.1.51 with this era's cap and lookback. The penalty is the lowest
    outlier below 0, which a factor of at most 2 never produces.

    Args:
        sharpe: (B,) ratios of the books.
        factors: (B,) activity factors.
        era: Gives the clip range.

    Raises:
        ValueError: There are no books.

    >>> from obmm.scoring import ERAS
    >>> score_books_0_1_9([2.0, 2.0, -40.0], [1.0, 1.0, 1.0], ERAS["0.1.9"]).score
    0.6
    """
    factor: FloatArray = as_floats(factors)
    if factor.size == 0:
        raise ValueError("no books to score")
    weighted = weight_by_activity(factor, normalize_sharpe(sharpe, era))
    low, high = np.percentile(weighted, (25, 75))
    outliers = weighted < low - 1.5 * (high - low)
    penalty = max(-float(weighted[outliers].min(initial=0.0)), 0.0)
    median = float(np.median(weighted))
    return BookWeights(
        books=weighted, outliers=outliers, median=median, penalty=penalty, score=median - penalty
    )
