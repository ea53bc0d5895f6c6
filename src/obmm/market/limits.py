"""What risk allows on each book, and why."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

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
    sealed,
)
from obmm.market.reasons import Reason, strictest, strictest_of

_NEVER: BoolArray = np.zeros((), dtype=np.bool_)


@attrs.frozen(kw_only=True)
class Limits:
    """Permissions per book; all arrays (B,). A gate says its own, made by `of`; `strictest` joins them.

    Every field joins by its stricter value (and, or, minimum, maximum), so what is joined never allows more
    than any of its parts, and their order does not matter. Bounds on the position are enforced once, by
    `enforced`, after all have been joined: `position_factor` shrinks all of them together.

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

    >>> limits = Limits.of(2, bid_allowed=[False, True], reason=Reason.DRAWDOWN)
    >>> limits.bid_reason.tolist(), limits.ask_reason.tolist()
    ([8, 0], [0, 0])
    >>> Limits.strictest([limits, Limits.of(2, allowed=[True, False], reason=Reason.FEES)])
    Limits(2 books, bids on 0, asks on 1)
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
        check_shape(self, self.bid_allowed.shape, *_COLUMNS)

    @classmethod
    def open(cls, n_books: int) -> Limits:
        """Everything allowed; one object per number of books, its arrays read-only."""
        return _open(n_books)

    @classmethod
    def of(cls, n_books: int, *, reason: Reason | int | IntArray, **tighter: npt.ArrayLike) -> Limits:
        """What a gate says: everything allowed but the given; the words are those of `tightened`.

        >>> Limits.of(2, reason=Reason.CUSTOM, allowed=[True, False], size_factor=0.5).bid_size_factor
        array([0.5, 0.5])
        """
        return _open(n_books).tightened(reason=reason, **tighter)

    @classmethod
    def strictest(cls, verdicts: Iterable[Limits]) -> Limits:
        """The strictest value of each field; never looser than open limits, whatever a verdict holds.

        A factor that is NaN says nothing, a bound that is NaN is 0.

        Raises:
            ValueError: There are no verdicts, or they differ in the number of books.
        """
        said = tuple(verdicts)
        if not said:
            raise ValueError("no limits to join; Limits.open allows everything")
        opened = _open(said[0].n_books)
        joined: dict[str, npt.NDArray[Any]] = {}
        for name, join in _JOINS.items():
            least = getattr(opened, name)
            columns = [c for c in (getattr(limits, name) for limits in said) if c is not least]
            if any(c.shape != least.shape for c in columns):
                raise ValueError(f"limits of {[limits.n_books for limits in said]} books cannot be joined")
            if columns:
                joined[name] = join(np.array([least, *columns]))
        return opened._with(**joined)

    @property
    def n_books(self) -> int:
        """Number of books B."""
        return self.bid_allowed.size

    @property
    def position_bound(self) -> FloatArray:
        """(B,) largest |position| after `position_factor`, base: reduce-only from there on."""
        return _scaled(self.position_limit, self.position_factor)

    def tightened(
        self,
        *,
        reason: Reason | int | IntArray,
        allowed: npt.ArrayLike | None = None,
        bid_allowed: npt.ArrayLike | None = None,
        ask_allowed: npt.ArrayLike | None = None,
        size_factor: npt.ArrayLike | None = None,
        bid_size_factor: npt.ArrayLike | None = None,
        ask_size_factor: npt.ArrayLike | None = None,
        spread_factor: npt.ArrayLike | None = None,
        position_limit: npt.ArrayLike | None = None,
        position_soft: npt.ArrayLike | None = None,
        position_factor: npt.ArrayLike | None = None,
        reduce_only: npt.ArrayLike | None = None,
    ) -> Limits:
        """These limits and the given ones together, the stricter of each; scalars apply to every book.

        `allowed` and `size_factor` are said of both sides. `reason` marks each side that an argument closes
        or narrows; bounds on the position get theirs when they bind, from `enforced`. A factor that is NaN
        says nothing, a bound that is NaN is 0.
        """
        changed: dict[str, npt.NDArray[Any]] = {}
        both, bid, ask = _NEVER, _NEVER, _NEVER
        if allowed is not None:
            bid_allowed = allowed if bid_allowed is None else as_flags(bid_allowed) & as_flags(allowed)
            ask_allowed = allowed if ask_allowed is None else as_flags(ask_allowed) & as_flags(allowed)
        if size_factor is not None:
            factor = _fraction(size_factor)
            bid_size_factor = factor if bid_size_factor is None else np.fmin(bid_size_factor, factor)
            ask_size_factor = factor if ask_size_factor is None else np.fmin(ask_size_factor, factor)
        if bid_allowed is not None:
            flags = as_flags(bid_allowed)
            changed["bid_allowed"], bid = self.bid_allowed & flags, ~flags
        if ask_allowed is not None:
            flags = as_flags(ask_allowed)
            changed["ask_allowed"], ask = self.ask_allowed & flags, ~flags
        if bid_size_factor is not None:
            factor = _fraction(bid_size_factor)
            changed["bid_size_factor"], bid = np.minimum(self.bid_size_factor, factor), bid | (factor < 1.0)
        if ask_size_factor is not None:
            factor = _fraction(ask_size_factor)
            changed["ask_size_factor"], ask = np.minimum(self.ask_size_factor, factor), ask | (factor < 1.0)
        if spread_factor is not None:
            factor = np.fmax(as_floats(spread_factor), 1.0)
            changed["spread_factor"], both = np.maximum(self.spread_factor, factor), both | (factor > 1.0)
        if position_limit is not None:
            bound = np.fmax(as_floats(position_limit), 0.0)
            changed["position_limit"] = np.minimum(self.position_limit, bound)
        if position_soft is not None:
            bound = np.fmax(as_floats(position_soft), 0.0)
            changed["position_soft"] = np.minimum(self.position_soft, bound)
        if position_factor is not None:
            factor = _fraction(position_factor)
            changed["position_factor"], both = np.minimum(self.position_factor, factor), both | (factor < 1.0)
        if reduce_only is not None:
            reducing = as_flags(reduce_only)
            changed["reduce_only"], both = self.reduce_only | reducing, both | reducing
        why = as_ints(int(reason) if isinstance(reason, int) else reason)
        for name, touched in (("bid_reason", bid | both), ("ask_reason", ask | both)):
            if touched.any():
                changed[name] = strictest(getattr(self, name), np.where(touched, why, 0))
        return self._with(**changed)

    def _with(self, **changed: npt.NDArray[Any]) -> Limits:
        """These limits with some columns changed, of the types they have; only these are looked at.

        Each answer makes several: to make all columns anew takes five times as long.

        Raises:
            ValueError: One is of another shape.
        """
        limits = object.__new__(Limits)
        for name in _COLUMNS:
            kept = getattr(self, name)
            told = sealed(changed[name]) if name in changed else kept
            if told.shape != kept.shape:
                raise ValueError(f"Limits.{name} has shape {told.shape}, expected {kept.shape}")
            object.__setattr__(limits, name, told)
        return limits

    def enforced(self, position: FloatArray) -> Limits:
        """Close the sides that the bounds and `reduce_only` forbid at `position` (B,), base.

        Monotone: no `position` opens a side that was closed. At a position that is NaN both sides close.

        >>> limits = Limits.open(3).tightened(position_limit=10, position_soft=8, reason=Reason.NEAR_LIMIT)
        >>> after = limits.enforced(np.array([0.0, 8.5, -10.0]))
        >>> after.bid_allowed.tolist(), after.ask_allowed.tolist(), after.reduce_only.tolist()
        ([True, False, True], [True, True, False], [False, False, True])
        """
        hard = self.position_bound
        soft = np.minimum(_scaled(self.position_soft, self.position_factor), hard)
        long, short = position > 0.0, position < 0.0
        over = (np.abs(position) >= hard) & (long | short)
        near_long, near_short = ~(position < soft), ~(position > -soft)
        reducing = self.reduce_only | over
        bid_shut, ask_shut = near_long | (reducing & ~short), near_short | (reducing & ~long)
        if not (bid_shut | ask_shut).any():
            return self
        bound = np.where(reducing, int(Reason.REDUCE_ONLY), int(Reason.NEAR_LIMIT))
        why = np.where(over, int(Reason.POSITION_LIMIT), bound)
        return self._with(
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


_COLUMNS = tuple(f.name for f in attrs.fields(Limits))


@functools.lru_cache(maxsize=64)
def _open(n_books: int) -> Limits:
    ones, unbounded = np.ones(n_books), np.full(n_books, np.inf)
    none, yes = np.zeros(n_books, dtype=np.int64), np.ones(n_books, dtype=np.bool_)
    never = ~yes
    for array in (ones, unbounded, none, yes, never):
        array.flags.writeable = False
    return Limits(
        bid_allowed=yes,
        ask_allowed=yes,
        bid_size_factor=ones,
        ask_size_factor=ones,
        spread_factor=ones,
        position_limit=unbounded,
        position_soft=unbounded,
        position_factor=ones,
        reduce_only=never,
        bid_reason=none,
        ask_reason=none,
    )


def _least_factor(factors: FloatArray) -> FloatArray:
    return as_floats(np.maximum(np.fmin.reduce(factors), 0.0))


def _least_bound(bounds: FloatArray) -> FloatArray:
    return as_floats(np.fmax(np.minimum.reduce(bounds), 0.0))


#: How the columns of several verdicts, stacked below those of open limits, become one.
_JOINS: dict[str, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
    "bid_allowed": np.logical_and.reduce,
    "ask_allowed": np.logical_and.reduce,
    "bid_size_factor": _least_factor,
    "ask_size_factor": _least_factor,
    "spread_factor": np.fmax.reduce,
    "position_limit": _least_bound,
    "position_soft": _least_bound,
    "position_factor": _least_factor,
    "reduce_only": np.logical_or.reduce,
    "bid_reason": strictest_of,
    "ask_reason": strictest_of,
}


def _fraction(values: npt.ArrayLike) -> FloatArray:
    """`values` clipped to 0…1, NaN taken as 1."""
    given = as_floats(values)
    clipped: FloatArray = np.maximum(np.fmin(given, 1.0), 0.0)
    return clipped


def _scaled(bound: FloatArray, factor: FloatArray) -> FloatArray:
    """`bound` x `factor`, where a factor of 0 makes even an infinite bound 0."""
    return np.multiply(bound, factor, out=np.zeros_like(bound), where=factor > 0.0)
