"""The executing agent: now and then works a large order toward the fundamental price, slice by slice."""

from __future__ import annotations

import math

from obmm.sim._jit import Record, kernel
from obmm.sim._random import lognormal, normal, rayleigh, uniform
from obmm.sim.background._agent_orders import mid_price, send_market
from obmm.sim.background._agent_timing import folded_normal_ns, order_latency_ns
from obmm.sim.background._layout import (
    BAR_SLOTS,
    DAY_S,
    EV_ALGO_LOOK,
    EV_ALGO_SLICE,
    EV_ALGO_WAKE,
    ON_BARS,
    SECOND,
    STREAM_ALGO,
)
from obmm.sim.exchange._book import level_lots
from obmm.sim.exchange._ghosts import seen_level
from obmm.sim.exchange._layout import BUY, LOTS_PER_BASE, SELL, TRADE_SLOTS, UNITS_PER_QUOTE
from obmm.sim.exchange._queue import schedule

_LEVELS = 21
_NEAR_LEVELS = 5
_LEAST_REMAINING = 1.0


@kernel
def first_trade_since(b: Record, since_ns: int) -> int:
    """Number of the first trade after `since_ns`, among those the ring still holds."""
    k = b.trades_done
    oldest = max(0, k - TRADE_SLOTS)
    while k > oldest and b.trades[(k - 1) % TRADE_SLOTS].time_ns > since_ns:
        k -= 1
    return int(k)


@kernel
def recent_volume(b: Record, window_ns: int) -> float:
    """Base traded within the window."""
    lots = 0
    for k in range(first_trade_since(b, b.now_ns - window_ns), b.trades_done):
        lots += b.trades[k % TRADE_SLOTS].lots
    return lots / LOTS_PER_BASE


@kernel
def trade_variance(b: Record, since_ns: int) -> float:
    """Population variance of log returns between the average prices of consecutive trade instants."""
    count = 0
    total = 0.0
    squares = 0.0
    previous = 0.0
    k = first_trade_since(b, since_ns)
    while k < b.trades_done:
        time_ns = b.trades[k % TRADE_SLOTS].time_ns
        lots = 0
        worth = 0.0
        while k < b.trades_done and b.trades[k % TRADE_SLOTS].time_ns == time_ns:
            trade = b.trades[k % TRADE_SLOTS]
            lots += trade.lots
            worth += float(trade.lots) * trade.tick
            k += 1
        price = worth / lots
        if previous > 0.0:
            change = math.log(price / previous)
            count += 1
            total += change
            squares += change * change
        previous = price
    if count == 0:
        return 0.0
    return max(squares / count - (total / count) ** 2, 0.0)


@kernel
def start_probability(
    p: Record, volatility: float, slope: float, near: float, pending: float, waited_s: float, distance: float
) -> float:
    """Chance that a sleeping agent starts a program at a wake-up.

    Args:
        p: Parameters of the class.
        volatility: Daily volatility of the price.
        slope: Mean volume of levels 2 to 21 on the side to be taken, base.
        near: Volume of its five best levels, base.
        pending: Size of the program, base.
        waited_s: Time since the last start; negative if there was none.
        distance: Relative distance of the fundamental from the last price.
    """
    calm = 1.0 / (1.0 + math.exp(min(p.volatility_slope * (volatility - p.volatility_midpoint), 700.0)))
    room = 1.0
    if 21.0 * slope <= pending:
        room = 1.0 + max(0.01, (42.0 * slope - pending) / pending)
    cheap = 0.0
    if slope > 0.0:
        cheap = min(1.0, room / (1.0 + math.exp(min(2.0 * (slope - p.depth_share * near) / slope, 700.0))))
    rested = 1.0 if waited_s < 0.0 else min(1.0, waited_s / p.time_scale_s)
    return float(calm * cheap * rested * min(1.0, p.distance_coefficient * distance))


@kernel
def _steps_per_look(p: Record) -> float:
    """What a step of the volatility estimator is of the interval between looks: a second of it, or all."""
    return 1.0 / p.look_s if p.estimator == ON_BARS else 1.0


@kernel
def _estimate(b: Record, g: Record, change: float, now_ns: int) -> None:
    """One GARCH step with the log return `change` and the scatter of recent trades."""
    p = g.p.algo
    scatter = trade_variance(b, now_ns - int(p.look_s * SECOND))
    g.algo_variance = (
        p.garch_omega * _steps_per_look(p)
        + p.garch_alpha * change**2
        + p.garch_beta * g.algo_variance
        + p.garch_gamma * scatter
    )


@kernel
def algo_bar(b: Record, g: Record, now_ns: int) -> None:
    """A bar has closed at `now_ns`: where the estimator lives on bars, it takes a step."""
    if g.p.algo.count > 0.0 and g.p.algo.estimator == ON_BARS:
        _estimate(b, g, g.bars[(g.bar_count - 1) % BAR_SLOTS].log_return, now_ns)


@kernel
def start_algo(b: Record, g: Record) -> None:
    """First look after one interval, first wake-up after the common waiting time."""
    p = g.p.algo
    if p.count == 0:
        return
    rng = b.rng[STREAM_ALGO]
    g.algo_remaining = rayleigh(rng, p.program_rayleigh_base)
    g.algo_variance = p.garch_omega * _steps_per_look(p) / (1.0 - p.garch_alpha - p.garch_beta)
    g.algo_mid = 0.01 * g.initial_tick
    g.algo_last_start_ns = -1
    look = folded_normal_ns(rng, p.feed_latency_mean_s, p.feed_latency_sd_s)
    schedule(b, b.now_ns + int(p.look_s * SECOND) + look, EV_ALGO_LOOK, 0, 0, 0, 0, 0)
    schedule(b, b.now_ns + int(p.first_wake_s * SECOND), EV_ALGO_WAKE, 0, 0, 0, 0, 0)


@kernel
def _measure_depth(b: Record, g: Record, side: int) -> None:
    near = 0
    behind = 0
    tick = seen_level(b, side, 0)
    for level in range(_LEVELS):
        if tick == 0:
            break
        lots = level_lots(b, side, tick)
        near += lots if level < _NEAR_LEVELS else 0
        behind += lots if level > 0 else 0
        tick = seen_level(b, side, tick)
    g.algo_top[side] = level_lots(b, side, seen_level(b, side, 0)) / LOTS_PER_BASE
    g.algo_near[side] = near / LOTS_PER_BASE
    g.algo_slope[side] = behind / LOTS_PER_BASE / (_LEVELS - 1)


@kernel
def _last_price(b: Record, g: Record) -> float:
    return float(0.01 * (b.last_tick if b.last_tick > 0 else g.initial_tick))


@kernel
def _send_slice(b: Record, g: Record, side: int, size: float) -> None:
    p = g.p.algo
    latency = order_latency_ns(b.rng[STREAM_ALGO], p.order_latency_min_ms, p.order_latency_max_ms)
    send_market(b, g.slot_algo, side, size, latency)


@kernel
def algo_look(b: Record, g: Record) -> None:
    """Measure depth and, unless bars tell it, volatility; where five levels are deep, take the best one.

    With `acts_at_once` every look acts on the depth that it has just measured. Without, every other look acts
    on what the look before saw.
    """
    p = g.p.algo
    look = folded_normal_ns(b.rng[STREAM_ALGO], p.feed_latency_mean_s, p.feed_latency_sd_s)
    schedule(b, b.now_ns + int(p.look_s * SECOND) + look, EV_ALGO_LOOK, 0, 0, 0, 0, 0)
    g.algo_looks += 1
    side = BUY if g.fundamental >= _last_price(b, g) else SELL
    if p.acts_at_once > 0.0:
        _measure_depth(b, g, BUY)
        _measure_depth(b, g, SELL)
    deep = g.algo_near[1 - side] >= p.immediate_depth_base
    if (p.acts_at_once > 0.0 or g.algo_looks % 2 == 0) and g.algo_executing == 0 and deep:
        _send_slice(b, g, side, g.algo_top[1 - side])
    if p.acts_at_once == 0.0:
        _measure_depth(b, g, BUY)
        _measure_depth(b, g, SELL)
    if p.estimator != ON_BARS:
        mid = mid_price(b, g)
        _estimate(b, g, math.log(mid / g.algo_mid), b.now_ns)
        g.algo_mid = mid


@kernel
def algo_wake(b: Record, g: Record) -> None:
    """A sleeping agent may start a program; the next wake-up is set."""
    p = g.p.algo
    rng = b.rng[STREAM_ALGO]
    pause = min(abs(p.wake_mean_s + p.wake_sd_s * normal(rng)), p.wake_mean_s + 3.0 * p.wake_sd_s)
    schedule(b, b.now_ns + int(pause * SECOND), EV_ALGO_WAKE, 0, 0, 0, 0, 0)
    if g.algo_executing != 0:
        return
    last = _last_price(b, g)
    side = BUY if g.fundamental >= last else SELL
    waited = (b.now_ns - g.algo_last_start_ns) / SECOND if g.algo_last_start_ns >= 0 else -1.0
    chance = start_probability(
        p,
        math.sqrt(g.algo_variance * DAY_S / (p.look_s * _steps_per_look(p))),
        g.algo_slope[1 - side],
        g.algo_near[1 - side],
        g.algo_remaining,
        waited,
        abs(g.fundamental - last) / last,
    )
    if uniform(rng) >= chance:
        return
    account = b.accounts[g.slot_algo]
    funds = account.base_free / LOTS_PER_BASE if side == SELL else account.quote_free / UNITS_PER_QUOTE / last
    g.algo_executing = 1
    g.algo_side = side
    g.algo_remaining = min(rayleigh(rng, p.program_rayleigh_base), p.funds_fraction * funds)
    g.algo_last_start_ns = b.now_ns
    algo_slice(b, g)


@kernel
def algo_slice(b: Record, g: Record) -> None:
    """Send the next slice of the running program."""
    p = g.p.algo
    rng = b.rng[STREAM_ALGO]
    opposite = 1 - g.algo_side
    top = level_lots(b, opposite, seen_level(b, opposite, 0)) / LOTS_PER_BASE
    size = min(g.algo_remaining, max(lognormal(rng, p.slice_log_mean, p.slice_log_sd), top))
    _send_slice(b, g, g.algo_side, size)
    g.algo_remaining -= size
    if g.algo_remaining <= _LEAST_REMAINING:
        g.algo_executing = 0
        g.algo_remaining = rayleigh(rng, p.program_rayleigh_base)
        return
    pause = folded_normal_ns(rng, p.feed_latency_mean_s, p.feed_latency_sd_s)
    pause += int(SECOND * abs(p.wake_mean_s + p.wake_sd_s * normal(rng)))
    schedule(b, b.now_ns + pause, EV_ALGO_SLICE, 0, 0, 0, 0, 0)
