"""Desired quotes made legal: on the grid, sorted, not crossing, large enough, within bounds, and paid for."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.execution._shape import SIGN, floored, room_lots
from obmm.market import SELL, BoolArray, FloatArray, IntArray, Limits, MarketState, Quotes, Reason
from obmm.market.arrays import as_flags, as_floats

#: Signed ticks where nothing is wanted: less aggressive than any price, and finite, so it can be subtracted.
NOWHERE = -1e15
#: Relative slack of sums of money against rounding noise.
_NOISE = 1e-12
_BIDS = np.array([[[True]], [[False]]])


@attrs.frozen
class Desired:
    """What should rest, most aggressive level first; nothing wanted is 0 lots `NOWHERE`.

    Attributes:
        signed: (2, B, K) signed ticks, distinct within a side.
        lots: (2, B, K) whole lots.
        cost: (2, B, K) what one lot binds: quote of bids, base of asks.
        free: (2, B) what is free now: quote for bids, base for asks.
        room: (2, B) whole lots that a side may trade before it passes what risk allows; inf for no bound.
        taking: (2, B, K) orders that are to trade at once, and never rest.
        reason: (2, B) `Reason` why a side lost a quote on the way.
    """

    signed: FloatArray
    lots: FloatArray
    cost: FloatArray
    free: FloatArray
    room: FloatArray
    taking: BoolArray
    reason: IntArray


def desired_orders(
    state: MarketState, quotes: Quotes, limits: Limits, *, post_only: bool, take: bool
) -> Desired:
    """`quotes` with everything taken out that risk forbids, or the venue or the account would refuse.

    Args:
        state: Holds the touch, the account and the open orders.
        quotes: What should rest, or trade.
        limits: What risk allows.
        post_only: A side that would trade at once moves back behind the competing touch.
        take: A quote that reaches the competing touch of the other side is meant to trade with it.
    """
    venue, accounts = state.venue, state.accounts
    scale, lot_scale = venue.ticks_per_quote, venue.lots_per_base
    allowed = np.array([limits.bid_allowed, limits.ask_allowed])[..., None]
    price = np.array([quotes.bid_price, quotes.ask_price])
    size = np.array([quotes.bid_size, quotes.ask_size])
    signed, lots = floored(SIGN[..., None] * price * scale[:, None]), floored(size * lot_scale[:, None])
    wanted = allowed & np.isfinite(signed) & (size > 0.0)
    reason = np.zeros(signed.shape[:2], dtype=np.int64)
    wanted = _noted(wanted, ~_stuck(state)[:, None], reason, Reason.BAD_DATA)
    wanted = _noted(wanted, lots >= venue.min_lots[:, None], reason, Reason.SIZE_TOO_SMALL)
    signed, lots = _sorted(np.where(wanted, signed, NOWHERE), np.where(wanted, lots, 0.0))
    over = signed - _last_resting(state, scale)[..., None]
    taking = (over > 0.0) if take else np.zeros(signed.shape, dtype=np.bool_)
    if post_only and not take:
        # A side moves as a whole, so that its levels keep their distances.
        signed = signed - np.fmax(over[..., 0], 0.0)[..., None]
    best = signed[..., 0]
    legal = (SIGN[..., None] * signed >= 1.0) & (best[0] + best[1] < 0.0)[:, None]
    wanted = _noted(lots > 0.0, legal, reason, Reason.WOULD_CROSS)
    free = np.array([accounts.quote_free, accounts.base_free])
    price = np.maximum(np.abs(signed), 1.0) / scale[:, None]
    cost = np.where(_BIDS, price, 1.0) / lot_scale[:, None]
    room = room_lots(accounts.position, limits, venue)
    lots = _within(np.where(wanted, lots, 0.0), 1.0, room, venue.min_lots[:, None])
    wanted = _noted(wanted, lots > 0.0, reason, Reason.POSITION_LIMIT)
    lots = _within(lots, cost, free + _reserved(state), venue.min_lots[:, None])
    wanted = _noted(wanted, lots > 0.0, reason, Reason.NO_FUNDS)
    return Desired(np.where(wanted, signed, NOWHERE), lots, cost, free, room, taking & wanted, reason)


def _stuck(state: MarketState) -> BoolArray:
    """(B,) books on which an order of ours has an id that no cancel can name: nothing is safe beside it."""
    own = state.open_orders
    return as_flags(np.bincount(own.book[~own.can_cancel], minlength=state.n_books) > 0)


def _noted(wanted: BoolArray, legal: BoolArray, reason: IntArray, why: Reason) -> BoolArray:
    """`wanted` where `legal`; a side that loses a quote gets its first `reason`, in place."""
    kept = wanted & legal
    lost = wanted != kept
    if lost.any():
        sides = lost.any(axis=2) & (reason == 0)
        reason[sides] = why
    return kept


def _sorted(signed: FloatArray, lots: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Levels most aggressive first; of several at one price the first is kept."""
    near, far = signed[..., :-1], signed[..., 1:]
    if not far.size or ((far < near) | (far == NOWHERE)).all():
        return signed, lots
    order = np.argsort(-signed, axis=2, kind="stable")
    signed, lots = np.take_along_axis(signed, order, 2), np.take_along_axis(lots, order, 2)
    again = np.zeros(signed.shape, dtype=np.bool_)
    again[..., 1:] = (signed[..., 1:] == signed[..., :-1]) & (lots[..., 1:] > 0.0)
    return _sorted(np.where(again, NOWHERE, signed), np.where(again, 0.0, lots))


def _last_resting(state: MarketState, scale: FloatArray) -> FloatArray:
    """(2, B) signed ticks of the nearest price at which an order comes to rest; NaN without a touch."""
    touch = np.rint(state.competing_touch * scale)
    return as_floats(SIGN * touch[::-1] - 1.0)


def _reserved(state: MarketState) -> FloatArray:
    """(2, B) quote and base that our resting bids and asks bind: it pays for what replaces them."""
    own = state.open_orders
    selling = own.side == SELL
    bound = np.where(selling, own.size, own.size * own.price)
    group = own.book + state.n_books * selling
    return as_floats(np.bincount(group, weights=bound, minlength=2 * state.n_books)).reshape(2, -1)


def affordable(spent: FloatArray, funds: FloatArray) -> BoolArray:
    """Where `funds` pay for `spent`; never where they are NaN."""
    return as_flags(spent <= funds + _NOISE * np.abs(funds))


def _within(lots: FloatArray, cost: FloatArray | float, funds: FloatArray, least: IntArray) -> FloatArray:
    """`lots` cut from the far end to what `funds` (2, B) pay for; a level below the minimum goes."""
    spent = (lots * cost).cumsum(axis=2)
    if affordable(spent[..., -1], funds).all():
        return lots
    room = np.fmax(funds[..., None] - (spent - lots * cost), 0.0)
    lots = np.minimum(lots, np.floor(room / cost * (1.0 + _NOISE)))
    return np.where(lots < least, 0.0, lots)
