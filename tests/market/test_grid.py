"""Prices and sizes reach the venue as exactly the ticks and lots that were meant."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import Grid
from obmm.market.arrays import IntArray
from obmm.market.grid import ceil_units, floor_units, from_units, to_units, truncated_units, wire_float


def venue_keeps(value: float, decimals: int) -> int:
    """Grid units the venue keeps of a double, in exact arithmetic: cut at 8 places, then at the grid."""
    numerator, denominator = value.as_integer_ratio()
    return numerator * 10**8 // denominator // 10 ** (8 - decimals)


def kept(units: IntArray, decimals: int) -> list[int]:
    """What the venue keeps of the floats sent for `units`."""
    return [venue_keeps(value, decimals) for value in wire_float(units, decimals).tolist()]


def test_every_two_decimal_price_up_to_1000_survives() -> None:
    """All prices from 0.01 to 1000.00 come back exactly after the venue's truncation."""
    ticks = np.arange(1, 100_001)
    assert ticks.tolist() == kept(ticks, 2)


def test_four_decimal_sizes_up_to_1000_survive() -> None:
    """Every 89th size from 0.0001 to 1000 comes back exactly; the long run takes them all."""
    lots = np.arange(1, 10_000_001, 89)
    assert lots.tolist() == kept(lots, 4)


@pytest.mark.long
@pytest.mark.parametrize("start", range(0, 10_000_000, 1_000_000))
def test_every_four_decimal_size_up_to_1000_survives(start: int) -> None:
    """All sizes from 0.0001 to 1000 come back exactly after the venue's truncation."""
    lots = np.arange(start + 1, start + 1_000_001)
    assert lots.tolist() == kept(lots, 4)


@given(units=st.integers(1, 10**12), decimals=st.integers(0, 8))
def test_any_grid_value_survives(units: int, decimals: int) -> None:
    """On every grid the float sent is the smallest double that is not below the decimal."""
    value = float(wire_float(units, decimals))
    assert units == venue_keeps(value, decimals)
    assert Fraction(units, 10**decimals) <= Fraction(value)
    assert Fraction(float(np.nextafter(value, -np.inf))) < Fraction(units, 10**decimals)


@given(value=st.floats(1e-6, 1e6), decimals=st.integers(0, 8))
def test_truncated_units_are_what_the_venue_keeps(value: float, decimals: int) -> None:
    """The model of the truncation agrees with exact arithmetic for any double."""
    assert venue_keeps(value, decimals) == int(truncated_units(value, decimals))


@given(units=st.integers(1, 10**9), decimals=st.integers(0, 8))
def test_truncated_units_of_the_nearest_double(units: int, decimals: int) -> None:
    """The nearest double to a grid value loses a unit exactly where it lies below the decimal."""
    value = float(from_units(units, decimals))
    assert venue_keeps(value, decimals) == int(truncated_units(value, decimals))


@given(units=st.integers(-(10**9), 10**9), decimals=st.integers(0, 6))
def test_units_round_trip(units: int, decimals: int) -> None:
    """Whole units are found again in the double shown for them, rounded either way."""
    value = from_units(units, decimals)
    assert [units] * 3 == [int(f(value, decimals)) for f in (to_units, floor_units, ceil_units)]


@given(value=st.floats(0.0, 1e6), decimals=st.integers(0, 4))
def test_floor_and_ceil_enclose_the_value(value: float, decimals: int) -> None:
    """Below and above are at most one unit apart and hold the value between them, up to rounding noise."""
    low, high = int(floor_units(value, decimals)), int(ceil_units(value, decimals))
    noise = 2e-9 * max(1.0, value * 10**decimals)
    assert high - low in (0, 1)
    assert low - noise <= value * 10**decimals <= high + noise


def test_computed_sum_counts_as_on_the_grid() -> None:
    """The rounding noise of 0.1 + 0.2 moves it neither down nor up."""
    assert (3, 3) == (int(floor_units(0.1 + 0.2, 1)), int(ceil_units(0.1 + 0.2, 1)))


def test_grid_of_each_book_applies_along_levels() -> None:
    """Books with different decimals convert levels (B, K) each on its own grid."""
    grid = Grid([2, 3], [4, 1])
    assert [[30025, 30026], [300250, 300260]] == grid.ticks([[300.25, 300.26]] * 2).tolist()
    assert [[2500, 3000], [3, 3]] == grid.lots([[0.25, 0.3], [0.3, 0.26]]).tolist()
    assert [0.01, 0.001] == grid.tick.tolist()
    assert [1e-4, 0.1] == grid.lot.tolist()


def test_grid_sends_floats_that_survive() -> None:
    """Ticks and lots of each book survive the way to the venue."""
    grid = Grid([2, 2], [4, 4])
    assert [29063, 30028] == truncated_units(grid.wire_prices([29063, 30028]), 2).tolist()
    assert [3000, 2401] == truncated_units(grid.wire_volumes([3000, 2401]), 4).tolist()
