"""How much of a best result is luck: Sharpe ratios that count the trials, and overfitted searches.

Ratios are per observation, never annualised. An observation here is a seed.
"""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import attrs
import numpy as np

from obmm.market.arrays import BoolArray, FloatArray, as_flags

_NORMAL = NormalDist()
#: More ways of halving the rows than this are not all tried, but as many drawn.
_MOST_SPLITS = 2000


def probabilistic_sharpe(
    sharpe: float, n: int, *, benchmark: float = 0.0, skewness: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Probability that the true Sharpe ratio exceeds `benchmark` (Bailey & López de Prado 2012, eq. 11).

    Args:
        sharpe: Ratio of mean and deviation of `n` observations.
        n: Number of observations, at least 2.
        benchmark: Ratio to exceed.
        skewness: Third standardised moment of the observations.
        kurtosis: Fourth standardised moment: 3 for a normal distribution, not 0.

    Raises:
        ValueError: There are fewer than two observations, or no distribution has these moments.

    >>> round(probabilistic_sharpe(0.5, 10), 4)
    0.9214
    """
    if n < 2:
        raise ValueError(f"a Sharpe ratio needs two observations, got {n}")
    return _NORMAL.cdf((sharpe - benchmark) * math.sqrt((n - 1) / _spread(sharpe, skewness, kurtosis)))


def expected_best_sharpe(trials: int, variance: float) -> float:
    """The best Sharpe ratio that `trials` worthless configurations show on average.

    Bailey & López de Prado 2014, eq. 1. One trial is no choice: 0.

    Args:
        trials: Independent configurations that were tried.
        variance: Variance of the ratio over them.

    >>> round(expected_best_sharpe(100, 0.5 / 250), 6)
    0.113172
    """
    if trials < 2:
        return 0.0
    euler = float(np.euler_gamma)
    first, second = _NORMAL.inv_cdf(1.0 - 1.0 / trials), _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(variance) * ((1.0 - euler) * first + euler * second)


def deflated_sharpe(
    sharpe: float, n: int, *, trials: int, variance: float, skewness: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Probability that the best of `trials` is better than nothing (Bailey & López de Prado 2014, eq. 2).

    Args:
        sharpe: Ratio of the best configuration, over `n` observations.
        n: Number of observations.
        trials: Independent configurations that were tried.
        variance: Variance of the ratio over them.
        skewness: As in `probabilistic_sharpe`.
        kurtosis: As in `probabilistic_sharpe`.

    >>> best = 2.5 / math.sqrt(250)
    >>> round(deflated_sharpe(best, 1250, trials=100, variance=0.5 / 250, skewness=-3, kurtosis=10), 6)
    0.900397
    """
    benchmark = expected_best_sharpe(trials, variance)
    return probabilistic_sharpe(sharpe, n, benchmark=benchmark, skewness=skewness, kurtosis=kurtosis)


def least_record(
    sharpe: float,
    *,
    benchmark: float = 0.0,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    confidence: float = 0.95,
) -> float:
    """Observations after which `sharpe` exceeds `benchmark` with `confidence`: minimum track record length.

    Bailey & López de Prado 2012, eq. 13; infinite where it never does.

    >>> round(least_record(0.1), 3)
    272.907
    """
    if sharpe <= benchmark:
        return math.inf
    wanted = _NORMAL.inv_cdf(confidence) / (sharpe - benchmark)
    return 1.0 + _spread(sharpe, skewness, kurtosis) * wanted**2


def _spread(sharpe: float, skewness: float, kurtosis: float) -> float:
    """Variance of an estimated ratio, times the observations less one."""
    spread = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    if not spread > 0.0:
        raise ValueError(f"no distribution has skewness {skewness:g} and kurtosis {kurtosis:g}")
    return spread


@attrs.frozen
class Overfit:
    """What halving the observations again and again says of a search (combinatorially symmetric validation).

    Attributes:
        probability: Share of halvings in which the configuration that was best on one half was not above
            the median on the other.
        loss_probability: Share in which it earned less than nothing there.
        splits: Halvings tried.
        slope: Slope of the results on the second half over those on the first, of the configurations that
            were chosen: negative where choosing by one half does harm.
    """

    probability: float
    loss_probability: float
    splits: int
    slope: float


def overfit(results: FloatArray, *, blocks: int | None = None) -> Overfit | None:
    """Probability of backtest overfitting by CSCV (Bailey, Borwein, López de Prado & Zhu 2017).

    Equal results of several configurations share their ranks, so that configurations without any difference
    give one half.

    Args:
        results: (T, N) result of N configurations on T observations, as differences from what one would
            do otherwise.
        blocks: Groups of neighbouring observations that stay together, an even number; as many as there
            are, at most 16, if not given.

    Returns:
        None where nothing can be said: fewer than two configurations or four observations.

    >>> skill = np.tile([0.0, 1.0, 2.0], (8, 1))
    >>> overfit(skill).probability
    0.0
    """
    from scipy.stats import rankdata

    rows, configurations = results.shape
    blocks = min(rows, 16) // 2 * 2 if blocks is None else blocks
    if configurations < 2 or blocks < 4 or rows < blocks:
        return None
    sums = np.stack([part.sum(axis=0) for part in np.array_split(results, blocks)])
    sizes = np.array([len(part) for part in np.array_split(np.arange(rows), blocks)])
    halves = _halvings(blocks)
    inside = (halves @ sums) / (halves @ sizes)[:, None]
    outside = (~halves @ sums) / (~halves @ sizes)[:, None]
    ranks = rankdata(outside, axis=1) / (configurations + 1.0)
    # Where several were best together, none was chosen over the others.
    best = inside == inside.max(axis=1, keepdims=True)
    chosen = best / best.sum(axis=1, keepdims=True)
    below = (ranks < 0.5) + 0.5 * (ranks == 0.5)
    first, second = (chosen * inside).sum(axis=1), (chosen * outside).sum(axis=1)
    spread = float(((first - first.mean()) ** 2).sum())
    return Overfit(
        probability=float((chosen * below).sum(axis=1).mean()),
        loss_probability=float((chosen * (outside < 0.0)).sum(axis=1).mean()),
        splits=len(halves),
        slope=float(((first - first.mean()) * second).sum() / spread) if spread > 0.0 else math.nan,
    )


def _halvings(blocks: int) -> BoolArray:
    """(ways, blocks) which blocks are in the first half; a fixed sample where there are very many ways."""
    if math.comb(blocks, blocks // 2) <= _MOST_SPLITS:
        ways = list(itertools.combinations(range(blocks), blocks // 2))
        chosen = np.zeros((len(ways), blocks), dtype=np.bool_)
        chosen[np.arange(len(ways))[:, None], np.array(ways)] = True
        return chosen
    random = np.random.default_rng(0)
    order = random.permuted(np.tile(np.arange(blocks), (_MOST_SPLITS // 2, 1)), axis=1)
    first = order < blocks // 2
    return as_flags(np.concatenate([first, ~first]))
