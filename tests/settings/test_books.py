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


@pytest.mark.parametrize(
    ("selector", "expected"), [("class-0", [0, 1]), ("class-1", [2, 7, 40]), ("class-0, 40", [0, 1, 40])]
)
def test_a_class_of_assets_names_its_books(selector, expected):
    """Whichever ids the venue gives them."""
    classes = np.array([0, 0, 1, 1, 1])
    assert expected == IDS[select_books(selector, IDS, classes)].tolist()


def test_a_class_cannot_be_named_where_none_is_known():
    """Nothing is chosen silently."""
    with pytest.raises(ValueError, match="'class-1' names a class of assets, which is not known here"):
        select_books("class-1", IDS)


@pytest.mark.parametrize("selector", ["", "x", "class-", "class-x", "-3", "5-2", "1.5"])
def test_unreadable_selectors_are_refused(selector):
    """What names no books is an error, not an empty set."""
    with pytest.raises(ValueError, match=r"names no books|runs backwards"):
        select_books(selector, IDS)
