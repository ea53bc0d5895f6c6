"""Weighting, outlier penalty, Kappa score and trading score of 0.3.5 to 0.6."""

from __future__ import annotations

import math
from collections.abc import Iterator

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market.arrays import BoolArray, FloatArray, IntArray, as_floats
from obmm.scoring.activity_0_3_5 import activity_factors_0_3_5, pnl_factors
from obmm.scoring.eras import EraConstants
from obmm.scoring.kappa import KappaRatios
from obmm.scoring.pnl_score import inactive_allowance, pnl_score


@attrs.frozen(kw_only=True, eq=False)
class KappaWeights:
    """How the books of one uid make up its Kappa score.

    Attributes:
        books: (B,) normalised Kappa weighted by activity, 0…1; NaN for a book without Kappa.
        idle_free: (B,) True for books without Kappa that the allowance covers.
        idle_counted: (B,) True for books without Kappa that count as 0.
        outliers: (B,) True for a book that counts and lies far below the others.
        median: Median over the counted books.
        penalty: What the outliers cost.
        score: The Kappa score, 0…1.
    """

    books: FloatArray
    idle_free: BoolArray
    idle_counted: BoolArray
    outliers: BoolArray
    median: float
    penalty: float
    score: float


def score_kappa(kappa: npt.ArrayLike, factors: npt.ArrayLike, era: EraConstants) -> KappaWeights:
    """Kappa score of one uid.

    Args:
        kappa: (B,) Kappa of the books, NaN for none.
        factors: (B,) activity factor times P&L factor.
        era: Gives clip range and allowance.

    Raises:
        ValueError: No book counts at all, as an allowance of every book permits. From 0.6 this scores 0.

    >>> from obmm.scoring import ERAS
    >>> weights = score_kappa([1.25, 1.25, np.nan, 1.25], [1.0] * 4, ERAS["0.5.4"])
    >>> weights.score, weights.idle_free
    (0.75, array([False, False, True, False]))
    """
    weighted, missing, idle_counted = _weighed(as_floats(kappa), as_floats(factors), era)
    counted = ~missing | idle_counted
    values = np.where(idle_counted, 0.0, weighted)
    x = values[counted]
    if x.size == 0:
        _refuse_nothing(era)
        x = np.zeros(1)
    low, high = np.percentile(x, (25, 75))
    spread = float(high - low)
    outliers = counted & (values < low - 1.5 * max(spread, 0.01))
    median = float(np.median(x))
    penalty = _penalty(values[outliers], spread)
    return KappaWeights(
        books=weighted,
        idle_free=missing & ~idle_counted,
        idle_counted=idle_counted,
        outliers=outliers,
        median=median,
        penalty=penalty,
        score=max(median - penalty, 0.0),
    )


def kappa_scores(kappa: FloatArray, factors: FloatArray, era: EraConstants) -> FloatArray:
    """Kappa scores (R,) of many scorings of as many books, each what `score_kappa` makes of its row.

    Args:
        kappa: (R, B) Kappa of the books, NaN for none.
        factors: (R, B) activity factor times P&L factor.
        era: Gives clip range and allowance.

    Raises:
        ValueError: As `score_kappa`.

    >>> from obmm.scoring import ERAS
    >>> kappa_scores(np.array([[1.25] * 4, [2.5, 2.5, np.nan, 2.5]]), np.ones((2, 4)), ERAS["0.5.4"])
    array([0.75, 1.  ])
    """
    weighted, missing, idle_counted = _weighed(kappa, factors, era)
    counted = ~missing | idle_counted
    values = np.where(idle_counted, 0.0, weighted)
    low, high, scores = np.zeros((3, kappa.shape[0]))
    for n, rows in _alike(np.count_nonzero(counted, axis=1)):
        if n == 0:
            _refuse_nothing(era)
            continue
        x = values[rows][counted[rows]].reshape(-1, n)
        low[rows], high[rows] = np.percentile(x, (25, 75), axis=1)
        scores[rows] = np.median(x, axis=1)
    spread = high - low
    outliers = counted & (values < (low - 1.5 * np.maximum(spread, 0.01))[:, np.newaxis])
    for row in np.flatnonzero(outliers.any(axis=1)).tolist():
        scores[row] -= _penalty(values[row, outliers[row]], float(spread[row]))
    return np.where(scores < 0.0, 0.0, scores)


def _weighed(
    ratios: FloatArray, factor: FloatArray, era: EraConstants
) -> tuple[FloatArray, BoolArray, BoolArray]:
    """Weighted Kappas (…, B), which are missing, and which of these count as 0."""
    missing = np.isnan(ratios)
    span = era.kappa_max - era.kappa_min
    clipped = np.clip((ratios - era.kappa_min) / span, 0.0, 1.0) if span else np.where(missing, np.nan, 0.0)
    weighted = np.minimum(np.where((factor < 1.0) | (clipped > 0.5), factor, 2.0 - factor) * clipped, 1.0)
    allowed = inactive_allowance(ratios.shape[-1], era)
    return weighted, missing, missing & (np.cumsum(missing, axis=-1) > allowed)


def _penalty(outliers: FloatArray, spread: float) -> float:
    """What outliers cost."""
    if outliers.size and (depth := 0.5 - float(np.median(outliers))) > 0.0:
        return depth / 1.5 * (1.0 - math.exp(-5.0 * spread))
    return 0.0


def _refuse_nothing(era: EraConstants) -> None:
    if era.empty_score_fails:
        raise ValueError("every book is idle and allowed to be: there is nothing to score")


def _alike(counts: IntArray) -> Iterator[tuple[int, IntArray]]:
    """Each number among `counts` (R,) with the rows that have it."""
    for n in np.unique(counts).tolist():
        yield n, np.flatnonzero(counts == n)


def trading_score(kappa_score: float, pnl_score: float, era: EraConstants) -> float:
    """Weighted sum of Kappa and P&L score, cut to 0…1: the raw score before any ranking.

    >>> from obmm.scoring import ERAS
    >>> round(trading_score(0.5, 0.1, ERAS["0.5.4"]), 4)
    0.416
    """
    return min(max(era.kappa_weight * kappa_score + era.pnl_weight * pnl_score, 0.0), 1.0)


@attrs.frozen(kw_only=True, eq=False)
class TradingScore:
    """One scoring of one uid in a Kappa era, with its parts.

    Attributes:
        total: Weighted sum of Kappa and P&L score, cut to 0…1: the raw score before any ranking.
        kappa: Kappa ratios; None without enough history.
        weights: How the books make up the Kappa score; None without `kappa`.
        activity_factors: (B,) after the scoring.
        pnl_factors: (B,) after the scoring.
        pnl_score: The P&L score.
    """

    total: float
    kappa: KappaRatios | None
    weights: KappaWeights | None
    activity_factors: FloatArray
    pnl_factors: FloatArray
    pnl_score: float

    @property
    def kappa_score(self) -> float:
        """The Kappa score, 0 without Kappa."""
        return 0.0 if self.weights is None else self.weights.score


def score_uid(
    kappa: KappaRatios | None,
    factors: FloatArray,
    *,
    pnl: FloatArray,
    roundtrip_volume: FloatArray,
    last_roundtrip_ns: npt.ArrayLike,
    time_ns: int,
    era: EraConstants,
) -> TradingScore:
    """One scoring of one uid from what its ledger says.

    Without Kappa the factors stay as they were and only the P&L score counts.

    Args:
        kappa: Its Kappa ratios, None without enough history or while it is deregistered.
        factors: (B,) activity factors before the scoring.
        pnl: (B,) realised P&L of the P&L window, quote.
        roundtrip_volume: (B,) round-trip volume of the activity window, quote.
        last_roundtrip_ns: (B,) newest sample time with round trips, 0 if none.
        time_ns: Time of the scoring.
        era: Constants.

    Raises:
        ValueError: See `score_kappa`.

    >>> from obmm.scoring import ERAS
    >>> nothing = np.zeros(2)
    >>> score = score_uid(
    ...     None, nothing, pnl=np.array([625.0, 625.0]), roundtrip_volume=nothing, last_roundtrip_ns=[0, 0],
    ...     time_ns=0, era=ERAS["0.5.4"],
    ... )
    >>> round(score.total, 4)
    0.0105
    """
    weights = None
    gains: FloatArray = np.ones(factors.size)
    if kappa is not None:
        factors = activity_factors_0_3_5(factors, roundtrip_volume, last_roundtrip_ns, time_ns, era)
        if era.seeds_factor_from_kappa:
            factors = np.where((factors == 0.0) & ~np.isnan(kappa.books), 1.0, factors)
        gains = pnl_factors(pnl, era)
        weights = score_kappa(kappa.books, factors * gains, era)
    returns = pnl_score(pnl, era)
    return TradingScore(
        total=trading_score(weights.score if weights else 0.0, returns, era),
        kappa=kappa,
        weights=weights,
        activity_factors=factors,
        pnl_factors=gains,
        pnl_score=returns,
    )
