"""Paired comparisons: published figures, laws, and what the intervals promise."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from obmm.lab.compare.statistics import (
    always_valid,
    bootstrap,
    detectable,
    e_value,
    holm,
    paired_t,
    seeds_needed,
    sign_flip,
    wilcoxon,
)

#: Science, C17: two arms on the same eight seeds.
A = np.array([1.2, 0.7, 1.9, 0.4, 1.1, 1.6, 0.9, 1.3])
B = np.array([1.0, 0.6, 1.5, 0.5, 0.8, 1.4, 0.8, 1.0])
FIGURES = arrays(np.float64, st.integers(2, 9), elements=st.integers(-50, 50).map(float))


def test_the_paired_tests_of_the_specification() -> None:
    """Mean .1875, t 3.41565, p .011201; Wilcoxon and sign flips .03125."""
    d = A - B
    assert pytest.approx(0.1875) == d.mean()
    assert pytest.approx((3.41565, 0.011201), abs=5e-6) == paired_t(d)
    assert (0.03125, 0.03125) == (wilcoxon(d), sign_flip(d))


def test_the_seeds_of_the_specification() -> None:
    """An effect of .05 whose differences spread by .13 takes 54 seeds."""
    assert 54.0 == seeds_needed(0.05, 0.13)
    assert detectable(0.13, 54) <= 0.05 < detectable(0.13, 53)
    assert math.inf == seeds_needed(0.0, 0.13)


@given(FIGURES)
def test_sign_flips_are_every_pattern_counted(d: np.ndarray) -> None:
    """Against the definition; those of the ranks against it, too."""
    patterns = [np.array(signs) for signs in itertools.product((1, -1), repeat=d.size)]
    seen = abs(d.sum())
    assert pytest.approx(np.mean([abs((s * d).sum()) >= seen for s in patterns])) == sign_flip(d)
    kept = d[d != 0.0]
    if not kept.size:
        assert 1.0 == wilcoxon(d)
        return
    size = np.abs(kept)
    ranks = np.array([(size < s).sum() + ((size == s).sum() + 1) / 2 for s in size])
    mean = ranks.sum() / 2
    off = abs(ranks[kept > 0].sum() - mean)
    counts = [
        abs(ranks[np.array(s) > 0].sum() - mean) >= off - 1e-9
        for s in itertools.product((1, -1), repeat=kept.size)
    ]
    assert pytest.approx(np.mean(counts)) == wilcoxon(d)


def test_many_flips_are_sampled_close_to_the_truth() -> None:
    """Thirty differences: near what Student's t says of normal ones, and never 0."""
    d = np.random.default_rng(5).normal(0.4, 1.0, 30)
    assert pytest.approx(paired_t(d)[1], abs=0.01) == sign_flip(d)
    assert 0.0 < sign_flip(np.ones(40)) < 1e-4


@given(FIGURES, st.floats(0.01, 100.0))
def test_units_and_sides_change_no_p(d: np.ndarray, unit: float) -> None:
    """Quote or cents, a against b or b against a."""
    for test in (sign_flip, wilcoxon, lambda x: paired_t(x)[1]):
        assert pytest.approx(test(d)) == test(-d) == pytest.approx(test(d * unit))


@given(st.lists(st.floats(0.0, 1.0), max_size=6))
def test_holm_only_raises_and_keeps_the_order(p: list[float]) -> None:
    """At most as far as Bonferroni; the least p is raised as far."""
    raised = holm(p)
    assert all(low <= high <= min(1.0, len(p) * low) + 1e-12 for low, high in zip(p, raised, strict=True))
    order = sorted(range(len(p)), key=lambda i: p[i])
    assert sorted(raised) == [raised[i] for i in order]
    if p:
        assert min(1.0, len(p) * min(p)) == min(raised)


def test_holm_leaves_out_what_is_not_known() -> None:
    """A comparison without a figure is no comparison."""
    assert [0.02, 0.02] == [round(x, 9) for i, x in enumerate(holm([0.01, math.nan, 0.02])) if i != 1]


def test_nothing_to_tell_apart() -> None:
    """A copy of itself: differences of exactly nothing."""
    none = np.zeros(8)
    assert (0.0, 1.0) == paired_t(none)
    assert (1.0, 1.0, 1.0) == (sign_flip(none), wilcoxon(none), e_value(none))
    for interval in (bootstrap(none), always_valid(none)):
        assert (0.0, 0.0, 0.0, False) == (interval.mean, interval.low, interval.high, interval.settled)


def test_one_seed_says_nothing() -> None:
    """No interval, no p."""
    one = np.array([3.0])
    assert not bootstrap(one).settled
    assert not always_valid(one).settled
    assert (3.0, 1.0) == (bootstrap(one).mean, sign_flip(one))
    assert all(map(math.isnan, paired_t(one)))
    assert math.isnan(sign_flip(one[:0]))
    assert math.isnan(wilcoxon(one[:0]))


def test_the_always_valid_interval_is_what_the_e_value_does_not_reject() -> None:
    """At its ends the evidence against them is 20 to 1."""
    interval = always_valid(A - B)
    for end in (interval.low, interval.high):
        assert pytest.approx(20.0) == e_value(A - B - end)


def sample(kind: str, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Differences of two arms that differ by nothing, seed by seed."""
    if kind == "normal":
        return rng.normal(size=shape)
    if kind == "heavy":
        return rng.standard_t(3, size=shape)
    # Two arms alike, each as skewed as may be.
    return rng.exponential(size=shape) - rng.exponential(size=shape)


@pytest.mark.parametrize("kind", ["normal", "heavy", "skewed arms"])
def test_looking_after_every_seed_is_paid_for(kind: str) -> None:
    """Of 1,000 comparisons of arms alike, with a look after each of 60 seeds, at most 5 % are ever settled.

    Looking as often at the usual interval settles one in four.
    """
    d = sample(kind, np.random.default_rng(11), (1000, 60))
    valid = [any(always_valid(row[:n]).settled for n in range(2, 61)) for row in d]
    assert np.mean(valid) <= 0.05
    fooled = [any(paired_t(row[:n])[1] < 0.05 for n in range(2, 61, 2)) for row in d[:100]]
    assert np.mean(fooled) >= 0.15


def test_the_interval_of_few_seeds_holds_what_it_should() -> None:
    """Of six seeds each, 95 % and no less, as far as 400 draws can tell."""
    rng = np.random.default_rng(2)
    held = [(i := bootstrap(rng.normal(size=6))).low <= 0.0 <= i.high for _ in range(400)]
    assert np.mean(held) >= 0.93
