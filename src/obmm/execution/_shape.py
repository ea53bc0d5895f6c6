"""From distances and wishes to quotes on the grid.

Both sides go through the same arithmetic: arrays are (2, B) or (2, B, K) with bids first, and ticks carry
the sign of their side, so that a greater number is always the more aggressive one and rounding down is
always rounding away from the fair value.
"""

from __future__ import annotations

import numpy as np

from obmm.market import BoolArray, FloatArray, IntArray, Limits, MarketState, PerBook, Quotes, Reason, Venue
from obmm.market.arrays import as_flags, as_floats

#: +1 for bids, -1 for asks, shaped to broadcast over books.
SIGN: FloatArray = np.array([[1.0], [-1.0]])

#: Relative slack for a number that is meant to lie on the grid.
_NOISE = 1e-9


def floored(units: FloatArray) -> FloatArray:
    """`units` cut down to whole numbers; a whole number up to rounding noise stays."""
    return np.floor(units + _NOISE * (np.abs(units) + 1.0))


def per_level(option: PerBook) -> FloatArray:
    """A per-book option shaped to broadcast over a level axis."""
    return as_floats(option)[..., None]


def on_rows(option: PerBook, book: IntArray) -> PerBook:
    """A per-book option on the book of each row."""
    return option[book] if isinstance(option, np.ndarray) else option


def away(price: FloatArray, venue: Venue) -> FloatArray:
    """(2, B) signed ticks of prices (2, B), rounded away from the fair value, at least one tick apart."""
    signed = floored(SIGN * price * venue.ticks_per_quote)
    signed[0] -= np.fmax(signed[0] + signed[1] + 1.0, 0.0)
    return signed


def room_lots(position: FloatArray, limits: Limits, venue: Venue) -> FloatArray:
    """(2, B) whole lots that bids and asks may trade from `position` (B,) before they pass what risk allows.

    As far as the position bound and, where only reducing is allowed, zero; 0 where the position is NaN.
    """
    lean = SIGN * position
    room = limits.position_bound - lean
    room = np.where(limits.reduce_only, np.minimum(room, -lean), room)
    return floored(np.fmax(room, 0.0) * venue.lots_per_base)


def fitted_lots(size: FloatArray, state: MarketState, limits: Limits) -> tuple[FloatArray, BoolArray]:
    """Whole lots of wanted sizes (2, B, K) base that the venue and the position bounds admit.

    A size below the venue's minimum is lifted to it. The levels of a side together never carry the position
    past its bound nor, when only reducing is allowed, past zero; what does not fit is cut from the far end.

    Returns:
        (2, B, K) lots, 0 for none, and (B,) where a size was lifted.
    """
    venue = state.venue
    scale, least = venue.lots_per_base[:, None], venue.min_lots[:, None]
    lots = floored(size * scale)
    small = (size > 0.0) & (lots < least)
    lots = np.where(size > 0.0, np.maximum(lots, least), 0.0)
    room = room_lots(state.accounts.position, limits, venue)
    before = lots.cumsum(axis=-1) - lots
    lots = np.minimum(lots, room[..., None] - before)
    return np.where(lots < least, 0.0, lots), as_flags(small.any(axis=(0, 2)))


def quotes_of(state: MarketState, limits: Limits, signed: FloatArray, lots: FloatArray) -> Quotes:
    """Quotes at signed ticks (2, B, K) with `lots` on the allowed sides, and why one of these stays empty."""
    allowed = np.array([limits.bid_allowed, limits.ask_allowed])
    ticks = SIGN[..., None] * signed
    wanted = allowed[..., None] & (ticks >= 1.0) & (lots > 0.0)
    price = np.where(wanted, ticks / state.venue.ticks_per_quote[:, None], np.nan)
    size = np.where(wanted, lots / state.venue.lots_per_base[:, None], 0.0)
    empty = allowed & ~wanted.any(axis=2)
    why = np.zeros(empty.shape, dtype=np.int64)
    if empty.any():
        best = ticks[..., 0]
        unpriced = np.where(np.isnan(best), int(Reason.NO_FAIR_PRICE), int(Reason.NO_EDGE))
        cause = np.where(best >= 1.0, int(Reason.SIZE_TOO_SMALL), unpriced)
        why = np.where(empty, cause, 0)
    return Quotes(
        bid_price=price[0],
        bid_size=size[0],
        ask_price=price[1],
        ask_size=size[1],
        bid_reason=why[0],
        ask_reason=why[1],
    )
