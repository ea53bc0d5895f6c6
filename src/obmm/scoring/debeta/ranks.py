"""Ranks from 0 (lowest) to 1 (highest)."""

from __future__ import annotations

import numpy as np

from obmm.market import FloatArray


def rank01(values: FloatArray) -> FloatArray:
    """(U,) number of strictly smaller values over (count - 1); a lone value gets 1.

    Ties share the lowest rank of their block.

    >>> rank01(np.array([5.5, 0.3, 0.3])).tolist()
    [1.0, 0.0, 0.0]
    """
    if values.size < 2:
        return np.ones(values.size)
    smaller: FloatArray = np.searchsorted(np.sort(values), values) / (values.size - 1)
    return smaller


def scoped_rank(values: FloatArray, scope: str) -> FloatArray:
    """(U,) ranks of the positive values, 0 for the others.

    Args:
        values: (U,) what is ranked.
        scope: "positives" ranks the positive values among themselves, "whole" all values, those below 0 as 0.

    >>> scoped_rank(np.array([-2.0, 0.3, 0.0, 1.0]), "positives").tolist()
    [0.0, 0.0, 0.0, 1.0]
    """
    positive = values > 0.0
    ranks = np.zeros(values.size)
    if scope == "whole":
        return np.where(positive, rank01(np.maximum(values, 0.0)), 0.0)
    ranks[positive] = rank01(values[positive])
    return ranks
