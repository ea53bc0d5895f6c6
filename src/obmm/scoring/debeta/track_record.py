"""The average that remembers hours: scores and shares smoothed with a half-life of simulated time."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market import BoolArray, FloatArray, IntArray


@attrs.define
class TrackRecord:
    """Averages of several values per uid, all on the clock and counts of the first.

    A uid's first value that is not 0 starts its average. From then on a new value weighs
    1 - 0.5^(elapsed/half-life), but at least 1/(scorings so far + 1): the average of a newcomer is at first
    the plain mean. A second scoring at the same time changes nothing; a clock that ran back leaves only the
    second term. "Scorings so far" are those of the first value, for all of them.

    Attributes:
        halflife_ns: Half-life, simulated time.
        uids: (n,) whose averages these are.
        average: (K, n) averages, NaN where there is none yet.
        counts: (n,) scorings in the average of the first value.
        last_ns: Time of the last scoring, None before the first.

    >>> record = TrackRecord.empty(np.array([7]), halflife_ns=100)
    >>> for time_ns, score in ((0, 1.0), (100, 0.0), (200, 0.0)):
    ...     smoothed = record.update(time_ns, np.array([[score]]), record.nobody)
    >>> smoothed
    array([[0.25]])
    """

    halflife_ns: int
    uids: IntArray
    average: FloatArray
    counts: IntArray
    last_ns: int | None = None

    @classmethod
    def empty(cls, uids: IntArray, halflife_ns: int, n_values: int = 1) -> TrackRecord:
        """Nobody has been scored yet."""
        return cls(halflife_ns, uids, np.full((n_values, uids.size), np.nan), np.zeros(uids.size, np.int64))

    @property
    def nobody(self) -> BoolArray:
        """(n,) all False, for a round without deregistered uids."""
        return np.zeros(self.uids.size, dtype=np.bool_)

    def follow(self, uids: IntArray) -> None:
        """Go on with the averages of `uids` (ascending); those not followed so far have none."""
        if np.array_equal(uids, self.uids):
            return
        place = np.searchsorted(uids, self.uids)
        average = np.full((self.average.shape[0], uids.size), np.nan)
        counts = np.zeros(uids.size, dtype=np.int64)
        average[:, place] = self.average
        counts[place] = self.counts
        self.uids, self.average, self.counts = uids, average, counts

    def update(self, time_ns: int, values: FloatArray, deregistered: BoolArray) -> FloatArray:
        """Take in one scoring.

        Args:
            time_ns: Simulated time.
            values: (K, n) values; a uid that was never counted is left alone while its value is 0.
            deregistered: (n,) uids whose averages are dropped.

        Returns:
            (K, n) the averages, and the values themselves where there is no average.
        """
        if time_ns != self.last_ns:
            weight = np.maximum(self._elapsed_weight(time_ns), 1.0 / (self.counts + 1.0))
            counted = (values != 0.0) | (self.counts > 0)
            started = np.where(np.isnan(self.average), values, self.average)
            self.average = np.where(counted, weight * values + (1.0 - weight) * started, self.average)
            self.counts = self.counts + counted[0]
            self.last_ns = time_ns
        self.average[:, deregistered] = np.nan
        self.counts = np.where(deregistered, 0, self.counts)
        return np.where(np.isnan(self.average), values, self.average)

    def _elapsed_weight(self, time_ns: int) -> float:
        if self.last_ns is None:
            return 1.0
        elapsed_ns = max(time_ns - self.last_ns, 0)
        return 1.0 - float(0.5 ** (elapsed_ns / self.halflife_ns))
