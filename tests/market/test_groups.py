"""Books of several accounts in one venue."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import Venue, group_sums

FLOATS = st.floats(-1e6, 1e6)


@given(st.lists(st.lists(FLOATS, min_size=1, max_size=40), min_size=1, max_size=5))
def test_a_group_is_summed_as_it_is_alone(parts: list[list[float]]) -> None:
    """To the last bit."""
    sizes = [len(part) for part in parts]
    ids, groups = np.concatenate([np.arange(n) for n in sizes]), np.arange(len(parts)).repeat(sizes)
    venue = Venue.of(ids.size, book_ids=ids, groups=groups)
    alone = [float(group_sums(np.array(part), Venue.of(len(part)))[0]) for part in parts]
    assert alone == group_sums(np.concatenate(parts), venue).tolist()


def test_a_venue_is_one_group_unless_told() -> None:
    """Ranks and sizes of groups that are mixed up, and of one."""
    venue = Venue.of(5, groups=[1, 0, 1, 1, 0])
    told = venue.n_groups, venue.rank_in_group.tolist(), venue.group_size.tolist()
    assert (2, [0, 0, 1, 2, 1], [3, 2, 3, 3, 2]) == told
    assert (1, [0, 0, 0]) == (Venue.of(3).n_groups, Venue.of(3).groups.tolist())


def test_ids_are_unique_within_a_group() -> None:
    """Two accounts may trade books of the same number."""
    venue = Venue.of(4, book_ids=[7, 8, 7, 8], groups=[0, 0, 1, 1])
    assert (0, 3) == (venue.index_of(7), venue.index_of(8, group=1))
    with pytest.raises(ValueError, match="repeats an id"):
        Venue.of(2, book_ids=[7, 7])


@pytest.mark.parametrize("groups", [[0], [0, -1]])
def test_groups_that_are_none_are_refused(groups: list[int]) -> None:
    """A wrong shape, or a number below 0."""
    with pytest.raises(ValueError, match=r"Venue\.groups"):
        Venue.of(2, groups=groups)
