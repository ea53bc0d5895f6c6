"""Activity factors, penalty and score of 0.1.51."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.scoring import (
    ERAS,
    activity_factors,
    distribute_rewards,
    moving_average,
    score_books,
    sharpe_ratios,
)
from scoring.reference import assert_close, by_book, cases, numbers


def era_of(params: dict[str, Any]) -> Any:
    """Constants of a vector."""
    return attrs.evolve(
        ERAS["0.1.51"],
        sharpe_lookback=params["lookback"],
        sharpe_min=params["normalization_min"],
        sharpe_max=params["normalization_max"],
        turnover_cap=params["capital_turnover_cap"],
        wealth_quote=params["miner_wealth"],
        volume_decimals=params["volumeDecimals"],
    )


def compact(volumes: dict[str, Any], books: list[str], factors: np.ndarray, era: Any) -> np.ndarray:
    """Factors after a scoring; a book without volumes keeps its factor."""
    listed = np.array([book in volumes for book in books])
    lookback = np.array([volumes.get(book, {"lookback_volume": 0.0})["lookback_volume"] for book in books])
    latest = np.array([volumes.get(book, {"latest_volume": 0.0})["latest_volume"] for book in books])
    return np.where(listed, activity_factors(factors, lookback, latest, era), factors)


@pytest.mark.parametrize(("case", "tolerance"), cases("score_0_1_51"))
def test_score_of_0_1_51_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Factors, weights, penalty and score agree over successive scorings."""
    tolerance = tolerance["float64"]
    era = attrs.evolve(era_of(case["params"]), sharpe_weight=case["params"]["reward_weight_sharpe"])
    books = list(case["input"]["activity_factors"])
    factors = by_book_ids(case["input"]["activity_factors"], books)
    for step, expected in zip(case["input"]["steps"], case["expected"], strict=True):
        sharpe = step["sharpe_books"]
        if sharpe is not None:
            factors = compact(step["volumes"], books, factors, era)
        assert_close(list(expected["activity_factors"].values()), factors, tolerance)
        if sharpe is None:
            assert expected["score"] == 0.0
            continue
        ratios = [sharpe[book] for book in books if book in sharpe]
        if "raises" in expected:
            with pytest.raises(KeyError):
                score_books(numbers(ratios), factors, era)
            continue
        weights = score_books(numbers(ratios), factors, era)
        assert_close(list(expected["books_weighted"].values()), weights.books, tolerance)
        assert_close(expected["activity_weighted_normalized_median"], weights.median, tolerance)
        assert_close(expected["penalty"], weights.penalty, tolerance)
        assert_close(expected["score"], weights.score, tolerance)


def by_book_ids(values: dict[str, Any], books: list[str]) -> np.ndarray:
    """Numbers in the order of `books`."""
    return numbers([values[book] for book in books])


@pytest.mark.parametrize(("case", "tolerance"), cases("round_0_1_51"))
def test_round_of_0_1_51_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Whole rounds agree, from inventory paths to the moving average of ranked rewards."""
    params, given_ = case["params"], case["input"]
    era = attrs.evolve(
        era_of(params),
        sharpe_min_observations=params["min_lookback"],
        grace_period_ns=params["grace_period"],
        pareto_seed=params["rewarding_seed"],
        pareto_shape=params["pareto_shape"],
        pareto_scale=params["pareto_scale"],
        moving_average_alpha=params["moving_average_alpha"],
    )
    n, n_books = given_["uids"], given_["books"]
    paths = {uid: numbers(rows).T for uid, rows in given_["paths"].items()}
    factors, average = np.zeros((n, n_books)), np.zeros(n)
    for step, expected in zip(given_["rounds"], case["expected"], strict=True):
        scores = np.zeros(n)
        for uid in range(n):
            window = step["inventory"][str(uid)]
            first = (window["first_timestamp"] - given_["first_index_timestamp"]) // given_["step_ns"]
            values = paths[str(uid)][:, first : first + window["observations"]]
            times = window["first_timestamp"] + given_["step_ns"] * np.arange(values.shape[1])
            ratios = sharpe_ratios(values, times, era)
            if ratios is not None and uid not in given_["deregistered_uids"]:
                books = [str(book) for book in range(n_books)]
                factors[uid] = compact(step["compact_volumes"][str(uid)], books, factors[uid], era)
                weights = score_books(ratios.books, factors[uid], era)
                scores[uid] = weights.score
                reported = expected["sharpe"][str(uid)]
                assert_close(reported["penalty"], weights.penalty, tolerance["float64"])
                assert_close(reported["total"], ratios.total, tolerance["float64"])
        for uid, wanted in (expected["activity_factors"] or {}).items():
            assert_close(by_book(wanted, n_books), factors[int(uid)], tolerance["float64"])
        assert_close(expected["raw_scores"], scores, tolerance["float64"])
        rewards = distribute_rewards(scores, era)
        assert_close(expected["distributed_rewards_float32"], rewards, tolerance["float32"])
        average = moving_average(average, rewards, era)
        assert_close(expected["moving_average_scores_float32"], average, tolerance["float32"])


RATIO = st.floats(-30.0, 30.0)


@given(st.lists(st.tuples(RATIO, st.floats(0.0, 2.0)), min_size=1, max_size=40))
def test_score_lies_between_zero_and_two(books: list[tuple[float, float]]) -> None:
    """No ratio and no volume leads out of the range, and the penalty is at most a third."""
    weights = score_books([r for r, _ in books], [f for _, f in books], ERAS["0.1.51"])
    assert 0.0 <= weights.score <= 2.0
    assert 0.0 <= weights.penalty <= 1.0 / 3.0


def test_an_idle_book_halves_in_five_hours() -> None:
    """The decay is applied per scoring, every five seconds, over a lookback of 3600."""
    factors = np.ones(1)
    for _ in range(3600):
        factors = activity_factors(factors, [0.0], [0.0], ERAS["0.1.51"])
    assert factors[0] == pytest.approx(0.5)


def test_no_books_is_an_error() -> None:
    """There is no median of nothing."""
    with pytest.raises(ValueError, match="no books"):
        score_books([], [], ERAS["0.1.51"])
