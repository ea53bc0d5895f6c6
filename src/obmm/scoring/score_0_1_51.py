"""Activity factors, weighting, outlier penalty and score of 0.1.51."""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market.arrays import FloatArray, as_floats
from obmm.scoring.eras import EraConstants
from obmm.scoring.sharpe import normalize_sharpe


@attrs.frozen(kw_only=True, eq=False)
class BookWeights:
    """How the books of one uid make up its score in a Sharpe era.

    Attributes:
        books: (B,) normalised Sharpe ratios weighted by activity, 0…2.
        outliers: (B,) True for a book below the lower quartile by more than 1.5 interquartile ranges.
        median: Median of `books`.
        penalty: What the outliers cost.
        score: The raw score, before any ranking.
    """

    books: FloatArray
    outliers: npt.NDArray[np.bool_]
    median: float
    penalty: float
    score: float


def activity_factors(
    factors: npt.ArrayLike, lookback_volume: npt.ArrayLike, latest_volume: npt.ArrayLike, era: EraConstants
) -> FloatArray:
    """Factors (B,) after one scoring of 0.1.51.

    A book with volume in the current sample gets `min(1 + lookback volume / cap, 2)`; any other decays by
    2^(−1/lookback). The decay is per scoring, every fifth state, so an idle book halves in five hours.

    Args:
        factors: (B,) before the scoring; 0 at first.
        lookback_volume: (B,) volume of the samples of the lookback, quote.
        latest_volume: (B,) volume of the current sample, quote.
        era: Gives cap and lookback.

    >>> from obmm.scoring import ERAS
    >>> activity_factors([0.0, 1.5], [100_000.0, 0.0], [1_000.0, 0.0], ERAS["0.1.51"])
    array([1.05      , 1.49971122])
    """
    decayed = as_floats(factors) * 2.0 ** (-1.0 / era.sharpe_lookback)
    earned = np.minimum(1.0 + as_floats(lookback_volume) / era.volume_cap_quote, 2.0)
    return np.where(as_floats(latest_volume) > 0.0, earned, decayed)


def weight_by_activity(factors: FloatArray, normalized: FloatArray) -> FloatArray:
    """Normalised ratios (B,) times their factor, or times (2 − factor).

    The factor itself counts below 1 or above a ratio of 0.5; else more volume makes a book count less.

    >>> weight_by_activity(np.array([1.2, 1.2, 0.5]), np.array([0.75, 0.5, 0.5]))
    array([0.9 , 0.4 , 0.25])
    """
    return np.where((factors < 1.0) | (normalized > 0.5), factors, 2.0 - factors) * normalized


def score_books(sharpe: npt.ArrayLike, factors: npt.ArrayLike, era: EraConstants) -> BookWeights:
    """Score of one uid from its books' Sharpe ratios and activity factors, 0…2.

    Args:
        sharpe: (B,) ratios of the books.
        factors: (F,) activity factors of the first F books.
        era: Gives clip range and weight.

    Raises:
        KeyError: A factor belongs to a book without a ratio; the validator then loses the whole round.
        ValueError: There are no factors.

    >>> from obmm.scoring import ERAS
    >>> weights = score_books([2.0, 2.0, 2.0, 2.0, -40.0], [1.0] * 5, ERAS["0.1.51"])
    >>> weights.median, round(weights.penalty, 4), round(weights.score, 4)
    (0.6, 0.3333, 0.2667)
    """
    ratios, factor = as_floats(sharpe), as_floats(factors)
    if factor.size > ratios.size:
        raise KeyError(f"{factor.size} activity factors but Sharpe ratios of {ratios.size} books")
    if factor.size == 0:
        raise ValueError("no books to score")
    weighted = weight_by_activity(factor, normalize_sharpe(ratios[: factor.size], era))
    low, high = np.percentile(weighted, (25, 75))
    outliers = weighted < low - 1.5 * (high - low)
    penalty = 0.0
    if outliers.any() and (depth := 0.5 - float(weighted[outliers].mean())) > 0.0:
        penalty = depth / 1.5
    median = float(np.median(weighted))
    # Written so that a NaN stays one.
    score = 0.0 if median - penalty < 0.0 else median - penalty
    return BookWeights(
        books=weighted, outliers=outliers, median=median, penalty=penalty, score=score * era.sharpe_weight
    )
