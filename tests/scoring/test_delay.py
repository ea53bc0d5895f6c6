"""Response time to delay."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from obmm.scoring import ERAS, instruction_delays_ns, response_delay_ns
from scoring.reference import cases


@pytest.mark.parametrize(("case", "tolerance"), cases("delay_0_1_51", "delay_0_1_9"))
def test_delays_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Base delay and the delay of every instruction agree to the nanosecond."""
    params = case["params"]
    version = "0.1.9" if params["min_instruction_delay"] is None else "0.1.51"
    era = attrs.evolve(
        ERAS[version],
        timeout_s=params["timeout_s"],
        min_delay_ns=params["min_delay"],
        max_delay_ns=params["max_delay"],
        min_instruction_delay_ns=params["min_instruction_delay"] or 0,
        max_instruction_delay_ns=params["max_instruction_delay"] or 0,
    )
    seconds, instructions = case["input"]["process_time_s"], case["input"]["instructions"]
    assert case["expected"]["base_delay"] == response_delay_ns(seconds, era)
    books = [instruction["bookId"] for instruction in instructions]
    own = [instruction["delay"] for instruction in instructions]
    assert case["expected"]["delays"] == instruction_delays_ns(seconds, books, own, era).tolist()


def test_extra_delays_lie_in_their_range() -> None:
    """The first instruction of a book has no extra delay, every other one an even draw."""
    era = ERAS["0.1.51"]
    books = [0, 0, 0, 1] * 50
    delays = instruction_delays_ns(0.0, books, [0] * 200, era, np.random.default_rng(3))
    extras = delays - response_delay_ns(0.0, era)
    assert extras[0] == extras[3] == 0
    rest = np.delete(extras, [0, 3])
    assert rest.min() >= era.min_instruction_delay_ns
    assert rest.max() <= era.max_instruction_delay_ns
    assert np.unique(rest).size > 100


def test_random_delays_need_a_generator() -> None:
    """Drawing without a generator is an error, not a hidden seed."""
    with pytest.raises(ValueError, match="random generator"):
        instruction_delays_ns(0.0, [0, 0], [0, 0], ERAS["0.1.51"])
