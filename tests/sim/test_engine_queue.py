"""The event queue: order of time, order of arrival, nothing lost."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from obmm.sim._jit import kernel
from obmm.sim.exchange._layout import EV_BACKGROUND, EVENT_SLOTS, FAULT_EVENTS
from obmm.sim.exchange._queue import next_event_ns, pop_event, schedule
from obmm.sim.exchange._setup import make_book


@kernel
def play(books: np.ndarray, times: np.ndarray, times_out: np.ndarray, names_out: np.ndarray) -> int:
    """Schedule all times, popping one event after every third; the events in the order they came out."""
    b = books[0]
    out = 0
    for i in range(times.size):
        schedule(b, times[i], EV_BACKGROUND, 0, 0, 0, 0, i)
        if i % 3 == 2:
            times_out[out] = next_event_ns(b)
            names_out[out] = b.events[pop_event(b)].data
            out += 1
    while b.event_count:
        times_out[out] = next_event_ns(b)
        names_out[out] = b.events[pop_event(b)].data
        out += 1
    return out


@given(st.lists(st.integers(0, 20), max_size=60))
def test_events_come_out_by_time_then_by_arrival(times: list[int]) -> None:
    """The compiled heap against sorting a list."""
    expected, waiting = [], []
    for i, time in enumerate(times):
        waiting.append((time, i))
        if i % 3 == 2:
            expected.append(waiting.pop(waiting.index(min(waiting))))
    expected += sorted(waiting)
    at, names = np.zeros(len(times), dtype=np.int64), np.zeros(len(times), dtype=np.int64)
    n = play(BOOKS, np.array(times, dtype=np.int64), at, names)
    assert expected == list(zip(at[:n].tolist(), names[:n].tolist(), strict=True))


BOOKS = make_book()


def test_events_beyond_the_end_are_not_kept() -> None:
    """A timer past the duration of the simulation takes no memory."""
    b = make_book(duration_ns=100)[0]
    schedule(b, 101, EV_BACKGROUND, 0, 0, 0, 0, 0)
    schedule(b, 100, EV_BACKGROUND, 0, 0, 0, 0, 0)
    assert b["event_count"] == 1
    assert next_event_ns(b) == 100


def test_slots_are_reused() -> None:
    """A long run of events, few at a time, needs few slots."""
    times = np.arange(30_000, dtype=np.int64)
    books = make_book()
    play(books, times, np.zeros_like(times), np.zeros_like(times))
    first = int(books[0]["event_top"])
    play(books, times, np.zeros_like(times), np.zeros_like(times))
    assert first == books[0]["event_top"]


@kernel
def pile_up(books: np.ndarray, n: int) -> None:
    """Schedule `n` events and deliver none."""
    for i in range(n):
        schedule(books[0], i, EV_BACKGROUND, 0, 0, 0, 0, i)


def test_a_full_queue_is_a_fault() -> None:
    """All slots but the first can be used; one more event is refused and flagged."""
    books = make_book()
    pile_up(books, EVENT_SLOTS - 1)
    assert books[0]["fault"] == 0
    pile_up(books, 1)
    assert books[0]["fault"] == FAULT_EVENTS
    assert books[0]["event_count"] == EVENT_SLOTS - 1
