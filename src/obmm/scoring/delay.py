"""How the time a miner took to answer delays its instructions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from obmm.market.arrays import IntArray, as_ints
from obmm.scoring.eras import EraConstants


def response_delay_ns(process_time_s: float, era: EraConstants) -> int:
    """Delay that every instruction of an answer gets, ns, cut to a whole number.

    0.1.9 maps response time linearly with a floor; from 0.1.51 the delay rises exponentially, with rate 5,
    from the minimum at an instant answer to the maximum at the timeout, and on beyond it.

    Args:
        process_time_s: Seconds between request and answer.
        era: Gives the curve, its ends and the timeout.

    >>> from obmm.scoring import ERAS
    >>> [response_delay_ns(s, ERAS["0.1.51"]) // 10**5 / 10 for s in (0.0, 0.3, 1.0, 1.5, 3.0)]
    [10.0, 14.3, 38.8, 85.0, 1000.0]
    """
    share = process_time_s / era.timeout_s
    if era.delay_curve == "linear":
        return max(int(share * era.max_delay_ns), era.min_delay_ns)
    rise = (math.exp(5.0 * share) - 1.0) / (math.exp(5.0) - 1.0)
    return int(era.min_delay_ns + rise * (era.max_delay_ns - era.min_delay_ns))


def instruction_delays_ns(
    process_time_s: float,
    books: Sequence[int],
    own_delays_ns: Sequence[int],
    era: EraConstants,
    random: np.random.Generator | None = None,
) -> IntArray:
    """Delay of each instruction of an answer, ns, in order.

    The response delay, the instruction's own delay, and from the second instruction on the same book an
    extra one drawn evenly from the era's range; extras do not add up over a book.

    Args:
        process_time_s: Seconds between request and answer.
        books: Book of each instruction, in the order of the answer.
        own_delays_ns: Delay each instruction asked for.
        era: Gives curve and ranges.
        random: Draws the extras; not needed where the range is a single value.

    Raises:
        ValueError: The extras are random and `random` is missing.

    >>> from obmm.scoring import ERAS
    >>> instruction_delays_ns(0.0, [3, 3, 4], [0, 0, 50], ERAS["0.1.51"], np.random.default_rng(1))
    array([10000000, 25236433, 10000050])
    """
    low, high = era.min_instruction_delay_ns, era.max_instruction_delay_ns
    if low == high:
        extras: IntArray = np.full(len(books), low)
    elif random is None:
        raise ValueError(f"extra delays are drawn from {low}…{high} ns: give a random generator")
    else:
        extras = random.integers(low, high, endpoint=True, size=len(books))
    _, first = np.unique(np.asarray(books), return_index=True)
    extras[first] = 0
    return as_ints(response_delay_ns(process_time_s, era) + as_ints(own_delays_ns) + extras)
