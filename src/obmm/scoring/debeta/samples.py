"""Sums over a sliding window that moves in whole samples."""

from __future__ import annotations

import functools
import operator
from typing import Any

import attrs
import numpy as np

from obmm.market import BoolArray, FloatArray, IntArray


@attrs.define
class Sample:
    """What one sample contributed: its time, the increments and which entries were touched at all."""

    time_ns: int
    part: FloatArray
    touched: BoolArray


@attrs.define
class SampledSums:
    """Running sums of any shape, each increment booked into the newest sample as well.

    Old samples are subtracted when they leave the window; an entry whose samples are all gone is exactly 0
    again, so rounding does not outlive the window. Memory is one array per sample in the window.

    Attributes:
        total: The sums over the window.
        samples: Samples in the window.
        current: The sample that increments go to.
        present: Entries that some sample of the window touched.

    >>> sums = SampledSums.zeros((2,))
    >>> sums.open(0)
    >>> sums.add_at((np.array([0, 0]),), np.array([1.0, 2.0]))
    >>> sums.open(600)
    >>> sums.add_at((np.array([1]),), np.array([5.0]))
    >>> sums.total, sums.present
    (array([3., 5.]), array([ True,  True]))
    >>> sums.drop_before(600)
    >>> sums.total, sums.present
    (array([0., 5.]), array([False,  True]))
    """

    total: FloatArray
    current: Sample
    present: BoolArray
    samples: list[Sample] = attrs.field(factory=list)

    @classmethod
    def zeros(cls, shape: tuple[int, ...]) -> SampledSums:
        """Empty sums of a shape, to be opened at a sample before anything is added."""
        return cls(np.zeros(shape), _empty_sample(0, shape), np.zeros(shape, dtype=np.bool_))

    def open(self, time_ns: int) -> None:
        """Book what follows into the sample at `time_ns`."""
        if self.samples and self.current.time_ns == time_ns:
            return
        for sample in self.samples:
            if sample.time_ns == time_ns:
                self.current = sample
                return
        self.current = _empty_sample(time_ns, self.total.shape)
        self.samples.append(self.current)

    def add(self, index: Any, values: FloatArray, touched: BoolArray) -> None:
        """Add `values` to the entries under `index`, which must not repeat an entry."""
        self.total[index] += values
        self.current.part[index] += values
        self.touch(index, touched)

    def add_at(self, index: tuple[IntArray, ...], values: FloatArray) -> None:
        """Add `values` one after the other to the entries under `index`, which may repeat."""
        if not values.size:
            return
        # Flat, since numpy has a fast way only for a single index.
        flat = np.ravel_multi_index(index, self.total.shape)
        np.add.at(self.total.reshape(-1), flat, values)
        np.add.at(self.current.part.reshape(-1), flat, values)
        self.current.touched.reshape(-1)[flat] = True
        self.present.reshape(-1)[flat] = True

    def take(self, index: Any) -> FloatArray:
        """(2, …) sums under `index`: over the window and in the open sample, to be changed and put back."""
        return np.stack((self.total[index], self.current.part[index]))

    def put(self, index: Any, sums: FloatArray) -> None:
        """Put back what `take` gave out."""
        self.total[index], self.current.part[index] = sums

    def touch(self, index: Any, touched: BoolArray) -> None:
        """Note which entries under `index` were touched in the open sample."""
        self.current.touched[index] |= touched
        self.present[index] |= touched

    @property
    def newest_ns(self) -> int | None:
        """Time of the newest sample that touched anything; None if there is none."""
        times = [sample.time_ns for sample in self.samples if sample.touched.any()]
        return max(times, default=None)

    def between(self, start_ns: float, end_ns: float) -> FloatArray:
        """Sums of the samples with start <= time < end."""
        found = np.zeros(self.total.shape)
        for sample in self.samples:
            if start_ns <= sample.time_ns < end_ns:
                found += sample.part
        return found

    def drop_before(self, threshold_ns: int) -> None:
        """Take samples older than `threshold_ns` out of the sums."""
        old = [sample for sample in self.samples if sample.time_ns < threshold_ns]
        if not old:
            return
        self.samples = [sample for sample in self.samples if sample.time_ns >= threshold_ns]
        self.total -= functools.reduce(operator.add, (sample.part for sample in old))
        self.present = np.zeros(self.total.shape, dtype=np.bool_)
        for sample in self.samples:
            self.present |= sample.touched
        self.total[~self.present] = 0.0

    def shift(self, by_ns: int) -> None:
        """Move all samples in time."""
        for sample in self.samples:
            sample.time_ns += by_ns

    def forget(self, index: Any) -> None:
        """Remove the entries under `index` as if they had never been booked."""
        self.total[index] = 0.0
        self.present[index] = False
        for sample in self.samples:
            sample.part[index] = 0.0
            sample.touched[index] = False

    def grow(self, shape: tuple[int, ...]) -> None:
        """Enlarge to `shape`; new entries are empty."""
        self.total = _enlarged(self.total, shape)
        self.present = _enlarged(self.present, shape)
        for sample in self.samples:
            sample.part = _enlarged(sample.part, shape)
            sample.touched = _enlarged(sample.touched, shape)


def _empty_sample(time_ns: int, shape: tuple[int, ...]) -> Sample:
    return Sample(time_ns, np.zeros(shape), np.zeros(shape, dtype=np.bool_))


def _enlarged(values: Any, shape: tuple[int, ...]) -> Any:
    enlarged = np.zeros(shape, dtype=values.dtype)
    enlarged[tuple(slice(0, n) for n in values.shape)] = values
    return enlarged
