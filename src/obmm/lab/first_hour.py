"""What came in the first hour of a run, and what it earned per hour after it.

A market may pay at its opening what it never pays again: a rate over the whole run then promises by the hour
what is earned once, and falls with the length of the run.
"""

from __future__ import annotations

import numpy as np

from obmm.market import FloatArray, IntArray

#: Name of the metric.
LATER = "pnl_after_first_hour"
#: Why a run has none.
TOO_SHORT = "the run lasts no more than an hour"
HOUR_NS = 3_600_000_000_000


def first_hour_row(times: IntArray) -> int:
    """Position of the state that ends the first hour: the first one an hour or more after the first of all.

    Args:
        times: (T,) times of states in nanoseconds.

    >>> first_hour_row(np.array([0, 1800, 3600, 5400]) * 10**9), first_hour_row(np.array([0, 1800]) * 10**9)
    (2, 1)
    """
    return min(int(np.searchsorted(times, times[0] + HOUR_NS)), times.size - 1)


def hourly_after(total: FloatArray, first: FloatArray, hours: float) -> FloatArray:
    """(B,) quote per hour after the first one; NaN for a run of an hour or less.

    Args:
        total: (B,) what the whole run earned.
        first: (B,) what its first hour earned.
        hours: How long the run was.

    >>> hourly_after(np.array([90.0, 10.0]), np.array([80.0, 0.0]), 3.0).tolist()
    [5.0, 5.0]
    >>> hourly_after(np.array([90.0]), np.array([90.0]), 1.0).tolist()
    [nan]
    """
    return (total - first) / (hours - 1.0) if hours > 1.0 else np.full(total.size, np.nan)
