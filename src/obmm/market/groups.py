"""What is summed over books is summed within a group: an account, or one of several markets run as one."""

from __future__ import annotations

import numpy as np

from obmm.market.arrays import FloatArray, as_floats
from obmm.market.venue import Venue


def group_sums(values: FloatArray, venue: Venue) -> FloatArray:
    """(G,) sum of `values` (B,) over the books of each group, to the last bit what it is of that one alone.

    `sums[venue.groups]` gives each book what its group comes to.

    >>> venue = Venue.of(n_books=4, groups=[0, 0, 1, 1], book_ids=[0, 1, 0, 1])
    >>> sums = group_sums(np.array([1.0, 2.0, 3.0, 4.0]), venue)
    >>> sums, sums[venue.groups]
    (array([3., 7.]), array([3., 3., 7., 7.]))
    """
    if venue.n_groups == 1:
        return as_floats(values.sum(keepdims=True))
    # Not one call for all: numpy adds pairwise, and a group must be added as it is by itself.
    return np.array([values[rows].sum() for rows in venue.group_rows])
