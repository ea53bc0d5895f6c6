"""A run directory put into the schemas of the reference vectors, by plain loops over its tables.

Nothing here uses the readers and scorers of the package: columns come from the parquet files, and what the
validator derives from a state (values, volumes, round trips, prints) is written out once more.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import deque
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pyarrow.parquet as pq

SECOND = 10**9
SAMPLE = 600 * SECOND


@attrs.define
class Recorded:
    """The tables of one account of a run.

    Attributes:
        about: The content of `run.json`.
        uid: The account.
        times: Times of the states.
        books: Book ids in order.
        states: Columns of `states`, one row per state and book.
        fills: Per state, the fills told with it: (book, is buy, size, price, fee).
    """

    folder: Path
    uid: int = 0
    about: dict[str, Any] = attrs.field(init=False)
    times: list[int] = attrs.field(init=False)
    books: list[int] = attrs.field(init=False)
    states: dict[str, np.ndarray] = attrs.field(init=False)
    fills: list[list[tuple[int, bool, float, float, float]]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.about = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        self.books = self.about["venue"]["book_ids"]
        self.states = self._own("states")
        self.times = self.states["time_ns"][:: len(self.books)].tolist()
        self.fills = [[] for _ in self.times]
        fills = self._own("fills")
        names = ("time_ns", "book", "side", "size", "price", "fee")
        for time, book, side, size, price, fee in zip(*(fills[n].tolist() for n in names), strict=True):
            # An event is told with the first state after it; the last second's is never told.
            state = bisect_right(self.times, time)
            if state < len(self.times):
                self.fills[state].append((self.books.index(book), side == 0, size, price, fee))

    @property
    def wealth(self) -> float:
        """What the account starts with on each book, quote."""
        return float(self.about["venue"]["wealth_quote"][0])

    def stored(self, era: str) -> dict[str, Any]:
        """What the live scorers left in `run.json`."""
        return dict(self.about["scores"][str(self.uid)][era])

    def scorings(self, era: str, name: str) -> dict[int, float]:
        """Time → figure of every scoring."""
        table = pq.read_table(self.folder / "scores").to_pydict()
        rows = zip(*(table[c] for c in ("era", "uid", "name", "time_ns", "value")), strict=True)
        return {time: value for e, u, n, time, value in rows if (e, u, n) == (era, self.uid, name)}

    def column(self, name: str) -> np.ndarray:
        """(T, B) one column of the states."""
        return self.states[name].reshape(len(self.times), len(self.books))

    def _own(self, name: str) -> dict[str, np.ndarray]:
        table = pq.read_table(self.folder / name)
        columns = {column: table.column(column).to_numpy() for column in table.column_names}
        return {column: values[columns["uid"] == self.uid] for column, values in columns.items()}


def inventory(run: Recorded, *, every: int = 1) -> dict[str, Any]:
    """Inventory values as in the Sharpe vectors: value less starting wealth per state and book.

    Args:
        run: The run.
        every: Seconds between two valued states.
    """
    rows = [i for i, time in enumerate(run.times) if time % (every * SECOND) == 0]
    columns = [run.column(name) for name in ("bid", "ask", "base", "quote")]
    values = []
    for i in rows:
        entry = []
        for bid, ask, base, quote in zip(*(c[i].tolist() for c in columns), strict=True):
            mid = (ask + bid) / 2 if bid == bid and ask == ask else 0.0
            entry.append(quote + mid * base - run.wealth)
        values.append(entry)
    return {"timestamps": [run.times[i] for i in rows], "books": run.books, "values": values}


def compact_volumes(run: Recorded, lookback_s: int) -> dict[int, dict[str, dict[str, float]]]:
    """Scoring time → book → lookback and latest volume, as in the vectors of 0.1.51.

    Samples are named by the end of their ten minutes, trades rounded to four decimals one by one.
    """
    samples: dict[int, list[float]] = {}
    found = {}
    for time, fills in zip(run.times, run.fills, strict=True):
        current = samples.setdefault(-(-time // SAMPLE) * SAMPLE, [0.0] * len(run.books))
        for book, _, size, price, _ in fills:
            current[book] = round(current[book] + round(size * price, 4), 4)
        if time % (5 * SECOND):
            continue
        recent = [volumes for name, volumes in samples.items() if name >= time - lookback_s * SECOND]
        found[time] = {
            str(book): {
                "lookback_volume": sum(volumes[book] for volumes in recent),
                "latest_volume": samples[max(samples)][book],
            }
            for book in range(len(run.books))
        }
    return found


@attrs.define
class RoundTrips:
    """Realised P&L and round trips of a run, first in, first out.

    Attributes:
        pnl: [state, book, P&L] of every state and book that realised something, as in the Kappa vectors.
        samples: Per state, the round trips it closed: (book, sample time, volume).
    """

    pnl: list[list[float]] = attrs.field(factory=list)
    samples: list[list[tuple[int, int, float]]] = attrs.field(factory=list)


def round_trips(run: Recorded, *, whole_fee: bool) -> RoundTrips:
    """Match every fill against the open lots of its book.

    Args:
        run: The run.
        whole_fee: A fill that ends inside a lot is charged its whole fee there, as before 0.5.4.
    """
    lots: list[dict[bool, deque[list[float]]]] = [{True: deque(), False: deque()} for _ in run.books]
    found = RoundTrips()
    for state, (time, fills) in enumerate(zip(run.times, run.fills, strict=True)):
        realised: dict[int, float] = {}
        volume: dict[int, float] = {}
        for book, is_buy, size, price, fee in fills:
            others, left, pnl, closed = lots[book][not is_buy], size, 0.0, 0.0
            while left > 0.0 and others:
                lot = others[0]
                part = min(lot[0], left)
                gain = (lot[1] - price if is_buy else price - lot[1]) * part
                whole = part == lot[0]
                opened = lot[2] if whole else lot[2] * part / lot[0]
                pnl += gain - opened - (fee if whole_fee and not whole else fee * part / size)
                lot[0], lot[2] = lot[0] - part, lot[2] - opened
                if whole:
                    others.popleft()
                closed, left = closed + part, left - part
            if left > 0.0:
                lots[book][is_buy].append([left, price, fee * left / size])
            if closed:
                realised[book] = realised.get(book, 0.0) + pnl
                volume[book] = volume.get(book, 0.0) + closed * price
        entries = ((state, book, round(pnl, 4)) for book, pnl in realised.items())
        found.pnl += [list(entry) for entry in entries if entry[2] != 0.0]
        sample = time // SAMPLE * SAMPLE
        found.samples.append([(book, sample, traded) for book, traded in volume.items()])
    return found


def print_stream(run: Recorded) -> list[dict[str, Any]]:
    """States with their trades as in the vectors of making and skill.

    Rows are [time, price, quantity, side, maker, taker]; miners' ids are moved up by one, since none of a
    run's accounts is uid 0 of the subnet.
    """
    table = pq.read_table(run.folder / "trades").to_pydict()
    states: list[dict[str, Any]] = [{"timestamp": time, "trades": {}} for time in run.times]
    names = ("time_ns", "book", "price", "size", "side", "maker_id", "taker_id")
    for time, book, price, size, side, maker, taker in zip(*(table[n] for n in names), strict=True):
        state = bisect_right(run.times, time)
        if state < len(states):
            seats = [uid + 1 if uid >= 0 else uid for uid in (maker, taker)]
            rows = states[state]["trades"].setdefault(str(run.books.index(book)), [])
            rows.append([time, price, size, side, *seats])
    return states
