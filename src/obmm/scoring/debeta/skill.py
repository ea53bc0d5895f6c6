"""Skill: what inventory earned beyond the drift of the book, and how evenly over the books.

Alphas are arrays (B, U) in quote with NaN where a uid filled nothing on the book in the window. Fields that
are scored together come as (n, B, U), and what is said of each of their uids as (n, U).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from obmm.market import FloatArray, IntArray
from obmm.market.arrays import as_floats, as_ints, zero_for_nan

LEAST_BOOKS = 4
"""Books below which a ratio over books means nothing and is 0."""

DEFAULT_BAR = 20
"""Books needed for any skill where neither a number nor a share is given."""

_SPREAD_FLOOR = 1e-9


def drift_alpha(
    mtm: FloatArray, inventory_sum: FloatArray, print_count: FloatArray, drift: FloatArray
) -> FloatArray:
    """(B, U) quote earned on inventory less mean inventory times the book's drift.

    Args:
        mtm: (B, U) quote earned on inventory in the window.
        inventory_sum: (B, U) base held after each print, summed.
        print_count: (B,) prints.
        drift: (B,) change of the mark, quote.

    >>> one = np.ones((1, 1))
    >>> drift_alpha(5.0 * one, 20.0 * one, np.array([10.0]), np.array([1.5]))
    array([[2.]])
    """
    mean = _per_count(inventory_sum, np.broadcast_to(print_count[..., np.newaxis], inventory_sum.shape))
    alpha: FloatArray = mtm - mean * drift[..., np.newaxis]
    return alpha


def held_alpha(
    mtm: FloatArray, held_prints: FloatArray, held_inventory: FloatArray, held_drift: FloatArray
) -> FloatArray:
    """(B, U) quote earned on inventory less the mean inventory held times the change of the mark meanwhile.

    All over the changes of the mark that a uid met with inventory; arrays (B, U) as in `MarkToMarket.path`.

    >>> one = np.ones((1, 1))
    >>> held_alpha(5.0 * one, 2.0 * one, 8.0 * one, 0.5 * one)
    array([[3.]])
    """
    alpha: FloatArray = mtm - _per_count(held_inventory, held_prints) * held_drift
    return alpha


def over_hurdle(alpha: FloatArray, notional: FloatArray, hurdle_bps: float) -> FloatArray:
    """(B, U) alphas of at least `hurdle_bps` of the filled notional, the others NaN; all for a hurdle of 0.

    >>> over_hurdle(np.array([[2.0], [2.0]]), np.array([[5_000.0], [20_000.0]]), 2.3)
    array([[ 2.],
           [nan]])
    """
    if hurdle_bps <= 0.0:
        return alpha
    passes = (notional > 0.0) & (np.abs(alpha) >= hurdle_bps / 10_000.0 * notional)
    return np.where(passes, alpha, np.nan)


def over_floor(alpha: FloatArray, floor: float) -> FloatArray:
    """(B, U) alphas of at least `floor` quote in size, the others NaN."""
    return np.where(np.abs(alpha) >= floor, alpha, np.nan)


def magnitude_floor(alpha: FloatArray, scale: float) -> float:
    """`scale` times the median |alpha| over all uids and books, quote; 0 if there are none.

    >>> magnitude_floor(np.array([[1.0, -3.0], [np.nan, 8.0]]), 0.5)
    1.5
    """
    sizes = np.abs(alpha[~np.isnan(alpha)])
    return scale * float(np.median(sizes)) if scale > 0.0 and sizes.size else 0.0


def consistency(alpha: FloatArray) -> FloatArray:
    """(U,) Kappa-3 of each uid's alphas over books, at most about 10; 0 with fewer than four books.

    With r the alphas over their median absolute deviation (at least 1e-9), m and s their mean and population
    standard deviation: m / (mean(max(-r, 0)³) + 1e-3 (|m| + s)³ + 1e-9)^(1/3).

    >>> consistency(np.array([[5.0], [5.0], [5.0], [5.0]])).round(6)
    array([10.])
    """
    count = books_with(alpha)
    if not np.any(count >= LEAST_BOOKS):
        return np.zeros(count.shape)
    deviation = np.abs(alpha - _over_books(_median(alpha, count)))
    scaled = alpha / np.maximum(_over_books(_median(deviation, count)), _SPREAD_FLOOR)
    mean = _mean(scaled, count)
    spread = np.sqrt(_mean((scaled - _over_books(mean)) ** 2, count))
    downside = _mean(np.maximum(-scaled, 0.0) ** 3, count)
    ratio = mean / (downside + (np.abs(mean) + spread) ** 3 * 1e-3 + 1e-9) ** (1.0 / 3.0)
    return np.where(count >= LEAST_BOOKS, ratio, 0.0)


def floored_consistency(alpha: FloatArray, floor: float, bar: int = LEAST_BOOKS) -> FloatArray:
    """(U,) `consistency` of the alphas of at least `floor`, 0 where fewer than `bar` books have one."""
    kept = over_floor(alpha, floor)
    enough = books_with(kept) >= bar
    return np.where(enough, consistency(kept), 0.0) if enough.any() else np.zeros(enough.shape)


def books_with(alpha: FloatArray) -> IntArray:
    """(U,) number of books with an alpha."""
    return as_ints((~np.isnan(alpha)).sum(axis=-2))


def net_alpha(alpha: FloatArray) -> FloatArray:
    """(U,) sum of the alphas, quote."""
    return _sum(alpha)


def skill_bar(min_books: int, share: float, n_books: int) -> int:
    """Books needed for any skill: `min_books` if given, else a share of the books, never fewer than four.

    >>> [skill_bar(0, 0.15625, n) for n in (128, 96, 32, 28)], skill_bar(7, 0.15625, 128)
    ([20, 15, 5, 5], 7)
    """
    if min_books > 0:
        return max(LEAST_BOOKS, min_books)
    if share <= 0.0 or n_books <= 0:
        return DEFAULT_BAR
    # The product is rounded first, so that 0.1 of 50 books is 5 and not 6.
    return max(LEAST_BOOKS, math.ceil(round(share * n_books, 9)))


def coverage_factor(books: IntArray, max_inactive: float, widest: int | None = None) -> FloatArray:
    """(U,) share of the expected books that a uid filled, at most 1.

    Expected are all but `max_inactive` of the books the widest uid filled (or of `widest`). No book filled
    gives 0 where anything is expected at all.

    >>> coverage_factor(np.array([24, 52, 0]), 0.375).round(4)
    array([0.7385, 1.    , 0.    ])
    """
    if max_inactive <= 0.0:
        return np.ones(books.shape)
    most = books.max(axis=-1, keepdims=True, initial=0) if widest is None else widest
    expected = np.broadcast_to(as_floats((1.0 - max_inactive) * most), books.shape)
    share = np.divide(books, expected, out=np.ones(books.shape), where=expected > 0.0)
    return as_floats(np.minimum(1.0, share))


def hurdle_share(alpha: FloatArray, kept: FloatArray, least: int) -> float:
    """Of the uids that filled at least `least` books, the share whose alpha passes the hurdle on as many.

    Args:
        alpha: (B, U) alphas.
        kept: (B, U) those over the hurdle, see `over_hurdle`.
        least: Books.

    >>> hurdle_share(np.array([[1.0, 1.0, np.nan]]), np.array([[1.0, np.nan, np.nan]]), 1)
    0.5
    """
    active = np.count_nonzero(books_with(alpha) >= least)
    return float(np.count_nonzero(books_with(kept) >= least) / active) if active else 0.0


def _per_count(values: FloatArray, count: FloatArray) -> FloatArray:
    quotient: FloatArray = np.divide(values, count, out=np.zeros_like(values), where=count > 0.0)
    return quotient


def _mean(values: FloatArray, count: IntArray) -> FloatArray:
    return as_floats(_sum(values) / np.maximum(count, 1))


def _sum(values: FloatArray) -> FloatArray:
    return as_floats(zero_for_nan(values).sum(axis=-2))


def _median(values: FloatArray, count: IntArray) -> FloatArray:
    """(U,) median over the books with a value, 0 where there is none."""
    n_books = values.shape[-2]
    if not n_books:
        return np.zeros(count.shape)
    ordered = np.sort(values, axis=-2)  # NaN goes last
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, n_books - 1)
    middle = [np.take_along_axis(ordered, _over_books(at), axis=-2)[..., 0, :] for at in (low, high)]
    return np.where(count > 0, (middle[0] + middle[1]) / 2.0, 0.0)


def _over_books(values: Any) -> Any:
    """(…, 1, U) of (…, U): the same on every book."""
    return values[..., np.newaxis, :]
