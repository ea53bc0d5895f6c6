"""The loop of the books: deliver events in order of time, close each publish interval.

The books of a block know of one another by the clock of the fee policy alone: of all that miners trade at one
instant, the first opens a slot on its own book. So each book runs on its own up to the next order of a miner,
and these are delivered over the whole block in order of time, sender and book.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from obmm.sim._jit import Record, kernel
from obmm.sim.background._dispatch import advance, dispatch, on_fills
from obmm.sim.background._layout import EV_PLACE_MARKET
from obmm.sim.exchange._instructions import act, expire
from obmm.sim.exchange._layout import EV_CANCEL, EV_EXPIRY, EV_INSTRUCTION
from obmm.sim.exchange._orders import cancel_order, end_step
from obmm.sim.exchange._queue import next_event, next_event_ns, pop_event
from obmm.sim.exchange._records import records_full

Records = npt.NDArray[np.void]

_DONE, _WAITS, _FULL = range(3)


@kernel
def _deliver(b: Record, g: Record) -> None:
    b.now_ns = b.heap_time[0]
    event = b.events[pop_event(b)]
    kind, agent, side = event.kind, event.agent, event.side
    tick, lots, data = event.tick, event.lots, event.data
    b.events_done += 1
    if kind == EV_CANCEL:
        cancel_order(b, tick, data, 0)
    elif kind == EV_INSTRUCTION:
        act(b, data)
    elif kind == EV_EXPIRY:
        expire(b, agent, tick, data, lots)
    else:
        dispatch(b, g, kind, agent, side, tick, lots, data)
    if b.touched_count:
        on_fills(b, g)


@kernel
def _is_order_of_a_miner(b: Record) -> bool:
    event = b.events[next_event(b)]
    return bool(event.agent < b.n_miners and event.kind in (EV_INSTRUCTION, EV_PLACE_MARKET))


@kernel
def _run_book(b: Record, g: Record, until_ns: int, step_ns: int) -> int:
    while b.now_ns < until_ns:
        cutoff = (b.now_ns // step_ns + 1) * step_ns
        while next_event_ns(b) < cutoff:
            if records_full(b):
                return _FULL
            if b.heap_time[0] >= b.next_process_ns:
                advance(b, g, b.heap_time[0])
            if _is_order_of_a_miner(b):
                return _WAITS
            _deliver(b, g)
        b.now_ns = cutoff
        end_step(b)
    return _DONE


@kernel
def _first_that_waits(books: Records, start: int, stop: int, until_ns: int) -> int:
    first, time_ns, sender = -1, 0, 0
    for i in range(start, stop):
        b = books[i]
        if b.now_ns >= until_ns:
            continue
        due_ns, agent = b.heap_time[0], b.events[next_event(b)].agent
        if first < 0 or due_ns < time_ns or (due_ns == time_ns and agent < sender):
            first, time_ns, sender = i, due_ns, agent
    return first


@kernel
def _run_block(
    books: Records, backgrounds: Records, start: int, stop: int, until_ns: int, step_ns: int
) -> int:
    """Run books `start` … `stop` - 1 to the end; the number of one that had to stop before, or -1."""
    for i in range(start, stop):
        if _run_book(books[i], backgrounds[i], until_ns, step_ns) == _FULL:
            return i
    while True:
        i = _first_that_waits(books, start, stop, until_ns)
        if i < 0:
            return -1
        b = books[i]
        b.fee_block_ns = books[start].fee_block_ns
        _deliver(b, backgrounds[i])
        if b.fee_last_ns == b.now_ns:
            books[start].fee_block_ns = b.now_ns
        if _run_book(b, backgrounds[i], until_ns, step_ns) == _FULL:
            return i


@kernel
def _one_block(books: Records, backgrounds: Records, i: int) -> bool:
    """Whether book i is of the block of the one before it; the books of each market are numbered from 0."""
    same = backgrounds[i - 1].block == backgrounds[i].block
    return bool(same and books[i - 1].index < books[i].index)


@kernel
def run(books: Records, backgrounds: Records, first: int, until_ns: int, step_ns: int) -> int:
    """Run the books from number `first` on until the interval that ends at `until_ns` is closed.

    Whole blocks only. The number of books, or that of a book which had to stop before because its tape or
    notices must be collected: call again with that one as the first.
    """
    start = first
    while start > 0 and _one_block(books, backgrounds, start):
        start -= 1
    while start < books.size:
        stop = start + 1
        while stop < books.size and _one_block(books, backgrounds, stop):
            stop += 1
        full = _run_block(books, backgrounds, start, stop, until_ns, step_ns)
        if full >= 0:
            return full
        start = stop
    return int(books.size)
