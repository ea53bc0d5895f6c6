"""The resident market makers up to version 0.5.x: each refreshes its two quotes on a timer.

Their prices follow Avellaneda and Stoikov (2008) with a maker-rate factor and Rayleigh noise.
"""

from __future__ import annotations

import math

from obmm.sim._jit import Record, kernel
from obmm.sim._random import Stream, lognormal, normal, rayleigh, uniform, uniform_between
from obmm.sim.background._agent_orders import mid_price, send_limit, send_market, to_tick
from obmm.sim.background._agent_timing import order_latency_ns
from obmm.sim.background._layout import EV_MAKER_TURN, STREAM_MAKERS
from obmm.sim.exchange._book import level_lots
from obmm.sim.exchange._ghosts import seen_level
from obmm.sim.exchange._layout import BUY, LOTS_PER_BASE, SELL
from obmm.sim.exchange._queue import schedule

_MS = 1e6
_LEAST_INVENTORY = 0.1


@kernel
def rayleigh_shift(scale: float, quantile: float) -> float:
    """The `quantile` of a Rayleigh distribution."""
    return scale * math.sqrt(-2.0 * math.log(1.0 - quantile))


@kernel
def fixed_spread(gamma: float, kappa: float) -> float:
    """The liquidity part (2/gamma) ln(1 + gamma/kappa) of the optimal spread, quote."""
    return 2.0 / gamma * math.log(1.0 + gamma / kappa)


@kernel
def maker_spread(fixed: float, gamma: float, variance: float, horizon: float, rate_factor: float) -> float:
    """Quoted spread, quote: risk part for the `horizon` left plus the fixed part, times the fee factor."""
    return (variance * gamma * horizon + fixed) * rate_factor


@kernel
def cycle_ns(p: Record, gamma: float) -> float:
    """Refresh interval of a maker of risk aversion `gamma`."""
    return float(_MS * min(max(p.cycle_ms * p.gamma_mean / gamma, p.cycle_min_ms), p.cycle_max_ms))


@kernel
def rebalance_probability(
    p: Record, relative_spread: float, maker_rate: float, inventory: float, scale: float
) -> float:
    """Chance that a maker takes liquidity to reduce `inventory` instead of quoting."""
    if abs(inventory) <= _LEAST_INVENTORY:
        return 0.0
    # Next to a ghost the seen best prices may cross: no wider than nothing.
    tightness = max(relative_spread, 0.0) / p.rebalance_spread
    far = maker_rate - p.rebalance_maker_rate
    return (
        math.exp(-(tightness**p.rebalance_exponent))
        * math.exp(-far * far / (2.0 * p.rebalance_rate_variance))
        * min(max(abs(inventory) / scale, 1e-5), 1.0 - 1e-5)
    )


@kernel
def draw_maker(m: Record, p: Record, rng: Stream) -> None:
    """The constants of one maker, drawn once per block of books."""
    m.gamma = max(p.gamma_mean + p.gamma_sd * normal(rng), 0.01 * p.gamma_mean)
    m.inventory_scale = p.inventory_scale_mean + p.inventory_scale_sd * normal(rng)
    m.cycle_ns = cycle_ns(p, m.gamma)
    m.fixed_spread = fixed_spread(m.gamma, p.kappa)


@kernel
def start_makers(b: Record, g: Record) -> None:
    """All makers begin at once."""
    for i in range(int(g.p.high_frequency.count)):
        schedule(b, b.now_ns, EV_MAKER_TURN, i, 0, 0, 0, 0)


@kernel
def rebalance(
    b: Record, g: Record, agent: int, inventory: float, relative_spread: float, scale: float
) -> bool:
    """Send a market order toward a flat position with the model's probability; whether one went."""
    p = g.p.high_frequency
    rng = b.rng[STREAM_MAKERS]
    if uniform(rng) >= rebalance_probability(p, relative_spread, b.maker_rate, inventory, scale):
        return False
    side = SELL if inventory > 0.0 else BUY
    top = level_lots(b, 1 - side, seen_level(b, 1 - side, 0)) / LOTS_PER_BASE
    size = uniform_between(rng, _LEAST_INVENTORY, max(min(abs(inventory), top), _LEAST_INVENTORY))
    send_market(b, agent, side, size, order_latency_ns(rng, p.order_latency_min_ms, p.order_latency_max_ms))
    return True


@kernel
def maker_turn(b: Record, g: Record, i: int) -> None:
    """Maker `i` looks at the book, sends both quotes and sets its next turn."""
    p = g.p.high_frequency
    m = g.makers[i]
    rng = b.rng[STREAM_MAKERS]
    agent = g.slot_makers + i
    inventory = 0.0
    cycle = m.cycle_ns
    if p.tracks_inventory > 0.0:
        inventory = b.accounts[agent].net_lots / LOTS_PER_BASE
        cycle /= 1.0 + math.exp(min(abs(inventory) - m.inventory_scale, 700.0))
    interval = max(cycle, p.min_cycle_ms * _MS)
    schedule(b, b.now_ns + int(interval), EV_MAKER_TURN, i, 0, 0, 0, 0)
    if b.now_ns < m.busy_until_ns:
        return

    mid = mid_price(b, g)
    relative_spread = 0.01 * (seen_level(b, SELL, 0) - seen_level(b, BUY, 0)) / mid
    horizon = 1.0 - b.now_ns / b.duration_ns
    if abs(inventory) < _LEAST_INVENTORY or m.size[0] == 0.0:
        m.size[0] = lognormal(rng, p.size_log_mean, p.size_log_sd)
    if p.tracks_inventory > 0.0 and rebalance(b, g, agent, inventory, relative_spread, m.inventory_scale):
        return
    size = m.size[0] * relative_spread / p.reference_spread
    rate_factor = 1.0 + p.maker_rate_sensitivity * b.maker_rate
    half = 0.5 * maker_spread(m.fixed_spread, m.gamma, p.variance, horizon, rate_factor)
    centre = mid - m.gamma * inventory * p.variance * horizon
    shift = rayleigh_shift(p.noise_rayleigh, p.noise_shift_quantile)
    bid = centre - half - (rayleigh(rng, p.noise_rayleigh) - shift)
    ask = centre + half + (rayleigh(rng, p.noise_rayleigh) - shift)
    life = int(p.life_cycles * interval)
    ask_latency = order_latency_ns(rng, p.order_latency_min_ms, p.order_latency_max_ms)
    bid_latency = order_latency_ns(rng, p.order_latency_min_ms, p.order_latency_max_ms)
    send_limit(b, agent, SELL, to_tick(ask), size, ask_latency, life)
    send_limit(b, agent, BUY, to_tick(bid), size, bid_latency, life)
    if p.one_cycle_at_a_time > 0.0:
        m.busy_until_ns = b.now_ns + 2 * min(ask_latency, bid_latency)
