"""Which of the orders that are missing go out where a venue takes fewer: the most valuable ones.

All cancels of a book are one instruction, which is never left out. Of the placements survive, in this order,

1. what is to trade at once: that it is worth it is known;
2. what brings the position toward zero: of that side as many levels as |position| is large;
3. the nearer level, which is filled more often;
4. of one level the side that is worth more if it is filled, edge times size:

       value = q (s (M - p) - m p),   s = +1 for a bid, -1 for an ask

   for q base at price p, mid M and the account's maker rate m, quote; 0 where M is not known.
"""

from __future__ import annotations

import numpy as np

from obmm.execution._desired import Desired
from obmm.execution._shape import SIGN
from obmm.market import BoolArray, FloatArray, IntArray, MarketState
from obmm.market.arrays import as_flags, as_floats


def priority(state: MarketState, desired: Desired) -> FloatArray:
    """(4, 2, B, K) what decides of each desired order, the first of them most; less goes first."""
    position = state.accounts.position * state.venue.lots_per_base
    before = desired.lots.cumsum(axis=2) - desired.lots
    reduces = before < (-SIGN * position)[..., None]
    level = np.broadcast_to(np.arange(desired.lots.shape[2], dtype=np.float64), desired.lots.shape)
    return np.array([~desired.taking, ~reduces, level, -value(state, desired)], dtype=np.float64)


def value(state: MarketState, desired: Desired) -> FloatArray:
    """(2, B, K) quote that each desired order earns at the fill, after the maker fee."""
    venue = state.venue
    price = np.abs(desired.signed) / venue.ticks_per_quote[:, None]
    size = desired.lots / venue.lots_per_base[:, None]
    away = SIGN[..., None] * (state.mid[:, None] - price)
    worth = size * (away - state.accounts.maker_rate[:, None] * price)
    return as_floats(np.where((size > 0.0) & np.isfinite(worth), worth, 0.0))


def most_valuable(candidates: BoolArray, prior: FloatArray, most: IntArray) -> BoolArray:
    """(B, N) of the candidates the first `most` (B,) of each book.

    Args:
        candidates: (B, N) whether it is one.
        prior: (P, B, N) what decides, the first of them most; less goes first, then the order they stand in.
        most: (B,) how many.

    >>> candidates = np.array([[True, True, False, True]])
    >>> prior = np.array([[[0.0, 0.0, 0.0, 0.0]], [[2.0, 3.0, 0.0, 1.0]]])
    >>> most_valuable(candidates, prior, np.array([2])).tolist()
    [[True, False, False, True]]
    """
    order = np.lexsort((*prior[::-1], ~candidates), axis=-1)
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(order.shape[-1])[None, :], axis=-1)
    return as_flags(candidates & (place < most[:, None]))
