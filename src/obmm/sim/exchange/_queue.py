"""The event queue of a book: a binary heap by time, first in first out at equal times."""

from __future__ import annotations

from obmm.sim._jit import Record, kernel
from obmm.sim.exchange._layout import EVENT_SLOTS, FAULT_EVENTS

# A key is the running number of the event and, in its low bits, the slot that holds what it says.
_SLOT_BITS = 17
_SLOT_MASK = (1 << _SLOT_BITS) - 1


@kernel
def _sooner(time_a: int, key_a: int, time_b: int, key_b: int) -> bool:
    return time_a < time_b or (time_a == time_b and key_a < key_b)


@kernel
def schedule(
    b: Record, time_ns: int, kind: int, agent: int, side: int, tick: int, lots: int, data: int
) -> None:
    """Deliver an event at `time_ns`; what lies beyond the end of the simulation is not kept."""
    if time_ns > b.duration_ns:
        return
    slot = b.event_free
    if slot:
        b.event_free = b.events[slot].next
    elif b.event_top + 1 < EVENT_SLOTS:
        b.event_top += 1
        slot = b.event_top
    else:
        b.fault |= FAULT_EVENTS
        return
    event = b.events[slot]
    event.kind = kind
    event.agent = agent
    event.side = side
    event.tick = tick
    event.lots = lots
    event.data = data
    b.event_sequence += 1
    key = (b.event_sequence << _SLOT_BITS) | slot
    hole = b.event_count
    b.event_count += 1
    while hole > 0:
        parent = (hole - 1) >> 1
        if not _sooner(time_ns, key, b.heap_time[parent], b.heap_key[parent]):
            break
        b.heap_time[hole] = b.heap_time[parent]
        b.heap_key[hole] = b.heap_key[parent]
        hole = parent
    b.heap_time[hole] = time_ns
    b.heap_key[hole] = key


@kernel
def next_event_ns(b: Record) -> int:
    """When the next event is due; beyond any simulation if there is none."""
    return int(b.heap_time[0]) if b.event_count else 1 << 62


@kernel
def next_event(b: Record) -> int:
    """Slot of the event that is due next; there must be one."""
    return int(b.heap_key[0] & _SLOT_MASK)


@kernel
def pop_event(b: Record) -> int:
    """Take the next event off the queue; its slot stays readable until the next `schedule`."""
    slot = b.heap_key[0] & _SLOT_MASK
    b.event_count -= 1
    count = b.event_count
    time_ns, key = b.heap_time[count], b.heap_key[count]
    hole = 0
    while True:
        child = 2 * hole + 1
        if child >= count:
            break
        if child + 1 < count and _sooner(
            b.heap_time[child + 1], b.heap_key[child + 1], b.heap_time[child], b.heap_key[child]
        ):
            child += 1
        if not _sooner(b.heap_time[child], b.heap_key[child], time_ns, key):
            break
        b.heap_time[hole] = b.heap_time[child]
        b.heap_key[hole] = b.heap_key[child]
        hole = child
    b.heap_time[hole] = time_ns
    b.heap_key[hole] = key
    b.events[slot].next = b.event_free
    b.event_free = slot
    return int(slot)
