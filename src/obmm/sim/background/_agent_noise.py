"""Noise traders on the spin field: rare, large market orders in the direction of the majority.

Their limit orders exceed the trader's funds in every version before 0.6; there only the spins notice them.
"""

from __future__ import annotations

import math

from obmm.sim._jit import Record, kernel
from obmm.sim._random import beta, integer_below, uniform
from obmm.sim.background._agent_orders import mid_price, send_limit, send_market, to_tick
from obmm.sim.background._agent_timing import acd_ns, folded_normal_ns, order_latency_ns, start_clock
from obmm.sim.background._layout import EV_NOISE_TURN, SECOND, STREAM_FIELD, STREAM_NOISE
from obmm.sim.background._process_field import update_site
from obmm.sim.exchange._layout import BUY, LOTS_PER_BASE, SELL, UNITS_PER_QUOTE
from obmm.sim.exchange._queue import schedule

_NEWTON_STEPS = 40
_ROOM_FOR_FEES = 0.99


@kernel
def price_at(log_forecast: float, slope: float) -> float:
    """The price p at which log_forecast - ln p = slope p.

    Newton in ln p from the right of the root, where the function is increasing and convex.
    """
    y = log_forecast
    for _ in range(_NEWTON_STEPS):
        step = (y + slope * math.exp(y) - log_forecast) / (1.0 + slope * math.exp(y))
        y -= step
        if abs(step) < 1e-15 * max(abs(y), 1.0):
            break
    return math.exp(y)


@kernel
def start_noise(b: Record, g: Record) -> None:
    """Start the clock of the class."""
    p = g.p.noise
    if p.count > 0:
        start_clock(g.noise_clock, p.clock)
        first = folded_normal_ns(b.rng[STREAM_NOISE], p.feed_latency_mean_s, p.feed_latency_sd_s)
        schedule(b, b.now_ns + first, EV_NOISE_TURN, 0, 0, 0, 0, 0)


@kernel
def noise_turn(b: Record, g: Record) -> None:
    """A random trader of the class decides on the book as it stands; the next turn is set."""
    p = g.p.noise
    rng = b.rng[STREAM_NOISE]
    pause = acd_ns(rng, g.noise_clock, p.clock, g.magnetization)
    pause += folded_normal_ns(rng, p.feed_latency_mean_s, p.feed_latency_sd_s)
    schedule(b, b.now_ns + pause, EV_NOISE_TURN, 0, 0, 0, 0, 0)

    site = integer_below(rng, int(p.count))
    agent = g.slot_noise + site
    side_length = int(g.p.field.side)
    row, column = site // side_length, site % side_length
    spin = g.spins[row, column]
    m = g.magnetization
    base = b.accounts[agent].base_free / LOTS_PER_BASE
    quote = b.accounts[agent].quote_free / UNITS_PER_QUOTE
    mid = mid_price(b, g)
    share = 0.5 * p.balance_coefficient * (1.0 + spin * m)
    latency = order_latency_ns(rng, p.order_latency_min_ms, p.order_latency_max_ms)

    aligned = spin * m > 0.0
    if aligned and uniform(rng) < abs(m):
        if spin > 0:
            worst = mid * (1.0 + 3.0 * p.sigma) if p.limit_orders > 0.0 else mid
            send_market(b, agent, BUY, share * quote / worst, latency)
        else:
            send_market(b, agent, SELL, share * base, latency)
        return
    weight = abs(0.5 - abs(m)) if aligned else 1.0 - abs(m)

    # Demand (ln(F/p) + sigma) / (sigma p) equals the holdings at `indifferent` and uses all quote at `least`.
    log_forecast = math.log(mid) + p.sigma + p.field_weight * m + g.magnetization_return
    forecast = math.exp(log_forecast)
    indifferent = price_at(log_forecast + p.sigma, p.sigma * base)
    least = price_at(log_forecast + p.sigma - p.sigma * quote, p.sigma * base)
    low, high = least, forecast
    if p.limit_orders == 0.0:
        low, high = least * (1.0 + share), forecast * (1.0 - share)
    middle = (indifferent - low) / (high - low)
    mode = middle * (1.0 - weight) if spin >= 0 else middle + (1.0 - middle) * weight
    price = low + beta(rng, 4.0 * mode + 1.0, 4.0 * (1.0 - mode) + 1.0) * (high - low)
    side = BUY if price < indifferent else SELL
    g.spins[row, column] = 1 if side == BUY else -1
    update_site(g, b.rng[STREAM_FIELD], site)
    if p.limit_orders > 0.0:
        wanted = (log_forecast + p.sigma - math.log(price)) / (p.sigma * price) - base
        size = min(wanted, _ROOM_FOR_FEES * quote / price) if side == BUY else min(-wanted, base)
        send_limit(b, agent, side, to_tick(price), size, latency, int(p.life_s * SECOND))
