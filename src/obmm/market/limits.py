"""What risk allows on each book, and why."""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market.arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    as_flags,
    as_floats,
    as_ints,
    check_shape,
    column,
)
from obmm.market.reasons import Reason, strictest


@attrs.frozen(kw_only=True)
class Limits:
    """Permissions per book; all arrays (B,). Gates tighten them, never loosen, in any order.

    Every field combines by its stricter value (and, or, minimum, maximum), which is why the order of gates
    does not matter. Bounds on the position are collected first and enforced once, by `enforced`, after the
    last gate has spoken: `position_factor` shrinks all of them together.

    Attributes:
        bid_allowed: Whether a bid may stand.
        ask_allowed: Whether an ask may stand.
        bid_size_factor: Multiplies bid sizes, 0…1.
        ask_size_factor: Multiplies ask sizes, 0…1.
        spread_factor: Multiplies half-spreads, 1 or more.
        position_limit: Largest |position| against the endowment, base; reduce-only from there on.
        position_soft: |position| from which the side that adds to it is closed, base.
        position_factor: Multiplies both bounds, 0…1.
        reduce_only: Only the side that brings the position toward zero may stand, with a size that does
            not carry it past zero.
        bid_reason: `Reason` of the strictest word about bids.
        ask_reason: `Reason` of the strictest word about asks.

    Raises:
        ValueError: Arrays differ in shape.

    >>> limits = Limits.open(2).tightened(bid_allowed=[False, True], reason=Reason.DRAWDOWN)
    >>> limits.bid_reason.tolist(), limits.ask_reason.tolist()
    ([8, 0], [0, 0])
    >>> limits
    Limits(2 books, bids on 1, asks on 2)
    """

    bid_allowed: BoolArray = column(as_flags)
    ask_allowed: BoolArray = column(as_flags)
    bid_size_factor: FloatArray = column(as_floats)
    ask_size_factor: FloatArray = column(as_floats)
    spread_factor: FloatArray = column(as_floats)
    position_limit: FloatArray = column(as_floats)
    position_soft: FloatArray = column(as_floats)
    position_factor: FloatArray = column(as_floats)
    reduce_only: BoolArray = column(as_flags)
    bid_reason: IntArray = column(as_ints)
    ask_reason: IntArray = column(as_ints)

    def __attrs_post_init__(self) -> None:
        check_shape(self, self.bid_allowed.shape, *(f.name for f in attrs.fields(Limits)))

    @classmethod
    def open(cls, n_books: int) -> Limits:
        """Everything allowed."""
        ones = np.ones(n_books)
        none = np.zeros(n_books, dtype=np.int64)
        yes = np.ones(n_books, dtype=np.bool_)
        return cls(
            bid_allowed=yes,
            ask_allowed=yes,
            bid_size_factor=ones,
            ask_size_factor=ones,
            spread_factor=ones,
            position_limit=ones * np.inf,
            position_soft=ones * np.inf,
            position_factor=ones,
            reduce_only=~yes,
            bid_reason=none,
            ask_reason=none,
        )

    @property
    def n_books(self) -> int:
        """Number of books B."""
        return self.bid_allowed.size

    def tightened(
        self,
        *,
        reason: Reason | int | IntArray,
        bid_allowed: npt.ArrayLike = True,
        ask_allowed: npt.ArrayLike = True,
        bid_size_factor: npt.ArrayLike = 1.0,
        ask_size_factor: npt.ArrayLike = 1.0,
        spread_factor: npt.ArrayLike = 1.0,
        position_limit: npt.ArrayLike = np.inf,
        position_soft: npt.ArrayLike = np.inf,
        position_factor: npt.ArrayLike = 1.0,
        reduce_only: npt.ArrayLike = False,
    ) -> Limits:
        """These limits and the given ones together, the stricter of each; scalars apply to every book.

        `reason` marks each side that an argument closes or narrows; bounds on the position get theirs
        when they bind, from `enforced`. A factor that is NaN says nothing.
        """
        bid_ok, ask_ok = as_flags(bid_allowed), as_flags(ask_allowed)
        bid_size, ask_size = _fraction(bid_size_factor), _fraction(ask_size_factor)
        spread = np.fmax(as_floats(spread_factor), 1.0)
        factor = _fraction(position_factor)
        both = (spread > 1.0) | (factor < 1.0)
        reducing = as_flags(reduce_only)
        code = as_ints(reason)
        bid_why = np.where(~bid_ok | (bid_size < 1.0) | both | reducing, code, 0)
        ask_why = np.where(~ask_ok | (ask_size < 1.0) | both | reducing, code, 0)
        return Limits(
            bid_allowed=self.bid_allowed & bid_ok,
            ask_allowed=self.ask_allowed & ask_ok,
            bid_size_factor=np.minimum(self.bid_size_factor, bid_size),
            ask_size_factor=np.minimum(self.ask_size_factor, ask_size),
            spread_factor=np.maximum(self.spread_factor, spread),
            position_limit=np.fmin(self.position_limit, np.fmax(as_floats(position_limit), 0.0)),
            position_soft=np.fmin(self.position_soft, np.fmax(as_floats(position_soft), 0.0)),
            position_factor=np.minimum(self.position_factor, factor),
            reduce_only=self.reduce_only | reducing,
            bid_reason=strictest(self.bid_reason, bid_why),
            ask_reason=strictest(self.ask_reason, ask_why),
        )

    def enforced(self, position: FloatArray) -> Limits:
        """Close the sides that the bounds and `reduce_only` forbid at `position` (B,), base.

        Monotone: no `position` opens a side that was closed.

        >>> limits = Limits.open(3).tightened(position_limit=10, position_soft=8, reason=Reason.NEAR_LIMIT)
        >>> after = limits.enforced(np.array([0.0, 8.5, -10.0]))
        >>> after.bid_allowed.tolist(), after.ask_allowed.tolist(), after.reduce_only.tolist()
        ([True, False, True], [True, True, False], [False, False, True])
        """
        hard = self.position_limit * self.position_factor
        soft = np.minimum(self.position_soft * self.position_factor, hard)
        long, short = position > 0.0, position < 0.0
        over = (np.abs(position) >= hard) & (long | short)
        near_long, near_short = position >= soft, -position >= soft
        reducing = self.reduce_only | over
        bid_shut, ask_shut = near_long | (reducing & ~short), near_short | (reducing & ~long)
        bound = np.where(reducing, int(Reason.REDUCE_ONLY), int(Reason.NEAR_LIMIT))
        why = np.where(over, int(Reason.POSITION_LIMIT), bound)
        return attrs.evolve(
            self,
            bid_allowed=self.bid_allowed & ~bid_shut,
            ask_allowed=self.ask_allowed & ~ask_shut,
            reduce_only=reducing,
            bid_reason=strictest(self.bid_reason, np.where(bid_shut & self.bid_allowed, why, 0)),
            ask_reason=strictest(self.ask_reason, np.where(ask_shut & self.ask_allowed, why, 0)),
        )

    def allows_no_more_than(self, other: Limits) -> bool:
        """Whether these limits are at least as strict as `other` in every field."""
        return bool(
            np.all(self.bid_allowed <= other.bid_allowed)
            and np.all(self.ask_allowed <= other.ask_allowed)
            and np.all(self.bid_size_factor <= other.bid_size_factor)
            and np.all(self.ask_size_factor <= other.ask_size_factor)
            and np.all(self.spread_factor >= other.spread_factor)
            and np.all(self.position_limit <= other.position_limit)
            and np.all(self.position_soft <= other.position_soft)
            and np.all(self.position_factor <= other.position_factor)
            and np.all(self.reduce_only >= other.reduce_only)
        )

    def __repr__(self) -> str:
        return (
            f"Limits({self.n_books} books, bids on {int(self.bid_allowed.sum())}, "
            f"asks on {int(self.ask_allowed.sum())})"
        )


def _fraction(values: npt.ArrayLike) -> FloatArray:
    """`values` clipped to 0…1, NaN taken as 1."""
    given = as_floats(values)
    return np.clip(np.where(np.isnan(given), 1.0, given), 0.0, 1.0)
