"""The resident market makers of version 0.6: they take turns on one clock and re-quote after their fills."""

from __future__ import annotations

import math

from obmm.sim._jit import Record, kernel
from obmm.sim._random import Stream, integer_below, lognormal, normal, rayleigh, uniform, uniform_between
from obmm.sim.background._agent_makers import (
    fixed_spread,
    maker_spread,
    rayleigh_shift,
    rebalance_probability,
)
from obmm.sim.background._agent_orders import mid_price, send_market, to_lots, to_tick
from obmm.sim.background._agent_timing import acd_ns, order_latency_ns, start_clock
from obmm.sim.background._bars import volume_per_second
from obmm.sim.background._layout import (
    EV_MAKER_QUOTE,
    EV_MAKER_REACTION,
    EV_MAKER_TURN,
    SECOND,
    STREAM_MAKERS,
)
from obmm.sim.exchange._book import level_lots
from obmm.sim.exchange._ghosts import seen_level
from obmm.sim.exchange._layout import (
    BUY,
    EV_CANCEL,
    FILLED_BUY,
    FILLED_SELL,
    LOTS_PER_BASE,
    SELL,
    UNITS_PER_QUOTE,
    VALID,
)
from obmm.sim.exchange._orders import place_limit, place_on_credit
from obmm.sim.exchange._queue import schedule

_MS = 1e6
_VOLUME_BARS = 30
_LEAST_INVENTORY = 0.1
_LEAST_FUNDS = 1e-9
_BOTH = FILLED_BUY | FILLED_SELL


@kernel
def draw_token_maker(m: Record, p: Record, rng: Stream) -> None:
    """The constants of one maker, drawn once per block of books."""
    # Not floored: where the deviation is half the mean, a few are negative and lean the other way.
    m.gamma = p.gamma_mean + p.gamma_sd * normal(rng)
    orders = max(p.inventory_scale_mean * (1.0 + 0.1 * normal(rng)), 1e-9)
    m.inventory_scale = orders * math.exp(p.size_log_mean + 0.5 * p.size_log_sd**2)
    m.fixed_spread = fixed_spread(m.gamma, p.kappa)


@kernel
def start_token_makers(b: Record, g: Record) -> None:
    """First sizes, which know no volume and no least order yet; the first turn well into the grace period."""
    p = g.p.high_frequency
    for i in range(int(p.count)):
        for side in range(2):
            g.makers[i].size[side] = lognormal(b.rng[STREAM_MAKERS], p.size_log_mean, p.size_log_sd)
    start_clock(g.maker_clock, p.clock)
    schedule(b, b.now_ns + int(p.first_turn_s * SECOND), EV_MAKER_TURN, 0, 0, 0, 0, 0)


@kernel
def _draw_size(b: Record, g: Record, rng: Stream) -> float:
    p = g.p.high_frequency
    per_second = volume_per_second(g, _VOLUME_BARS)
    log_mean = p.size_log_mean
    if per_second > 0.0:
        log_mean = math.log(p.size_volume_fraction * per_second) - 0.5 * p.size_log_sd**2
    # Not the venue's least order: where that is larger, makers of a quiet book have their quotes refused.
    return float(max(lognormal(rng, log_mean, p.size_log_sd), p.size_floor_base))


@kernel
def _refresh_sizes(b: Record, g: Record, m: Record, inventory: float) -> None:
    """New sizes when the position has another sign than when they were drawn."""
    if inventory == 0.0:
        return
    sign = 1 if inventory > 0.0 else -1
    if sign != m.sign:
        m.size[BUY] = _draw_size(b, g, b.rng[STREAM_MAKERS])
        m.size[SELL] = _draw_size(b, g, b.rng[STREAM_MAKERS])
        m.sign = sign


@kernel
def _lent_units(b: Record, g: Record, i: int, side: int, price: float) -> int:
    """What a maker borrows for a quote that exceeds its free funds, quote units."""
    p = g.p.high_frequency
    account = b.accounts[g.slot_makers + i]
    base = account.base_free / LOTS_PER_BASE
    quote = account.quote_free / UNITS_PER_QUOTE
    funds = p.wealth_fraction * (0.01 * seen_level(b, 1 - side, 0) * base + quote)
    cost = g.makers[i].size[side] * price
    if cost <= funds:
        return 0
    leverage = min((cost - funds) / max(funds, _LEAST_FUNDS), p.max_leverage)
    # More than the most is refused, however much it is.
    return int(UNITS_PER_QUOTE * min(cost * leverage / (1.0 + leverage), p.max_loan_quote + 1.0))


@kernel
def _send_quote(b: Record, g: Record, i: int, side: int, price: float) -> None:
    """Withdraw the quote of a side and send its successor, each with a latency of its own.

    A quote is in flight until its maker has heard of the acceptance, one latency after it arrived: until then
    the side is neither withdrawn nor quoted anew.
    """
    p = g.p.high_frequency
    m = g.makers[i]
    rng = b.rng[STREAM_MAKERS]
    if b.now_ns < m.in_flight_until_ns[side]:
        return
    withdraw_ns = order_latency_ns(rng, p.order_latency_min_ms, p.order_latency_max_ms)
    place_ns = order_latency_ns(rng, p.order_latency_min_ms, p.order_latency_max_ms)
    if m.resting_slot[side] > 0:
        schedule(b, b.now_ns + withdraw_ns, EV_CANCEL, i, 0, m.resting_slot[side], 0, m.resting_id[side])
    m.in_flight_until_ns[side] = b.now_ns + 2 * place_ns + 1
    lots, lent = to_lots(m.size[side]), _lent_units(b, g, i, side, price)
    schedule(b, b.now_ns + place_ns, EV_MAKER_QUOTE, i, side, to_tick(price), lots, lent)


@kernel
def _rebalance(b: Record, g: Record, i: int, inventory: float, relative_spread: float) -> float:
    """Perhaps send a market order toward a flat position; the inventory that the quotes then assume."""
    p = g.p.high_frequency
    rng = b.rng[STREAM_MAKERS]
    scale = g.makers[i].inventory_scale
    if uniform(rng) >= rebalance_probability(p, relative_spread, b.maker_rate, inventory, scale):
        return inventory
    side = SELL if inventory > 0.0 else BUY
    top = level_lots(b, 1 - side, seen_level(b, 1 - side, 0)) / LOTS_PER_BASE
    size = uniform_between(rng, _LEAST_INVENTORY, max(min(abs(inventory), top), _LEAST_INVENTORY))
    latency = order_latency_ns(rng, p.order_latency_min_ms, p.order_latency_max_ms)
    send_market(b, g.slot_makers + i, side, size, latency)
    return float(inventory - size if side == SELL else inventory + size)


@kernel
def _quote(b: Record, g: Record, i: int, sides: int) -> None:
    """Look at the book, perhaps rebalance, and quote `sides` on the position after it."""
    p = g.p.high_frequency
    m = g.makers[i]
    rng = b.rng[STREAM_MAKERS]
    mid = mid_price(b, g)
    inventory = b.accounts[g.slot_makers + i].net_lots / LOTS_PER_BASE
    # On the position before the rebalance.
    _refresh_sizes(b, g, m, inventory)
    best_bid, best_ask = seen_level(b, BUY, 0), seen_level(b, SELL, 0)
    inventory = _rebalance(b, g, i, inventory, 0.01 * (best_ask - best_bid) / mid)

    scale = mid / p.reference_price
    centre = mid - m.gamma * inventory * p.variance * p.inventory_horizon * scale
    rate_factor = 1.0 + p.maker_rate_sensitivity * b.maker_rate
    spread = maker_spread(m.fixed_spread, m.gamma, p.variance, p.inventory_horizon, rate_factor) * scale
    half = 0.5 * max(spread, 0.01 * p.min_spread_ticks)
    shift = rayleigh_shift(p.noise_rayleigh, p.noise_shift_quantile)
    bid = centre - half - (rayleigh(rng, p.noise_rayleigh) - shift) * scale
    ask = centre + half + (rayleigh(rng, p.noise_rayleigh) - shift) * scale
    if p.undercut_ticks > 0.0:
        if best_ask > 0:
            ask = max(centre + half, min(ask, 0.01 * (best_ask - p.undercut_ticks)))
        if best_bid > 0:
            bid = min(centre - half, max(bid, 0.01 * (best_bid + p.undercut_ticks)))
        if bid >= ask:
            bid, ask = centre - half, centre + half
    if sides & FILLED_SELL:
        _send_quote(b, g, i, SELL, ask)
    if sides & FILLED_BUY:
        _send_quote(b, g, i, BUY, bid)


@kernel
def token_maker_turn(b: Record, g: Record) -> None:
    """A random maker replaces both its quotes; the next turn is set."""
    p = g.p.high_frequency
    rng = b.rng[STREAM_MAKERS]
    schedule(b, b.now_ns + acd_ns(rng, g.maker_clock, p.clock, 0.0), EV_MAKER_TURN, 0, 0, 0, 0, 0)
    _quote(b, g, integer_below(rng, int(p.count)), _BOTH)


@kernel
def token_maker_place(b: Record, g: Record, i: int, side: int, tick: int, lots: int, lent: int) -> None:
    """A maker's quote arrives, with `lent` quote units to be borrowed for it."""
    m = g.makers[i]
    m.resting_slot[side] = 0
    agent = g.slot_makers + i
    if lent == 0:
        code = place_limit(b, agent, side, tick, lots, False)
    else:
        most = int(UNITS_PER_QUOTE * g.p.high_frequency.max_loan_quote)
        code = place_on_credit(b, agent, side, tick, lots, lent, most)
    if code != VALID:
        # Refusals are told at once.
        m.in_flight_until_ns[side] = 0
    elif b.placed_slot > 0:
        m.resting_slot[side] = b.placed_slot
        m.resting_id[side] = b.placed_id


@kernel
def token_maker_filled(b: Record, g: Record, i: int, filled: int) -> None:
    """A maker learns of a fill: it will look again at the sides concerned, once for all fills until then."""
    m = g.makers[i]
    m.flagged |= filled
    if m.reacting == 0:
        m.reacting = 1
        p = g.p.high_frequency
        wait_ns = int(_MS * p.reaction_ms)
        wait_ns += order_latency_ns(b.rng[STREAM_MAKERS], p.order_latency_min_ms, p.order_latency_max_ms)
        schedule(b, b.now_ns + wait_ns, EV_MAKER_REACTION, i, 0, 0, 0, 0)


@kernel
def token_maker_reaction(b: Record, g: Record, i: int) -> None:
    """A maker looks again after its fills: it may rebalance as in a turn, and re-quotes the filled sides."""
    m = g.makers[i]
    sides = m.flagged
    m.flagged = 0
    m.reacting = 0
    _quote(b, g, i, sides)
