"""Alphas of equal parts of the window, to see whether an edge was there all along."""

from __future__ import annotations

import itertools

import numpy as np

from obmm.market import BoolArray, FloatArray
from obmm.market.arrays import as_flags
from obmm.scoring.debeta import skill
from obmm.scoring.debeta.mtm import (
    HELD_DRIFT,
    HELD_INVENTORY,
    HELD_PRINTS,
    INVENTORY_SUM,
    MTM,
    MarkToMarket,
)


def marked_pairs(mtm: MarkToMarket, variant: str) -> BoolArray:
    """(B, U) pairs whose inventory was marked in the window; see `Dials.skill_variant`.

    The "drift" variant samples the inventory at every print, the "held" one only where the mark moves while
    something is held.
    """
    return as_flags(mtm.path.present[MTM if variant == "held" else INVENTORY_SUM])


def window_alpha(mtm: MarkToMarket, variant: str, captured: BoolArray) -> FloatArray:
    """(B, U) alpha of the whole window, NaN where a uid has none; see `Dials.skill_variant`.

    Args:
        mtm: Inventories in the window.
        variant: "drift" or "held".
        captured: (B, U) pairs with a captured fill in the window: a fill counts once its mid is known.
    """
    alpha = alpha_of_path(mtm.path.total, mtm.print_count.total, mtm.drift.total, variant)
    return np.where(captured & marked_pairs(mtm, variant), alpha, np.nan)


def alpha_of_path(path: FloatArray, print_count: FloatArray, drift: FloatArray, variant: str) -> FloatArray:
    """(…, B, U) alpha of `MarkToMarket.path` (5, …, B, U) and (…, B) prints and mark changes."""
    if variant == "held":
        return skill.held_alpha(path[MTM], path[HELD_PRINTS], path[HELD_INVENTORY], path[HELD_DRIFT])
    return skill.drift_alpha(path[MTM], path[INVENTORY_SUM], print_count, drift)


def subwindow_alphas(mtm: MarkToMarket, parts: int, lookback_ns: int) -> FloatArray:
    """(parts, B, U) drift alpha of equal parts of the window that ends with the newest drift sample.

    A sample belongs to the part in which it starts, the newest one to the last part. NaN where the book did
    not print in a part.
    """
    newest_ns = mtm.drift.newest_ns
    if newest_ns is None:
        return np.zeros((parts, *mtm.inventory.shape))
    edges = newest_ns - lookback_ns + np.arange(parts + 1) * (lookback_ns / parts)
    edges[-1] = np.inf
    return np.stack([_alpha_between(mtm, start, end) for start, end in itertools.pairwise(edges)])


def weakest_part(alphas: FloatArray, floor: float) -> FloatArray:
    """(U,) the least floored consistency of the parts."""
    parts = np.stack([skill.floored_consistency(part, floor) for part in alphas])
    weakest: FloatArray = parts.min(axis=0)
    return weakest


def sign_gated(alpha: FloatArray, alphas: FloatArray, min_agree: int) -> FloatArray:
    """(B, U) alphas of the books on which at least `min_agree` parts have the sign of the whole.

    >>> sign_gated(np.array([[2.0], [2.0]]), np.array([[[1.0], [1.0]], [[1.0], [-1.0]]]), 2)
    array([[ 2.],
           [nan]])
    """
    agree = np.count_nonzero(alphas * alpha > 0.0, axis=0)
    return np.where(agree >= min_agree, alpha, np.nan)


def _alpha_between(mtm: MarkToMarket, start_ns: float, end_ns: float) -> FloatArray:
    path = mtm.path.between(start_ns, end_ns)
    prints = mtm.print_count.between(start_ns, end_ns)
    alpha = alpha_of_path(path, prints, mtm.drift.between(start_ns, end_ns), "drift")
    return np.where(prints[:, np.newaxis] > 0.0, alpha, np.nan)
