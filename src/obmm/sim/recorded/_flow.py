"""Recorded orders in a book in which own orders stand.

Every recorded order lives exactly as long as in the recording: it arrives with its event, and what is left
of it goes with its cancel or its last recorded fill. Beside the book a count of what the recording says rests
at each price is kept (`recorded`), which knows nothing of own orders. Volume of which only the size is known
stands at its level as one nameless order, in front of all others.

An order's event tells its own volume, a level's size what leverage lends to it as well; what was lent stays
in that size when the order goes, until the level empties. It is kept apart (`lent`): shown, but traded with
by recorded fills alone that are larger than their order.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from obmm.market import IntArray
from obmm.sim._jit import Record, kernel
from obmm.sim.exchange._accounts import reserve, worth
from obmm.sim.exchange._book import crosses, reduce_order
from obmm.sim.exchange._layout import FAR_TICK, STP_NONE
from obmm.sim.exchange._matching import match, rest_order, withdraw
from obmm.sim.exchange._records import tape_cancel, tape_order

Rows = npt.NDArray[np.void]

#: What the recording says of the order with this id, where it stands here, and who traded under it.
FLOW_ORDER = np.dtype([("left", "i8"), ("slot", "i4"), ("side", "i4"), ("owner", "i4")], align=True)
#: Volume of unknown orders at one price: what the recording says is left, and the order that stands for it;
#: and what leverage lends to the orders there.
NAMELESS = np.dtype([("left", "i8"), ("slot", "i4"), ("lent", "i4")])


@kernel
def flow_account(b: Record) -> int:
    """The account of all recorded orders: that of the exchange itself, published as -2."""
    return int(b.n_miners + 1)


@kernel
def _nameless_id(side: int, tick: int) -> int:
    return -(1 + 2 * tick + side)


@kernel
def _stands(b: Record, slot: int, order_id: int) -> bool:
    return bool(slot != 0 and b.orders[slot].id == order_id)


@kernel
def _grow(b: Record, slot: int, lots: int) -> None:
    """Add `lots` to a resting order in its place, or take them off it."""
    order = b.orders[slot]
    amount = worth(order.side, order.tick, lots)
    order.reserved += amount
    reserve(b, order.agent, order.side, amount)
    reduce_order(b, slot, -lots)


@kernel
def _rest_in_front(b: Record, side: int, tick: int, lots: int, order_id: int) -> int:
    """An order that was there before all others of its price."""
    slot = rest_order(b, flow_account(b), side, tick, lots, order_id, -1)
    order = b.orders[slot]
    queue = b.levels[tick]
    if queue.head != slot:
        b.orders[order.prev].next = 0
        queue.tail = order.prev
        order.prev = 0
        order.next = queue.head
        b.orders[queue.head].prev = slot
        queue.head = slot
    return slot


@kernel
def count_recorded(recorded: IntArray, nameless: Rows, side: int, tick: int, lots: int) -> None:
    """The recording says that the volume at a price changed; what was lent there goes with the last order."""
    if tick < FAR_TICK:
        recorded[side, tick] += lots
        if recorded[side, tick] == 0:
            nameless[side, tick].lent = 0


@kernel
def take_lent(side: int, tick: int, lots: int, nameless: Rows) -> int:
    """Less of what leverage lends at a price, up to `lots`; by how much."""
    if tick >= FAR_TICK:
        return 0
    volume = nameless[side, tick]
    taken = min(lots, volume.lent)
    volume.lent -= taken
    return int(taken)


@kernel
def add_nameless(b: Record, side: int, tick: int, lots: int, nameless: Rows) -> None:
    """More volume of unknown orders at a price."""
    volume = nameless[side, tick]
    volume.left += lots
    if _stands(b, volume.slot, _nameless_id(side, tick)):
        _grow(b, volume.slot, lots)
    else:
        volume.slot = _rest_in_front(b, side, tick, lots, _nameless_id(side, tick))


@kernel
def take_nameless(b: Record, side: int, tick: int, lots: int, nameless: Rows) -> tuple[int, int]:
    """Less of it, up to `lots`: by how much in the recording, and by how much in the book.

    The two differ where own orders have traded with it.
    """
    if tick >= FAR_TICK:
        return 0, 0
    volume = nameless[side, tick]
    taken = min(lots, volume.left)
    volume.left -= taken
    if taken == 0 or not _stands(b, volume.slot, _nameless_id(side, tick)):
        return taken, 0
    here = b.orders[volume.slot].lots
    if here > taken:
        _grow(b, volume.slot, -taken)
        return taken, taken
    on_tape, b.tape_on = b.tape_on, 0
    withdraw(b, volume.slot, here)
    b.tape_on = on_tape
    return taken, int(here)


@kernel
def reveal(
    b: Record,
    side: int,
    tick: int,
    lots: int,
    order_id: int,
    flow: Rows,
    recorded: IntArray,
    nameless: Rows,
) -> None:
    """Let the maker of a recorded trade stand there with what it traded, as far as nobody took it before."""
    order = flow[order_id]
    missing = lots - order.left
    if missing <= 0:
        return
    lent = take_lent(side, tick, missing, nameless)
    taken, here = take_nameless(b, side, tick, missing - lent, nameless)
    count_recorded(recorded, nameless, side, tick, missing - taken)
    # What was not seen before is all still there.
    here += missing - taken
    if order.left > 0 and _stands(b, order.slot, order_id):
        _grow(b, order.slot, here)
    elif order.left == 0 and here > 0 and tick < FAR_TICK:
        order.slot = _rest_in_front(b, side, tick, here, order_id)
    order.side = side
    order.left = lots


@kernel
def announce(e: Record, flow: Rows, recorded: IntArray, nameless: Rows) -> None:
    """An order came to rest, says the recording."""
    if e.tick > 0:
        flow[e.order_id].left = e.lots
        flow[e.order_id].side = e.side
        count_recorded(recorded, nameless, e.side, e.tick, e.lots)


@kernel
def arrive(b: Record, side: int, limit: int, lots: int, order_id: int, client_id: int) -> int:
    """An order trades with what it crosses; what is left of it."""
    best = b.touch[1 - side]
    if best == 0 or not crosses(side, limit, best):
        return lots
    return match(b, flow_account(b), side, limit, lots, STP_NONE, order_id, client_id)


@kernel
def rest_of(b: Record, e: Record, lots: int, flow: Rows) -> None:
    """What is left of the order of event `e` comes to rest."""
    if lots > 0 and e.tick > 0:
        flow[e.order_id].slot = rest_order(b, flow_account(b), e.side, e.tick, lots, e.order_id, e.client_id)
        tape_order(b, e.side, e.tick, lots, e.order_id, e.client_id)


@kernel
def fill_recorded(b: Record, order_id: int, lots: int, flow: Rows) -> None:
    """A recorded fill has been dealt with; with the last of them the order goes, whatever is left of it."""
    order = flow[order_id]
    order.left -= lots
    if order.left == 0 and _stands(b, order.slot, order_id):
        withdraw(b, order.slot, b.orders[order.slot].lots)


@kernel
def cancel_recorded(b: Record, e: Record, flow: Rows, recorded: IntArray, nameless: Rows) -> None:
    """A recorded cancel; with the last of its volume the order goes, whatever is left of it."""
    order = flow[e.order_id]
    if order.left > 0:
        # A fill takes less of an order than of its leveraged volume: its cancel tells more than is left here.
        lots = min(e.lots, order.left)
        count_recorded(recorded, nameless, order.side, e.tick, -lots)
        order.left -= lots
        if _stands(b, order.slot, e.order_id):
            here = b.orders[order.slot].lots
            withdraw(b, order.slot, min(lots, here) if order.left > 0 else here)
        return
    # An order from before the recording: if its level was seen it is part of the nameless volume.
    tape_cancel(b, e.tick, e.lots, e.order_id)
    for side in range(2):
        taken, _ = take_nameless(b, side, e.tick, e.lots, nameless)
        count_recorded(recorded, nameless, side, e.tick, -taken)
