"""Ranks from 0 (lowest) to 1 (highest)."""

from __future__ import annotations

import numpy as np

from obmm.market import BoolArray, FloatArray


def rank01(values: FloatArray) -> FloatArray:
    """(…, U) number of strictly smaller values over (count - 1); a lone value gets 1.

    Ties share the lowest rank of their block.

    >>> rank01(np.array([5.5, 0.3, 0.3])).tolist()
    [1.0, 0.0, 0.0]
    """
    return _ranked(values, np.ones(values.shape, dtype=np.bool_))


def scoped_rank(values: FloatArray, scope: str) -> FloatArray:
    """(…, U) ranks of the positive values, 0 for the others.

    Args:
        values: (…, U) what is ranked.
        scope: "positives" ranks the positive values among themselves, "whole" all values, those below 0 as 0.

    >>> scoped_rank(np.array([-2.0, 0.3, 0.0, 1.0]), "positives").tolist()
    [0.0, 0.0, 0.0, 1.0]
    """
    positive = values > 0.0
    if scope == "whole":
        return np.where(positive, rank01(np.maximum(values, 0.0)), 0.0)
    return np.where(positive, _ranked(values, positive), 0.0)


def _ranked(values: FloatArray, among: BoolArray) -> FloatArray:
    """(…, U) ranks among the values that count; those of others mean nothing."""
    if not values.size:
        return np.zeros(values.shape)
    count = np.count_nonzero(among, axis=-1, keepdims=True)
    ordered = np.sort(np.where(among, values, np.inf), axis=-1)
    flat = ordered.reshape(-1, ordered.shape[-1])
    rows = values.reshape(flat.shape)
    smaller = np.array([row.searchsorted(one) for row, one in zip(flat, rows, strict=True)])
    return np.where(count > 1, smaller.reshape(values.shape) / np.maximum(count - 1, 1), 1.0)
