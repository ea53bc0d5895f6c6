"""Fields: named, versioned populations of other miners."""

from __future__ import annotations

import functools
import hashlib
from importlib import resources

import attrs
import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("scipy")

from obmm.agent import ConfigError, MarketMaker
from obmm.lab.compare import Question, arms_of, fields_of, markets_of
from obmm.lab.fields import field_named, field_names
from obmm.lab.simulate import parse_rivals
from obmm.market import FloatArray, Orders
from obmm.sim import Scenario, SimulatedMarket

SCENARIOS = ("taos-0.5.4", "taos-0.6.2")
#: Field → its version and a digest of what it says. Whoever changes a field raises its version.
VERSIONS = {
    "crosses": (1, "f4619cdd"),
    "crowd": (1, "da1fb19d"),
    "default": (1, "b42bbcaa"),
    "heritage": (1, "b4a1c02d"),
    "idle": (1, "9e35be2b"),
    "inside": (1, "0c0f6b1b"),
    "none": (1, "1c0c8c6a"),
    "own": (1, "8c9e7d05"),
    "random": (1, "039dea47"),
    "sells-first": (1, "1f386fe5"),
    "tight": (1, "84f0e85c"),
}


def digest(name: str) -> str:
    """Of the field's own file without its description, and of the agents' that it brings along."""
    root = resources.files("obmm.lab.fields")
    field = field_named(name)
    own = [root / "agents" / f"{agent}.toml" for agent in dict.fromkeys(field.agents)]
    said = [str(sorted(field.population.items())), str(field.agents), str(field.copies)]
    told = said + [file.read_text(encoding="utf-8") for file in own if file.is_file()]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:8]


def test_a_field_that_changes_has_another_version() -> None:
    """The table above is what was published under each version."""
    assert VERSIONS == {name: (field_named(name).version, digest(name)) for name in field_names()}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_field_is_a_market_of_every_scenario(scenario: str) -> None:
    """With a population of its own, told by its digest; only `own` has copies."""
    markets = markets_of([Scenario.load(scenario)], fields_of(["all"]))
    assert field_names() == [market.name for market in markets]
    assert len({market.population for market in markets}) == len(markets)
    assert {"own": 6} == {market.name: market.copies for market in markets if market.copies}


def test_a_field_says_who_trades_there() -> None:
    """Quoters and takers of the market, and how many pipelines."""
    found = {m.name: m for m in markets_of([Scenario.load("taos-0.5.4")], fields_of(["all"]))}
    assert {
        "none": (0, 0, 0),
        "random": (0, 5, 0),
        "default": (2, 5, 0),
        "crowd": (20, 5, 0),
        "heritage": (0, 5, 6),
        "own": (0, 5, 0),
        "tight": (0, 5, 1),
        "crosses": (20, 5, 2),
        "idle": (0, 5, 2),
        "inside": (0, 5, 2),
        "sells-first": (0, 5, 2),
    } == {
        name: (m.scenario.rivals.makers, m.scenario.rivals.takers, len(m.rivals)) for name, m in found.items()
    }


def test_copies_are_of_the_arm_that_is_tried() -> None:
    """Each configuration meets itself."""
    question = Question(
        arms=arms_of(["touch", "balanced"]), markets=markets_of([Scenario.load("taos-0.5.4")], ["own"])
    )
    for arm, market in question.cells():
        assert [arm.config.hash] * 6 == [rival.hash for rival in question.trial(arm, market, (1,)).rivals]


def test_words_that_name_no_field_are_refused() -> None:
    """With what was meant; and copies where nobody makes them."""
    with pytest.raises(ConfigError, match="did you mean 'crowd'"):
        fields_of(["crowdd"])
    with pytest.raises(ConfigError, match="obmm compare only"):
        parse_rivals(["own"], Scenario.load("taos-0.5.4"))


def test_a_field_may_be_changed_by_further_words() -> None:
    """It is then no field any more, and says no version."""
    (market,) = markets_of([Scenario.load("taos-0.5.4")], ["crowd,takers=7,touch"])
    assert (20, 7, 1, None) == (
        market.scenario.rivals.makers,
        market.scenario.rivals.takers,
        len(market.rivals),
        market.field,
    )


@attrs.frozen
class Seen:
    """What became of an agent of a field, state by state (T) or of all its orders (N)."""

    spread_ticks: FloatArray
    position: FloatArray
    orders: Orders


def seen(name: str, others: str, scenario: str) -> Seen:
    """An agent of a field on two books for two minutes."""
    loaded, _ = parse_rivals(others.split(), Scenario.load(scenario))
    maker = MarketMaker(field_named(name).pipelines()[0])
    spread, position, orders = [], [], []
    with SimulatedMarket(loaded, books=2, seed=1, feeds=maker.feeds) as market:
        for states in market.states(120.0):
            decision = maker.decide(states[0])
            assert not decision.faults
            market.submit(0, decision.orders, 0.1)
            orders.append(decision.orders)
            spread.append((states[0].best_ask - states[0].best_bid) / states[0].venue.grid.tick)
            position.append(states[0].accounts.position.copy())
    return Seen(np.array(spread), np.array(position), functools.reduce(Orders.joined, orders))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_tight_quoter_leaves_a_spread_of_two_ticks(scenario: str) -> None:
    """Or less, on four states of five: the others show where it was filled."""
    assert 0.8 < (seen("tight", "random", scenario).spread_ticks[10:] < 2.5).mean()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_one_that_takes_its_endowment_for_inventory_sells_first(scenario: str) -> None:
    """Only asks at the beginning, and its position falls."""
    found = seen("sells-first", "random", scenario)
    placed = ~found.orders.is_cancel
    assert {1} == set(found.orders.side[placed].tolist())
    assert found.position[-1].min() < 0.0 >= found.position[-1].max()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_one_quotes_inside_for_a_minute_and_never_cancels(scenario: str) -> None:
    """On both sides."""
    orders = seen("inside", "random", scenario).orders
    assert (0, {0, 1}) == (orders.is_cancel.sum(), set(orders.side.tolist()))


def test_one_crosses_where_that_is_paid() -> None:
    """In a crowd with a high maker share, and not with a low one."""
    paid = seen("crosses", "crowd exogenous_mtr=1 mtr_mean=0.75 mtr_sd=0", "taos-0.5.4")
    assert len(paid.orders)
    assert paid.position.any()
    assert 0 == len(seen("crosses", "crowd exogenous_mtr=1 mtr_mean=0.3 mtr_sd=0", "taos-0.5.4").orders)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_idle_one_rests_and_is_hardly_filled(scenario: str) -> None:
    """Twice at most in two minutes."""
    found = seen("idle", "random", scenario)
    assert len(found.orders)
    assert np.abs(found.position).max() < 0.6
