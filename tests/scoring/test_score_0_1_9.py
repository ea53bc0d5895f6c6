"""Sharpe, factors and score of 0.1.9."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from obmm.scoring import ERAS, activity_factors, score_books_0_1_9, sharpe_ratios_0_1_9
from scoring.reference import assert_close, by_book, cases, numbers


@pytest.mark.parametrize(("case", "tolerance"), cases("score_0_1_9"))
def test_score_of_0_1_9_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Ratios, factors and score agree over successive scorings, restarts included."""
    tolerance, params = tolerance["float64"], case["params"]
    era = attrs.evolve(
        ERAS["0.1.9"],
        sharpe_lookback=params["lookback"],
        publish_interval_ns=params["publish_interval"],
        sharpe_min=params["normalization_min"],
        sharpe_max=params["normalization_max"],
        turnover_cap=params["capital_turnover_cap"],
        wealth_quote=params["miner_wealth"],
        volume_decimals=params["volumeDecimals"],
    )
    start = case["input"]["activity_factors"]
    factors = by_book(start, len(start))
    for step, expected in zip(case["input"]["steps"], case["expected"], strict=True):
        inventory = step["inventory"]
        ratios = sharpe_ratios_0_1_9(numbers(inventory["values"]).T, inventory["timestamps"], era)
        assert ratios is not None
        since = step["simulation_timestamp"] - era.sharpe_lookback * era.publish_interval_ns
        samples = [step["trade_volumes_total"][str(book)] for book in range(factors.size)]
        volume = [round(sum(v for t, v in sample.items() if int(t) >= since), 4) for sample in samples]
        latest = [list(sample.values())[-1] for sample in samples]
        factors = activity_factors(factors, volume, latest, era)
        assert_close(by_book(expected["activity_factors"], factors.size), factors, tolerance)
        assert_close(by_book(expected["books"], factors.size), ratios.books, tolerance)
        for name in ("total", "average", "median"):
            assert_close(expected[name], getattr(ratios, name), tolerance)
            assert_close(expected[f"normalized_{name}"], getattr(ratios, f"normalized_{name}"), tolerance)
        weights = score_books_0_1_9(ratios.books, factors, era)
        assert_close(expected["score"], weights.score, tolerance)


def test_a_factor_above_two_can_be_penalised() -> None:
    """The lowest outlier below zero is the penalty; within the rules no factor reaches that far."""
    weights = score_books_0_1_9([-1.0] * 9, [1.0] * 8 + [4.0], ERAS["0.1.9"])
    assert weights.penalty == pytest.approx(0.9)
    assert weights.score == pytest.approx(0.45 - 0.9)


def test_no_books_is_an_error() -> None:
    """There is no median of nothing."""
    with pytest.raises(ValueError, match="no books"):
        score_books_0_1_9([], [], ERAS["0.1.9"])


def test_a_seam_is_a_step_back_in_time() -> None:
    """The change over a restart is left out, however large."""
    values = np.array([[0.0, 1.0, 3.0, 900.0, 901.0, 903.0]])
    ratios = sharpe_ratios_0_1_9(values, [100, 105, 110, 0, 5, 10], ERAS["0.1.9"])
    assert ratios is not None
    assert ratios.books[0] == pytest.approx(np.sqrt(4) * 1.5 / 0.5)
