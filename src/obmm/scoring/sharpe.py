"""Sharpe ratios of inventory value, per book and over books (0.1.9 and 0.1.51)."""

from __future__ import annotations

import math

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market.arrays import BoolArray, FloatArray, as_floats, as_ints
from obmm.scoring.eras import EraConstants


@attrs.frozen(kw_only=True, eq=False)
class SharpeRatios:
    """Ratios of one uid; they are t-statistics: mean over standard deviation times √n of the value changes.

    Only `books` enters the score. The others are reported.

    Attributes:
        books: (B,) ratio of each book, 0 where the value never changed its pace, NaN if a value was NaN.
        total: Ratio of the summed value.
        average: Mean of `books`.
        median: Median of `books`.
        normalized_total: `total` mapped to 0…1.
        normalized_average: `average` mapped to 0…1.
        normalized_median: `median` mapped to 0…1.
    """

    books: FloatArray
    total: float
    average: float
    median: float
    normalized_total: float
    normalized_average: float
    normalized_median: float


def normalize_sharpe(ratio: npt.ArrayLike, era: EraConstants) -> FloatArray:
    """Ratios mapped to 0…1: `(clip(ratio) + max) / (max − min)`; NaN stays NaN.

    It is the upper bound that is added, so only a symmetric range maps exactly to 0…1.

    >>> from obmm.scoring import ERAS
    >>> normalize_sharpe([-20.0, 0.0, 5.0], ERAS["0.1.51"])
    array([0.  , 0.5 , 0.75])
    """
    low, high = era.sharpe_min, era.sharpe_max
    return (np.clip(as_floats(ratio), low, high) + high) / (high - low)


def sharpe_ratios(values: npt.ArrayLike, times_ns: npt.ArrayLike, era: EraConstants) -> SharpeRatios | None:
    """Ratios of one uid as 0.1.51 computes them.

    Value changes over a step of at least the grace period are left out (unless that is 0): that is where one
    simulation ended and the next began. The history is used as it is: whoever calls cuts it to the lookback.

    Args:
        values: (B, T) inventory value less starting wealth, one column per state, quote.
        times_ns: (T,) times of the states, in the order in which they came.
        era: Gives clip range, minimum history and grace period.

    Returns:
        None with fewer states than the minimum or, if that is shorter, the lookback. A single state has no
        changes: every ratio is NaN.

    >>> from obmm.scoring import ERAS
    >>> era = attrs.evolve(ERAS["0.1.51"], sharpe_min_observations=3)
    >>> ratios = sharpe_ratios([[0.0, 1.0, 4.0], [5.0, 5.0, 5.0]], [0, 10**9, 2 * 10**9], era)
    >>> ratios.books
    array([2.82842712, 0. ])
    """
    rows, times = as_floats(values), as_ints(times_ns)
    if times.size < min(era.sharpe_min_observations, era.sharpe_lookback):
        return None
    kept = None
    if era.grace_period_ns > 0:
        kept = np.diff(times) < era.grace_period_ns
    return _ratios(_changes(rows, kept), era)


def sharpe_ratios_0_1_9(
    values: npt.ArrayLike, times_ns: npt.ArrayLike, era: EraConstants
) -> SharpeRatios | None:
    """Ratios of one uid as 0.1.9 computes them.

    Value changes to an earlier time are left out (the seam of a restart), then the newest `sharpe_lookback`
    changes are used.

    Args:
        values: (B, T) inventory value less starting wealth, one column per state, quote.
        times_ns: (T,) times of the states, in the order in which they came.
        era: Gives clip range and lookback.

    Returns:
        None with fewer than two states: the validator then fails on this uid and its score stays as it was.

    >>> from obmm.scoring import ERAS
    >>> sharpe_ratios_0_1_9([[0.0, 1.0, 4.0]], [0, 5 * 10**9, 10 * 10**9], ERAS["0.1.9"]).total
    2.8284271247461903
    """
    rows, times = as_floats(values), as_ints(times_ns)
    if times.size < 2:
        return None
    changes = _changes(rows, np.diff(times) >= 0)
    return _ratios(changes[:, -era.sharpe_lookback :], era)


def _changes(rows: FloatArray, kept: BoolArray | None) -> FloatArray:
    with np.errstate(invalid="ignore"):
        # One order of memory gives one order of summation, so equal values give equal ratios.
        changes = np.diff(np.ascontiguousarray(rows), axis=1)
    return changes if kept is None or bool(kept.all()) else changes[:, kept]


def _ratios(changes: FloatArray, era: EraConstants) -> SharpeRatios:
    books = _ratio(changes)
    total = float(_ratio(changes.sum(axis=0)[None, :])[0])
    average, median = float(np.mean(books)), float(np.median(books))
    low_to_high = normalize_sharpe([total, average, median], era)
    return SharpeRatios(
        books=books,
        total=total,
        average=average,
        median=median,
        normalized_total=float(low_to_high[0]),
        normalized_average=float(low_to_high[1]),
        normalized_median=float(low_to_high[2]),
    )


def _ratio(changes: FloatArray) -> FloatArray:
    n_books, n = changes.shape
    if n == 0:
        return np.full(n_books, np.nan)
    with np.errstate(invalid="ignore"):
        mean, std = np.mean(changes, axis=1), np.std(changes, axis=1)
    flat = std == 0.0
    return np.where(flat, 0.0, math.sqrt(n) * (mean / np.where(flat, 1.0, std)))
