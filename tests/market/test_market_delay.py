"""Response time to delay."""

from __future__ import annotations

from typing import Any

import pytest

from obmm.market import DelayCurve, response_delay_ns
from scoring.reference import cases


@pytest.mark.parametrize(
    ("curve", "case"),
    [
        pytest.param(curve, *found.values[:1], marks=found.marks, id=found.id)
        for name, curve in (("delay_0_1_51", "exponential"), ("delay_0_1_9", "linear"))
        for found in cases(name)
    ],
)
def test_delays_are_the_validators(curve: DelayCurve, case: dict[str, Any]) -> None:
    """Agree to the nanosecond for both curves."""
    params = case["params"]
    delay_ns = response_delay_ns(
        case["input"]["process_time_s"],
        timeout_s=params["timeout_s"],
        min_ns=params["min_delay"],
        max_ns=params["max_delay"],
        curve=curve,
    )
    assert case["expected"]["base_delay"] == delay_ns


@pytest.mark.parametrize(
    ("response_s", "delay_ms"),
    [
        (0.0, 10.0),
        (0.05, 10.6),
        (0.1, 11.2),
        (0.25, 13.5),
        (0.5, 18.7),
        (1.0, 38.8),
        (1.5, 85.1),
        (2.0, 191.5),
        (2.5, 436.5),
        (3.0, 1000.0),
    ],
)
def test_row_116_the_delay_of_an_answer(response_s: float, delay_ms: float) -> None:
    """10 ms to 1 s over a time limit of 3 s."""
    found = response_delay_ns(response_s, timeout_s=3.0, min_ns=10_000_000, max_ns=1_000_000_000)
    assert pytest.approx(delay_ms, abs=0.05) == found / 1e6


def test_the_linear_curve_has_a_floor() -> None:
    """Half of the limit is half of the maximum, nothing is the minimum."""
    limits = {"timeout_s": 5.0, "min_ns": 10, "max_ns": 500}
    assert [response_delay_ns(s, curve="linear", **limits) for s in (0.0, 2.5)] == [10, 250]
