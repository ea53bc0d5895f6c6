"""One-dimensional statistics in the conventions that market facts use."""

from __future__ import annotations

import numpy as np

from obmm.market.arrays import FloatArray

_QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


def summary(values: FloatArray) -> dict[str, float]:
    """Size, mean, population deviation, extremes and linear quantiles; NaN where nothing was observed.

    >>> summary(np.array([1.0, 2.0, 3.0]))["q50"]
    2.0
    """
    n = values.size
    known = values if n else np.array([np.nan])
    quantiles = np.quantile(known, _QUANTILES)
    return {
        "n": float(n),
        "mean": float(known.mean()),
        "sd": float(known.std()),
        "min": float(known.min()),
        "max": float(known.max()),
        **{f"q{round(100 * q):02d}": float(v) for q, v in zip(_QUANTILES, quantiles, strict=True)},
    }


def autocorrelation(values: FloatArray, lag: int) -> float:
    """Mean lagged product of the deviations from the overall mean, over their mean square.

    >>> autocorrelation(np.array([1.0, -1.0, 1.0, -1.0]), 1)
    -1.0
    """
    if values.size <= lag:
        return float("nan")
    deviation = values - values.mean()
    return _ratio(float((deviation[lag:] * deviation[:-lag]).mean()), float((deviation**2).mean()))


def excess_kurtosis(values: FloatArray) -> float:
    """Fourth central moment over the squared second, less 3.

    >>> excess_kurtosis(np.array([-1.0, 1.0]))
    -2.0
    """
    if not values.size:
        return float("nan")
    squares = (values - values.mean()) ** 2
    return _ratio(float((squares**2).mean()), float(squares.mean()) ** 2) - 3.0


def variance_ratio(path: FloatArray, lag: int) -> float:
    """Variance of overlapping `lag`-step changes over `lag` times that of single steps (Lo & MacKinlay 1988).

    >>> variance_ratio(np.array([0.0, 1.0, 0.0, 1.0, 0.0]), 2)
    0.0
    """
    if path.size <= lag:
        return float("nan")
    return _ratio(float((path[lag:] - path[:-lag]).var()), lag * float(np.diff(path).var()))


def correlation(x: FloatArray, y: FloatArray) -> float:
    """Pearson correlation; NaN where either does not vary.

    >>> round(correlation(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])), 12)
    1.0
    """
    if x.size < 2:
        return float("nan")
    dx, dy = x - x.mean(), y - y.mean()
    return _ratio(float((dx * dy).mean()), float(np.sqrt((dx**2).mean() * (dy**2).mean())))


def hit_rate(signal: FloatArray, outcome: FloatArray) -> float:
    """Share of equal signs where neither is zero.

    >>> hit_rate(np.array([1.0, -1.0, 0.0]), np.array([2.0, 3.0, 1.0]))
    0.5
    """
    both = (signal != 0.0) & (outcome != 0.0)
    if not both.any():
        return float("nan")
    return float((np.sign(signal[both]) == np.sign(outcome[both])).mean())


def trailing_sum(values: FloatArray, width: int) -> FloatArray:
    """Sum of each value and the `width` - 1 before it, of fewer at the start.

    >>> trailing_sum(np.array([1.0, 2.0, 3.0]), 2)
    array([1., 3., 5.])
    """
    running = np.concatenate([np.zeros(width), np.cumsum(values)])
    return np.asarray(running[width:] - running[:-width])


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0.0 else float("nan")
