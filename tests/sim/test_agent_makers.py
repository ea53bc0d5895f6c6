"""The resident makers of 0.1.x and 0.5.x: timing, prices, sizes, inventory."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.sim._jit import kernel
from obmm.sim.background._agent_makers import maker_turn, rayleigh_shift, rebalance_probability
from obmm.sim.background._layout import EV_MAKER_TURN, EV_PLACE_LIMIT, EV_PLACE_MARKET
from obmm.sim.exchange._layout import EV_BACKGROUND
from sim.living import BUY, SECOND, SELL, scenario, take_events, world

MAKER = 3


@kernel
def quotes(books: np.ndarray, backgrounds: np.ndarray, i: int, out: np.ndarray) -> None:
    """Many turns of one maker on a standing book: ask, bid, size, the two latencies, next turn."""
    b = books[0]
    for k in range(out.shape[0]):
        b.event_count = 0
        b.event_top = 0
        b.event_free = 0
        backgrounds[0].makers[i].busy_until_ns = 0
        maker_turn(b, backgrounds[0], i)
        for j in range(b.event_count):
            event = b.events[b.heap_key[j] & ((1 << 17) - 1)]
            wait = b.heap_time[j] - b.now_ns
            if event.kind == EV_BACKGROUND:
                side = event.side
                out[k, side] = event.tick
                out[k, 2] = event.lots / 10_000.0
                out[k, 3 + side] = wait
            else:
                out[k, 5] = wait


def sample(name: str = "taos-0.5.4", n: int = 20_000, net_base: float = 0.0) -> tuple[np.ndarray, ...]:
    """Quotes of one maker with a position, the book's mid and the maker's record."""
    books, backgrounds = world(scenario(name), until_s=5)
    b, g = books[0], backgrounds[0]
    b["accounts"][int(g["slot_makers"]) + MAKER]["net_lots"] = round(net_base * 10_000)
    out = np.zeros((n, 6))
    quotes(books, backgrounds, MAKER, out)
    return out, b, g


def test_placement_is_the_first_event_of_the_background() -> None:
    """The kernel above reads kinds by that."""
    assert EV_PLACE_LIMIT == EV_BACKGROUND


def test_quotes_stand_at_the_optimal_spread_plus_shifted_rayleigh_noise() -> None:
    """Mean and deviation of width and centre; the binary tick takes 0.36 off each price."""
    out, b, g = sample()
    maker, p = g["makers"][MAKER], g["p"]["high_frequency"]
    horizon = 1.0 - int(b["now_ns"]) / int(b["duration_ns"])
    gamma = float(maker["gamma"])
    spread = 0.01 * gamma * horizon + 2.0 / gamma * math.log(1.0 + gamma / 1.6)
    noise = 0.23 * math.sqrt(math.pi / 2.0) - rayleigh_shift(0.23, 0.05)
    sd = 0.23 * math.sqrt(2.0 - math.pi / 2.0)
    width = (out[:, SELL] - out[:, BUY]) / 100.0
    centre = (out[:, SELL] + out[:, BUY]) / 200.0
    bound = 3.0 / math.sqrt(out.shape[0])
    assert abs(width.mean() - (spread + 2.0 * noise)) < bound * math.sqrt(2.0) * sd
    assert abs(width.std() / (math.sqrt(2.0) * sd) - 1.0) < 2.0 * bound
    mid = float(b["touch"].sum()) / 200.0
    assert abs(centre.mean() - (mid - 0.0036)) < bound * sd / math.sqrt(2.0) + 2e-4
    assert p["kappa"] == 1.6


def test_a_maker_fee_widens_and_a_rebate_tightens_the_quotes() -> None:
    """By one percent of the spread per basis point."""
    widths = []
    for rate in (-0.002, 0.0, 0.002):
        books, backgrounds = world(until_s=5)
        books[0]["maker_rate"] = rate
        out = np.zeros((4000, 6))
        quotes(books, backgrounds, MAKER, out)
        widths.append((out[:, SELL] - out[:, BUY]).mean())
    base = 100.0 * float(backgrounds[0]["makers"][MAKER]["fixed_spread"])
    assert abs(widths[2] - widths[1] - 0.2 * base) < 1.5
    assert abs(widths[1] - widths[0] - 0.2 * base) < 1.5


def test_sizes_are_lognormal_and_scale_with_the_books_spread() -> None:
    """Both quotes share one size; its log has deviation one."""
    out, b, _ = sample()
    mid = float(b["touch"].sum()) / 200.0
    scale = (int(b["touch"][SELL]) - int(b["touch"][BUY])) / 100.0 / mid / 0.0015
    z = np.log(out[:, 2] / scale) - 2.5
    bound = 3.0 / math.sqrt(z.size)
    assert abs(z.mean()) < bound
    assert abs(z.std() - 1.0) < bound


def test_the_next_turn_comes_after_the_makers_own_cycle() -> None:
    """750 ms at mean risk aversion, inverse to it, within its bounds."""
    out, _, g = sample(n=10)
    gammas = g["makers"]["gamma"][:10]
    expected = np.clip(750.0 * 0.5 / gammas, 502.5, 1005.0) * 1e6
    np.testing.assert_allclose(g["makers"]["cycle_ns"][:10], expected)
    assert set(out[:, 5]) == {int(expected[MAKER])}


def test_orders_reach_the_exchange_within_fifty_milliseconds() -> None:
    """Each side has a latency of its own."""
    out, _, _ = sample(n=2000)
    assert out[:, 3:5].min() >= 1e6
    assert out[:, 3:5].max() <= 50e6
    assert abs(np.corrcoef(out[:, 3], out[:, 4])[0, 1]) < 3.0 / math.sqrt(2000)


def test_inventory_is_ignored_in_0_5_4() -> None:
    """That version never tells the makers of their trades."""
    flat, long = (sample(net_base=net)[0] for net in (0.0, 80.0))
    assert flat.tolist() == long.tolist()


def test_inventory_moves_the_quotes_of_0_1_51_against_it() -> None:
    """50 base at risk aversion 0.5 and variance 0.01 shift the centre by a quarter."""
    flat, b, g = sample("taos-0.1.51")
    long, _, _ = sample("taos-0.1.51", net_base=50.0)
    horizon = 1.0 - int(b["now_ns"]) / int(b["duration_ns"])
    expected = 100.0 * float(g["makers"][MAKER]["gamma"]) * 50.0 * 0.01 * horizon
    moved = (flat[:, :2].sum(axis=1).mean() - long[:, :2].sum(axis=1).mean()) / 2.0
    assert abs(moved - expected) < 0.5
    assert 1 == np.unique(long[:, 2]).size, "a held position keeps its size"


def test_a_position_beyond_its_scale_hurries_the_maker() -> None:
    """The cycle falls to its least value."""
    out, _, _ = sample("taos-0.1.51", n=10, net_base=600.0)
    assert {100_000_000.0} == set(out[:, 5])


def test_a_maker_of_0_1_51_waits_for_an_answer_before_it_quotes_again() -> None:
    """A turn while orders are under way only sets the next turn."""
    books, backgrounds = world(scenario("taos-0.1.51"), until_s=5)
    take_events(books)
    backgrounds[0]["makers"][MAKER]["busy_until_ns"] = 6 * SECOND
    maker_turn(books[0], backgrounds[0], MAKER)
    assert [EV_MAKER_TURN] == take_events(books)["kind"].tolist()


def test_rebalancing_needs_a_tight_book_a_high_fee_and_a_position() -> None:
    """At the undisturbed spread it never happens; at a few ticks and maker rate 0 rarely."""
    p = world(scenario("taos-0.1.51"))[1][0]["p"]["high_frequency"]
    assert 0.0 == rebalance_probability(p, 0.0001, 0.0, 0.05, 100.0)
    assert rebalance_probability(p, 0.0035, 0.0, 50.0, 100.0) < 1e-40
    at_zero = math.exp(-((0.0001 / 0.00015) ** 1.5)) * math.exp(-(0.0075**2) / 2e-5)
    assert at_zero * 0.5 == pytest.approx(rebalance_probability(p, 0.0001, 0.0, 50.0, 100.0))
    assert at_zero == pytest.approx(rebalance_probability(p, 0.0001, 0.0, 1e9, 100.0), rel=2e-5)


def test_a_rebalancing_maker_sends_one_market_order_toward_flat() -> None:
    """Tight book, fee at its worst, large position: a sell of at most the best bid's volume."""
    books, backgrounds = world(scenario("taos-0.1.51"), until_s=5)
    b, g = books[0], backgrounds[0]
    take_events(books)
    b["accounts"][int(g["slot_makers"]) + MAKER]["net_lots"] = 10_000_000
    b["maker_rate"] = 0.0075
    b["touch"][SELL] = b["touch"][BUY] + 1
    kinds = []
    for _ in range(30):
        maker_turn(b, g, MAKER)
        events = take_events(books)
        kinds.append(sorted(events["kind"].tolist()))
        market = events[events["kind"] == EV_PLACE_MARKET]
        assert set(market["side"].tolist()) <= {SELL}
    assert sorted([EV_MAKER_TURN, EV_PLACE_MARKET]) in kinds
    assert sorted([EV_MAKER_TURN, EV_PLACE_LIMIT, EV_PLACE_LIMIT]) in kinds
