"""The loop of a book: deliver events in order of time, close each publish interval."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from obmm.sim._background import advance, dispatch, on_fills
from obmm.sim._exchange import cancel_order, end_step
from obmm.sim._instructions import act, expire
from obmm.sim._jit import Record, kernel
from obmm.sim._layout import EV_CANCEL, EV_EXPIRY, EV_INSTRUCTION
from obmm.sim._queue import next_event_ns, pop_event
from obmm.sim._records import records_full

Records = npt.NDArray[np.void]


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
def _run_book(b: Record, g: Record, until_ns: int, step_ns: int) -> bool:
    while b.now_ns < until_ns:
        cutoff = (b.now_ns // step_ns + 1) * step_ns
        while next_event_ns(b) < cutoff:
            if records_full(b):
                return False
            if b.heap_time[0] >= b.next_process_ns:
                advance(b, g, b.heap_time[0])
            _deliver(b, g)
        b.now_ns = cutoff
        end_step(b)
    return True


@kernel
def run(books: Records, backgrounds: Records, first: int, until_ns: int, step_ns: int) -> int:
    """Run the books from number `first` on until the interval that ends at `until_ns` is closed.

    The number of books, or that of a book which had to stop before because its tape or notices must be
    collected: call again with that one as the first.
    """
    for i in range(first, books.size):
        if not _run_book(books[i], backgrounds[i], until_ns, step_ns):
            return i
    return int(books.size)
