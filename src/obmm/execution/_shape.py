"""Arithmetic that builders, lock and placer share.

Both sides go through the same arithmetic: arrays are (2, B) or (2, B, K) with bids first, and ticks carry
the sign of their side, so that a greater number is always the more aggressive one and rounding down is
always rounding away from the fair value.
"""

from __future__ import annotations

import numpy as np

from obmm.market import FloatArray, IntArray, Limits, PerBook, Venue
from obmm.market.arrays import as_floats

#: +1 for bids, -1 for asks, shaped to broadcast over books.
SIGN: FloatArray = np.array([[1.0], [-1.0]])

#: A bound up to this, base, is none to divide by: the quotient would overflow.
_NO_BOUND = 1e-200
#: Relative slack for a number that is meant to lie on the grid.
_NOISE = 1e-9


def floored(units: FloatArray) -> FloatArray:
    """`units` cut down to whole numbers; a whole number up to rounding noise stays."""
    return np.floor(units + _NOISE * (np.abs(units) + 1.0))


def per_level(option: PerBook) -> FloatArray:
    """A per-book option shaped to broadcast over a level axis."""
    return as_floats(option)[..., None]


def given(option: PerBook) -> bool:
    """Whether an option is anything but 0 on any book."""
    return bool(option.any()) if isinstance(option, np.ndarray) else option != 0.0


def on_rows(option: PerBook, book: IntArray) -> PerBook:
    """A per-book option on the book of each row."""
    return option[book] if isinstance(option, np.ndarray) else option


def lifted(size: FloatArray, least: FloatArray) -> FloatArray:
    """Wished sizes, base, with those below `least` lifted to it; what is no positive number is 0.

    A builder lifts what it wishes; the factors of risk act on that, and what they leave below the minimum is
    not sent. `Venue.least_base` is the least that a venue takes.

    >>> lifted(np.array([0.1, np.nan, 0.3]), np.array([0.25, 0.25, 0.25]))
    array([0.25, 0.  , 0.3 ])
    """
    return np.where(size > 0.0, np.maximum(size, least), 0.0)


def room_lots(position: FloatArray, limits: Limits, venue: Venue) -> FloatArray:
    """(2, B) whole lots that bids and asks may trade from `position` (B,) before they pass what risk allows.

    As far as the position bound and, where only reducing is allowed, zero; 0 where the position is NaN.
    """
    lean = SIGN * position
    room = limits.position_bound - lean
    room = np.where(limits.reduce_only, np.minimum(room, -lean), room)
    return floored(np.fmax(room, 0.0) * venue.lots_per_base)


def relative_position(position: FloatArray, limits: Limits) -> FloatArray:
    """(B,) position over its bound; its sign where the bound is as good as 0, and 0 where it is infinite."""
    bound = limits.position_bound
    relative: FloatArray = np.divide(position, bound, out=np.sign(position), where=bound > _NO_BOUND)
    return relative
