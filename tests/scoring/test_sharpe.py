"""Sharpe ratios of inventory value."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from obmm.scoring import ERAS, SharpeRatios, sharpe_ratios, sharpe_ratios_0_1_9
from scoring.reference import assert_close, cases, numbers

RATIOS = ("average", "median", "total", "normalized_average", "normalized_median", "normalized_total")


def series(inventory: dict[str, Any]) -> tuple[list[int], list[int], np.ndarray] | None:
    """Times, book ids and values (B, T) of a vector; None where a later entry lacks a book of the first."""
    if "entries" not in inventory:
        values = numbers(inventory["values"]).reshape(-1, len(inventory["books"])).T
        return inventory["timestamps"], inventory["books"], values
    entries = inventory["entries"]
    books = list(entries[0][1]) if entries else []
    if any(book not in row for _, row in entries for book in books):
        return None
    values = (
        np.array([numbers([row[book] for book in books]) for _, row in entries]).reshape(-1, len(books)).T
    )
    return [time for time, _ in entries], [int(book) for book in books], values


def assert_ratios(expected: dict[str, Any], actual: SharpeRatios, books: list[int], tolerance: Any) -> None:
    """Fail unless every ratio agrees and the books come in the same order."""
    assert [str(book) for book in books] == list(expected["books"])
    assert_close(list(expected["books"].values()), actual.books, tolerance)
    for name in RATIOS:
        assert_close(expected[name], getattr(actual, name), tolerance)


@pytest.mark.parametrize(("case", "tolerance"), cases("sharpe_0_1_51"))
def test_sharpe_of_0_1_51_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Ratios agree with the reference on every path, count, gap and special value."""
    params = case["params"]
    era = attrs.evolve(
        ERAS["0.1.51"],
        sharpe_lookback=params["lookback"],
        sharpe_min_observations=params["min_lookback"],
        sharpe_min=params["normalization_min"],
        sharpe_max=params["normalization_max"],
        grace_period_ns=params["grace_period"],
    )
    read = series(case["input"]["inventory"])
    deregistered = case["input"]["uid"] in case["input"]["deregistered_uids"]
    ratios = None
    if read is not None and not deregistered:
        times, books, values = read
        ratios = sharpe_ratios(values, times, era)
    if case["expected"] is None:
        assert ratios is None
    else:
        assert ratios is not None
        assert_ratios(case["expected"], ratios, books, tolerance["float64"])


def test_sharpe_of_0_1_9_needs_two_states() -> None:
    """With a single state there is no change to measure, so the score stays frozen."""
    assert sharpe_ratios_0_1_9([[1.0]], [0], ERAS["0.1.9"]) is None


def test_sharpe_of_0_1_9_keeps_the_newest_changes() -> None:
    """Changes older than the lookback do not count."""
    era = attrs.evolve(ERAS["0.1.9"], sharpe_lookback=3)
    values = np.array([[0.0, 100.0, 101.0, 103.0, 104.0]])
    recent = sharpe_ratios_0_1_9(values[:, 1:], np.arange(4), era)
    cut = sharpe_ratios_0_1_9(values, np.arange(5), era)
    assert recent is not None
    assert cut is not None
    assert recent.total == cut.total


VALUES = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 4), st.integers(2, 30)),
    elements=st.floats(-1e4, 1e4).map(lambda x: round(x, 4)),
)


@given(VALUES)
def test_sharpe_turns_with_the_sign_of_the_value(values: np.ndarray) -> None:
    """Mirrored P&L has the mirrored ratio."""
    era = attrs.evolve(ERAS["0.1.51"], sharpe_min_observations=2)
    times = np.arange(values.shape[1])
    up, down = sharpe_ratios(values, times, era), sharpe_ratios(-values, times, era)
    assert up is not None
    assert down is not None
    np.testing.assert_array_equal(up.books, -down.books)


@given(VALUES, st.data())
def test_sharpe_ignores_the_step_over_a_restart(values: np.ndarray, data: st.DataObject) -> None:
    """Whatever happens to the value between two simulations leaves the ratio alone."""
    era = attrs.evolve(ERAS["0.1.51"], sharpe_min_observations=2)
    n = values.shape[1]
    seam = data.draw(st.integers(1, n - 1))
    times = np.arange(n) + np.where(np.arange(n) >= seam, era.grace_period_ns, 0)
    # Multiples of a quarter keep the additions exact.
    values = np.round(values * 4) / 4
    jumped = values + np.where(np.arange(n) >= seam, 1024.0, 0.0)
    before, after = sharpe_ratios(values, times, era), sharpe_ratios(jumped, times, era)
    assert before is not None
    assert after is not None
    np.testing.assert_array_equal(before.books, after.books)
    assert before.total == pytest.approx(after.total, abs=0.0, nan_ok=True)
