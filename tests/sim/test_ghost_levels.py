"""Prices of orders filled in the running interval: who still sees them, and for how long."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.sim.background._agent_algo import algo_look
from obmm.sim.background._agent_orders import mid_price, outside_touch
from obmm.sim.background._bars import close_bar
from obmm.sim.exchange._book import level_lots, next_level
from obmm.sim.exchange._ghosts import seen_level
from obmm.sim.exchange._orders import end_step, place_limit, place_market
from sim.living import BUY, SECOND, SELL, advance_to, scenario, take_events, world

TAKER = 1 + 500  # an initialization agent: it does nothing by itself any more


def standing(name: str = "taos-0.6.2") -> tuple[Any, Any, np.ndarray]:
    """A book that stands still, and three agents with funds of their own."""
    books, backgrounds = world(scenario(name), until_s=2)
    take_events(books)
    for agent in range(TAKER, TAKER + 3):
        books[0]["accounts"][agent]["quote_free"] = 10**16
        books[0]["accounts"][agent]["base_free"] = 10**9
    return books[0], backgrounds[0], books


def swept(name: str = "taos-0.6.2", levels: int = 2) -> tuple[Any, Any, np.ndarray, list[int]]:
    """A standing book whose best asks have just been bought up, and what its ask prices were."""
    b, g, books = standing(name)
    ticks = [int(b["touch"][SELL])]
    lots = 0
    for _ in range(levels):
        lots += level_lots(b, SELL, ticks[-1])
        ticks.append(next_level(b, SELL, ticks[-1]))
    place_market(b, TAKER, BUY, lots)
    assert ticks[-1] == b["touch"][SELL]
    return b, g, books, ticks


def test_a_level_that_was_bought_up_stays_in_sight_empty() -> None:
    """Agents read its price and no volume; matching knows it no more."""
    b, _, _, (first, second, third) = swept()
    assert [first, second, third] == [seen_level(b, SELL, tick) for tick in (0, first, second)]
    assert [0, 0] == [level_lots(b, SELL, tick) for tick in (first, second)]
    assert next_level(b, SELL, third) == seen_level(b, SELL, third)
    assert b["touch"][BUY] == seen_level(b, BUY, 0)


def test_the_sight_ends_with_the_interval() -> None:
    """A second later the best price is that of what stands."""
    b, _, _, (_, _, third) = swept()
    end_step(b)
    assert third == seen_level(b, SELL, 0)


def test_a_partly_filled_level_is_no_ghost() -> None:
    """Its first order may be gone: the price is the same."""
    b, _, _ = standing()
    touch = int(b["touch"][SELL])
    place_limit(b, TAKER, SELL, touch - 1, 5000, False)
    place_limit(b, TAKER + 1, SELL, touch - 1, 5000, False)
    place_market(b, TAKER + 2, BUY, 7000)
    assert (touch - 1, 3000) == (seen_level(b, SELL, 0), level_lots(b, SELL, seen_level(b, SELL, 0)))
    assert touch == seen_level(b, SELL, touch - 1)


def test_a_better_order_hides_a_ghost() -> None:
    """Prices in order, whoever stands there."""
    b, _, _, (first, second, third) = swept()
    place_limit(b, TAKER, SELL, first - 1, 5000, False)
    place_limit(b, TAKER, SELL, first + 1, 5000, False)
    seen = [seen_level(b, SELL, 0)]
    for _ in range(4):
        seen.append(seen_level(b, SELL, seen[-1]))
    assert sorted({first - 1, first, first + 1, second, third})[:4] == seen[:4]


def test_the_mid_of_agents_sees_ghosts_that_of_bars_does_not() -> None:
    """Decisions and quotes lean on the bought-up price, bars on what stands."""
    b, g, _, (first, _, third) = swept()
    assert (first + int(b["touch"][BUY])) / 200 == pytest.approx(mid_price(b, g))
    g["bar_trades"] = b["trades_done"]
    close_bar(b, g)
    assert (third + int(b["touch"][BUY])) / 200 == pytest.approx(float(g["bar_price"]))


def test_what_slides_stops_behind_a_ghost() -> None:
    """The best price that the sender sees counts."""
    b, _, _, (first, _, third) = swept()
    assert first - 1 == outside_touch(b, BUY, third + 5)


def test_a_depth_query_counts_ghosts_as_levels() -> None:
    """Best level empty, two of the five without volume."""
    b, g, _, (_, _, third) = swept()
    tick, near = third, 0
    for _ in range(3):
        near += level_lots(b, SELL, tick)
        tick = next_level(b, SELL, tick)
    algo_look(b, g)
    assert (0.0, near / 10_000) == (g["algo_top"][SELL], pytest.approx(float(g["algo_near"][SELL])))


@pytest.mark.parametrize("name", ["taos-0.1.51", "taos-0.5.4"])
def test_before_0_6_agents_see_what_stands(name: str) -> None:
    """The recordings of 0.5.4 are met without."""
    b, _, _, (_, _, third) = swept(name)
    assert third == seen_level(b, SELL, 0)


def test_no_ghost_outlives_its_interval_in_a_running_market() -> None:
    """At the end of every second agents see the book that miners see."""
    books, backgrounds = world(scenario("taos-0.6.2"), until_s=400)
    for until_s in range(401, 431):
        advance_to(books, backgrounds, until_s)
        b = books[0]
        assert b["touch"].tolist() == [seen_level(b, side, 0) for side in (BUY, SELL)]
    assert b["trades_done"] > 0
    assert b["now_ns"] == 430 * SECOND
