"""Pareto ranks, reward floor, moving average and chain weights."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.scoring import (
    ERAS,
    apply_reward_floor,
    burn_weights,
    chain_weights,
    distribute_rewards,
    emitted_weights,
    l1_weights,
    limit_weights,
    moving_average,
    pareto_draws,
    pool_weights,
    rank_scores,
    training_average,
)
from scoring.reference import assert_close, cases, numbers


@pytest.mark.parametrize(("case", "tolerance"), cases("pareto"))
def test_pareto_distribution_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Draws and distributed rewards agree; tied rewards share their draws in some order."""
    params = case["params"]
    era = attrs.evolve(
        ERAS["0.1.51"],
        pareto_seed=params["seed"],
        pareto_shape=params["shape"],
        pareto_scale=params["scale"],
    )
    rewards = numbers(case["input"]["rewards"])
    draws = pareto_draws(rewards.size, params["shape"], params["scale"], params["seed"])
    assert_close(case["expected"]["sorted_draws"], draws, tolerance["float64"])
    expected, actual = numbers(case["expected"]["distributed_float32"]), distribute_rewards(rewards, era)
    if case.get("compare") == "multiset_over_ties":
        for reward in np.unique(rewards):
            tied = rewards == reward
            assert_close(np.sort(expected[tied]), np.sort(actual[tied]), tolerance["float32"])
    else:
        assert_close(expected, actual, tolerance["float32"])


def test_the_first_era_does_not_rank() -> None:
    """0.1.9 hands scores on as they are."""
    assert distribute_rewards([0.25, 0.5], ERAS["0.1.9"]).tolist() == [0.25, 0.5]


@pytest.mark.parametrize(("case", "tolerance"), cases("reward_floor"))
def test_reward_floor_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Tapered scores agree for every percentile and softness."""
    params = case["params"]
    era = attrs.evolve(
        ERAS["0.5.4"],
        floor_percentile=params["percentile"] if params["enabled"] else None,
        floor_softness=params["softness"],
    )
    actual = apply_reward_floor(case["input"]["rewards"], era)
    assert_close(case["expected"]["rewards"], actual, tolerance["float64"])


def test_a_floor_without_softness_is_a_hard_cut() -> None:
    """Scores at the threshold stay, those below are lost."""
    era = attrs.evolve(ERAS["0.5.4"], floor_softness=0.0)
    assert apply_reward_floor([0.1, 0.2, 0.3], era).tolist() == [0.0, 0.2, 0.3]


@pytest.mark.parametrize(("case", "tolerance"), cases("moving_average_and_weights"))
def test_averages_and_weights_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Moving average, L1 weights, burn, two pools, weight limit and 16-bit conversion agree."""
    params, given_, expected = case["params"], case["input"], case["expected"]
    close = tolerance["float32"]
    if "rewards" in given_:
        era = attrs.evolve(ERAS["0.1.51"], moving_average_alpha=params["moving_average_alpha"])
        scores = numbers(given_["initial_scores"])
        results = []
        for rewards in given_["rewards"]:
            scores = moving_average(scores, numbers(rewards), era)
            results.append(scores)
        wanted = expected["scores_float32"]  # of every round, of the last few, or of the last alone
        wanted = wanted if isinstance(wanted[0], list) else [wanted]
        for one, actual in zip(wanted, results[-len(wanted) :], strict=True):
            assert_close(one, actual, close)
    elif "limit" in params:
        limited = limit_weights(given_["weights_float32"], params["limit"])
        assert_close(expected["normalized_float32"], limited, close)
        uids, whole = emitted_weights(limited)
        assert expected["emit_uids"] == uids.tolist()
        assert expected["emit_uint16"] == whole.tolist()
    elif "trading_scores" in given_:
        weights, shares = pool_weights(
            given_["trading_scores"],
            given_["gentrx_scores"],
            n_target=params["n_target"],
            training_share=params["gentrx_simulation_share"],
            burn_ratio=params["burn_ratio"],
            burn_uid=params["burn_uid"],
        )
        assert_close(expected["raw_weights_float32"], weights, close)
        summary = expected["summary"]
        assert_close(summary["trading_alloc"], shares.trading, tolerance["float64"])
        assert_close(summary["gentrx_alloc"], shares.training, tolerance["float64"])
        assert_close(summary["burn_alloc"], shares.burn, tolerance["float64"])
        assert summary["n_active"] == shares.n_training
        assert_close(summary["shrink"], shares.participation, tolerance["float64"])
    else:
        weights = l1_weights(given_["scores"])
        if "burn_ratio" in params:
            weights = burn_weights(weights, params["burn_uid"], params["burn_ratio"])
        assert_close(expected["raw_weights_float32"], weights, close)


WEIGHTS = st.lists(st.floats(0.0, 10.0, width=32), min_size=2, max_size=30)


@given(WEIGHTS, st.floats(0.05, 1.0))
def test_no_weight_exceeds_the_limit(weights: list[float], limit: float) -> None:
    """Limited weights sum to one, keep their order and stay under the limit if that can be met."""
    limited = limit_weights(weights, limit)
    assert limited.sum() == pytest.approx(1.0, rel=1e-5)
    if len(weights) * limit > 1.0 and sum(weights) > 0.0:
        order = np.argsort(weights, kind="stable")
        assert np.all(np.diff(limited[order]) >= 0.0)
        room = limit if np.count_nonzero(weights) * limit > 1.0 else 1.0
        assert limited.max() <= room * (1.0 + 1e-5)


def test_nothing_is_emitted_for_empty_weights() -> None:
    """All-zero weights send no uid."""
    uids, whole = emitted_weights([0.0, 0.0])
    assert uids.size == whole.size == 0


def test_negative_scores_are_lifted() -> None:
    """The lowest score becomes zero before weights are normalised."""
    assert l1_weights([-1.0, 0.0, 1.0]).tolist() == pytest.approx([0.0, 1 / 3, 2 / 3])


def test_training_counts_for_nothing_without_scores() -> None:
    """The two-pool weights without training scores are the trading scores' own."""
    assert chain_weights([3.0, 1.0], ERAS["0.5.4"]).tolist() == pytest.approx([0.75, 0.25])


def test_the_training_pool_takes_its_share() -> None:
    """At full participation 5 % go by training scores."""
    weights = chain_weights([1.0, 0.0], ERAS["0.5.4"], training_scores=[0.0, 1.0], n_target=1)
    assert weights.tolist() == pytest.approx([0.95, 0.05])


def test_a_single_training_uid_needs_a_positive_score() -> None:
    """Alone, a uid gets all or nothing."""
    assert rank_scores({1: -0.5}, 2).tolist() == [0.0, 0.0]
    assert rank_scores({1: 0.5}, 2).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(("case", "tolerance"), cases("round_0_4_5", "round_0_5_4", "round_0_6_3"))
def test_training_averages_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Rank-normalised training scores and their averages agree round by round."""
    era = attrs.evolve(
        ERAS["0.4.5" if "floor" not in case["params"]["rewarding"] else "0.5.4"],
        training_alpha=case["params"]["gentrx"]["ema_alpha"],
    )
    n, average = case["input"]["uids"], None
    for step, expected in zip(case["input"]["rounds"], case["expected"], strict=True):
        offered = step["gentrx_scores"] or {}
        accepted = {int(uid): gradient["score"] for uid, gradient in offered.items() if gradient["accepted"]}
        average = training_average(average, rank_scores(accepted, n), era)
        assert_close(expected["gentrx_scores"], average, tolerance["float64"])
