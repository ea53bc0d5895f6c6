"""Kappa score, activity factors and whole rounds of 0.3.5 to 0.6.3."""

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
    PnlHistory,
    TradingScore,
    activity_factors_0_3_5,
    activity_window_start_ns,
    apply_reward_floor,
    distribute_rewards,
    last_traded_ns,
    pnl_since_ns,
    score_kappa,
    score_uid,
)
from scoring.reference import assert_close, by_book, cases


def era_of(version: str, params: dict[str, Any]) -> EraConstants:
    """Constants of a vector."""
    kappa, activity, venue = params["kappa"], params["activity"], params["simulation"]
    returns, rewarding = params["pnl"]["normalization"], params["rewarding"]
    floor = rewarding.get("floor", {"enabled": False, "percentile": None, "softness": 0.5})
    return attrs.evolve(
        ERAS[version],
        kappa_weight=kappa["weight"],
        kappa_min=kappa["normalization_min"],
        kappa_max=kappa["normalization_max"],
        kappa_min_lookback_ns=kappa["min_lookback"],
        kappa_lookback_ns=kappa["lookback"],
        kappa_min_observations=kappa["min_realized_observations"],
        kappa_tau=kappa["tau"],
        pnl_impact=kappa.get("pnl", {}).get("impact", 0.0),
        pnl_weight=params["pnl"]["weight"],
        pnl_lookback_ns=params["pnl"].get("lookback", kappa["lookback"]),
        pnl_min_return=returns["min_daily_return"],
        pnl_max_return=returns["max_daily_return"],
        turnover_cap=activity["capital_turnover_cap"],
        volume_sample_ns=activity["trade_volume_sampling_interval"],
        volume_period_ns=activity["trade_volume_assessment_period"],
        activity_grace_ns=activity["decay_grace_period"],
        activity_impact=activity["impact"],
        activity_decay_rate=activity["decay_rate"],
        max_inactive_books=params["max_inactive_books_ratio"],
        scoring_interval_ns=params["interval"],
        pareto_seed=rewarding["seed"],
        pareto_shape=rewarding["pareto"]["shape"],
        pareto_scale=rewarding["pareto"]["scale"],
        floor_percentile=floor["percentile"] if floor["enabled"] else None,
        floor_softness=floor["softness"],
        wealth_quote=venue["miner_wealth"],
        publish_interval_ns=venue["publish_interval"],
        volume_decimals=venue["volumeDecimals"],
        grace_period_ns=venue["grace_period"],
    )


def roundtrips(volumes: dict[str, Any], n_books: int) -> tuple[np.ndarray, np.ndarray]:
    """Sample times (S,) and volumes (S, B) of one uid."""
    times = sorted({int(time) for samples in volumes.values() for time in samples})
    table = np.array([by_book({b: v.get(str(t), 0.0) for b, v in volumes.items()}, n_books) for t in times])
    return np.array(times, dtype=np.int64), table.reshape(len(times), n_books)


def assert_score(expected: dict[str, Any], actual: TradingScore, tolerance: Any) -> None:
    """Fail unless Kappa, weights, penalty and score agree."""
    assert actual.kappa is not None
    weights = actual.weights
    assert weights is not None
    n_books = weights.books.size
    assert_close(by_book(expected["books"], n_books), actual.kappa.books, tolerance)
    if "books_weighted" in expected:  # left out of large rounds
        assert_close(by_book(expected["books_weighted"], n_books), weights.books, tolerance)
        assert expected["inactive_books"] == np.flatnonzero(weights.idle_free).tolist()
        assert expected["penalty_books"] == np.flatnonzero(weights.idle_counted).tolist()
    assert_close(expected["activity_weighted_normalized_median"], weights.median, tolerance)
    assert_close(expected["penalty"], weights.penalty, tolerance)
    assert_close(expected["score"], weights.score, tolerance)
    assert expected["num_scored_books"] == n_books - np.count_nonzero(weights.idle_free)
    if "pnl_score" in expected:
        assert_close(expected["pnl_score"], actual.pnl_score, tolerance)
    assert_close(expected["final_score"], actual.total, tolerance)


def check_rounds(case: dict[str, Any], tolerance: Any, version: str) -> None:
    """Fail unless every uid's parts and the distribution agree in every round."""
    era, given_ = era_of(version, case["params"]), case["input"]
    n, n_books = given_["uids"], case["params"]["simulation"]["book_count"]
    factors = {uid: np.full(n_books, given_["initial_activity_factor"]) for uid in range(n)}
    caches = [KappaCache() for _ in range(n)]
    for step, expected in zip(given_["rounds"], case["expected"], strict=True):
        time_ns = step["simulation_timestamp"]
        times = given_["timestamps"]["start"] + given_["timestamps"]["step"] * np.arange(step["observations"])
        totals = []
        for uid in range(n):
            rows = [row for row in given_["trades"].get(str(uid), []) if row[0] < times.size]
            missing = uid in step["history_missing_for"]
            columns = list(zip(*rows, strict=True)) if rows and not missing else [(), (), ()]
            history = PnlHistory.of(() if missing else times, *columns)
            kappa = None
            if uid not in given_["deregistered_uids"]:
                kappa = caches[uid].ratios(history, n_books, era)
            sample_times, volumes = roundtrips(step["roundtrip_volumes"].get(str(uid), {}), n_books)
            window = sample_times >= activity_window_start_ns(time_ns, era)
            score = score_uid(
                kappa,
                factors[uid],
                pnl=history.since(pnl_since_ns(time_ns, era)).by_book(n_books),
                roundtrip_volume=volumes[window].sum(axis=0),
                last_roundtrip_ns=last_traded_ns(
                    sample_times, volumes, time_ns // era.volume_sample_ns * era.volume_sample_ns
                ),
                time_ns=time_ns,
                era=era,
            )
            factors[uid] = score.activity_factors
            totals.append(score.total)
            reported = expected["kappa"][str(uid)]
            if reported is None:
                assert kappa is None
            else:
                assert_score(reported, score, tolerance["float64"])
            for name in ("activity_factors", "pnl_factors"):
                if name in expected:  # left out of large rounds
                    wanted = by_book(expected[name][str(uid)], n_books)
                    assert_close(wanted, getattr(score, name), tolerance["float64"])
        assert_close(expected["trading_scores"], totals, tolerance["float64"])
        assert_close(expected["distributed_float32"], distribute_rewards(totals, era), tolerance["float32"])
        if "floored_scores" in expected:
            floored = apply_reward_floor(totals, era)
            assert_close(expected["floored_scores"], floored, tolerance["float64"])
            ranked = distribute_rewards(floored, era)
            assert_close(expected["distributed_with_floor_float32"], ranked, tolerance["float32"])


@pytest.mark.parametrize(("case", "tolerance"), cases("round_0_3_5"))
def test_rounds_of_0_3_5_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Whole rounds agree, with mixed units and the Kappa cache."""
    check_rounds(case, tolerance, "0.3.5")


@pytest.mark.parametrize(("case", "tolerance"), cases("round_0_4_5"))
def test_rounds_of_0_4_5_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Whole rounds agree with the narrower Kappa range."""
    check_rounds(case, tolerance, "0.4.5")


@pytest.mark.parametrize(("case", "tolerance"), cases("round_0_5_4"))
def test_rounds_of_0_5_4_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Whole rounds agree with repaired windows, with and without the floor."""
    check_rounds(case, tolerance, "0.5.4")


@pytest.mark.parametrize(("case", "tolerance"), cases("round_0_6_3"))
def test_rounds_of_0_6_3_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """The Kappa and P&L ladder of 0.6.3 agrees."""
    check_rounds(case, tolerance, "0.6.3")


def test_the_live_activity_factor_is_a_switch() -> None:
    """Without impact and decay it turns from 0 to 1 with the first round trip and stays there."""
    era, sample = ERAS["0.5.4"], 600 * 10**9
    before = activity_factors_0_3_5([0.0], [0.0], [0], 5 * sample, era)
    traded = activity_factors_0_3_5(before, [1e5], [5 * sample], 6 * sample, era)
    idle = activity_factors_0_3_5(traded, [0.0], [5 * sample], 50 * sample, era)
    assert [before[0], traded[0], idle[0]] == [0.0, 1.0, 1.0]


def test_a_short_lookback_decays_at_the_fallback_rate() -> None:
    """With no scorings beyond the grace period the base is 0.999."""
    era = attrs.evolve(ERAS["0.5.4"], activity_decay_rate=1.0, kappa_lookback_ns=600 * 10**9)
    era = attrs.evolve(era, activity_grace_ns=900 * 10**9)
    idle = activity_factors_0_3_5([1.0], [0.0], [0], 600 * 10**9, era)
    assert idle[0] == pytest.approx(0.999)


def test_all_books_idle_by_allowance_fail_before_0_6() -> None:
    """An allowance of every book leaves nothing to score: an error first, later a zero."""
    idle = np.full(4, np.nan)
    with pytest.raises(ValueError, match="every book is idle"):
        score_kappa(idle, np.ones(4), attrs.evolve(ERAS["0.5.4"], max_inactive_books=1.0))
    assert score_kappa(idle, np.ones(4), attrs.evolve(ERAS["0.6.3"], max_inactive_books=1.0)).score == 0.0


def test_an_empty_kappa_range_scores_nothing() -> None:
    """Equal clip bounds leave every book at zero."""
    era = attrs.evolve(ERAS["0.5.4"], kappa_min=1.0, kappa_max=1.0)
    assert score_kappa([1.0, 2.0], [1.0, 1.0], era).score == 0.0


BOOKS = st.lists(
    st.tuples(st.one_of(st.none(), st.floats(-5.0, 5.0)), st.floats(0.0, 2.0)), min_size=1, max_size=40
)


@given(BOOKS)
def test_kappa_score_lies_between_zero_and_one(books: list[tuple[float | None, float]]) -> None:
    """No Kappa and no factor leads out of the range; every book is scored, free or counted."""
    kappa = [np.nan if k is None else k for k, _ in books]
    weights = score_kappa(kappa, [f for _, f in books], ERAS["0.5.4"])
    assert 0.0 <= weights.score <= 1.0
    assert 0.0 <= weights.penalty <= 1.0 / 3.0
    assert np.all(weights.idle_free ^ weights.idle_counted ^ ~np.isnan(kappa))
