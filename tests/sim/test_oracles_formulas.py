"""Roundings, queue order and the formulas of the background agents."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.market.grid import ceil_units
from obmm.sim._random import seed_stream, uniform
from obmm.sim.background._agent_algo import recent_volume
from obmm.sim.background._agent_makers import cycle_ns, fixed_spread, maker_spread, rayleigh_shift
from obmm.sim.background._agent_stylized import post_only_probability
from obmm.sim.background._agent_timing import order_latency_ns
from obmm.sim.background._layout import PARAMETERS, fill
from obmm.sim.background._process_field import up_probability
from obmm.sim.background._process_fundamental import fgn_autocovariance
from obmm.sim.background._wealth import open_miner
from obmm.sim.exchange._layout import EV_BACKGROUND
from obmm.sim.exchange._queue import next_event_ns, pop_event, schedule
from obmm.sim.exchange._setup import make_book
from obmm.sim.scenario import Scenario

SCENARIO = Scenario.load("taos-0.5.4")


@pytest.fixture(scope="module")
def parameters() -> np.void:
    """The numbers of the default scenario as the kernels read them."""
    record = np.zeros(1, dtype=PARAMETERS)[0]
    for name in ("high_frequency", "stylized"):
        fill(record[name], getattr(SCENARIO.assets[0], name))
    return record


@pytest.mark.parametrize(
    ("value", "decimals", "units"),
    [
        (42.32125839, 3, 42_322),
        (0.000051, 4, 1),
        (420.6921, 2, 42_070),
        (-420.6921, 2, -42_069),
        (10000.1, 0, 10_001),
    ],
)
def test_row_103_rounding_up_is_toward_plus_infinity(value, decimals, units):
    """Ceiling to a number of decimals."""
    assert units == ceil_units(value, decimals)


def test_row_104_the_queue_is_ordered_by_time_then_by_arrival():
    """Messages of one instant keep their order; margin calls are not simulated."""
    book = make_book()[0]
    for time_ns, name in ((7, 1), (5, 2), (7, 3), (5, 4), (6, 5)):
        schedule(book, time_ns, EV_BACKGROUND, 0, 0, 0, 0, name)
    out = []
    while book["event_count"]:
        due = next_event_ns(book)
        out.append((due, int(book["events"][pop_event(book)]["data"])))
    assert [(5, 2), (5, 4), (6, 5), (7, 1), (7, 3)] == out


def traded(*trades: tuple[int, float]) -> np.void:
    """A book at the time of the last of some (time, base) trades."""
    book = make_book()[0]
    for k, (time_ns, base) in enumerate(trades):
        book["trades"][k]["time_ns"], book["trades"][k]["lots"] = time_ns, round(base * 10_000)
    book["trades_done"], book["now_ns"] = len(trades), trades[-1][0]
    return book


def test_row_105_a_window_leaves_out_what_is_as_old_as_itself():
    """Of 1, 2.5, 3.75 and 10 base the first two are 5 old."""
    assert pytest.approx(13.75) == recent_volume(traded((0, 1), (0, 2.5), (4, 3.75), (5, 10)), 5)


def test_row_106_a_window_moves_on():
    """At 18 the window of 10 begins after 8."""
    trades = traded((0, 1), (0, 2.5), (4, 3.75), (5, 10), (10, 4.2), (15, 20), (18, 2))
    assert pytest.approx(26.2) == recent_volume(trades, 10)


def test_row_107_a_window_of_no_length_is_refused():
    """The scenario's tables demand a positive one."""
    with pytest.raises(ValueError, match="look_s"):
        attrs.evolve(SCENARIO.assets[0].algo, look_s=0.0)


def test_row_108_a_miners_wealth_is_split_by_a_pareto_ratio():
    """Total 50,000 at 300; at u = 0.75 that is 55.5556 base and 33,333.33 quote."""
    stream, twin = np.zeros(4, dtype=np.uint64), np.zeros(4, dtype=np.uint64)
    bases = []
    book = make_book()[0]
    for seed in range(400):
        seed_stream(stream, seed, 0, 0)
        twin[:] = stream
        open_miner(book, stream, 0, 50_000.0, 300.0)
        account = book["accounts"][0]
        base, quote = account["base_free"] / 1e4, account["quote_free"] / 1e10
        u = uniform(twin)
        ratios = [share ** (-1.0 / 2.0) for share in (u, 1.0 - u)]
        assert any(base == pytest.approx(50_000 / (1 + r) / 300, abs=1e-4) for r in ratios)
        assert base * 300 + quote == pytest.approx(50_000, abs=0.03)
        bases.append(base)
    assert np.quantile(bases, 0.25) == pytest.approx(55.5556, rel=0.05)
    assert np.median(bases) == pytest.approx(69.036, rel=0.03)


@pytest.mark.parametrize(("gamma", "spread"), [(0.35, 1.13393), (0.5, 1.09273), (0.65, 1.05550)])
def test_row_109_a_makers_spread_at_the_start(parameters, gamma, spread):
    """Maker rate 0, the whole day ahead."""
    p = parameters["high_frequency"]
    fixed = fixed_spread(gamma, p["kappa"])
    assert pytest.approx(spread, abs=5e-6) == maker_spread(fixed, gamma, p["variance"], 1.0, 1.0)


@pytest.mark.parametrize(("gamma", "cycle_ms"), [(0.35, 1005.0), (0.5, 750.0), (0.65, 576.923)])
def test_row_110_a_makers_cycle(parameters, gamma, cycle_ms):
    """Inverse to its risk aversion within 502.5…1005 ms."""
    assert pytest.approx(cycle_ms, abs=1e-3) == cycle_ns(parameters["high_frequency"], gamma) / 1e6


def test_row_111_the_shift_of_the_quote_noise():
    """The 5 % quantile of a Rayleigh distribution of scale 0.23."""
    assert pytest.approx(0.073667, abs=5e-7) == rayleigh_shift(0.23, 0.05)


@pytest.mark.parametrize(("low", "high", "median"), [(1.0, 50.0, 14.56), (90.0, 300.0, 148.10)])
def test_row_112_the_median_of_an_order_latency(low, high, median):
    """The truncated Rayleigh at one half, from 4,001 draws within 4 %."""
    stream = np.zeros(4, dtype=np.uint64)
    seed_stream(stream, 1, 0, 0)
    drawn = [order_latency_ns(stream, low, high) / 1e6 for _ in range(4_001)]
    assert pytest.approx(median - low, rel=0.04) == np.median(drawn) - low
    assert low <= min(drawn)
    assert max(drawn) <= high


def test_row_113_the_autocovariance_of_fractional_noise():
    """H = 0.75, lags 0 to 3."""
    expected = [1.0, 0.414214, 0.269649, 0.218061]
    assert pytest.approx(expected, abs=5e-7) == [fgn_autocovariance(0.75, lag) for lag in range(4)]


@pytest.mark.parametrize(("neighbours", "probability"), [(8, 0.997527), (0, 0.119203)])
def test_row_114_a_spins_probability_to_stand_up(neighbours, probability):
    """Spin +1, magnetisation 0.1, alpha 20, beta 0.5."""
    assert pytest.approx(probability, abs=5e-7) == up_probability(neighbours, 1, 0.1, 20.0, 0.5)


def test_row_115_the_post_only_logistic(parameters):
    """Slope 2,765,868 around a variance of 5.095e-6."""
    guard = parameters["stylized"]["guard"]
    assert post_only_probability(guard, 5.095e-6) == pytest.approx(0.5)
    chance = post_only_probability(guard, 5.3e-6)
    assert pytest.approx(2_765_868, rel=1e-6) == math.log(chance / (1 - chance)) / (5.3e-6 - 5.095e-6)
