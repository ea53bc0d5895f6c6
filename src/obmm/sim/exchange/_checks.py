"""Walks over the opposite side that decide whether an order is accepted and what it needs.

Nothing here changes the book. In a walk an order meets the agent's own resting orders as its self-trade
mode says.
"""

from __future__ import annotations

from obmm.sim._jit import Record, kernel
from obmm.sim.exchange._book import best_order, crosses, order_behind
from obmm.sim.exchange._layout import (
    BUY,
    IOC,
    STP_BOTH,
    STP_DECREMENT,
    STP_NEWEST,
    STP_NONE,
    STP_OLDEST,
    UNITS_PER_TICK_LOT,
)

#: More than anyone owns; what a need comes to that does not fit into 64 bits.
TOO_MUCH = 1 << 62


@kernel
def product_units(tick: int, lots: int) -> int:
    """Quote units of `lots` at `tick`, `TOO_MUCH` where that does not fit."""
    if float(tick) * float(lots) * UNITS_PER_TICK_LOT >= TOO_MUCH:
        return TOO_MUCH
    return tick * lots * UNITS_PER_TICK_LOT


@kernel
def passed_over(stp: int) -> bool:
    """Whether walks for cost and size leave out own orders under this self-trade mode."""
    return stp in (STP_OLDEST, STP_NEWEST, STP_BOTH)


@kernel
def touches(b: Record, side: int, limit: int) -> bool:
    """Whether an order of `side` at `limit` meets the best opposite price."""
    best = b.touch[1 - side]
    return bool(best != 0 and crosses(side, limit, best))


@kernel
def executable_lots(b: Record, agent: int, side: int, limit: int, lots: int, tif: int, stp: int) -> int:
    """How much of an IOC or FOK order could execute, at most `lots`; 0 where its own orders forbid it."""
    found = 0
    slot = best_order(b, 1 - side)
    while slot and found < lots:
        order = b.orders[slot]
        if not crosses(side, limit, order.tick):
            break
        own = order.agent == agent
        if own and (stp == STP_NEWEST or (stp == STP_BOTH and tif == IOC)):
            return 0
        if own and stp == STP_BOTH:
            return lots
        if not (own and stp == STP_OLDEST):
            found += order.lots
        slot = order_behind(b, slot)
    return min(found, lots)


@kernel
def takes_liquidity(b: Record, agent: int, side: int, limit: int, lots: int, stp: int) -> bool:
    """Whether a post-only order would meet more than own orders that its self-trade mode removes."""
    if not touches(b, side, limit):
        return False
    if stp in (STP_NONE, STP_NEWEST):
        return True
    slot = best_order(b, 1 - side)
    if stp == STP_BOTH:
        return bool(b.orders[slot].agent != agent)
    crossed = 0
    while slot:
        order = b.orders[slot]
        if not crosses(side, limit, order.tick):
            break
        if order.agent != agent:
            return True
        crossed += order.lots
        slot = order_behind(b, slot)
    return bool(stp == STP_DECREMENT and crossed >= lots)


@kernel
def buy_cost(b: Record, agent: int, limit: int, lots: int, stp: int) -> int:
    """Quote units for the part of a buy that would trade now and, at a limit, the rest at that limit.

    A market order passes limit 0.
    """
    total = 0
    slot = best_order(b, 1 - BUY)
    while slot and lots:
        order = b.orders[slot]
        if limit and order.tick > limit:
            break
        if not (order.agent == agent and passed_over(stp)):
            taken = min(lots, order.lots)
            cost = product_units(order.tick, taken)
            if cost >= TOO_MUCH - total:
                return TOO_MUCH
            total += cost
            lots -= taken
        slot = order_behind(b, slot)
    rest = product_units(limit, lots)
    return TOO_MUCH if rest >= TOO_MUCH - total else total + rest


@kernel
def lots_for_quote(b: Record, agent: int, side: int, units: int, stp: int) -> int:
    """Volume that a market order for an amount of quote comes to."""
    lots = 0
    slot = best_order(b, 1 - side)
    while slot and units:
        order = b.orders[slot]
        if not (order.agent == agent and passed_over(stp)):
            if product_units(order.tick, order.lots) > units:
                return lots + int(units // (order.tick * UNITS_PER_TICK_LOT))
            lots += order.lots
            units -= order.tick * order.lots * UNITS_PER_TICK_LOT
        slot = order_behind(b, slot)
    return lots
