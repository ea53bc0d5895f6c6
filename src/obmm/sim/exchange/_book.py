"""The order book: queues of orders at price levels, best prices, depth."""

from __future__ import annotations

import numpy as np

from obmm.market import FloatArray
from obmm.sim._jit import Record, kernel
from obmm.sim.exchange._bits import clear_level, level_above, level_below, set_level
from obmm.sim.exchange._layout import BUY, FAR_TICK, FAULT_ORDERS, LOTS_PER_BASE, ORDER_SLOTS, TICKS_PER_QUOTE


@kernel
def take_order_slot(b: Record) -> int:
    """A free order slot, 0 when there is none."""
    slot = b.order_free
    if slot:
        b.order_free = b.orders[slot].next
    elif b.order_top + 1 < ORDER_SLOTS:
        b.order_top += 1
        slot = b.order_top
    else:
        b.fault |= FAULT_ORDERS
    return int(slot)


@kernel
def give_order_slot(b: Record, slot: int) -> None:
    """Hand a slot back; the id is cleared so that stale references do not match."""
    b.orders[slot].id = 0
    b.orders[slot].next = b.order_free
    b.order_free = slot


@kernel
def queue_of(side: int, tick: int) -> int:
    """Index into `levels` of the queue that holds `tick` of `side`."""
    return tick if tick < FAR_TICK else FAR_TICK + side


@kernel
def is_better(side: int, a: int, b: int) -> bool:
    """Whether price `a` comes before price `b` on `side`."""
    return a > b if side == BUY else a < b


@kernel
def crosses(side: int, limit: int, tick: int) -> bool:
    """Whether an order of `side` at `limit` may trade with a resting order at `tick`."""
    return tick <= limit if side == BUY else tick >= limit


@kernel
def _insert(b: Record, slot: int, level: int) -> None:
    order = b.orders[slot]
    queue = b.levels[level]
    before = queue.tail
    if level >= FAR_TICK:
        while before and is_better(order.side, order.tick, b.orders[before].tick):
            before = b.orders[before].prev
    after = b.orders[before].next if before else queue.head
    order.prev = before
    order.next = after
    if before:
        b.orders[before].next = slot
    else:
        queue.head = slot
    if after:
        b.orders[after].prev = slot
    else:
        queue.tail = slot
    queue.lots += order.lots


@kernel
def _find_touch(b: Record, side: int) -> None:
    level = level_below(b, side, FAR_TICK) if side == BUY else level_above(b, side, 0)
    if level < 0:
        b.touch[side] = 0
    else:
        b.touch[side] = b.orders[b.levels[queue_of(side, level)].head].tick


@kernel
def add_order(b: Record, slot: int) -> None:
    """Let the order in `slot` stand last at its price."""
    order = b.orders[slot]
    side, tick = order.side, order.tick
    level = queue_of(side, tick)
    if b.levels[level].head == 0:
        set_level(b, side, min(tick, FAR_TICK))
    _insert(b, slot, level)
    b.live[side] += 1
    if b.touch[side] == 0 or is_better(side, tick, b.touch[side]):
        b.touch[side] = tick


@kernel
def remove_order(b: Record, slot: int) -> None:
    """Take the order in `slot` out of its queue, with what is left of its volume."""
    order = b.orders[slot]
    side, tick = order.side, order.tick
    level = queue_of(side, tick)
    queue = b.levels[level]
    queue.lots -= order.lots
    if order.prev:
        b.orders[order.prev].next = order.next
    else:
        queue.head = order.next
    if order.next:
        b.orders[order.next].prev = order.prev
    else:
        queue.tail = order.prev
    b.live[side] -= 1
    if queue.head == 0:
        clear_level(b, side, min(tick, FAR_TICK))
    if tick == b.touch[side] and (queue.head == 0 or level >= FAR_TICK):
        _find_touch(b, side)


@kernel
def reduce_order(b: Record, slot: int, lots: int) -> None:
    """Take `lots` off an order, which keeps its place."""
    order = b.orders[slot]
    order.lots -= lots
    b.levels[queue_of(order.side, order.tick)].lots -= lots


@kernel
def best_order(b: Record, side: int) -> int:
    """Slot of the first order to trade on `side`, 0 if it is empty."""
    tick = b.touch[side]
    return int(b.levels[queue_of(side, tick)].head) if tick else 0


@kernel
def order_behind(b: Record, slot: int) -> int:
    """Slot of the order that would trade after `slot`, 0 at the end of the side."""
    order = b.orders[slot]
    if order.next:
        return int(order.next)
    side = order.side
    if side == BUY:
        level = level_below(b, side, min(order.tick, FAR_TICK) - 1)
    else:
        level = level_above(b, side, order.tick + 1) if order.tick < FAR_TICK else -1
    return int(b.levels[queue_of(side, level)].head) if level >= 0 else 0


@kernel
def next_level(b: Record, side: int, tick: int) -> int:
    """The next worse price that holds orders, 0 if there is none; `tick` 0 asks for the best one."""
    if tick == 0:
        return int(b.touch[side])
    level = queue_of(side, tick)
    slot = b.levels[level].tail
    if level >= FAR_TICK:
        slot = b.levels[level].head
        while slot and not is_better(side, tick, b.orders[slot].tick):
            slot = b.orders[slot].next
        if slot or side != BUY:
            return int(b.orders[slot].tick) if slot else 0
    found = level_below(b, side, min(tick, FAR_TICK) - 1) if side == BUY else level_above(b, side, tick + 1)
    return int(b.orders[b.levels[queue_of(side, found)].head].tick) if found >= 0 else 0


@kernel
def level_lots(b: Record, side: int, tick: int) -> int:
    """Volume resting at `tick` on `side`."""
    if b.touch[side] == 0 or is_better(side, tick, b.touch[side]):
        return 0
    level = queue_of(side, tick)
    if level < FAR_TICK:
        return int(b.levels[level].lots)
    total = 0
    slot = b.levels[level].head
    while slot:
        if b.orders[slot].tick == tick:
            total += b.orders[slot].lots
        slot = b.orders[slot].next
    return total


@kernel
def depth_lots(b: Record, side: int, n_levels: int) -> int:
    """Volume in the best `n_levels` levels of `side`."""
    total = 0
    tick = b.touch[side]
    for _ in range(n_levels):
        if tick == 0:
            break
        total += level_lots(b, side, tick)
        tick = next_level(b, side, tick)
    return total


@kernel
def snapshot(b: Record, prices: FloatArray, sizes: FloatArray, row: int) -> None:
    """Write the best levels of both sides into a row of `prices` and `sizes` (2, R, L); NaN and 0 pad."""
    for side in range(2):
        tick = b.touch[side]
        for level in range(prices.shape[2]):
            if tick == 0:
                prices[side, row, level] = np.nan
                sizes[side, row, level] = 0.0
                continue
            prices[side, row, level] = tick / TICKS_PER_QUOTE
            sizes[side, row, level] = level_lots(b, side, tick) / LOTS_PER_BASE
            tick = next_level(b, side, tick)
