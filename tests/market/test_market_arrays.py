"""The checks that every constructor of the vocabulary shares."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from obmm.market import Accounts, Limits, MarketState, Notices, OpenOrders, Orders, Quotes, Tape, Venue
from obmm.market.arrays import as_flags, as_floats, as_ints, book_of_rows, check_offset

STATE = MarketState.of_books(Venue.of(2), [[(1.0, 1.0)]] * 2, [[(2.0, 1.0)]] * 2)
WHOLES: list[Any] = [
    Accounts.of(2),
    Limits.open(2),
    Notices(**{f.name: ["x"] if f.name == "message" else [1] for f in attrs.fields(Notices)}),
    OpenOrders.empty(2),
    Orders.limits(n_books=2, book=[0, 1], side=0, price=1.0, size=1.0),
    Quotes.none(2),
    Tape.empty(2),
    Venue.of(2),
    STATE,
]
COLUMNS = [
    (whole, field.name)
    for whole in WHOLES
    for field in attrs.fields(type(whole))
    if isinstance(getattr(whole, field.name), np.ndarray)
]


@pytest.mark.parametrize(
    ("whole", "name"), COLUMNS, ids=lambda value: getattr(value, "__class__", value).__name__
)
def test_every_column_must_have_the_right_shape(whole: Any, name: str) -> None:
    """A column that is longer than its fellows is refused with its name or its owner's."""
    longer = np.concatenate([getattr(whole, name)] * 2 + [np.ones_like(getattr(whole, name))[:1]])
    longer = np.append(longer, longer[:1], axis=0) if longer.size else np.ones(3)
    with pytest.raises(ValueError, match=type(whole).__name__):
        attrs.evolve(whole, **{name: longer})


def test_arrays_of_the_right_type_are_shared() -> None:
    """Converting costs no copy when the type fits."""
    floats, ints, flags = np.ones(2), np.ones(2, dtype=np.int64), np.ones(2, dtype=np.bool_)
    assert as_floats(floats) is floats
    assert as_ints(ints) is ints
    assert as_flags(flags) is flags


def test_lists_become_arrays_of_the_column_type() -> None:
    """Lists are accepted wherever arrays are."""
    assert [np.float64, np.int64, np.bool_] == [f([1]).dtype for f in (as_floats, as_ints, as_flags)]


def test_book_of_rows_repeats_each_book() -> None:
    """Each row learns its book from the offsets."""
    assert [0, 0, 2] == book_of_rows(np.array([0, 2, 2, 3])).tolist()


@pytest.mark.parametrize("offset", [[1, 2], [0, 1], [0, 3, 2], [[0, 2]], []])
def test_offsets_must_cut_all_rows_in_order(offset: list[Any]) -> None:
    """Offsets that do not start at 0, do not end at the last row, or fall, are refused."""
    with pytest.raises(ValueError, match="offset must rise from 0"):
        check_offset(STATE, np.array(offset, dtype=np.int64), 2)


def test_content_decides_equality() -> None:
    """Two objects with equal arrays are equal, NaN included; another value makes them differ."""
    one, same = Quotes.none(2), Quotes.none(2)
    assert one == same
    assert one != attrs.evolve(same, bid_size=np.ones((2, 1)))
    assert one != Quotes.none(3)
