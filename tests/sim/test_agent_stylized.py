"""Stylized traders: demand, its roots, histories, polls, orders."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.sim._jit import kernel
from obmm.sim._random import seed_stream
from obmm.sim.background._agent_orders import send_post_only
from obmm.sim.background._agent_stylized import (
    demand,
    draw_trader,
    post_only_probability,
    price_of_demand,
    stylized_turn,
)
from obmm.sim.background._bars import bar_moments, close_bar, volume_per_second
from obmm.sim.background._layout import (
    EV_PLACE_LIMIT,
    EV_PLACE_MARKET,
    EV_PLACE_POST_ONLY,
    EV_STYLIZED_TURN,
)
from obmm.sim.exchange._layout import CONTRACT_VIOLATION
from sim.living import BUY, SECOND, SELL, advance_to, scenario, take_events, world

DEMANDS = [  # forecast, variance, base, quote, risk, hara, inside
    (303.0, 2e-6, 120.0, 40_000.0, 1.4e5, 2.0, False),
    (290.0, 4e-5, 5.0, 900_000.0, 3e4, 2.0, False),
    (31.0, 3e-5, 900.0, 20_000.0, 9000.0, 2.0, True),
]


@pytest.mark.parametrize(("forecast", "variance", "base", "quote", "risk", "hara", "inside"), DEMANDS)
def test_the_roots_of_demand_hold(forecast, variance, base, quote, risk, hara, inside) -> None:
    """At one price demand is the holding, at another the whole quote buys what is missing."""
    args = (forecast, variance, base, quote, risk, hara, inside)
    same = price_of_demand(*args, False)
    least = price_of_demand(*args, True)
    at = [demand(x, forecast, variance, base * x + quote, risk, hara, inside) for x in (same, least)]
    assert base == pytest.approx(at[0], rel=1e-6)
    assert quote == pytest.approx(least * (at[1] - base), rel=1e-6)
    assert least < same < forecast


def test_demand_falls_with_the_price_and_is_nothing_at_the_forecast() -> None:
    """Wealth revalued at each price."""
    values = [demand(x, 300.0, 1e-5, 100.0 * x + 3e4, 1e5, 2.0, False) for x in (280.0, 290.0, 300.0, 310.0)]
    assert values == sorted(values, reverse=True)
    assert 0.0 == values[2]


def test_trader_constants_follow_their_weights() -> None:
    """Patience, memory and risk aversion grow with (1 + fundamental weight) / (1 + chartist weight)."""
    _, backgrounds = world()
    g = backgrounds[0]
    p, traders = g["p"]["stylized"], g["traders"][:1000]
    k = (1.0 + traders["weight_fundamental"]) / (1.0 + traders["weight_chartist"])
    c = 3.3 / 6.0
    np.testing.assert_allclose(np.clip(600.0 * c * k, 1.0, 3600.0) * 1e9, traders["tau_ns"])
    np.testing.assert_array_equal(np.clip(np.ceil(27 * k), 10, 1000), traders["history"])
    np.testing.assert_allclose(1e5 * c * k, traders["risk"])
    # |Laplace(m, m)| has mean m (1 + 1/e).
    for name, mean in (("fundamental", 5.0), ("chartist", 2.3), ("noise", 0.7)):
        weights = traders[f"weight_{name}"]
        assert abs(weights.mean() - mean * (1 + math.exp(-1))) < 3.0 * weights.std() / math.sqrt(1000)
    assert p["count"] == 1000


def test_books_of_a_block_share_their_traders_and_makers() -> None:
    """Another block, or another run, has others."""
    first, same, other, rerun = (
        world(book=book, seed=seed)[1][0] for book, seed in ((0, 1), (15, 1), (16, 1), (0, 2))
    )
    for name in ("traders", "makers"):
        constant = {"traders": "weight_noise", "makers": "gamma"}[name]
        assert first[name][constant].tolist() == same[name][constant].tolist()
        assert first[name][constant].tolist() != other[name][constant].tolist()
        assert first[name][constant].tolist() != rerun[name][constant].tolist()


def test_histories_start_with_the_volatility_of_the_common_path() -> None:
    """0.1 per root of a day over each trader's own interval, within three standard errors."""
    ratios = []
    for book in range(8):
        g = world(book=book)[1][0]
        for trader in g["traders"][:1000:10]:
            returns = g["history"][trader["first"] : trader["first"] + trader["history"]]
            ratios.append((returns**2).mean() / (0.01 * trader["tau_ns"] / 1e9 / 86_400.0))
    # All traders of a book read one path: about 30 independent returns each, 8 paths.
    assert abs(np.mean(ratios) - 1.0) < 3.0 * math.sqrt(2.0 / (8 * 30))


def test_every_trader_is_polled_at_its_own_interval() -> None:
    """Nobody is forgotten, nobody comes early: counted over twenty minutes."""
    books, backgrounds = world(until_s=1)
    g = backgrounds[0]
    start = g["traders"]["oldest"][:1000].copy()
    advance_to(books, backgrounds, 1200)
    traders = g["traders"][:1000]
    polls = (traders["oldest"] - start) % traders["history"]
    interval = traders["tau_ns"] / 1e9 + 0.25
    expected = 1199.0 / interval
    counted = expected < traders["history"] - 1  # later the ring position starts again
    assert np.all(np.abs(polls - expected)[counted] <= 1.0 + 0.002 * expected[counted])
    assert g["poll_count"] == 1000
    assert sorted(g["poll_agent"][:1000].tolist()) == list(range(1000))


def test_a_poll_keeps_the_return_since_the_last_one() -> None:
    """The returns kept since the start add up to the move of the trader's price."""
    books, backgrounds = world(until_s=900)
    g = backgrounds[0]
    checked = 0
    for trader in g["traders"][:1000]:
        if 900e9 / trader["tau_ns"] < trader["history"]:  # the ring has not come round yet
            kept = g["history"][trader["first"] : trader["first"] + trader["oldest"]]
            assert math.log(trader["price"] / 300.0) == pytest.approx(kept.sum(), abs=1e-12)
            checked += 1
    assert checked > 300
    assert books[0]["fault"] == 0


@kernel
def turns(books: np.ndarray, backgrounds: np.ndarray, out: np.ndarray) -> None:
    """Many decisions on a standing book: kind, side, tick, base, life in seconds, wait, agent."""
    b = books[0]
    for k in range(out.shape[0]):
        b.event_count = 0
        b.event_top = 0
        b.event_free = 0
        stylized_turn(b, backgrounds[0])
        for j in range(b.event_count):
            event = b.events[b.heap_key[j] & ((1 << 17) - 1)]
            if event.kind == EV_STYLIZED_TURN:
                out[k, 5] = (b.heap_time[j] - b.now_ns) / 1e9
            else:
                out[k, 0] = event.kind
                out[k, 1] = event.side
                out[k, 2] = event.tick
                out[k, 3] = event.lots / 10_000.0
                out[k, 4] = (event.data - (b.heap_time[j] - b.now_ns)) / 1e9
                out[k, 6] = event.agent


@pytest.mark.parametrize("name", ["taos-0.1.51", "taos-0.5.4", "taos-0.6.2"])
def test_orders_fit_the_traders_funds_and_live_as_long_as_its_patience(name: str) -> None:
    """Sizes are capped by quote or base, lives are tau times the log of the memory."""
    books, backgrounds = world(scenario(name), until_s=660)
    g = backgrounds[0]
    out = np.zeros((3000, 7))
    turns(books, backgrounds, out)
    placed = out[np.isin(out[:, 0], [EV_PLACE_LIMIT, EV_PLACE_POST_ONLY])]
    assert placed.shape[0] > 1500
    agents = placed[:, 6].astype(int)
    traders = g["traders"][agents - int(g["slot_stylized"])]
    life = traders["tau_ns"] / 1e9 * np.maximum(1.0, np.log(traders["history"]))
    np.testing.assert_allclose(life, placed[:, 4], rtol=1e-6, atol=1e-6)
    accounts = books[0]["accounts"][agents]
    buys = placed[:, 1] == BUY
    cost = placed[:, 2] / 100.0 * placed[:, 3]
    near = placed[:, 2] > 1000  # a cut tick matters to the cost of the cheapest orders only
    assert np.all(cost[buys & near] <= accounts["quote_free"][buys & near] / 1e10 * 1.001)
    assert np.all(placed[~buys, 3] <= accounts["base_free"][~buys] / 1e4)
    assert set(placed[:, 1].astype(int)) == {BUY, SELL}


def test_a_taker_pays_more_than_the_band_away_from_its_last_price() -> None:
    """Calm histories, so that orders are not post-only; a fundamental far above attracts buyers."""
    books, backgrounds = world(until_s=5)
    g = backgrounds[0]
    g["history"][:100_000] *= 0.05
    g["fundamental"] = 330.0
    out = np.zeros((4000, 7))
    turns(books, backgrounds, out)
    assert (out[:, 0] == EV_PLACE_POST_ONLY).mean() < 0.1
    limits = out[out[:, 0] == EV_PLACE_LIMIT]
    takers = out[out[:, 0] == EV_PLACE_MARKET]
    assert (takers[:, 1] == BUY).mean() > 0.95
    aggressive = limits[(limits[:, 1] == BUY) & (limits[:, 2] > 1.01 * 30_000 * 1.01)]
    # Of orders some per cent beyond the price about half become takers: 0.03 ** 0.2 = 0.5.
    assert 0.3 < takers.shape[0] / (takers.shape[0] + aggressive.shape[0]) < 0.9


def test_wild_histories_make_orders_post_only() -> None:
    """The guard of 0.5.x looks at the variance, that of 0.6.x at the deviation."""
    guards = [world(scenario(name))[1][0]["p"]["stylized"]["guard"] for name in ("taos-0.5.4", "taos-0.6.2")]
    assert post_only_probability(guards[0], 1e-7) == pytest.approx(1e-6)
    assert post_only_probability(guards[0], 1e-4) > 1.0 - 1e-6
    assert post_only_probability(guards[1], 0.002257211**2) == pytest.approx(0.5)
    assert post_only_probability(guards[1], (2 * 0.002257211) ** 2) == pytest.approx(0.99)
    for guard in guards:
        assert 1.0 == post_only_probability(guard, 1e6)


def test_post_only_orders_of_0_6_slide_when_they_are_decided() -> None:
    """One tick behind the opposite best price that the trader sees."""
    books, backgrounds = world(scenario("taos-0.6.2"), until_s=660)
    b, g = books[0], backgrounds[0]
    g["p"]["stylized"]["guard"]["midpoint"] = 1e-9
    out = np.zeros((2000, 7))
    turns(books, backgrounds, out)
    assert {EV_PLACE_POST_ONLY} == set(out[:, 0].astype(int))
    bid, ask = b["touch"].tolist()
    assert ask - 1 == out[out[:, 1] == BUY, 2].max()
    assert bid + 1 == out[out[:, 1] == SELL, 2].min()


def test_a_post_only_order_does_not_slide_again_on_arrival() -> None:
    """Where the book has moved meanwhile, it is refused."""
    books, backgrounds = world(scenario("taos-0.6.2"), until_s=2)
    take_events(books)
    b = books[0]
    rejects = int(b["rejects"][0, CONTRACT_VIOLATION])
    # Miner 0 and 1 + 200, an initialization agent with funds left.
    send_post_only(b, 201, BUY, int(b["touch"][SELL]) + 5, 1.0, 1_000_000, SECOND)
    advance_to(books, backgrounds, 3)
    assert rejects + 1 == b["rejects"][0, CONTRACT_VIOLATION]


def test_a_trader_of_0_6_acts_before_there_are_two_bars() -> None:
    """On the least variance, a tick squared: hardly an order is post-only."""
    books, backgrounds = world(scenario("taos-0.6.2"))
    assert 0 == backgrounds[0]["bar_count"]
    out = np.zeros((200, 7))
    turns(books, backgrounds, out)
    # The guard leaves one in a hundred.
    assert (out[:, 0] == EV_PLACE_POST_ONLY).mean() <= 0.05
    assert (out[:, 3] > 0.0).mean() > 0.9


def test_bars_take_the_last_trade_or_the_mid() -> None:
    """Returns telescope; volume per second is what traded."""
    books, backgrounds = world(scenario("taos-0.6.2"), until_s=2)
    b, g = books[0], backgrounds[0]
    bars = int(g["bar_count"])
    close_bar(b, g)
    assert b["touch"].sum() / 200.0 == pytest.approx(g["bar_price"])
    first = float(g["bar_price"])
    b["last_tick"], b["trades_done"], b["traded_lots"] = (
        30_300,
        b["trades_done"] + 2,
        b["traded_lots"] + 70_000,
    )
    close_bar(b, g)
    close_bar(b, g)
    assert bars + 3 == g["bar_count"]
    assert 7.0 / 2 == pytest.approx(volume_per_second(g, 2))
    jump = math.log(303.0 / first)
    mean, squares = bar_moments(g, 2)
    assert (0.0, 2 * jump**2) == (pytest.approx(mean, abs=1e-9), pytest.approx(squares, rel=1e-6))


def test_laplace_weights_may_be_drawn_again() -> None:
    """The same stream gives the same trader."""
    _, backgrounds = world()
    g = backgrounds[0]
    drawn = []
    for _ in range(2):
        rng = np.zeros(4, np.uint64)
        seed_stream(rng, 5, 6, 7)
        draw_trader(g["traders"][0], g["p"]["stylized"], rng)
        drawn.append(g["traders"][0].tolist())
    assert drawn[0] == drawn[1]


def test_decisions_come_about_once_in_fifty_seconds() -> None:
    """The class's clock, not the traders'."""
    books, backgrounds = world(until_s=5)
    out = np.zeros((20_000, 7))
    turns(books, backgrounds, out)
    assert 45.0 < out[:, 5].mean() < 57.0
