"""Kappa-3 of realised P&L."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.scoring import (
    ERAS,
    EraConstants,
    KappaCache,
    KappaRatios,
    PnlHistory,
    kappa_ratios,
    normalize_kappa,
)
from scoring.reference import assert_close, by_book, cases, number
from vectors import load

RATIOS = ("average", "median", "total", "normalized_average", "normalized_median", "normalized_total")


def history_of(given_: dict[str, Any]) -> PnlHistory:
    """The history of a vector, in any of its three forms."""
    if "entries" in given_:
        rows = [
            (i, int(book), number(pnl))
            for i, (_, by_id) in enumerate(given_["entries"])
            for book, pnl in by_id.items()
        ]
        times = [time for time, _ in given_["entries"]]
    else:
        rows, times = given_["pnl"], given_["timestamps"]
        if isinstance(times, dict):
            times = times["start"] + times["step"] * np.arange(times["count"])
    columns = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    return PnlHistory.of(times, *columns)


def era_of(version: str, params: dict[str, Any]) -> EraConstants:
    """Constants of a vector."""
    return attrs.evolve(
        ERAS[version],
        kappa_tau=params["tau"],
        kappa_lookback_ns=params["lookback"],
        kappa_min_lookback_ns=params["min_lookback"],
        kappa_min_observations=params["min_realized_observations"],
        kappa_min=params["normalization_min"],
        kappa_max=params["normalization_max"],
        grace_period_ns=params["grace_period"],
    )


def assert_kappa(expected: dict[str, Any], actual: KappaRatios, tolerance: Any) -> None:
    """Fail unless every ratio agrees, missing ones included."""
    assert_close(by_book(expected["books"], actual.books.size), actual.books, tolerance)
    for name in RATIOS:
        assert (expected[name] is None) == (getattr(actual, name) is None)
        assert_close(expected[name], getattr(actual, name), tolerance)


def check(case: dict[str, Any], tolerance: Any, version: str) -> None:
    """Fail unless the Kappa of a case is the validator's."""
    era, given_ = era_of(version, case["params"]), case["input"]
    cache = KappaCache()
    if "cache_primed_by" in case:
        primer = next(
            other
            for other in load(f"kappa_{version.replace('.', '_')}")["cases"]
            if other["id"] == case["cache_primed_by"]
        )
        era = attrs.evolve(era, kappa_cached=True)
        cache.ratios(history_of(primer["input"]), primer["input"]["book_count"], era)
    ratios = None
    if given_["uid"] not in given_["deregistered_uids"]:
        ratios = cache.ratios(history_of(given_), given_["book_count"], era)
    if case["expected"] is None:
        assert ratios is None
    else:
        assert ratios is not None
        assert_kappa(case["expected"], ratios, tolerance["float64"])


@pytest.mark.parametrize(("case", "tolerance"), cases("kappa_0_3_5"))
def test_kappa_of_0_3_5_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Kappa agrees on every path, window, gap and special value."""
    check(case, tolerance, "0.3.5")


@pytest.mark.parametrize(("case", "tolerance"), cases("kappa_0_5_4"))
def test_kappa_of_0_5_4_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Kappa agrees with the window cut by the function itself."""
    check(case, tolerance, "0.5.4")


@pytest.mark.parametrize(("case", "tolerance"), cases("kappa_0_6_3"))
def test_monotone_kappa_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Kappa agrees without the branch for records without losses."""
    check(case, tolerance, "0.6.3")


def naive_kappa(p: np.ndarray, kept: np.ndarray, era: EraConstants) -> float:
    """The ratio of one book from its dense series, written out."""
    mad = max(float(np.median(np.abs(p - np.median(p)))), 1e-6)
    x = (p / mad)[kept]
    if np.count_nonzero(x) < era.kappa_min_observations:
        return float("nan")
    m, tau = x.mean(), era.kappa_tau
    lower = np.mean(np.maximum(tau - x, 0) ** 3)
    upper = np.mean(np.maximum(x - tau, 0) ** 3)
    regular = (0.1 * (abs(m) + x.std())) ** 3
    if era.kappa_monotone or lower > (1e-2 if m > tau else 1e-6):
        return float((m - tau) / np.cbrt(lower + regular))
    return float((m - tau) / np.cbrt(upper + regular)) if m > tau else 0.0


@given(
    st.integers(2, 60),
    st.sampled_from(["0.3.5", "0.5.4", "0.5.5"]),
    st.floats(0.0, 1.0),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.5, -0.5]),
)
def test_kappa_equals_the_dense_formula(n: int, version: str, filled: float, seed: int, tau: float) -> None:
    """Working on the realisations alone gives the ratio of the whole matrix, however many are zero."""
    era = attrs.evolve(ERAS[version], kappa_min_lookback_ns=0, kappa_tau=tau)
    random = np.random.default_rng(seed)
    dense = np.where(random.random((3, n)) < filled, random.normal(0.1, 1.0, (3, n)).round(4), 0.0)
    times = np.cumsum(random.choice([10**9, era.grace_period_ns], p=[0.9, 0.1], size=n))
    book, entry = np.nonzero(dense)
    actual = kappa_ratios(PnlHistory.of(times, entry, book, dense[book, entry]), 3, era)
    assert actual is not None
    window = times >= (times[-1] - era.kappa_lookback_ns if era.kappa_cuts_window else times[0])
    times, dense = times[window], dense[:, window]
    kept = np.concatenate([[True], np.diff(times) < era.grace_period_ns])
    expected = [naive_kappa(row, kept, era) for row in dense]
    np.testing.assert_allclose(actual.books, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("pnl", "expected"),
    [
        ([1.0, 2.0, -1.0, 0.5] * 3, 0.9856259114),
        ([1000.0, 2000.0, -1000.0, 500.0] * 3, 0.9856259114),
        ([0.0, 1.0, 0.0, 0.0] * 3, 0.3966818084),
        ([1.0, 1.0, -1.0] + [0.0] * 9, 0.1906398332),
        ([-0.1] * 11 + [5.0], 1.7752808679),
    ],
)
def test_kappa_of_worked_examples(pnl: list[float], expected: float) -> None:
    """Twelve states, computed by hand elsewhere; wealth scales out."""
    era = attrs.evolve(ERAS["0.5.4"], kappa_min_lookback_ns=0)
    (entry,) = np.nonzero(pnl)
    history = PnlHistory.of(range(12), entry, [0] * entry.size, np.array(pnl)[entry])
    ratios = kappa_ratios(history, 1, era)
    assert ratios is not None
    assert ratios.books[0] == pytest.approx(expected, abs=1e-10)


def test_a_tiny_loss_raised_kappa_before_0_5_5() -> None:
    """The branch for clean records scored less than the one for records with a loss; 0.5.5 mended it."""
    wins = PnlHistory.of(range(10_800), range(108), [0] * 108, [1.0] * 108)
    with_loss = PnlHistory.of(range(10_800), range(109), [0] * 109, [1.0] * 108 + [-0.01])

    def first(history: PnlHistory, version: str) -> float:
        ratios = kappa_ratios(history, 1, attrs.evolve(ERAS[version], kappa_min_lookback_ns=0))
        assert ratios is not None
        return float(ratios.books[0])

    assert first(wins, "0.5.4") == pytest.approx(0.0464, abs=5e-5)
    assert first(with_loss, "0.5.4") == pytest.approx(0.9132, abs=5e-5)
    assert first(wins, "0.5.5") > first(with_loss, "0.5.5")


def test_the_cache_forgets_when_a_realisation_comes() -> None:
    """A result, even a missing one, is kept until a new entry changes the fingerprint."""
    era = attrs.evolve(ERAS["0.3.5"], kappa_min_lookback_ns=4)
    cache = KappaCache()
    short = PnlHistory.of(range(4), range(2), [0, 0], [1.0, 2.0])
    assert cache.ratios(short, 1, era) is None
    assert cache.ratios(attrs.evolve(short, times_ns=np.arange(50)), 1, era) is None
    kept = cache.ratios(PnlHistory.of(range(50), range(3), [0, 0, 0], [1.0, 2.0, -1.0]), 1, era)
    assert kept is not None
    more = PnlHistory.of(range(50), range(4), [0] * 4, [1.0, 2.0, -1.0, 0.5])
    assert cache.ratios(more, 1, era) is not kept
    uncached = attrs.evolve(era, kappa_cached=False)
    assert cache.ratios(more, 1, uncached) is not cache.ratios(more, 1, uncached)


def test_an_empty_range_normalises_to_zero() -> None:
    """Equal clip bounds leave no scale."""
    assert normalize_kappa(3.0, attrs.evolve(ERAS["0.5.4"], kappa_min=1.0, kappa_max=1.0)) == 0.0
