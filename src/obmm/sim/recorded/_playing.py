"""Playing the events of a recording to a book, and holding the book against recorded snapshots."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from obmm.market import IntArray
from obmm.sim._jit import Record, kernel
from obmm.sim.exchange._book import is_better
from obmm.sim.exchange._fees import set_maker_ratio
from obmm.sim.exchange._instructions import act, expire
from obmm.sim.exchange._layout import BUY, EV_INSTRUCTION, FAR_TICK, TAPE_CANCEL, TAPE_ORDER, TAPE_TRADE
from obmm.sim.exchange._matching import withdraw
from obmm.sim.exchange._orders import end_step
from obmm.sim.exchange._queue import next_event_ns, pop_event
from obmm.sim.recorded._flow import (
    add_nameless,
    announce,
    arrive,
    cancel_recorded,
    count_recorded,
    fill_recorded,
    flow_account,
    rest_of,
    reveal,
    take_lent,
    take_nameless,
)

Rows = npt.NDArray[np.void]

#: A recorded event; ticks 0 for a market order, side -1 for a cancel, kinds as on the tape.
EVENT_ROW = np.dtype(
    [
        ("kind", "i8"),
        ("time_ns", "i8"),
        ("side", "i8"),
        ("tick", "i8"),
        ("lots", "i8"),
        ("order_id", "i8"),
        ("taker_order_id", "i8"),
        ("client_id", "i8"),
    ],
    align=True,
)
#: A level at which recording and count differ; `known` if it has been in view before.
DIFFERENCE = np.dtype(
    [("side", "i8"), ("tick", "i8"), ("recorded", "i8"), ("rebuilt", "i8"), ("known", "i8")]
)

_ANY_PRICE = 1 << 60


@kernel
def _sweep(
    b: Record,
    events: Rows,
    first: int,
    last: int,
    rests: bool,
    flow: Rows,
    recorded: IntArray,
    nameless: Rows,
) -> None:
    """One aggressor: its trades, from row `first` to before `last`, and cancels of its own orders among them.

    If it `rests`, row `last` tells what was left of it.
    """
    side, taker = events[first].side, events[first].taker_order_id
    limit, left_over, client_id = _ANY_PRICE if side == BUY else 0, 0, -1
    if rests and events[last].tick > 0:
        e = events[last]
        limit, left_over, client_id = e.tick, e.lots, e.client_id
        announce(e, flow, recorded, nameless)
    # Backwards: of several makers that were never seen the first must come to stand in front.
    for i in range(last - 1, first - 1, -1):
        e = events[i]
        if e.kind == TAPE_TRADE:
            reveal(b, 1 - side, e.tick, e.lots, e.order_id, flow, recorded, nameless)
    deepest = 0
    for i in range(first, last):
        if events[i].kind == TAPE_TRADE:
            deepest = events[i].tick
    for i in range(first, last):
        tick = events[i].tick
        if events[i].kind == TAPE_TRADE and tick < FAR_TICK and (tick != deepest or left_over > 0):
            # Whoever stood here has traded: what is left of a level that was bought up had been lent.
            gone, _ = take_nameless(b, 1 - side, tick, nameless[1 - side, tick].left, nameless)
            count_recorded(recorded, nameless, 1 - side, tick, -gone)
    lots, start = 0, first
    for i in range(first, last + 1):
        if i < last and events[i].kind == TAPE_TRADE:
            lots += events[i].lots
            continue
        if i == last:
            lots += left_over
        lots = arrive(b, side, limit, lots, taker, client_id)
        for k in range(start, i):
            e = events[k]
            count_recorded(recorded, nameless, 1 - side, e.tick, -e.lots)
            fill_recorded(b, e.order_id, e.lots, flow)
        if i < last:
            cancel_recorded(b, events[i], flow, recorded, nameless)
        start = i + 1
    if rests:
        rest_of(b, events[last], lots, flow)


@kernel
def _is_rest(events: Rows, i: int, order_id: int) -> bool:
    return bool(i < events.size and events[i].kind == TAPE_ORDER and events[i].order_id == order_id)


@kernel
def _end_of_sweep(events: Rows, first: int) -> int:
    """The row behind the last trade of the aggressor of row `first`, or that of what was left of it."""
    taker, end, i = events[first].taker_order_id, first + 1, first + 1
    while i < events.size and events[i].time_ns == events[first].time_ns:
        if _is_rest(events, i, taker):
            return i
        if events[i].kind == TAPE_ORDER or (
            events[i].kind == TAPE_TRADE and events[i].taker_order_id != taker
        ):
            break
        i += 1
        if events[i - 1].kind == TAPE_TRADE:
            end = i
    return end


@kernel
def _deliver_own(b: Record, until_ns: int) -> None:
    """Instructions and timers of own orders that are due up to `until_ns`."""
    while next_event_ns(b) <= until_ns:
        b.now_ns = b.heap_time[0]
        event = b.events[pop_event(b)]
        kind, agent, tick, lots, data = event.kind, event.agent, event.tick, event.lots, event.data
        if kind == EV_INSTRUCTION:
            act(b, data)
        else:
            expire(b, agent, tick, data, lots)
        b.events_done += 1


@kernel
def play(
    books: Rows,
    events: Rows,
    flow: Rows,
    recorded: IntArray,
    nameless: Rows,
    until_ns: int,
) -> None:
    """Play the events of one publish interval that ends at `until_ns`, own instructions among them.

    Args:
        books: One record of dtype BOOK.
        events: (N,) dtype EVENT_ROW, as recorded.
        flow: dtype FLOW_ORDER, by recorded order id.
        recorded: (2, ticks) lots that the recording says rest, by side and tick.
        nameless: (2, ticks) dtype NAMELESS.
        until_ns: End of the interval.
    """
    b = books[0]
    i = 0
    while i < events.size:
        e = events[i]
        _deliver_own(b, e.time_ns)
        b.now_ns = e.time_ns
        b.events_done += 1
        if e.kind == TAPE_CANCEL:
            cancel_recorded(b, e, flow, recorded, nameless)
        elif e.kind == TAPE_ORDER:
            if e.tick > 0:
                announce(e, flow, recorded, nameless)
                rest_of(b, e, arrive(b, e.side, e.tick, e.lots, e.order_id, e.client_id), flow)
        else:
            last = _end_of_sweep(events, i)
            rests = _is_rest(events, last, e.taker_order_id)
            _sweep(b, events, i, last, rests, flow, recorded, nameless)
            i = last if rests else last - 1
        i += 1
    _deliver_own(b, until_ns - 1)
    b.now_ns = until_ns
    end_step(b)


@kernel
def _differs(
    b: Record,
    side: int,
    tick: int,
    lots: int,
    borrowed: bool,
    known: bool,
    recorded: IntArray,
    nameless: Rows,
    out: Rows,
    count: int,
) -> int:
    """Report a level that holds other than `lots` and correct it by its nameless volume.

    Where some is `borrowed` and the orders are known, what is more than they tell was lent to them.
    """
    if tick >= FAR_TICK:
        return count
    told = recorded[side, tick] + nameless[side, tick].lent
    if told == lots:
        return count
    if count < out.size:
        row = out[count]
        row.side = side
        row.tick = tick
        row.recorded = lots
        row.rebuilt = told
        row.known = known
    more = lots - told
    if more > 0 and borrowed and known and recorded[side, tick] > 0:
        nameless[side, tick].lent += more
    elif more > 0:
        add_nameless(b, side, tick, more, nameless)
    else:
        take_nameless(b, side, tick, -more - take_lent(side, tick, -more, nameless), nameless)
    recorded[side, tick] = lots - nameless[side, tick].lent
    return count + 1


@kernel
def reconcile(
    books: Rows,
    ticks: IntArray,
    lots: IntArray,
    borrowed: npt.NDArray[np.bool_],
    worst: IntArray,
    recorded: IntArray,
    nameless: Rows,
    maker_ratio: float,
    out: Rows,
) -> int:
    """Hold the count against a recorded snapshot, report where they differ, and follow the snapshot.

    Args:
        books: One record of dtype BOOK.
        ticks: (2, L) recorded levels, best first, 0 where there is none.
        lots: (2, L) their sizes.
        borrowed: (2, L) whether leverage lent a part of it.
        worst: (2,) worst tick that was visible before, 0 for none; set to what is visible now.
        recorded: (2, ticks) as in `play`.
        nameless: (2, ticks) as in `play`.
        maker_ratio: Maker share by which fees are charged from now on.
        out: dtype DIFFERENCE, filled from the start.

    Returns:
        Number of differing levels, those that came into view for the first time included.
    """
    b = books[0]
    set_maker_ratio(b, maker_ratio)
    count = 0
    for side in range(2):
        seen = worst[side]
        step = -1 if side == BUY else 1
        # From inside the spread outward: nothing rests between two neighbouring levels.
        between = ticks[1 - side, 0] if ticks[1 - side, 0] else b.touch[side]
        worst[side] = 0
        for level in range(ticks.shape[1]):
            tick = ticks[side, level]
            if tick == 0:
                break
            known = seen != 0 and not is_better(side, seen, tick)
            while is_better(side, between, tick):
                count = _differs(b, side, between, 0, False, known, recorded, nameless, out, count)
                between += step
            size, lent = lots[side, level], borrowed[side, level]
            count = _differs(b, side, tick, size, lent, known, recorded, nameless, out, count)
            between = tick + step
            worst[side] = tick
    return count


@kernel
def forget_flow(books: Rows, flow: Rows, recorded: IntArray, nameless: Rows, worst: IntArray) -> None:
    """After a gap in the recording: all recorded orders go; own ones stay."""
    b = books[0]
    for slot in range(1, b.order_top + 1):
        if b.orders[slot].id != 0 and b.orders[slot].agent == flow_account(b):
            withdraw(b, slot, b.orders[slot].lots)
    for i in range(flow.size):
        flow[i].left = 0
        flow[i].slot = 0
    recorded[:] = 0
    for side in range(2):
        for tick in range(FAR_TICK):
            nameless[side, tick].left = 0
            nameless[side, tick].slot = 0
            nameless[side, tick].lent = 0
    worst[:] = 0
