"""Several signals as a sum of steps, each of which only rises, or only falls, with its signal.

A regression weighs a signal by one number, however large it is. Where only its extremes tell something, or
where it saturates, a sum of monotone steps foretells more. Source: Ayer et al. (1955) for pooling adjacent
violators, Bacchetti (1989) for sums by fitting each to what the others leave.
"""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market import FloatArray, IntArray

#: Steps of a signal at most, cut at its quantiles.
STEPS = 40
#: Times that each signal is fitted to what the others leave.
_ROUNDS = 6


@attrs.frozen(eq=False)
class Steps:
    """A fitted sum: for each signal its edges (S - 1,) and heights (S,)."""

    edges: tuple[FloatArray, ...]
    heights: tuple[FloatArray, ...]

    def of(self, x: FloatArray) -> FloatArray:
        """(N,) the sum at signals (N, K)."""
        told = np.zeros(len(x))
        for k, (edges, heights) in enumerate(zip(self.edges, self.heights, strict=True)):
            told += heights[np.searchsorted(edges, x[:, k], side="right")]
        return told


def fitted(x: FloatArray, y: FloatArray) -> Steps:
    """The sum of monotone steps of signals (N, K) that comes nearest to y (N,).

    Which way a signal goes is the sign of its correlation.

    >>> x = np.linspace(-1.0, 1.0, 2001)[:, None]
    >>> steps = fitted(x, np.where(x[:, 0] > 0.8, 1.0, 0.0))
    >>> steps.of(np.array([[0.0], [0.9]])).round(2).tolist()
    [0.0, 1.0]
    """
    quantiles = np.linspace(0.0, 1.0, STEPS + 1)[1:-1]
    edges = tuple(np.unique(np.quantile(column, quantiles)) for column in x.T)
    rows = [np.searchsorted(e, column, side="right") for e, column in zip(edges, x.T, strict=True)]
    signs = [1.0 if float(column @ y) >= 0.0 else -1.0 for column in x.T]
    heights = [np.zeros(e.size + 1) for e in edges]
    left = y.astype(np.float64).copy()
    for _ in range(_ROUNDS):
        for k, (row, sign) in enumerate(zip(rows, signs, strict=True)):
            left += heights[k][row]
            heights[k] = sign * _pooled(row, sign * left, heights[k].size)
            left -= heights[k][row]
    return Steps(edges, tuple(heights))


def _pooled(row: IntArray, values: FloatArray, steps: int) -> FloatArray:
    """(S,) rising heights nearest to values (N,) of the steps `row` (N,)."""
    weight = np.bincount(row, minlength=steps).astype(np.float64)
    total = np.bincount(row, weights=values, minlength=steps)
    return pool_adjacent(np.divide(total, weight, out=np.zeros(steps), where=weight > 0.0), weight)


def pool_adjacent(values: FloatArray, weights: FloatArray) -> FloatArray:
    """The rising sequence nearest to values (S,), weighted; a value without weight takes its neighbour's.

    >>> pool_adjacent(np.array([1.0, 3.0, 2.0, 4.0]), np.ones(4)).tolist()
    [1.0, 2.5, 2.5, 4.0]
    """
    # Each block: mean, weight, number of values.
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, total, count = value, weight, 1
        while blocks and (blocks[-1][0] >= mean or total == 0.0):
            before, of, n = blocks.pop()
            both = of + total
            mean = (before * of + mean * total) / both if both else max(before, mean)
            total, count = both, count + n
        blocks.append((mean, total, count))
    return np.repeat([mean for mean, _, _ in blocks], [count for _, _, count in blocks])
