"""Which open orders already are what is wanted."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.execution._desired import NOWHERE, Desired
from obmm.execution._shape import on_rows
from obmm.market import SELL, BoolArray, FloatArray, IntArray, MarketState, PerBook


@attrs.frozen
class Matching:
    """Open orders against desired ones; columns (N,) follow the open orders.

    Attributes:
        book: (N,) book of each order.
        group: (N,) book and side of each order as one number: side x B + book.
        lots: (N,) what rests of each order.
        ours: (N,) orders that stay where they are.
        surplus: (N,) lots by which an order that stays is too large and must shrink.
        ahead: (N,) orders that are more aggressive than anything wanted on their side.
        served: (2, B, K) desired orders that an open one stands for.
    """

    book: IntArray
    group: IntArray
    lots: FloatArray
    ours: BoolArray
    surplus: FloatArray
    ahead: BoolArray
    served: BoolArray


def reach(desired: Desired, tolerance_ticks: PerBook) -> FloatArray:
    """(2, B) ticks by which an order may be off and still stand for a level.

    Less than half the distance between levels, so that an order can stand for one level only and a second
    look comes to the same result; and never so far that an order kept here meets a new one over there.
    """
    signed = desired.signed
    best = signed[..., 0]
    between = np.minimum(tolerance_ticks, -(best[0] + best[1]) - 1.0)
    allowed = np.array([between, between])
    if signed.shape[2] > 1:
        gaps = np.where(signed[..., 1:] > NOWHERE, signed[..., :-1] - signed[..., 1:], np.inf)
        allowed = np.minimum(allowed, np.floor((gaps.min(axis=2) - 1.0) / 2.0))
    return allowed


def matched(
    state: MarketState,
    desired: Desired,
    *,
    tolerance_ticks: PerBook,
    shrink_tolerance: PerBook,
    grow_tolerance: PerBook,
    max_age_s: PerBook,
) -> Matching:
    """Each desired order gets at most one open order: the nearest in price, then the oldest.

    On a side where the orders that stay and what is missing would together pass the room that risk leaves,
    no order may be too large at all.

    Args:
        state: Holds the open orders.
        desired: What should rest.
        tolerance_ticks: How far an order may be off.
        shrink_tolerance: By which share of the wanted size an order may be too large.
        grow_tolerance: By which share of it an order may be too small.
        max_age_s: Age from which an order is replaced.
    """
    own, n_books, n_levels = state.open_orders, state.n_books, desired.signed.shape[2]
    book = own.book
    selling = own.side == SELL
    group = book + n_books * selling
    signed = np.where(selling, -1.0, 1.0) * np.rint(own.price * state.venue.ticks_per_quote[book])
    lots = np.rint(own.size * state.venue.lots_per_base[book])
    levels = desired.signed.reshape(2 * n_books, n_levels)[group]
    off = np.abs(signed[:, None] - levels)
    level = off.argmin(axis=1)
    off = off[np.arange(len(own)), level]
    slot = group * n_levels + level
    # What is to trade at once stands for nothing that rests.
    wanted = np.where(desired.taking, 0.0, desired.lots).ravel()[slot]
    near = off <= reach(desired, tolerance_ticks).ravel()[group]
    large_enough = lots >= (1.0 - on_rows(grow_tolerance, book)) * wanted
    young = (state.time_ns - own.time_ns) / 1e9 < on_rows(max_age_s, book)
    ours = near & (wanted > 0.0) & large_enough & young
    ours = _one_per_slot(ours, slot, off, own.time_ns, own.order_id)
    served = (np.bincount(slot[ours], minlength=desired.lots.size) > 0).reshape(desired.lots.shape)
    missing = np.where(served, 0.0, desired.lots).sum(axis=2).ravel()
    tight = missing + np.bincount(group[ours], lots[ours], minlength=2 * n_books) > desired.room.ravel()
    spare = np.where(tight[group], 0.0, on_rows(shrink_tolerance, book))
    surplus = np.where(ours & (lots > (1.0 + spare) * wanted), lots - wanted, 0.0)
    best = desired.signed[..., 0].ravel()[group]
    return Matching(book, group, lots, ours, surplus, signed > best, served)


def _one_per_slot(
    fits: BoolArray, slot: IntArray, off: FloatArray, time_ns: IntArray, order_id: IntArray
) -> BoolArray:
    """(N,) of the orders that fit, the best one for each slot."""
    rows = np.flatnonzero(fits)
    if rows.size < 2 or np.bincount(slot[rows]).max() < 2:
        return fits
    rows = rows[np.lexsort((order_id[rows], time_ns[rows], off[rows], slot[rows]))]
    first = np.ones(rows.size, dtype=np.bool_)
    first[1:] = slot[rows[1:]] != slot[rows[:-1]]
    best = np.zeros_like(fits)
    best[rows[first]] = True
    return best
