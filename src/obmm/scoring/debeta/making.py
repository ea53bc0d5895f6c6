"""Making: spread captured on both sides of a book, as far as it was still there later.

Fields that are scored together come as (2, n, B, U), and what is said of each of their uids as (n, U).
"""

from __future__ import annotations

import numpy as np

from obmm.market import BUY, SELL, FloatArray
from obmm.market.arrays import as_floats


def two_sided_making(captured: FloatArray) -> FloatArray:
    """(U,) quote: twice the smaller of the captured buys and sells of each book, summed, not below 0.

    Only what both sides of a book captured counts; a book that lost on a side counts against the others.

    Args:
        captured: (2, B, U) quote captured by buys and sells, see `captured_spread`.

    >>> two_sided_making(np.array([[[3.0], [2.0]], [[1.0], [-0.5]]]))
    array([1.])
    """
    per_book = 2.0 * np.minimum(captured[BUY], captured[SELL])
    return as_floats(np.maximum(0.0, per_book.sum(axis=-2)))


def pooled_making(captured: FloatArray) -> FloatArray:
    """(U,) as `two_sided_making` with all books thrown together, for comparison.

    >>> pooled_making(np.array([[[3.0], [2.0]], [[1.0], [-0.5]]]))
    array([1.])
    """
    return two_sided_making(captured.sum(axis=-2, keepdims=True))


def quality(captured: FloatArray, realised: FloatArray) -> FloatArray:
    """(U,) share of the captured spread that was realised, 0 to 1; 0 where nothing was captured in total.

    Args:
        captured: (2, B, U) quote captured, as maker and taker.
        realised: (2, B, U) quote realised, see `realised_spread`.

    >>> quality(np.array([[[4.0]], [[0.0]]]), np.array([[[1.0]], [[0.0]]]))
    array([0.25])
    """
    earned, kept = captured.sum(axis=(0, -2)), realised.sum(axis=(0, -2))
    ratio = np.divide(kept, earned, out=np.zeros_like(earned), where=earned > 0.0)
    return as_floats(np.clip(ratio, 0.0, 1.0))


def making_floor(making: FloatArray, scale: float) -> float:
    """Making below which a uid ranks as 0: `scale` times the median positive making; 0 if there is none.

    >>> making_floor(np.array([0.0, 2.0, 4.0]), 0.5)
    1.5
    """
    positive = making[making > 0.0]
    return scale * float(np.median(positive)) if scale > 0.0 and positive.size else 0.0
