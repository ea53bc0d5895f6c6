"""Paired comparisons over seeds: tests, intervals, and how many seeds would settle one.

The unit is the seed. Books of one seed share a market and are not independent, so each seed is one figure
per arm, and with common seeds one difference.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import attrs
import numpy as np

from obmm.market import FloatArray, IntArray

#: Share of intervals that may miss.
ALPHA = 0.05
#: Chance of seeing a difference that is there, which planning aims at.
POWER = 0.8
#: Seeds up to which every pattern of signs is tried.
_EXACT = 14
_RESAMPLES = 20_000
#: Differences that agree to so many digits are ties.
_TIE = 1e-9
#: Share of a spread of one, on which the always-valid test bets: what a handful of seeds can show.
_BET = 1.0


@attrs.frozen
class Interval:
    """A mean and an interval for it; NaN where nothing is known."""

    mean: float
    low: float
    high: float

    @property
    def settled(self) -> bool:
        """Whether it excludes zero."""
        return self.low > 0.0 or self.high < 0.0


def paired_t(d: FloatArray) -> tuple[float, float]:
    """Student's t and its two-sided p of differences (n,); NaN below two.

    >>> t, p = paired_t(np.array([0.2, 0.1, 0.4, -0.1, 0.3, 0.2, 0.1, 0.3]))
    >>> round(t, 5), round(p, 6)
    (3.41565, 0.011201)
    """
    from scipy.stats import t as student

    if d.size < 2:
        return math.nan, math.nan
    if not d.any():
        return 0.0, 1.0
    sd = float(d.std(ddof=1))
    if sd == 0.0:
        return math.copysign(math.inf, d[0]), 0.0
    t = float(d.mean()) / (sd / math.sqrt(d.size))
    return t, float(2.0 * student.sf(abs(t), d.size - 1))


def sign_flip(d: FloatArray) -> float:
    """Two-sided p of the sign-flip permutation test: exact up to 14 differences, resampled above.

    Source: Fisher (1935), §21. A resampled p counts the data among the resamples (Phipson and Smyth 2010), so
    that it is never too small.

    >>> sign_flip(np.array([0.2, 0.1, 0.4, -0.1, 0.3, 0.2, 0.1, 0.3]))
    0.03125
    """
    if not d.size:
        return math.nan
    seen = abs(float(d.sum())) - _TIE * float(np.abs(d).sum())
    if d.size <= _EXACT:
        bits = np.arange(2**d.size)[:, None] >> np.arange(d.size) & 1
        return float(np.mean(np.abs((1 - 2 * bits) @ d) >= seen))
    signs = np.random.default_rng(0).integers(0, 2, (_RESAMPLES, d.size), dtype=np.int8) * 2 - 1
    return float((1 + np.sum(np.abs(signs @ d) >= seen)) / (1 + _RESAMPLES))


def wilcoxon(d: FloatArray) -> float:
    """Two-sided p of Wilcoxon's signed ranks (1945), exact also with ties; zeros are left out.

    The distribution of the rank sum under random signs is counted out, over midranks.

    >>> wilcoxon(np.array([0.2, 0.1, 0.4, -0.1, 0.3, 0.2, 0.1, 0.3]))
    0.03125
    """
    from scipy.stats import rankdata

    if not d.size:
        return math.nan
    size = np.abs(d)
    size = np.round(size / max(float(size.max()), 1e-300) / _TIE)
    kept = size > 0.0
    # Twice the midranks are whole numbers.
    ranks = np.round(2.0 * rankdata(size[kept])).astype(np.int64)
    total = int(ranks.sum())
    chance = np.zeros(total + 1)
    chance[0] = 1.0
    for rank in ranks.tolist():
        chance[rank:] += chance[: total + 1 - rank].copy()
        chance /= 2.0
    negative = int(ranks[d[kept] < 0.0].sum())
    tail = float(chance[: min(negative, total - negative) + 1].sum())
    return min(1.0, 2.0 * tail)


def holm(p: Sequence[float]) -> list[float]:
    """p-values of several tests, so raised that any below 0.05 may be believed (Holm 1979).

    >>> [round(value, 3) for value in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    raised = [math.nan] * len(p)
    worst = 0.0
    known = sorted((i for i in range(len(p)) if not math.isnan(p[i])), key=lambda i: p[i])
    for rank, i in enumerate(known):
        worst = max(worst, min(1.0, (len(known) - rank) * p[i]))
        raised[i] = worst
    return raised


def bootstrap(values: FloatArray, alpha: float = ALPHA) -> Interval:
    """Mean of one figure per seed and its bootstrap interval, resampling whole seeds.

    The percentile interval of few values is too narrow. It is taken at the levels that make up for it
    (Hesterberg 2015, "expanded percentile"), and never narrower than Student's on either side. Below two
    values there is none.

    >>> bootstrap(np.array([1.0, 1.0, 1.0]))
    Interval(mean=1.0, low=1.0, high=1.0)
    """
    n = values.size
    if n < 2:
        return Interval(float(values.mean()) if n else math.nan, math.nan, math.nan)
    return _bootstrap(values.astype(np.float64).tobytes(), alpha)


# The terminal, the page and the JSON ask for the same ones.
@functools.lru_cache(maxsize=16_384)
def _bootstrap(data: bytes, alpha: float) -> Interval:
    from scipy.stats import norm

    values = np.frombuffer(data)
    n, mean = values.size, float(values.mean())
    if np.ptp(values) == 0.0:
        return Interval(mean, mean, mean)
    quantile = quantile_t(n, alpha)
    level = float(norm.cdf(-math.sqrt(n / (n - 1)) * quantile))
    half = quantile * float(values.std(ddof=1)) / math.sqrt(n)
    low, high = np.quantile(values[_resampled(n)].mean(axis=1), (level, 1.0 - level))
    return Interval(mean, min(float(low), mean - half), max(float(high), mean + half))


@functools.lru_cache(maxsize=4)
def _resampled(n: int) -> IntArray:
    """(R, n) rows drawn with replacement, the same each time."""
    return np.random.default_rng(0).integers(0, n, (_RESAMPLES, n))


def quantile_t(n: int, alpha: float = ALPHA) -> float:
    """Student's quantile for the mean of n values: how many standard errors an interval reaches.

    >>> round(quantile_t(8), 3)
    2.365
    """
    from scipy.stats import t as student

    return float(student.ppf(1.0 - alpha / 2.0, n - 1))


def always_valid(d: FloatArray, alpha: float = ALPHA) -> Interval:
    """Mean of differences and an interval that may be looked at after every seed.

    With the chance 1 - alpha all intervals, of however many seeds, hold the true mean at once: so one may
    stop as soon as one excludes zero. It is the set of means that the e-value of the t-test with a normal
    prior on mean over spread does not reject (Lai 1976; Wang and Ramdas 2025). Wider than `bootstrap`: that
    is what looking costs. Infinite while there is too little to say.

    >>> d = np.array([0.2, 0.1, 0.4, -0.1, 0.3, 0.2, 0.1, 0.3])
    >>> interval = always_valid(d)
    >>> round(interval.low, 3), round(interval.high, 3)
    (-0.046, 0.421)
    """
    n = d.size
    mean = float(d.mean()) if n else math.nan
    if n < 2:
        return Interval(mean, -math.inf, math.inf)
    grown = 1.0 + n * _BET
    limit = (grown / alpha**2) ** (1.0 / n)
    if limit >= grown:
        return Interval(mean, -math.inf, math.inf)
    t = math.sqrt((n - 1) * (limit - 1.0) / (1.0 - limit / grown))
    half = t * float(d.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half)


def e_value(d: FloatArray) -> float:
    """Evidence against a mean of zero that may be gathered seed by seed; 1 is none, 20 settles it at 5 %.

    >>> round(e_value(np.array([0.2, 0.1, 0.4, -0.1, 0.3, 0.2, 0.1, 0.3])), 2)
    8.54
    """
    n = d.size
    if n < 2 or not d.any():
        return 1.0
    grown = 1.0 + n * _BET
    spread = float(d.std(ddof=1))
    ratio = grown if spread == 0.0 else _ratio(n * (float(d.mean()) / spread) ** 2 / (n - 1), grown)
    return math.exp(min(0.5 * n * math.log(ratio) - 0.5 * math.log(grown), 700.0))


def _ratio(x: float, grown: float) -> float:
    return (1.0 + x) / (1.0 + x / grown)


def detectable(sd: float, n: int, alpha: float = ALPHA, power: float = POWER) -> float:
    """The smallest mean difference that `n` seeds show with the chance `power`, differences spread by `sd`.

    >>> round(detectable(0.13, 54), 4)
    0.0496
    """
    return _both(alpha, power) * sd / math.sqrt(n) if n else math.nan


def seeds_needed(difference: float, sd: float, alpha: float = ALPHA, power: float = POWER) -> float:
    """How many seeds show a mean `difference` with the chance `power`; infinite for none.

    >>> seeds_needed(0.05, 0.13)
    54.0
    """
    if difference == 0.0:
        return math.inf
    return max(2.0, float(math.ceil((_both(alpha, power) * sd / difference) ** 2)))


def _both(alpha: float, power: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf(1.0 - alpha / 2.0) + norm.ppf(power))
