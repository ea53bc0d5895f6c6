"""Why a book is quiet or narrowed, one code per book and side."""

from __future__ import annotations

import enum

import numpy as np
import numpy.typing as npt

from obmm.market.arrays import IntArray, as_ints


class Reason(enum.IntEnum):
    """Codes in the order in which one wins over another: the smallest non-zero code is kept.

    Codes below `NARROWED` close a side, codes above it only shrink or widen it. Those called custom are for
    gates of one's own: one each, so that a quiet book tells which of them spoke.
    """

    OPEN = 0
    NO_ACCOUNT = 1
    EMPTY_BOOK = 2
    ONE_SIDED = 3
    CROSSED = 4
    BAD_DATA = 5
    SIMULATION_ENDING = 6
    OVERRIDE = 7
    DRAWDOWN = 8
    WARMING_UP = 9
    TURNOVER = 10
    POSITION_LIMIT = 11
    REDUCE_ONLY = 12
    NEAR_LIMIT = 13
    FEES = 14
    TOXIC_FLOW = 15
    STAGE_FAILED = 16
    LATE_STATE = 17
    LOW_EDGE = 18
    CUSTOM = 20
    CUSTOM_1 = 21
    CUSTOM_2 = 22
    CUSTOM_3 = 23
    CUSTOM_4 = 24
    CUSTOM_5 = 25
    NO_FAIR_PRICE = 30
    NO_EDGE = 31
    SIZE_TOO_SMALL = 32
    NO_FUNDS = 40
    OPEN_ORDER_CAP = 41
    INSTRUCTION_CAP = 42
    WOULD_CROSS = 43
    NARROWED = 50
    OVERRIDE_TIGHT = 51
    EXPOSURE = 52
    VOLATILITY = 53
    TURNOVER_PACE = 54
    TIER = 55
    CUSTOM_NARROW = 60
    CUSTOM_NARROW_1 = 61
    CUSTOM_NARROW_2 = 62
    CUSTOM_NARROW_3 = 63
    CUSTOM_NARROW_4 = 64
    CUSTOM_NARROW_5 = 65

    @property
    def closes(self) -> bool:
        """Whether the code closes a side."""
        return Reason.OPEN < self < Reason.NARROWED


def strictest(a: IntArray, b: IntArray) -> IntArray:
    """The reason that wins per element: commutative, associative, `OPEN` is neutral.

    >>> strictest(np.array([0, 8, 53]), np.array([9, 9, 0])).tolist()
    [9, 8, 53]
    """
    return as_ints(np.minimum(_ranked(a), _ranked(b)).view(np.int64) + 1)


def strictest_of(codes: IntArray) -> IntArray:
    """The reason that wins along the first axis.

    >>> strictest_of(np.array([[0, 8, 53], [9, 9, 0], [0, 0, 60]])).tolist()
    [9, 8, 53]
    """
    return as_ints(np.minimum.reduce(_ranked(codes)).view(np.int64) + 1)


def _ranked(codes: IntArray) -> npt.NDArray[np.uint64]:
    """Codes less one and unsigned: `OPEN` becomes the largest number and gives way to any reason."""
    return (codes - 1).view(np.uint64)
