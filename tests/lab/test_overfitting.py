"""Sharpe ratios that know how often one has tried, and searches that fool themselves."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba")
pytest.importorskip("scipy")

from obmm.lab.trials.overfitting import (
    deflated_sharpe,
    expected_best_sharpe,
    least_record,
    overfit,
    probabilistic_sharpe,
)

#: The example of Bailey & López de Prado 2014: an annual ratio of 2.5 over five years of days.
BEST = 2.5 / math.sqrt(250)
VARIANCE = 0.5 / 250


@pytest.mark.parametrize(
    ("trials", "lucky", "deflated"),
    [(46, 0.100362, 0.950502), (88, 0.111146, 0.910153), (100, 0.113172, 0.900397)],
)
def test_deflated_sharpe_of_the_papers_example(trials: int, lucky: float, deflated: float) -> None:
    """Forty-six trials leave 95 % confidence, a hundred 90 %."""
    told = deflated_sharpe(BEST, 1250, trials=trials, variance=VARIANCE, skewness=-3.0, kurtosis=10.0)

    assert (lucky, deflated) == (round(expected_best_sharpe(trials, VARIANCE), 6), round(told, 6))


def test_probabilistic_sharpe_of_the_papers_example() -> None:
    """Without counting trials the same record is all but certain."""
    told = probabilistic_sharpe(BEST, 1250, skewness=-3.0, kurtosis=10.0)

    assert told == pytest.approx(0.9999968595078976, abs=1e-9)


def test_least_record() -> None:
    """A ratio of 0.1 takes 273 observations; one that is no better than the benchmark is never proved."""
    assert least_record(0.1) == pytest.approx(272.907117136589, abs=1e-9)
    assert math.inf == least_record(0.1, benchmark=0.1)


@given(st.floats(0.01, 1.0), st.integers(2, 1000), st.floats(-1.0, 1.0), st.floats(2.5, 9.0))
def test_record_is_just_long_enough(sharpe: float, trials: int, skewness: float, kurtosis: float) -> None:
    """After the least record the probability is the confidence asked for, and more trials lower it."""
    n = least_record(sharpe, skewness=skewness, kurtosis=kurtosis)
    shape = {"skewness": skewness, "kurtosis": kurtosis}

    assert probabilistic_sharpe(sharpe, math.ceil(n), **shape) >= 0.95
    deflated = deflated_sharpe(sharpe, 100, trials=trials, variance=0.01, **shape)
    assert deflated <= probabilistic_sharpe(sharpe, 100, **shape)


def test_moments_that_nothing_has_are_refused() -> None:
    """Fewer than two observations have no ratio; a skewness beyond the kurtosis has no distribution."""
    with pytest.raises(ValueError, match="needs two observations, got 1"):
        probabilistic_sharpe(1.0, 1)
    with pytest.raises(ValueError, match="no distribution has skewness 9 and kurtosis 3"):
        probabilistic_sharpe(1.0, 10, skewness=9.0)


def test_overfit_counts_halvings_as_the_definition_does() -> None:
    """The share of splits whose best is below the median elsewhere, counted one split after the other."""
    results = np.random.default_rng(3).normal(size=(6, 5))

    told = overfit(results)

    bad = []
    for first in itertools.combinations(range(6), 3):
        second = [row for row in range(6) if row not in first]
        best = int(results[list(first)].mean(axis=0).argmax())
        outside = results[second].mean(axis=0)
        share = (1 + int((outside < outside[best]).sum())) / 6.0
        bad.append(math.log(share / (1 - share)) <= 0.0 if share != 0.5 else 0.5)
    assert told is not None
    assert (20, pytest.approx(np.mean(bad))) == (told.splits, told.probability)


def test_noise_is_overfitted_half_the_time_and_skill_never() -> None:
    """Averaged over many searches of noise the probability is near one half; of real skill it is 0."""
    random = np.random.default_rng(1)
    noise = [overfit(random.normal(size=(8, 20))) for _ in range(200)]
    skill = overfit(random.normal(size=(8, 20)) * 0.01 + np.arange(20))

    assert np.mean([told.probability for told in noise if told is not None]) == pytest.approx(0.5, abs=0.1)
    assert skill is not None
    assert skill.probability == 0.0


def test_equal_results_say_nothing_either_way() -> None:
    """Configurations that differ by nothing share all ranks: one half."""
    told = overfit(np.ones((8, 4)))

    assert told is not None
    assert (0.5, 0.0) == (told.probability, told.loss_probability)
    assert math.isnan(told.slope)


def test_too_little_to_say_anything() -> None:
    """One configuration, or three observations, cannot be halved."""
    assert overfit(np.ones((8, 1))) is None
    assert overfit(np.ones((3, 5))) is None


def test_many_observations_are_halved_by_a_fixed_sample() -> None:
    """Sixteen blocks have 12,870 halvings: 2,000 of them, the same every time, each with its mirror."""
    results = np.random.default_rng(2).normal(size=(40, 3))

    first, second = overfit(results), overfit(results)

    assert first == second
    assert first is not None
    assert first.splits == 2000
