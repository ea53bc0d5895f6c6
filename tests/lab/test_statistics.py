"""Conventions of the one-dimensional statistics."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from obmm.lab._statistics import (
    autocorrelation,
    correlation,
    excess_kurtosis,
    hit_rate,
    summary,
    trailing_sum,
    variance_ratio,
)

samples = arrays(np.float64, st.integers(3, 40), elements=st.floats(-100, 100).map(lambda v: round(v, 3)))


def test_a_summary_of_nothing_is_unknown():
    """N is 0 and every number NaN."""
    told = summary(np.zeros(0))
    assert told.pop("n") == 0.0
    assert all(math.isnan(value) for value in told.values())


@given(samples)
def test_quantiles_lie_in_order_between_the_extremes(values):
    """Min ≤ q01 ≤ … ≤ q99 ≤ max."""
    told = summary(values)
    ladder = [told["min"], *(told[f"q{q:02d}"] for q in (1, 5, 10, 25, 50, 75, 90, 95, 99)), told["max"]]
    assert sorted(ladder) == ladder


@given(samples)
def test_statistics_do_not_depend_on_the_unit(values):
    """Kurtosis, autocorrelation and variance ratio are the same for ticks and for quote."""
    for statistic in (excess_kurtosis, lambda v: autocorrelation(v, 1), lambda v: variance_ratio(v, 2)):
        assert statistic(values) == pytest.approx(statistic(8.0 * values), nan_ok=True)


def test_a_random_walk_has_a_variance_ratio_of_one():
    """Within a few percent over 100,000 steps; a bounced price has less, a trending one more."""
    steps = np.random.default_rng(1).normal(size=100_000)
    walk = np.cumsum(steps)
    assert variance_ratio(walk, 10) == pytest.approx(1.0, abs=0.05)
    assert variance_ratio(walk + 3 * np.random.default_rng(2).normal(size=walk.size), 10) < 0.6
    assert variance_ratio(np.cumsum(steps[1:] + steps[:-1]), 10) > 1.5


def test_normal_numbers_have_no_excess_kurtosis():
    """And two-valued ones have -2."""
    assert excess_kurtosis(np.random.default_rng(3).normal(size=200_000)) == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("statistic", [lambda v: correlation(v, v), lambda v: autocorrelation(v, 1)])
def test_what_does_not_vary_has_no_correlation(statistic):
    """NaN, not zero and not an error."""
    assert math.isnan(statistic(np.ones(5)))


@given(samples)
def test_correlation_agrees_with_numpy(values):
    """Pearson's coefficient."""
    other = np.sin(values) + np.arange(values.size)
    if values.std() > 1e-6:
        assert correlation(values, other) == pytest.approx(np.corrcoef(values, other)[0, 1], abs=1e-9)


def test_signals_of_zero_are_neither_hit_nor_miss():
    """Only pairs with two signs count; none at all is unknown."""
    assert hit_rate(np.array([0.0, 1.0, -1.0]), np.array([1.0, 1.0, 1.0])) == 0.5
    assert math.isnan(hit_rate(np.zeros(2), np.ones(2)))


@given(samples, st.integers(1, 50))
def test_a_trailing_sum_is_the_sum_of_the_last_ones(values, width):
    """Of fewer where there are not so many."""
    expected = [values[max(0, i - width + 1) : i + 1].sum() for i in range(values.size)]
    assert trailing_sum(values, width) == pytest.approx(np.array(expected), abs=1e-9)


@pytest.mark.parametrize("statistic", [autocorrelation, variance_ratio])
def test_too_short_a_series_tells_nothing(statistic):
    """NaN where the lag does not fit."""
    assert math.isnan(statistic(np.arange(3.0), 5))


@pytest.mark.parametrize("statistic", [excess_kurtosis, lambda v: correlation(v, v)])
def test_an_empty_series_tells_nothing(statistic):
    """NaN."""
    assert math.isnan(statistic(np.zeros(0)))
