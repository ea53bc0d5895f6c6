"""A decision in plain values."""

from __future__ import annotations

import json

import numpy as np
import pytest

from obmm.agent import ConfigError, MarketMaker, resolve
from obmm.lab.bench import sample_path
from obmm.lab.explain import explained, told
from obmm.testing import random_states


@pytest.fixture(scope="module")
def decision():
    """The last of sixty decisions of the balanced agent on three books."""
    maker = MarketMaker(resolve("balanced"))
    *first, last = random_states(6, 60, n_books=3)
    for state in first:
        maker.decide(state)
    return maker.decide(last)


def test_signals_are_those_of_the_book(decision):
    """Each with its unit."""
    story = told(decision, resolve("balanced"), 1)
    values = {signal["name"]: signal["value"] for signal in story["signals"]}
    signals = decision.steps[0].signals
    assert {name: pytest.approx(float(signals[name][1])) for name in values} == values
    assert "quote" == next(s["unit"] for s in story["signals"] if s["name"] == "fair")


def test_gates_are_told_each_by_itself_and_together(decision):
    """In the order of the configuration, the manual override last."""
    story = told(decision, resolve("balanced"), 0)
    names = [spec.name for spec in resolve("balanced").gates]
    assert [*names, "override", "all together"] == [gate["name"] for gate in story["gates"]]
    bound = next(gate for gate in story["gates"] if gate["name"] == "inventory")["position_limit"]
    assert bound == pytest.approx(float(decision.steps[0].limits.position_limit[0]))


def test_quotes_are_measured_from_the_best_price_of_the_others(decision):
    """Positive behind it."""
    story = told(decision, resolve("balanced"), 2)
    best_bid, best_ask = decision.state.competing_touch[:, 2]
    tick = float(decision.state.venue.grid.tick[2])
    for quote in story["quotes"]:
        behind = best_bid - quote["price"] if quote["side"] == "bid" else quote["price"] - best_ask
        assert quote["behind_ticks"] == pytest.approx(behind / tick)


def test_orders_are_those_of_the_book(decision):
    """In the order in which they are sent."""
    for book in range(3):
        rows = np.flatnonzero(decision.orders.book == book)
        story = told(decision, resolve("balanced"), book)
        assert len(rows) == len(story["orders"])
        assert [None if np.isnan(p) else p for p in decision.orders.price[rows].tolist()] == [
            order["price"] for order in story["orders"]
        ]


def test_everything_is_plain(decision):
    """It survives JSON."""
    story = told(decision, resolve("balanced"), 0)
    assert story == json.loads(json.dumps(story))


def test_a_recording_is_answered_up_to_the_moment():
    """The state told is the first at or after it."""
    story = explained(sample_path(), "touch", ["size_base=0.5"], book=4, at_s=631.5)
    assert (4, 632.0, resolve("touch", ["size_base=0.5"]).hash) == (
        story["book"],
        story["time_s"],
        story["hash"],
    )


@pytest.mark.parametrize(
    ("book", "at_s", "what"),
    [(8, 600.0, "has no book 8"), (0, 1e6, "ends before 1e+06 s, at 719 s")],
)
def test_a_moment_or_book_that_is_not_there(book, at_s, what):
    """Told with what there is."""
    with pytest.raises(ConfigError, match=what.replace("+", r"\+")):
        explained(sample_path(), "touch", [], book=book, at_s=at_s)
