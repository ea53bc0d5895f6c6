"""Delays of the instructions of one answer."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.market import BUY, IntArray, Orders
from obmm.market.rules import instruction_rank
from obmm.sim._delays import delays_ns, miner_streams
from obmm.sim._parameters import Delay
from obmm.sim.scenario import Scenario
from scoring.reference import cases

RULES = Scenario.load("taos-0.5.4").delay
MS = 1_000_000


def orders(books: list[int], own: list[int] | int = 0) -> Orders:
    """A bid on each book of the list."""
    return Orders.limits(n_books=max(books) + 1, book=books, side=BUY, price=1.0, size=1.0, delay_ns=own)


def delayed(sent: Orders, response_s: float, rules: Delay) -> IntArray:
    """Delays of an answer of the miner 0 in the market of seed 1."""
    one_market = np.zeros(sent.n_books, dtype=np.int64)
    return delays_ns(sent, instruction_rank(sent), response_s, rules, miner_streams((1,), 0), one_market)


@pytest.mark.parametrize(("case", "tolerance"), cases("delay_0_1_51"))
def test_delays_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """The answer's delay, the order's own and the extra of further ones on a book, to the nanosecond."""
    params, given = case["params"], case["input"]
    rules = attrs.evolve(
        RULES,
        timeout_s=params["timeout_s"],
        min_ms=params["min_delay"] / MS,
        max_ms=params["max_delay"] / MS,
        extra_min_ms=params["min_instruction_delay"] // MS,
        extra_max_ms=params["max_instruction_delay"] // MS,
    )
    rows = given["instructions"]
    sent = orders([row["bookId"] for row in rows], [row["delay"] for row in rows])
    found = delayed(sent, given["process_time_s"], rules)
    assert case["expected"]["delays"] == found.tolist()


def test_the_first_order_of_every_book_arrives_at_one_instant() -> None:
    """Each further one waits 5 to 25 ms more, each its own time, none on top of another."""
    sent = orders(list(range(40)) * 3)
    found = delayed(sent, 0.0, RULES)
    first, rest = found[:40], found[40:]
    assert set(first.tolist()) == {10 * MS}
    assert rest.min() >= 15 * MS
    assert rest.max() <= 35 * MS
    assert np.unique(rest).size > 70
