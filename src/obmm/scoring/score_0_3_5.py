"""Weighting, outlier penalty, Kappa score and trading score of 0.3.5 to 0.6."""

from __future__ import annotations

import math

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market.arrays import BoolArray, FloatArray, as_floats
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
    ratios, factor = as_floats(kappa), as_floats(factors)
    missing = np.isnan(ratios)
    span = era.kappa_max - era.kappa_min
    clipped = np.clip((ratios - era.kappa_min) / span, 0.0, 1.0) if span else np.where(missing, np.nan, 0.0)
    weighted = np.minimum(np.where((factor < 1.0) | (clipped > 0.5), factor, 2.0 - factor) * clipped, 1.0)
    idle_counted = missing & (np.cumsum(missing) > inactive_allowance(ratios.size, era))
    counted = ~missing | idle_counted
    values = np.where(idle_counted, 0.0, weighted)
    x = values[counted]
    if x.size == 0:
        if era.empty_score_fails:
            raise ValueError("every book is idle and allowed to be: there is nothing to score")
        x = np.zeros(1)
    low, high = np.percentile(x, (25, 75))
    spread = float(high - low)
    outliers = counted & (values < low - 1.5 * max(spread, 0.01))
    median, penalty = float(np.median(x)), 0.0
    if outliers.any() and (depth := 0.5 - float(np.median(values[outliers]))) > 0.0:
        penalty = depth / 1.5 * (1.0 - math.exp(-5.0 * spread))
    return KappaWeights(
        books=weighted,
        idle_free=missing & ~idle_counted,
        idle_counted=idle_counted,
        outliers=outliers,
        median=median,
        penalty=penalty,
        score=max(median - penalty, 0.0),
    )


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
