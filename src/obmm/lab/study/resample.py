"""Intervals of statistics of series whose neighbours are not independent: the block bootstrap.

What is resampled are rows of moments, one a state, already summed over the books: books that move together
stay together, and a replicate of any statistic that is a function of sums costs next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import attrs
import numpy as np

from obmm.market import FloatArray

#: Share of intervals that hold the true value.
LEVEL = 0.95
REPLICATES = 2000
#: With fewer blocks than this nothing can be said of how far chance goes.
FEWEST_BLOCKS = 5
_SEED = 79

Statistic = Callable[[FloatArray], FloatArray]


@attrs.frozen
class Blocks:
    """How series are cut.

    Attributes:
        rows: States of a block.
        span: States over which neighbours depend on each other.
    """

    rows: int
    span: int

    @classmethod
    def fitting(cls, span_s: float, interval_s: float, total_s: float) -> Blocks:
        """Blocks of three spans, and of at least a minute, for `total_s` of states `interval_s` apart.

        In short data of two spans, or of one, rather than less than six blocks.

        >>> [Blocks.fitting(h, 1.0, 3600.0).rows for h in (10, 60, 300)]
        [60, 180, 600]
        """
        wanted_s = max(3.0 * span_s, 60.0)
        fitting_s = max(min(wanted_s, total_s / 6.0), span_s)
        return cls(max(math.ceil(fitting_s / interval_s), 1), max(math.ceil(span_s / interval_s), 1))

    @property
    def widening(self) -> float:
        """What a deviation is too small by: a sum over a block loses what reaches beyond its ends.

        Where products of neighbours fall off evenly to 0 at the span h, the variance of the mean of a block
        of L is too small by h/(3L).
        """
        return 1.0 / math.sqrt(1.0 - self.span / (3.0 * self.rows))


def interval(
    rows: Sequence[FloatArray], blocks: Blocks, statistic: Statistic, *, replicates: int = REPLICATES
) -> tuple[FloatArray, FloatArray]:
    """Bounds of a statistic of the sums of moments; NaN where the data are fewer than five blocks.

    Circular blocks of neighbouring rows (Politis and Romano 1992) are drawn from all stretches together. With
    few blocks plain percentiles are too narrow: they are taken further out, as the critical value for the
    Bartlett kernel at the same bandwidth stands further out (Kiefer and Vogelsang 2005), and for what blocks
    lose at their ends.

    Args:
        rows: Of each stretch of time its moments (T, K), a row for each state.
        blocks: How they are cut.
        statistic: From sums (R, K) to values (R, …).
        replicates: Number R of resamples.

    Returns:
        Lower and upper bounds, of the shape of one value.
    """
    total = sum(len(part) for part in rows)
    low_high = statistic(np.sum([part.sum(axis=0) for part in rows], axis=0)[None])[0] * np.nan
    if total < FEWEST_BLOCKS * blocks.rows:
        return low_high, low_high
    values = statistic(_resampled(rows, blocks.rows, replicates))
    tail = NormalDist().cdf(-critical_value(blocks.rows / total) * blocks.widening)
    known = np.isfinite(values).all(axis=0)
    low, high = np.quantile(np.where(known, values, 0.0), (tail, 1.0 - tail), axis=0)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def critical_value(bandwidth: float) -> float:
    """Critical value of a two-sided 95 % t-test with a Bartlett kernel of this share of the sample.

    Source: Kiefer and Vogelsang (2005), table 1: 1.96 + 2.9694 b + 0.4160 b² - 0.5324 b³.

    >>> round(critical_value(0.0), 2), round(critical_value(1.0), 3)
    (1.96, 4.813)
    """
    b = bandwidth
    return 1.96 + 2.9694 * b + 0.4160 * b**2 - 0.5324 * b**3


def _resampled(rows: Sequence[FloatArray], block: int, replicates: int) -> FloatArray:
    """Sums (R, K) over blocks drawn with replacement, as many as fit the data."""
    totals: list[FloatArray] = []
    for part in rows:
        width = min(block, len(part))
        if not width:
            continue
        around = np.concatenate(
            [np.zeros((1, part.shape[1])), np.cumsum(np.concatenate([part, part[:width]]), 0)]
        )
        # A stretch shorter than a block counts for as much as it holds.
        totals.append(around[width : width + len(part)] - around[: len(part)])
    sums = np.concatenate(totals)
    n_blocks = max(round(len(sums) / block), 1)
    drawn = np.random.default_rng(_SEED).integers(len(sums), size=(n_blocks, replicates))
    out = np.zeros((replicates, sums.shape[1]))
    for starts in drawn:
        out += sums[starts]
    return out
