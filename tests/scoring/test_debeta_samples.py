"""Sums over a window of samples, and rings of rows per book."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from obmm.scoring.debeta.prints import Columns
from obmm.scoring.debeta.ring import BookRing
from obmm.scoring.debeta.samples import SampledSums


def test_a_sample_opened_again_goes_on() -> None:
    """Increments go to the sample of their time, even after a later one was open."""
    sums = SampledSums.zeros((1,))
    for time_ns, value in ((0, 1.0), (600, 2.0), (0, 4.0)):
        sums.open(time_ns)
        sums.add_at((np.array([0]),), np.array([value]))
    assert [(sample.time_ns, sample.part[0]) for sample in sums.samples] == [(0, 5.0), (600, 2.0)]
    assert sums.newest_ns == 600
    assert sums.between(0, 600).tolist() == [5.0]


def test_sums_that_were_never_touched_have_no_newest_sample() -> None:
    """An open but empty sample does not count."""
    sums = SampledSums.zeros((1,))
    sums.open(0)
    assert sums.newest_ns is None


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3), st.floats(-1e3, 1e3)), max_size=40))
def test_totals_are_the_sums_of_the_samples_in_the_window(rows: list[tuple[int, int, float]]) -> None:
    """After pruning the total is what the remaining samples hold, and 0 where none is left."""
    sums = SampledSums.zeros((4,))
    for time_ns, entry, value in sorted(rows):
        sums.open(time_ns)
        sums.add_at((np.array([entry]),), np.array([value]))
    sums.drop_before(4)
    kept = [row for row in rows if row[0] >= 4]
    for entry in range(4):
        mine = [value for _, found, value in kept if found == entry]
        np.testing.assert_allclose(sums.total[entry], sum(mine), atol=1e-9)
        assert bool(sums.present[entry]) == bool(mine)
        if not mine:
            assert sums.total[entry] == 0.0


def test_forgotten_and_new_entries_are_empty() -> None:
    """An entry forgotten leaves no trace in total, samples and presence; growth keeps the rest."""
    sums = SampledSums.zeros((2,))
    sums.open(0)
    sums.add_at((np.array([0, 1]),), np.array([1.0, 2.0]))
    sums.grow((3,))
    sums.forget((0,))
    assert sums.total.tolist() == [0.0, 2.0, 0.0]
    assert sums.present.tolist() == [False, True, False]
    sums.shift(50)
    assert sums.newest_ns == 50


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 300)), min_size=1, max_size=6))
def test_a_ring_keeps_every_row_that_is_needed(pushes: list[tuple[int, int]]) -> None:
    """Rows from the oldest needed on read back as pushed, however many come at once."""
    ring = BookRing.empty(2, n_ints=1, n_floats=1)
    pushed: list[list[int]] = [[], []]
    for sizes in pushes:
        rows = np.arange(sum(sizes)) + 1_000 * len(pushed[0])
        offset = np.array([0, sizes[0], sum(sizes)])
        ring.push(offset, rows[np.newaxis], rows[np.newaxis] / 2.0, needed=np.zeros(2, dtype=np.int64))
        for book in range(2):
            pushed[book] += rows[offset[book] : offset[book + 1]].tolist()
    for book in range(2):
        numbers = np.arange(len(pushed[book]))
        books = np.full(numbers.size, book)
        assert pushed[book] == ring.ints(0, books, numbers).tolist()
        assert [row / 2.0 for row in pushed[book]] == ring.floats(0, books, numbers).tolist()


def test_columns_are_given_out_once() -> None:
    """A uid keeps its column; strangers and the background have none."""
    columns = Columns()
    assert columns.of(np.array([5, -1, 2])).tolist() == [0, -1, 1]
    assert columns.of(np.array([2, 9, 5])).tolist() == [1, 2, 0]
    assert columns.index(9) == 2
    assert columns.index(3) is None
    assert columns.index(-1) is None
    assert columns.index(500) is None
