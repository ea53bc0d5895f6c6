"""The executing agent: looks, estimator, programs."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.sim.background._agent_algo import (
    algo_bar,
    algo_look,
    algo_slice,
    algo_wake,
    start_probability,
    trade_variance,
)
from obmm.sim.background._layout import EV_ALGO_LOOK, EV_ALGO_SLICE, EV_ALGO_WAKE, EV_PLACE_MARKET
from obmm.sim.exchange._book import level_lots, snapshot
from sim.living import BUY, SECOND, SELL, scenario, take_events, world


def quiet(
    until_s: float = 30.5, name: str = "taos-0.5.4", **tables: dict[str, float]
) -> tuple[np.void, np.void, np.ndarray]:
    """A book with its background and an empty queue."""
    books, backgrounds = world(scenario(name, **tables), until_s=until_s)
    take_events(books)
    return books[0], backgrounds[0], books


def test_a_look_measures_depth_on_both_sides() -> None:
    """Best level, best five, and the mean of levels 2 to 21."""
    b, g, books = quiet()
    algo_look(b, g)
    prices, sizes = np.zeros((2, 21)), np.zeros((2, 21))
    snapshot(b, prices[:, None], sizes[:, None], 0)
    np.testing.assert_allclose(sizes[:, 0], g["algo_top"])
    np.testing.assert_allclose(sizes[:, :5].sum(axis=1), g["algo_near"])
    np.testing.assert_allclose(sizes[:, 1:].sum(axis=1) / 20.0, g["algo_slope"])
    (event,) = take_events(books)
    assert EV_ALGO_LOOK == event["kind"]
    assert 30e9 < event["time_ns"] - int(b["now_ns"]) < 30.2e9


def test_a_deep_book_is_hit_one_look_later_for_what_the_best_level_held_then() -> None:
    """Only every other look acts, toward the fundamental."""
    b, g, books = quiet()
    g["algo_looks"] = 0
    g["fundamental"] = 310.0
    kinds = []
    for look in range(4):
        g["algo_near"][:] = 700.0, 650.0
        g["algo_top"][:] = 11.0, 22.5
        algo_look(b, g)
        events = take_events(books)
        kinds.append(events["kind"].tolist())
        orders = events[events["kind"] == EV_PLACE_MARKET]
        assert (look % 2 == 1) == (orders.size == 1)
        for order in orders:
            assert (BUY, 225_000) == (order["side"], order["lots"])
            assert 90e6 <= order["time_ns"] - int(b["now_ns"]) <= 5e9
    g["fundamental"] = 290.0
    for _ in range(2):
        g["algo_near"][:] = 700.0, 0.0
        g["algo_top"][:] = 11.0, 22.5
        algo_look(b, g)
    (order,) = (e for e in take_events(books) if e["kind"] == EV_PLACE_MARKET)
    assert (SELL, 110_000) == (order["side"], order["lots"])


def test_in_0_6_every_look_acts_on_the_depth_it_has_just_measured() -> None:
    """A market order for what the best level holds now, toward the fundamental."""
    b, g, books = quiet(name="taos-0.6.2", algo={"immediate_depth_base": 1.0})
    for fundamental, side in ((310.0, BUY), (290.0, SELL), (310.0, BUY)):
        g["fundamental"] = fundamental
        g["algo_near"][:] = 0.0
        top = level_lots(b, 1 - side, int(b["touch"][1 - side]))
        algo_look(b, g)
        (order,) = (e for e in take_events(books) if e["kind"] == EV_PLACE_MARKET)
        assert (side, top) == (order["side"], pytest.approx(order["lots"], abs=1))


def test_in_0_6_the_estimate_takes_a_step_with_each_bar() -> None:
    """The bar's return and the variance of trade prices over 30 s, a thirtieth of omega; looks leave it."""
    b, g, _ = quiet(name="taos-0.6.2", until_s=660)
    now_ns = int(b["now_ns"]) + SECOND // 2
    g["algo_variance"] = 3e-7
    g["bars"][(int(g["bar_count"]) - 1) % g["bars"].size]["log_return"] = 2e-4
    scatter = trade_variance(b, now_ns - 30 * SECOND)
    algo_bar(b, g, now_ns)
    expected = 1e-8 / 30.0 + 0.2 * 4e-8 + 0.7 * 3e-7 + 0.2 * scatter
    assert expected == pytest.approx(float(g["algo_variance"]))
    assert scatter > 0.0
    algo_look(b, g)
    assert expected == pytest.approx(float(g["algo_variance"]))


def test_in_0_6_a_quiet_market_brings_the_estimate_to_rest() -> None:
    """A thirtieth of omega over what alpha and beta leave, where it also begins; bars alone drive it."""
    _, backgrounds = world(scenario("taos-0.6.2"))
    rest = 1e-8 / 30.0 / 0.1
    assert rest == pytest.approx(float(backgrounds[0]["algo_variance"]))
    assert 1e-7 == pytest.approx(float(world(scenario())[1][0]["algo_variance"]))


@pytest.mark.parametrize(("near", "executing"), [(599.9, 0), (700.0, 1)])
def test_a_shallow_book_or_a_running_program_holds_the_agent_back(near: float, executing: int) -> None:
    """No immediate order then."""
    b, g, books = quiet()
    g["algo_looks"], g["algo_executing"] = 1, executing
    g["algo_near"][:] = near
    algo_look(b, g)
    assert [EV_ALGO_LOOK] == take_events(books)["kind"].tolist()


def test_the_volatility_estimate_is_a_garch_step() -> None:
    """Mid return and trade variance, with the scenario's weights."""
    b, g, _ = quiet()
    g["algo_mid"], g["algo_variance"] = 299.0, 3e-7
    scatter = trade_variance(b, int(b["now_ns"]) - 30 * SECOND)
    algo_look(b, g)
    mid = float(b["touch"].sum()) / 200.0
    expected = 1e-8 + 0.2 * math.log(mid / 299.0) ** 2 + 0.7 * 3e-7 + 0.2 * scatter
    assert expected == pytest.approx(float(g["algo_variance"]))


def test_trade_variance_is_that_of_returns_between_average_prices_of_instants() -> None:
    """Trades of one instant are one price; those as old as the window are out."""
    b, _, _ = quiet()
    trades = [
        (0, 29_900, 5),
        (20, 30_000, 10),
        (20, 30_010, 30),
        (25, 30_020, 7),
        (31, 29_990, 1),
        (40, 30_005, 9),
    ]
    for k, (time_s, tick, lots) in enumerate(trades):
        b["trades"][k]["time_ns"], b["trades"][k]["tick"] = time_s * SECOND, tick
        b["trades"][k]["lots"] = lots
    b["trades_done"], b["now_ns"] = len(trades), 45 * SECOND
    prices = np.array([(30_000 * 10 + 30_010 * 30) / 40, 30_020, 29_990, 30_005])
    assert np.diff(np.log(prices)).var() == pytest.approx(trade_variance(b, 15 * SECOND), rel=1e-6)
    assert 0.0 == trade_variance(b, 35 * SECOND)


def test_programs_start_where_it_is_calm_cheap_rested_and_far() -> None:
    """The four factors, each with the others fixed."""
    _, g, _ = quiet()
    p = g["p"]["algo"]
    base = start_probability(p, 0.025, 45.0, 200.0, 2000.0, -1.0, 0.02)
    # calm 1/2, cheap 1.01 / (1 + exp(2 (45 - 40) / 45)), rested 1, distance 0.5 x 0.02
    assert 0.5 * 1.01 / (1.0 + math.exp(10.0 / 45.0)) * 0.01 == pytest.approx(base)
    assert start_probability(p, 0.05, 45.0, 200.0, 2000.0, -1.0, 0.02) < base
    assert start_probability(p, 0.025, 45.0, 400.0, 2000.0, -1.0, 0.02) > base
    assert start_probability(p, 0.025, 45.0, 200.0, 2000.0, 25_920.0, 0.02) == pytest.approx(0.1 * base)
    assert start_probability(p, 0.025, 45.0, 200.0, 2000.0, -1.0, 0.04) == pytest.approx(2.0 * base)
    assert 0.0 == start_probability(p, 0.025, 0.0, 0.0, 2000.0, -1.0, 0.02)


def test_a_program_runs_until_at_most_one_base_is_left() -> None:
    """Slices add up to its size; each takes at least the best level while enough is left."""
    b, g, books = quiet(algo={"first_wake_s": 80_000.0})
    g["fundamental"] = 600.0
    g["p"]["algo"]["distance_coefficient"] = 1e9
    g["p"]["algo"]["volatility_slope"] = 0.0
    started = 0
    for _ in range(200):
        algo_wake(b, g)
        started += int(g["algo_executing"])
        if started:
            break
        assert [EV_ALGO_WAKE] == take_events(books)["kind"].tolist()
    assert started == 1
    total, slices = 0.0, 0
    while True:
        events = take_events(books)
        (order,) = events[events["kind"] == EV_PLACE_MARKET]
        assert BUY == order["side"]
        total += int(order["lots"]) / 10_000
        slices += 1
        if not (events["kind"] == EV_ALGO_SLICE).any():
            break
        assert g["algo_executing"] == 1
        algo_slice(b, g)
    assert g["algo_executing"] == 0
    assert slices > 5
    assert 100.0 < total < 20_000.0


def test_wake_ups_come_about_once_a_minute() -> None:
    """Never later than mean plus three deviations."""
    b, g, books = quiet()
    waits = []
    for _ in range(300):
        algo_wake(b, g)
        events = take_events(books)
        waits.append(int(events[events["kind"] == EV_ALGO_WAKE]["time_ns"][0]) - int(b["now_ns"]))
    assert max(waits) <= 90e9
    assert abs(np.mean(waits) / 1e9 - 60.0) < 3.0 * 10.0 / math.sqrt(300)
