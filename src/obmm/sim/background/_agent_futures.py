"""Takers that follow the external price's direction: half market orders, half stacks behind the touch."""

from __future__ import annotations

import math

from obmm.sim._jit import Record, kernel
from obmm.sim._random import integer_below, lognormal, normal, uniform
from obmm.sim.background._agent_orders import cut_to_tick, send_limit, send_market
from obmm.sim.background._agent_timing import folded_normal_ns, order_latency_ns
from obmm.sim.background._layout import EV_FUTURES_TURN, SECOND, STREAM_FUTURES
from obmm.sim.exchange._ghosts import seen_level
from obmm.sim.exchange._layout import BUY, SELL, TICKS_PER_QUOTE
from obmm.sim.exchange._queue import schedule


@kernel
def passive_shift(size_base: float) -> int:
    """Ticks by which a limit order stands behind the touch; negative inside it."""
    if size_base > 1.0:
        return int(size_base)
    return -int(100.0 * size_base)


@kernel
def start_futures(b: Record, g: Record) -> None:
    """The first turn comes after one feed latency."""
    p = g.p.futures
    if p.count > 0:
        first = folded_normal_ns(b.rng[STREAM_FUTURES], p.feed_latency_mean_s, p.feed_latency_sd_s)
        schedule(b, b.now_ns + first, EV_FUTURES_TURN, 0, 0, 0, 0, 0)


@kernel
def futures_turn(b: Record, g: Record) -> None:
    """A random trader of the class decides on the book as it stands; the next turn is set."""
    p = g.p.futures
    rng = b.rng[STREAM_FUTURES]
    pause = folded_normal_ns(rng, p.decision_delay_mean_s, p.decision_delay_sd_s)
    pause += folded_normal_ns(rng, p.feed_latency_mean_s, p.feed_latency_sd_s)
    schedule(b, b.now_ns + pause, EV_FUTURES_TURN, 0, 0, 0, 0, 0)

    agent = g.slot_futures + integer_below(rng, int(p.count))
    forecast = math.copysign(1.0, g.external_return) + p.forecast_noise_sd * normal(rng)
    log_size = math.log(p.volume_median_base) * g.external_volume_factor
    size = lognormal(rng, log_size, p.volume_log_sd)
    at_market = uniform(rng) < p.market_probability
    latency = order_latency_ns(rng, p.order_latency_min_ms, p.order_latency_max_ms)
    if g.external_return == 0.0:
        return
    side = BUY if forecast > 0.0 else SELL
    if at_market:
        send_market(b, agent, side, size, latency)
    elif seen_level(b, side, 0) > 0:
        shift = 0.01 * passive_shift(size)
        touch = seen_level(b, side, 0) / TICKS_PER_QUOTE
        tick = cut_to_tick(touch - shift if side == BUY else touch + shift)
        send_limit(b, agent, side, tick, size, latency, int(p.life_s * SECOND))
