"""Naming sets of books."""

from __future__ import annotations

import numpy as np
import pytest

from obmm.settings.books import select_books

IDS = np.array([0, 1, 2, 7, 40])


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("all", [0, 1, 2, 7, 40]),
        ("even", [0, 2, 40]),
        ("odd", [1, 7]),
        ("7", [7]),
        (7, [7]),
        ("1-7", [1, 2, 7]),
        ("0, 40", [0, 40]),
        ([2, 40, 99], [2, 40]),
        ("99", []),
    ],
)
def test_selectors_name_ids_not_positions(selector, expected):
    """A selector speaks of book ids, which need not be contiguous."""
    assert expected == IDS[select_books(selector, IDS)].tolist()


@pytest.mark.parametrize("selector", ["", "x", "-3", "5-2", "1.5"])
def test_unreadable_selectors_are_refused(selector):
    """What names no books is an error, not an empty set."""
    with pytest.raises(ValueError, match=r"names no books|runs backwards"):
        select_books(selector, IDS)
