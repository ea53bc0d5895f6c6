"""The best price at which somebody else stands."""

from __future__ import annotations

import numpy as np

from obmm.market.arrays import FloatArray
from obmm.market.open_orders import OpenOrders


def competing_best(
    price: FloatArray,
    size: FloatArray,
    half_tick: FloatArray,
    half_lot: FloatArray,
    own: OpenOrders,
    side: int,
) -> FloatArray:
    """(B,) best price of one side at which more rests than our own orders; NaN where none is visible.

    Args:
        price: (B, L) levels of the side, best first, NaN where there is none.
        size: (B, L) base.
        half_tick: (B,) prices closer than this are the same level.
        half_lot: (B,) sizes below this are nothing.
        own: Our resting orders.
        side: 0 bids, 1 asks.
    """
    n_books, n_levels = price.shape
    mine = np.flatnonzero(own.side == side)
    if not mine.size or not n_levels:
        return price[:, 0]
    book = own.book[mine]
    own_price, own_size, near = own.price[mine], own.size[mine], half_tick[book]
    books, level = np.arange(n_books), np.zeros(n_books, dtype=np.int64)
    best = price[:, 0]
    # Seldom is more than one level ours alone, so levels are walked and not all compared at once.
    for _ in range(n_levels):
        at = np.abs(own_price - best[book]) < near
        ours = np.bincount(book[at], weights=own_size[at], minlength=n_books)
        bare = (size[books, np.minimum(level, n_levels - 1)] - ours < half_lot) & np.isfinite(best)
        if not bare.any():
            break
        level += bare
        best = np.where(level < n_levels, price[books, np.minimum(level, n_levels - 1)], np.nan)
    return best
