"""Latencies and clocks of the background."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.sim._jit import kernel
from obmm.sim._random import seed_stream
from obmm.sim.background._agent_timing import acd_ns, folded_normal_ns, order_latency_ns, start_clock, turn_ns
from sim.living import scenario, world

N = 100_000
EULER = 0.5772156649015329


@kernel
def latencies(rng: np.ndarray, law: int, a: float, b: float, out: np.ndarray) -> None:
    """Draws of one of the two latency laws, in milliseconds or seconds."""
    for i in range(out.size):
        if law == 0:
            out[i] = order_latency_ns(rng, a, b) / 1e6
        else:
            out[i] = folded_normal_ns(rng, a, b) / 1e9


@kernel
def durations(backgrounds: np.ndarray, rng: np.ndarray, magnetization: float, out: np.ndarray) -> None:
    """Consecutive durations of the noise traders' clock."""
    g = backgrounds[0]
    start_clock(g.noise_clock, g.p.noise.clock)
    for i in range(out.size):
        out[i] = acd_ns(rng, g.noise_clock, g.p.noise.clock, magnetization)


@kernel
def turns(backgrounds: np.ndarray, rng: np.ndarray, out: np.ndarray) -> None:
    """Consecutive turns of the stylized traders."""
    g = backgrounds[0]
    for i in range(out.size):
        out[i] = turn_ns(rng, g.stylized_clock, g.p.stylized.clock)


def stream(seed: int = 1) -> np.ndarray:
    """A fresh random stream."""
    rng = np.zeros(4, np.uint64)
    seed_stream(rng, seed, 0, 0)
    return rng


def test_order_latencies_fill_their_range_with_the_published_mean() -> None:
    """Mean quantile 0.294 between the bounds."""
    out = np.zeros(N)
    latencies(stream(), 0, 90.0, 300.0, out)
    assert 90.0 <= out.min()
    assert out.max() <= 300.0
    assert abs(out.mean() - (90.0 + 210.0 * 0.294)) < 3.0 * out.std() / math.sqrt(N) + 0.21


def test_feed_latencies_are_normal_and_cut_at_three_deviations() -> None:
    """Mean within three standard errors; nothing beyond mean + 3 sd."""
    out = np.zeros(N)
    latencies(stream(), 1, 1.5, 0.167, out)
    assert out.max() <= 1.5 + 3 * 0.167
    assert abs(out.mean() - 1.5) < 3.0 * 0.167 / math.sqrt(N) + 1e-4  # the cut takes that much off


def test_feed_latencies_never_go_back_in_time() -> None:
    """A wide law is folded at zero."""
    out = np.zeros(N)
    latencies(stream(), 1, 0.1, 1.0, out)
    assert out.min() >= 0.0


def test_a_clock_without_bounds_has_the_mean_of_its_recursion() -> None:
    """E ln d = (omega - (1 - beta) gamma_E) / (1 - alpha - beta), gamma_E = 0.5772 from the exponential."""
    alpha, beta, omega = 0.45, 0.45, 2.5
    clock = {"omega": omega, "alpha": alpha, "beta": beta, "min_s": 1e-12, "max_s": 1e12}
    _, backgrounds = world(scenario(noise={"clock": _acd(**clock)}))
    out = np.zeros(N)
    durations(backgrounds, stream(), 0.0, out)
    logs = np.log(out[1000:])
    blocks = logs[: logs.size // 100 * 100].reshape(100, -1).mean(axis=1)
    expected = (omega - (1.0 - beta) * EULER) / (1.0 - alpha - beta)
    assert abs(logs.mean() - expected) < 3.0 * blocks.std(ddof=1) / 10.0


def test_herding_speeds_the_noise_traders_up_to_their_shortest_pause() -> None:
    """At |M| = 0.1 nearly every pause is the two-second minimum; none is outside the bounds."""
    _, backgrounds = world()
    calm, herd = np.zeros(20_000), np.zeros(20_000)
    durations(backgrounds, stream(), 0.0, calm)
    durations(backgrounds, stream(), 0.1, herd)
    for out in (calm, herd):
        assert out.min() >= 2e9
        assert out.max() <= 600e9
    assert (herd == 2e9).mean() > 0.95 > (calm == 2e9).mean()


def test_full_alignment_does_not_break_the_clock() -> None:
    """|M| = 1 would be a logarithm of zero."""
    _, backgrounds = world()
    out = np.zeros(10)
    durations(backgrounds, stream(), 1.0, out)
    assert np.all(out == 2e9)


def test_a_turn_follows_the_clock_of_the_version() -> None:
    """Ten seconds give or take one in 0.1.51, about fifty on average later."""
    old, new = np.zeros(20_000), np.zeros(20_000)
    turns(world(scenario("taos-0.1.51"))[1], stream(), old)
    turns(world()[1], stream(), new)
    assert abs(old.mean() / 1e9 - 10.0) < 3.0 / math.sqrt(old.size) + 2e-3
    assert 40e9 < new.mean() < 60e9


def _acd(**values: float) -> object:
    from obmm.sim._parameters import AcdClock

    return AcdClock(**values)
