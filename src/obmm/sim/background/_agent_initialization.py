"""The wall of orders at the start: uniform in price and size, never replenished."""

from __future__ import annotations

from obmm.sim._jit import Record, kernel
from obmm.sim._random import uniform, uniform_between
from obmm.sim.background._agent_orders import to_tick
from obmm.sim.background._layout import STREAM_INITIALIZATION
from obmm.sim.exchange._layout import BUY, LOTS_PER_BASE, SELL, UNITS_PER_QUOTE
from obmm.sim.exchange._orders import place_limit


@kernel
def _spend_quote(b: Record, g: Record, agent: int) -> None:
    highest = 0.01 * g.initial_tick - 0.01
    while True:
        price = highest * (1.0 - uniform(b.rng[STREAM_INITIALIZATION]))  # never 0
        size = uniform_between(b.rng[STREAM_INITIALIZATION], 0.0, g.p.initialization.max_order_base)
        affordable = b.accounts[agent].quote_free / (UNITS_PER_QUOTE * price)
        place_limit(b, agent, BUY, to_tick(price), int(LOTS_PER_BASE * min(size, affordable)), False)
        if affordable <= size:
            return


@kernel
def _sell_base(b: Record, g: Record, agent: int) -> None:
    initial = 0.01 * g.initial_tick
    while True:
        price = uniform_between(b.rng[STREAM_INITIALIZATION], initial + 0.01, 2.0 * initial)
        size = uniform_between(b.rng[STREAM_INITIALIZATION], 0.0, g.p.initialization.max_order_base)
        left = b.accounts[agent].base_free
        lots = int(LOTS_PER_BASE * size)
        place_limit(b, agent, SELL, to_tick(price), min(lots, left), False)
        if left <= lots:
            return


@kernel
def place_initial_orders(b: Record, g: Record) -> None:
    """All agents of the class bid below the initial price with their quote and offer their base above it."""
    for agent in range(g.slot_initialization, g.slot_initialization + int(g.p.initialization.count)):
        _spend_quote(b, g, agent)
        _sell_base(b, g, agent)
