"""Quote a miner traded over the last simulated day, as the venue counts it against the turnover cap."""

from __future__ import annotations

import numpy as np

from obmm.market import FloatArray

_BUCKET_NS = 600 * 1_000_000_000
_BUCKETS = 144


class RollingTurnover:
    """Rolling sums over 144 buckets of 600 s.

    >>> turnover = RollingTurnover(n_miners=1, n_books=1)
    >>> minute = 60 * 10**9
    >>> for time_ns, total in [(minute, 100.0), (20 * minute, 100.0), (24 * 60 * minute, 250.0)]:
    ...     turnover.update(time_ns, np.array([[total]]))
    >>> turnover.traded
    array([[150.]])
    """

    def __init__(self, n_miners: int, n_books: int) -> None:
        self._totals: FloatArray = np.zeros((_BUCKETS, n_miners, n_books))
        self._bucket = 0
        #: (U, B) quote traded within the window.
        self.traded: FloatArray = np.zeros((n_miners, n_books))

    def update(self, time_ns: int, total: FloatArray) -> None:
        """Take in the quote traded since the start, (U, B), at `time_ns`."""
        bucket = time_ns // _BUCKET_NS
        # A slot holds the total at the start of its bucket.
        for passed in range(self._bucket + 1, bucket + 1):
            self._totals[passed % _BUCKETS] = total
        self._bucket = bucket
        self.traded = total - self._totals[(bucket + 1) % _BUCKETS]
