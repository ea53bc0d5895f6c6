"""Stylized traders: fundamental, chartist and noise forecasts mixed by each trader's own weights.

The demand follows Chiarella, Iori and Perelló (2009) with wealth-dependent risk aversion: at price x a
trader of forecast F wants  ln(F/x) / (var x) ((base x + quote) / risk + hara)  of the asset.
"""

from __future__ import annotations

import math

from obmm.sim._jit import Record, kernel
from obmm.sim._random import Stream, integer_below, laplace, normal, uniform, uniform_between
from obmm.sim.background._agent_orders import (
    mid_price,
    outside_touch,
    send_limit,
    send_market,
    send_post_only,
    to_tick,
)
from obmm.sim.background._agent_timing import folded_normal_ns, order_latency_ns, start_clock, turn_ns
from obmm.sim.background._bars import bar_moments
from obmm.sim.background._layout import (
    DAY_S,
    EV_STYLIZED_POLL,
    EV_STYLIZED_TURN,
    NORMAL_CLOCK,
    ON_BARS,
    SECOND,
    STREAM_STYLIZED,
)
from obmm.sim.exchange._layout import BUY, LOTS_PER_BASE, SELL, UNITS_PER_QUOTE
from obmm.sim.exchange._queue import schedule

_HALVINGS = 50
_LEAST_PRICE = 0.01
_LEAST_VARIANCE = 1e-18


@kernel
def post_only_probability(guard: Record, variance: float) -> float:
    """Logistic in the variance of returns (0.5.x) or in their deviation (0.6.x)."""
    if guard.kind == 0.0:
        midpoint = 5.095 * guard.level
        slope = math.log((1.0 - 1e-6) / 1e-6) / (midpoint - 0.1 * guard.level)
        excess = slope * (variance - midpoint)
    else:
        slope = math.log(99.0) / (guard.midpoint * (guard.band - 1.0))
        excess = slope * (math.sqrt(variance) - guard.midpoint)
    return 1.0 / (1.0 + math.exp(min(max(-excess, -700.0), 700.0)))


@kernel
def demand(
    price: float, forecast: float, variance: float, wealth: float, risk: float, hara: float, inside: bool
) -> float:
    """Base wanted at `price`; `inside` adds the constant to wealth instead of to the ratio."""
    appetite = (wealth + hara) / risk if inside else wealth / risk + hara
    return math.log(forecast / price) / (variance * price) * appetite


@kernel
def price_of_demand(
    forecast: float,
    variance: float,
    base: float,
    quote: float,
    risk: float,
    hara: float,
    inside: bool,
    spends_all: bool,
) -> float:
    """Where demand equals the holding, or (`spends_all`) where buying it uses all quote; by bisection."""
    low, high = min(_LEAST_PRICE, forecast), forecast
    for _ in range(_HALVINGS):
        x = 0.5 * (low + high)
        more = demand(x, forecast, variance, base * x + quote, risk, hara, inside) - base
        if (x * more > quote) if spends_all else (more > 0.0):
            low = x
        else:
            high = x
    return 0.5 * (low + high)


@kernel
def draw_trader(trader: Record, p: Record, rng: Stream) -> None:
    """The constants of one trader, drawn once per block of books."""
    fundamental = abs(laplace(rng, p.sigma_fundamental, p.sigma_fundamental))
    chartist = abs(laplace(rng, p.sigma_chartist, p.sigma_chartist))
    noise = abs(laplace(rng, p.sigma_noise, p.sigma_noise))
    k = (1.0 + fundamental) / (1.0 + chartist)
    c = (1.0 + p.sigma_chartist) / (1.0 + p.sigma_fundamental)
    trader.weight_fundamental = fundamental
    trader.weight_chartist = chartist
    trader.weight_noise = noise
    trader.tau_ns = SECOND * min(max(p.poll_interval_s * c * k, p.poll_interval_min_s), p.poll_interval_max_s)
    length = math.ceil(math.floor(p.history * c) * k)
    trader.history = int(min(max(length, p.history_min), p.history_max))
    trader.risk = p.risk_aversion * c * k


@kernel
def start_histories(g: Record, rng: Stream) -> None:
    """Fill the traders' returns with those of one common path before the start.

    A Brownian path on a grid that is fine for the last day and coarse before it, read backward by each
    trader at its own interval.
    """
    p = g.p.stylized
    fine_s, coarse_s, day_points = 10.0, 600.0, 8640
    reach_s = 0.0
    for i in range(int(p.count)):
        trader = g.traders[i]
        reach_s = max(reach_s, trader.tau_ns / SECOND * (trader.history + 1))
    points = day_points + int(max(reach_s - DAY_S, 0.0) / coarse_s) + 2
    # The far end of the pool, which the traders' own returns never reach.
    start = g.history.size - points
    path = g.history[start:]
    path[0] = 0.0
    for j in range(1, points):
        step_s = fine_s if j <= day_points else coarse_s
        path[j] = path[j - 1] + p.start_sigma_per_sqrt_day * math.sqrt(step_s / DAY_S) * normal(rng)
    for i in range(int(p.count)):
        trader = g.traders[i]
        near = path[0]
        for n in range(trader.history):
            back_s = trader.tau_ns / SECOND * (n + 1)
            place = back_s / fine_s if back_s <= DAY_S else day_points + (back_s - DAY_S) / coarse_s
            j = int(place)
            far = path[j] + (place - j) * (path[j + 1] - path[j])
            # The newest return is the last to be replaced.
            g.history[trader.first + trader.history - 1 - n] = near - far
            near = far


@kernel
def _push_poll(g: Record, time_ns: int, i: int) -> None:
    hole = g.poll_count
    g.poll_count += 1
    while hole > 0 and time_ns < g.poll_time[(hole - 1) >> 1]:
        g.poll_time[hole] = g.poll_time[(hole - 1) >> 1]
        g.poll_agent[hole] = g.poll_agent[(hole - 1) >> 1]
        hole = (hole - 1) >> 1
    g.poll_time[hole] = time_ns
    g.poll_agent[hole] = i


@kernel
def _delay_first_poll(g: Record, time_ns: int) -> None:
    """Give the trader whose poll is due its next one."""
    i = g.poll_agent[0]
    hole = 0
    while True:
        child = 2 * hole + 1
        if child >= g.poll_count:
            break
        if child + 1 < g.poll_count and g.poll_time[child + 1] < g.poll_time[child]:
            child += 1
        if g.poll_time[child] >= time_ns:
            break
        g.poll_time[hole] = g.poll_time[child]
        g.poll_agent[hole] = g.poll_agent[child]
        hole = child
    g.poll_time[hole] = time_ns
    g.poll_agent[hole] = i


@kernel
def start_stylized(b: Record, g: Record) -> None:
    """Histories, polls and the clock of the class."""
    p = g.p.stylized
    rng = b.rng[STREAM_STYLIZED]
    count = int(p.count)
    if count == 0:
        return
    if p.clock.kind != NORMAL_CLOCK:
        start_clock(g.stylized_clock, p.clock)
    schedule(b, b.now_ns + turn_ns(rng, g.stylized_clock, p.clock), EV_STYLIZED_TURN, 0, 0, 0, 0, 0)
    if p.returns == ON_BARS:
        return
    start_histories(g, rng)
    for i in range(count):
        g.traders[i].price = 0.01 * g.initial_tick
        wait = g.traders[i].tau_ns + folded_normal_ns(rng, p.feed_latency_mean_s, p.feed_latency_sd_s)
        _push_poll(g, b.now_ns + int(wait), i)
    schedule(b, g.poll_time[0], EV_STYLIZED_POLL, 0, 0, 0, 0, 0)


@kernel
def stylized_poll(b: Record, g: Record) -> None:
    """The trader whose poll is due takes the log return since its last one."""
    p = g.p.stylized
    trader = g.traders[g.poll_agent[0]]
    price = mid_price(b, g)
    g.history[trader.first + trader.oldest] = math.log(price / trader.price)
    trader.oldest = (trader.oldest + 1) % trader.history
    trader.price = price
    latency = folded_normal_ns(b.rng[STREAM_STYLIZED], p.feed_latency_mean_s, p.feed_latency_sd_s)
    _delay_first_poll(g, b.now_ns + int(trader.tau_ns) + latency)
    schedule(b, g.poll_time[0], EV_STYLIZED_POLL, 0, 0, 0, 0, 0)


@kernel
def _own_moments(g: Record, trader: Record) -> tuple[float, float]:
    """Mean and population variance of the returns a trader keeps."""
    n = trader.history
    mean = 0.0
    for j in range(trader.first, trader.first + n):
        mean += g.history[j]
    mean /= n
    square = 0.0
    for j in range(trader.first, trader.first + n):
        square += (g.history[j] - mean) ** 2
    return mean, square / n


@kernel
def stylized_turn(b: Record, g: Record) -> None:
    """A random trader of the class acts on what it knows; the next turn is set."""
    p = g.p.stylized
    rng = b.rng[STREAM_STYLIZED]
    schedule(b, b.now_ns + turn_ns(rng, g.stylized_clock, p.clock), EV_STYLIZED_TURN, 0, 0, 0, 0, 0)
    i = integer_below(rng, int(p.count))
    trader = g.traders[i]
    agent = g.slot_stylized + i
    on_bars = p.returns == ON_BARS
    if on_bars:
        price = mid_price(b, g)
        trend, variance = bar_moments(g, trader.history)
        variance = max(variance, (0.01 / price) ** 2)
    else:
        price = trader.price
        trend, variance = _own_moments(g, trader)
        variance = max(variance, _LEAST_VARIANCE)

    value = math.log(g.fundamental / price) / p.fundamental_horizon
    forecast_return = (
        trader.weight_fundamental * value
        + trader.weight_chartist * trend
        + trader.weight_noise * p.noise_sd * normal(rng)
    ) / (trader.weight_fundamental + trader.weight_chartist + trader.weight_noise)
    periods = max(1.0, math.log(trader.history))
    forecast = price * math.exp(min(max(forecast_return, -1.0), 1.0) * periods)
    base = b.accounts[agent].base_free / LOTS_PER_BASE
    quote = b.accounts[agent].quote_free / UNITS_PER_QUOTE
    risk = trader.risk
    indifferent = price_of_demand(forecast, variance, base, quote, risk, p.hara, on_bars, False)
    least = price_of_demand(forecast, variance, base, quote, risk, p.hara, on_bars, True)
    if on_bars:
        limit = uniform_between(rng, max(least, _LEAST_PRICE), forecast)
    else:
        limit = uniform_between(rng, max(1.01 * least, _LEAST_PRICE), 0.99 * forecast)
    wanted = demand(limit, forecast, variance, base * limit + quote, risk, p.hara, on_bars) - base
    if limit < indifferent:
        side = BUY
        size = min(wanted, p.funds_fraction * quote / limit)
    else:
        side = SELL
        size = min(-wanted, base)

    latency = order_latency_ns(rng, p.order_latency_min_ms, p.order_latency_max_ms)
    life = int(trader.tau_ns * periods)
    if uniform(rng) < post_only_probability(p.guard, variance):
        tick = to_tick(limit)
        if p.slides_post_only > 0.0:
            tick = outside_touch(b, side, tick)
        send_post_only(b, agent, side, tick, size, latency, life)
        return
    away = limit / price - 1.0 if side == BUY else 1.0 - limit / price
    if away > p.market_band and uniform(rng) < away**p.market_exponent:
        send_market(b, agent, side, size, latency)
    else:
        send_limit(b, agent, side, to_tick(limit), size, latency, life)
