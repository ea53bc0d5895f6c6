"""Futures and noise traders: directions, sizes, order types, spins."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.sim._jit import kernel
from obmm.sim.background._agent_futures import futures_turn, passive_shift
from obmm.sim.background._agent_noise import noise_turn, price_at
from obmm.sim.background._layout import (
    EV_FUTURES_TURN,
    EV_NOISE_TURN,
    EV_PLACE_LIMIT,
    EV_PLACE_MARKET,
)
from sim.living import BUY, SECOND, SELL, scenario, take_events, world

N = 8000


@kernel
def turns(books: np.ndarray, backgrounds: np.ndarray, noise: bool, out: np.ndarray) -> None:
    """Many turns of one class on a standing book: kind (0 none), side, tick, base, waits, life, agent."""
    b = books[0]
    g = backgrounds[0]
    for k in range(out.shape[0]):
        b.event_count = 0
        b.event_top = 0
        b.event_free = 0
        if noise:
            noise_turn(b, g)
        else:
            futures_turn(b, g)
        for j in range(b.event_count):
            event = b.events[b.heap_key[j] & ((1 << 17) - 1)]
            wait = b.heap_time[j] - b.now_ns
            if event.kind == EV_FUTURES_TURN or event.kind == EV_NOISE_TURN:
                out[k, 4] = wait
            else:
                out[k, 0] = event.kind
                out[k, 1] = event.side
                out[k, 2] = event.tick
                out[k, 3] = event.lots / 10_000.0
                out[k, 5] = wait
                out[k, 6] = event.data - wait
                out[k, 7] = event.agent


def futures(log_return: float, n: int = N, name: str = "taos-0.5.4") -> tuple[np.ndarray, np.ndarray]:
    """Decisions of futures traders under one external return, and the book."""
    books, backgrounds = world(scenario(name), until_s=5)
    backgrounds[0]["external_return"] = log_return
    backgrounds[0]["external_volume_factor"] = 1.0
    out = np.zeros((n, 8))
    turns(books, backgrounds, False, out)
    return out, books


@pytest.mark.parametrize(("log_return", "side"), [(0.001, BUY), (-0.001, SELL)])
def test_futures_traders_follow_the_external_direction(log_return: float, side: int) -> None:
    """97.7 % of them, whatever the size of the move."""
    out, _ = futures(log_return)
    share = (out[:, 1] == side).mean()
    expected = 0.5 * (1.0 + math.erf(2.0 / math.sqrt(2.0)))
    assert abs(share - expected) < 3.0 * math.sqrt(expected * (1.0 - expected) / N)


def test_without_a_direction_futures_traders_are_silent() -> None:
    """Their clock goes on."""
    out, _ = futures(0.0, n=200)
    assert not out[:, 0].any()
    assert out[:, 4].min() > 0.0


def test_half_of_the_futures_orders_take() -> None:
    """The other half waits behind the touch for two minutes."""
    out, _ = futures(0.001)
    assert abs((out[:, 0] == EV_PLACE_MARKET).mean() - 0.5) < 1.5 / math.sqrt(N)
    passive = out[out[:, 0] == EV_PLACE_LIMIT]
    assert {120 * SECOND} == set(passive[:, 6])


def test_futures_sizes_are_lognormal_around_eight_base() -> None:
    """Log mean ln 8 and deviation one, for takers and for makers alike."""
    out, _ = futures(0.001)
    for kind in (EV_PLACE_MARKET, EV_PLACE_LIMIT):
        z = np.log(out[out[:, 0] == kind, 3] / 8.0)
        assert abs(z.mean()) < 3.0 / math.sqrt(z.size)
        assert abs(z.std() - 1.0) < 3.0 / math.sqrt(2.0 * z.size)


def test_passive_futures_orders_stand_as_many_ticks_behind_as_they_are_large() -> None:
    """A size of 12.3 stands 12 ticks behind the bid, give or take the lost binary tick."""
    out, books = futures(0.001)
    passive = out[(out[:, 0] == EV_PLACE_LIMIT) & (out[:, 1] == BUY)]
    behind = int(books[0]["touch"][BUY]) - passive[:, 2]
    large = passive[:, 3] > 1.0
    lost = behind[large] - np.floor(passive[large, 3])
    assert {0.0, 1.0} == set(lost.tolist())
    assert 0.2 < lost.mean() < 0.7
    assert (behind[~large] <= 1).all()


def test_small_passive_orders_step_inside() -> None:
    """Below one base by a hundred ticks per base."""
    assert [-25, -99, 1, 12] == [passive_shift(size) for size in (0.25, 0.999, 1.0001, 12.9)]


def test_futures_decide_every_five_and_a_quarter_seconds() -> None:
    """Ten times as often in 0.1.51."""
    now, _ = futures(0.001)
    before, _ = futures(0.001, name="taos-0.1.51")
    assert abs(now[:, 4].mean() / 1e9 - 5.25) < 3.0 * 0.503 / math.sqrt(N) + 5e-3
    assert abs(before[:, 4].mean() / 1e9 - 0.5) < 3.0 * 0.071 / math.sqrt(N) + 1e-3


@pytest.mark.parametrize(("magnetization", "side"), [(0.3, BUY), (-0.3, SELL)])
def test_noise_traders_of_the_majority_take_in_its_direction(magnetization: float, side: int) -> None:
    """An aligned trader takes with probability |M|; with all spins aligned that is everyone's chance."""
    books, backgrounds = world(until_s=5)
    g = backgrounds[0]
    out = np.zeros((N, 8))
    g["magnetization"] = magnetization
    taken = 0
    for chunk in np.split(out, 40):
        g["spins"][:] = 1 if magnetization > 0.0 else -1
        turns(books, backgrounds, True, chunk)
        taken += int((chunk[:, 0] == EV_PLACE_MARKET).sum())
    takers = out[out[:, 0] == EV_PLACE_MARKET]
    assert {side} == set(takers[:, 1].astype(int))
    # Those who did not take before may have turned their spin meanwhile: the share is a little below |M|.
    assert 0.24 < taken / N < 0.31


def test_a_noise_traders_market_order_is_its_share_of_quote_or_base() -> None:
    """0.9 (1 + |M|) / 2 of what it holds."""
    books, backgrounds = world(until_s=5)
    b, g = books[0], backgrounds[0]
    mid = float(b["touch"].sum()) / 200.0
    for magnetization, spin in ((0.4, 1), (-0.4, -1)):
        g["magnetization"] = magnetization
        out = np.zeros((300, 8))
        g["spins"][:] = spin
        turns(books, backgrounds, True, out)
        takers = out[out[:, 0] == EV_PLACE_MARKET]
        accounts = b["accounts"][takers[:, 7].astype(int)]
        held = accounts["quote_free"] / 1e10 / mid if spin > 0 else accounts["base_free"] / 1e4
        np.testing.assert_allclose(0.9 * 1.4 / 2.0 * held, takers[:, 3], atol=1e-4)


def test_noise_traders_place_no_limit_orders_before_0_6() -> None:
    """They would exceed the trader's funds by orders of magnitude."""
    books, backgrounds = world(until_s=5)
    out = np.zeros((2000, 8))
    turns(books, backgrounds, True, out)
    assert set(out[:, 0]) <= {0.0, float(EV_PLACE_MARKET)}


def test_noise_limit_orders_of_0_6_fit_the_traders_funds() -> None:
    """Buys cost at most 99 % of the quote, sells at most the base; they live half an hour."""
    books, backgrounds = world(scenario("taos-0.6.2"), until_s=400)
    out = np.zeros((2000, 8))
    turns(books, backgrounds, True, out)
    limits = out[out[:, 0] == EV_PLACE_LIMIT]
    assert limits.shape[0] > 1000
    accounts = books[0]["accounts"][limits[:, 7].astype(int)]
    buys = limits[:, 1] == BUY
    cost = limits[:, 2] / 100.0 * limits[:, 3]
    # The size was cut at the unrounded price: a tick of 300 is 0.003 %.
    assert np.all(cost[buys] <= 0.99 * accounts["quote_free"][buys] / 1e10 * (1 + 4e-5))
    assert np.all(limits[~buys, 3] <= accounts["base_free"][~buys] / 1e4)
    assert {1800 * SECOND} == set(limits[:, 6])
    assert 0 < buys.sum() < limits.shape[0]


@pytest.mark.parametrize("slope", [0.0, 1e-9, 1e-4, 0.3, 50.0])
@pytest.mark.parametrize("log_forecast", [3.0, 5.7])
def test_the_price_equation_is_solved(slope: float, log_forecast: float) -> None:
    """The log of the price plus slope times price is the log forecast, to the last digits."""
    price = price_at(log_forecast, slope)
    assert log_forecast == pytest.approx(math.log(price) + slope * price, rel=1e-13)


def test_the_noise_clock_waits_for_the_feed_and_its_duration() -> None:
    """At least two seconds and a feed latency."""
    books, backgrounds = world(until_s=5)
    out = np.zeros((2000, 8))
    turns(books, backgrounds, True, out)
    assert out[:, 4].min() > 2e9 + (1.5 - 4 * 0.167) * 1e9
    assert 0 == (take_events(books)["kind"] == EV_FUTURES_TURN).sum()
