"""What agents send, on its way: placements that arrive later, and the cancels that follow them."""

from __future__ import annotations

import math

from obmm.sim._jit import Record, kernel
from obmm.sim.background._layout import EV_PLACE_LIMIT, EV_PLACE_MARKET, EV_PLACE_POST_ONLY
from obmm.sim.exchange._ghosts import seen_level
from obmm.sim.exchange._layout import BUY, EV_CANCEL, LOTS_PER_BASE, SELL, TICKS_PER_QUOTE, VALID
from obmm.sim.exchange._orders import place_limit, place_market
from obmm.sim.exchange._queue import schedule

_BINARY_TICK = 0.01
_SPLITTER = 134_217_729.0  # 2**27 + 1
# No background account can pay for more; keeps absurd sizes inside 64 bits.
_MOST_BASE = 1e8


@kernel
def to_lots(size_base: float) -> int:
    """Whole lots of a size, cut toward zero as the exchange does."""
    return int(LOTS_PER_BASE * min(max(size_base, 0.0), _MOST_BASE))


@kernel
def cut_to_tick(price: float) -> int:
    """Whole ticks of a binary price, cut toward zero without any error of its own.

    300.07 is stored as a number just above, 300.13 as one just below and loses a tick.
    """
    product = price * TICKS_PER_QUOTE
    ticks = math.floor(product)
    if product > ticks:
        return int(ticks)
    # The product was rounded to a whole number: the sign of that rounding error decides (Dekker 1971).
    split = _SPLITTER * price
    high = split - (split - price)
    low = price - high
    error = (high * TICKS_PER_QUOTE - product) + low * TICKS_PER_QUOTE
    return int(ticks) - 1 if error < 0.0 else int(ticks)


@kernel
def to_tick(price: float) -> int:
    """The price that agents send for `price`: the nearest multiple of the binary 0.01, cut by the exchange.

    36 % of the ticks around 300 lose one on the way, so that quotes sit a third of a tick low on average.
    """
    return cut_to_tick(math.floor(price / _BINARY_TICK + 0.5) * _BINARY_TICK)


@kernel
def mid_price(b: Record, g: Record) -> float:
    """Middle of the best prices as agents see them, quote; of those seen last while a side is empty."""
    bid, ask = seen_level(b, BUY, 0), seen_level(b, SELL, 0)
    if bid > 0 and ask > 0:
        g.mid2 = bid + ask
    return float(0.005 * g.mid2)


@kernel
def send_limit(
    b: Record, agent: int, side: int, tick: int, size_base: float, latency_ns: int, life_ns: int
) -> None:
    """A good-till-cancelled order that arrives after the latency and is withdrawn after its life.

    The life counts from when the sender has heard of the acceptance, one latency later.
    """
    until = latency_ns + life_ns
    schedule(b, b.now_ns + latency_ns, EV_PLACE_LIMIT, agent, side, tick, to_lots(size_base), until)


@kernel
def send_post_only(
    b: Record, agent: int, side: int, tick: int, size_base: float, latency_ns: int, life_ns: int
) -> None:
    """Like `send_limit`, refused if it would trade."""
    until = latency_ns + life_ns
    schedule(b, b.now_ns + latency_ns, EV_PLACE_POST_ONLY, agent, side, tick, to_lots(size_base), until)


@kernel
def send_market(b: Record, agent: int, side: int, size_base: float, latency_ns: int) -> None:
    """A market order that arrives after the latency."""
    schedule(b, b.now_ns + latency_ns, EV_PLACE_MARKET, agent, side, 0, to_lots(size_base), 0)


@kernel
def outside_touch(b: Record, side: int, tick: int) -> int:
    """`tick`, or the first price behind the opposite touch, as agents see it, if it is beyond."""
    opposite = seen_level(b, 1 - side, 0)
    if opposite == 0:
        return tick
    return int(min(tick, opposite - 1) if side == BUY else max(tick, opposite + 1))


@kernel
def arrive_limit(
    b: Record, agent: int, side: int, tick: int, lots: int, until_ns: int, post_only: bool
) -> None:
    """A limit order reaches the exchange; what rests will be withdrawn `until_ns` later."""
    if place_limit(b, agent, side, tick, lots, post_only) == VALID and b.placed_slot > 0:
        schedule(b, b.now_ns + until_ns, EV_CANCEL, agent, 0, b.placed_slot, 0, b.placed_id)


@kernel
def arrive_market(b: Record, agent: int, side: int, lots: int) -> None:
    """A market order reaches the exchange."""
    place_market(b, agent, side, lots)
