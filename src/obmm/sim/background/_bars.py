"""One-second bars of a book, shared by the agents of version 0.6: only closed bars are visible."""

from __future__ import annotations

import math

from obmm.sim._jit import Record, kernel
from obmm.sim.background._agent_orders import mid_price
from obmm.sim.background._layout import BAR_SLOTS
from obmm.sim.exchange._layout import BUY, LOTS_PER_BASE, SELL


@kernel
def close_bar(b: Record, g: Record) -> None:
    """Close the running bar: its price is the last trade's, or the mid of what stands if there was none."""
    price = 0.01 * b.last_tick
    if b.trades_done == g.bar_trades:
        both = b.touch[BUY] > 0 and b.touch[SELL] > 0
        price = 0.005 * (b.touch[BUY] + b.touch[SELL]) if both else mid_price(b, g)
    bar = g.bars[g.bar_count % BAR_SLOTS]
    bar.log_return = math.log(price / g.bar_price) if g.bar_count > 0 else 0.0
    bar.lots = b.traded_lots - g.bar_traded_lots
    g.bar_price = price
    g.bar_trades = b.trades_done
    g.bar_traded_lots = b.traded_lots
    g.bar_count += 1


@kernel
def bar_moments(g: Record, window: int) -> tuple[float, float]:
    """Mean log return per bar and sum of squared log returns of the last `window` closed bars."""
    n = min(window, g.bar_count - 1, BAR_SLOTS)
    total = 0.0
    squares = 0.0
    for j in range(g.bar_count - n, g.bar_count):
        change = g.bars[j % BAR_SLOTS].log_return
        total += change
        squares += change * change
    return total / max(n, 1), squares


@kernel
def volume_per_second(g: Record, window: int) -> float:
    """Base traded per second over the last `window` closed bars."""
    n = min(window, g.bar_count, BAR_SLOTS)
    lots = 0
    for j in range(g.bar_count - n, g.bar_count):
        lots += g.bars[j % BAR_SLOTS].lots
    return float(lots / LOTS_PER_BASE / max(n, 1))
