"""The prices at which somebody else stands: the best ones, and those behind which enough is ahead."""

from __future__ import annotations

import numpy as np

from obmm.market.arrays import SELL, FloatArray
from obmm.market.open_orders import OpenOrders


def competing_best(
    prices: tuple[FloatArray, FloatArray],
    sizes: tuple[FloatArray, FloatArray],
    half_tick: FloatArray,
    half_lot: FloatArray,
    own: OpenOrders,
) -> FloatArray:
    """(2, B) best bid and ask at which more rests than our own orders; NaN where none is visible.

    Args:
        prices: Bid and ask levels (B, L), best first, NaN where there is none.
        sizes: The same for sizes, base.
        half_tick: (B,) prices closer than this are the same level.
        half_lot: (B,) sizes below this are nothing.
        own: Our resting orders.
    """
    n_books, n_levels = prices[0].shape
    book = own.book
    group = book + n_books * (own.side == SELL)
    near = half_tick[book]
    best = np.array([prices[0][:, 0], prices[1][:, 0]])
    size = np.array([sizes[0][:, 0], sizes[1][:, 0]])
    level = np.zeros(best.shape, dtype=np.int64)
    # Seldom is more than one level ours alone, so levels are walked and not all compared at once.
    for _ in range(n_levels):
        at = np.abs(own.price - best.ravel()[group]) < near
        ours = np.bincount(group[at], weights=own.size[at], minlength=2 * n_books).reshape(2, n_books)
        bare = (size - ours < half_lot) & np.isfinite(best)
        if not bare.any():
            break
        level += bare
        for side in range(2):
            books = np.flatnonzero(bare[side])
            below = level[side, books]
            inside, below = below < n_levels, np.minimum(below, n_levels - 1)
            best[side, books] = np.where(inside, prices[side][books, below], np.nan)
            size[side, books] = sizes[side][books, below]
    return np.where(np.isfinite(best), best, np.nan)


def competing_depth(
    prices: tuple[FloatArray, FloatArray],
    sizes: tuple[FloatArray, FloatArray],
    half_tick: FloatArray,
    own: OpenOrders,
    depth: FloatArray,
) -> FloatArray:
    """(2, B) price of the level at which what others have on a side, from the touch on, reaches `depth` base.

    Where all that is visible does not reach it, the last level at which somebody else stands; NaN where
    nobody does.

    Args:
        prices: Bid and ask levels (B, L), best first, NaN where there is none.
        sizes: The same for sizes, base.
        half_tick: (B,) prices closer than this are the same level.
        own: Our resting orders.
        depth: (B,) base; 0 gives the best competing price.
    """
    n_levels = prices[0].shape[1]
    price, size = np.array(prices), np.array(sizes)
    side, book = np.asarray(own.side == SELL, dtype=np.int64), own.book
    row, level = np.nonzero(np.abs(price[side, book] - own.price[:, None]) < half_tick[book, None])
    np.subtract.at(size, (side[row], book[row], level), own.size[row])
    others = np.where(np.isfinite(price) & (size > 1e-9), size, 0.0)
    total = others.cumsum(axis=2)
    # The level must be somebody's: with a depth of 0 the first one with anything on it.
    reached = (others > 0.0) & (total >= np.minimum(depth[:, None], total[..., -1:]) - 1e-9)
    at = np.where(reached.any(axis=2), reached.argmax(axis=2), n_levels - 1)
    found = np.take_along_axis(price, at[..., None], axis=2)[..., 0]
    return np.where(total[..., -1] > 0.0, found, np.nan)
