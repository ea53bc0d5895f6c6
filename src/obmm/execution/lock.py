"""The lock after the builder: whatever it wants, risk and the venue are obeyed."""

from __future__ import annotations

import numpy as np

from obmm.execution._shape import SIGN, floored, room_lots
from obmm.market import BoolArray, FloatArray, IntArray, Limits, MarketState, Quotes, Reason
from obmm.market.arrays import as_flags

#: Whole numbers up to this are exact; nothing on a venue comes near.
_MOST = 2.0**53


def lock(quotes: Quotes, limits: Limits, state: MarketState) -> Quotes:
    """The part of `quotes` that may be sent; it never adds, and no price comes nearer to the other side.

    In this order: levels beyond the venue's number of open orders go, and so does what has no finite price or
    no finite, positive size. Prices are rounded away from the other side; bids that reach the asks are moved
    down below them, all levels alike. Sizes are multiplied by the size factors of `limits` and cut to whole
    lots; a closed side is empty. The levels of a side together are cut from the far end to the room that the
    position bound leaves and, where only reducing is allowed, to zero. What is below the venue's minimum then
    goes: sizes are lifted where they are wished (`lifted`), not here.

    A side that risk allows, that was wished and stays empty says why: in the builder's words if it gave any.

    Args:
        quotes: What a builder wants, of this state's books.
        limits: What risk allows, enforced at the position of `state`.
        state: Holds position and venue.

    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(1), [[(299.5, 9.0)]], [[(300.5, 9.0)]])
    >>> wish = Quotes.of(bid_price=[299.999], ask_price=[300.001], size=40.0)
    >>> limits = Limits.of(1, position_limit=1.0, ask_size_factor=0.01, reason=Reason.CUSTOM)
    >>> locked = lock(wish, limits, state)
    >>> locked.bid_price, locked.bid_size, locked.ask_price, locked.ask_size
    (array([[299.99]]), array([[1.]]), array([[300.01]]), array([[0.4]]))
    """
    venue = state.venue
    n_levels = min(quotes.n_levels, venue.max_open_orders)
    if n_levels == 0:
        return lock(Quotes.none(quotes.n_books), limits, state)
    scale, lot_scale = venue.ticks_per_quote[:, None], venue.lots_per_base[:, None]
    price = np.array([quotes.bid_price[:, :n_levels], quotes.ask_price[:, :n_levels]])
    size = np.array([quotes.bid_size[:, :n_levels], quotes.ask_size[:, :n_levels]])
    sized = (size > 0.0) & (size < np.inf)
    ticks = _apart(floored(SIGN[..., None] * price * scale), sized)
    allowed = np.array([limits.bid_allowed, limits.ask_allowed])
    legal = allowed[..., None] & sized & (ticks >= 1.0)
    factor = np.array([limits.bid_size_factor, limits.ask_size_factor])[..., None]
    lots = np.where(legal, np.minimum(floored(size * factor * lot_scale), _MOST), 0.0)
    lots = np.minimum(lots, room_lots(state.accounts.position, limits, venue)[..., None] - _before(lots))
    wanted = lots >= venue.min_lots[:, None]
    price = np.where(wanted, ticks / scale, np.nan)
    size = np.where(wanted, lots / lot_scale, 0.0)
    given = np.array([quotes.bid_reason, quotes.ask_reason])
    why = _why(allowed & ~wanted.any(axis=2), as_flags(sized.any(axis=2)), ticks[..., 0], given)
    return Quotes(
        bid_price=price[0],
        bid_size=size[0],
        ask_price=price[1],
        ask_size=size[1],
        bid_reason=why[0],
        ask_reason=why[1],
    )


def _apart(signed: FloatArray, sized: BoolArray) -> FloatArray:
    """(2, B, K) ticks, NaN where there is no price, after bids that reach the asks have been moved down."""
    signed = np.where(np.abs(signed) < _MOST, signed, np.nan)
    best = np.fmax.reduce(np.where(sized, signed, np.nan), axis=2)
    signed[0] -= np.fmax(best[0] + best[1] + 1.0, 0.0)[:, None]
    return SIGN[..., None] * signed


def _before(lots: FloatArray) -> FloatArray:
    """(2, B, K) what the levels before each one take of the room."""
    return lots.cumsum(axis=2) - lots


def _why(empty: BoolArray, wished: BoolArray, ticks: FloatArray, given: IntArray) -> IntArray:
    """(2, B) why a side is `empty`: the builder's reason, else what became of the first level it `wished`."""
    if not empty.any():
        return np.zeros(empty.shape, dtype=np.int64)
    unpriced = np.where(np.isnan(ticks), int(Reason.NO_FAIR_PRICE), int(Reason.NO_EDGE))
    cause = np.where(ticks >= 1.0, int(Reason.SIZE_TOO_SMALL), unpriced)
    return np.where(empty, np.where(given > 0, given, np.where(wished, cause, 0)), 0)
