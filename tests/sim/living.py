"""Books with their background, as the tests of processes and agents need them."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from obmm.sim._jit import kernel
from obmm.sim._loop import run
from obmm.sim._world import build_book
from obmm.sim.background._layout import BACKGROUND
from obmm.sim.exchange._layout import BOOK
from obmm.sim.scenario import Scenario

SECOND = 1_000_000_000
BUY, SELL = 0, 1

EVENT_ROW = np.dtype(
    [(name, "i8") for name in ("time_ns", "kind", "agent", "side", "tick", "lots", "data")], align=True
)


def scenario(name: str = "taos-0.5.4", makers: int = 0, takers: int = 0, **tables: Any) -> Scenario:
    """A shipped scenario with changed values in the tables of its first asset, and with few rivals."""
    found = Scenario.load(name)
    asset = found.assets[0]
    for table, values in tables.items():
        if table != "rivals":
            asset = attrs.evolve(asset, **{table: attrs.evolve(getattr(asset, table), **values)})
    rivals = attrs.evolve(found.rivals, makers=makers, takers=takers, **tables.get("rivals", {}))
    return attrs.evolve(found, assets=(asset, *found.assets[1:]), rivals=rivals)


def world(
    market: Scenario | None = None, *, seed: int = 1, book: int = 0, asset: int = 0, until_s: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Book and background of one book, each an array of one record, run to `until_s`."""
    books, backgrounds = np.zeros(1, BOOK), np.zeros(1, BACKGROUND)
    build_book(market or scenario(), asset, book, seed, 1, books, backgrounds)
    if until_s:
        advance_to(books, backgrounds, until_s)
    return books, backgrounds


def advance_to(books: np.ndarray, backgrounds: np.ndarray, until_s: float) -> None:
    """Run a book to the end of the interval at `until_s`."""
    assert run(books, backgrounds, 0, round(until_s * SECOND), SECOND) == 1


@kernel
def _take_events(books: np.ndarray, rows: np.ndarray) -> int:
    b = books[0]
    for i in range(b.event_count):
        event = b.events[b.heap_key[i] & ((1 << 17) - 1)]
        row = rows[i]
        row.time_ns = b.heap_time[i]
        row.kind = event.kind
        row.agent = event.agent
        row.side = event.side
        row.tick = event.tick
        row.lots = event.lots
        row.data = event.data
    count = b.event_count
    b.event_count = 0
    b.event_top = 0
    b.event_free = 0
    return int(count)


def take_events(books: np.ndarray) -> np.ndarray:
    """All events of a book's queue in order of time; the queue is empty afterwards."""
    rows = np.zeros(int(books[0]["event_count"]), EVENT_ROW)
    _take_events(books, rows)
    return np.sort(rows, order=["time_ns", "kind"], kind="stable")
