"""How the time a miner takes to answer delays its instructions."""

from __future__ import annotations

import math
from typing import Literal

DelayCurve = Literal["linear", "exponential"]


def response_delay_ns(
    response_s: float, *, timeout_s: float, min_ns: int, max_ns: int, curve: DelayCurve = "exponential"
) -> int:
    """Delay that every instruction of an answer gets, ns, cut to a whole number.

    The linear curve of 0.1.9 is the used share of the time limit times the maximum, but at least the minimum.
    The exponential one rises, with rate 5, from the minimum at an instant answer to the maximum at the time
    limit, and on beyond it.

    Args:
        response_s: Seconds between request and answer.
        timeout_s: The time limit, seconds.
        min_ns: Delay of an instant answer.
        max_ns: Delay of an answer at the time limit.
        curve: Which curve.

    >>> limits = {"timeout_s": 3.0, "min_ns": 10_000_000, "max_ns": 1_000_000_000}
    >>> [response_delay_ns(s, **limits) // 10**5 / 10 for s in (0.0, 0.3, 1.0, 1.5, 3.0)]
    [10.0, 14.3, 38.8, 85.0, 1000.0]
    >>> response_delay_ns(1.5, timeout_s=3.0, min_ns=10, max_ns=500, curve="linear")
    250
    """
    share = response_s / timeout_s
    if curve == "linear":
        return max(int(share * max_ns), min_ns)
    rise = (math.exp(5.0 * share) - 1.0) / (math.exp(5.0) - 1.0)
    return int(min_ns + rise * (max_ns - min_ns))
