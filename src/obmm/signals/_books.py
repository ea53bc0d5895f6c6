"""What the signals share: guarded division, levels without holes, and elapsed time."""

from __future__ import annotations

import numpy as np

from obmm.market import FloatArray, MarketState


def quotient(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Element-wise quotient; NaN, without a word, where it is not defined.

    >>> quotient(np.array([1.0, 0.0]), np.array([4.0, 0.0]))
    array([0.25,  nan])
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.asarray(numerator / denominator)


def on_sound(state: MarketState, values: FloatArray) -> FloatArray:
    """`values` (B,) or (B, K) with NaN on books that have no sound touch."""
    sound = state.sound if values.ndim == 1 else state.sound[:, None]
    return np.where(sound, values, np.nan)


def sizes(levels: FloatArray, depth: int) -> FloatArray:
    """(B, min(depth, L)) sizes of the best levels, with 0 for what is missing, negative or not finite."""
    best = levels[:, :depth]
    return np.where((best > 0.0) & (best < np.inf), best, 0.0)


def prices(levels: FloatArray, depth: int, missing: float) -> FloatArray:
    """(B, min(depth, L)) prices of the best levels, with `missing` for those that are not finite."""
    best = levels[:, :depth]
    return np.where(np.isfinite(best), best, missing)
