"""Making and skill once more, one print after the other in plain Python."""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import Any, NamedTuple


class Print(NamedTuple):
    """One trade; ids below 0 are the background."""

    time_ns: int
    price: float
    size: float
    side: int
    maker: int
    taker: int


Sums = dict[tuple[int, int], float]
"""Sum by (book, uid)."""


def plain_sum(values: list[float]) -> float:
    """Left to right, without the compensation newer Pythons add."""
    total = 0.0
    for value in values:
        total += value
    return total


class NaiveBook:
    """Both queues of one book as lists of print numbers."""

    def __init__(self, half_window: int, horizon_ns: int, stale_ns: int) -> None:
        self.half_window, self.horizon_ns, self.stale_ns = half_window, horizon_ns, stale_ns
        self.prints: list[Print] = []
        self.first = 0
        self.capture: list[int] = []
        self.realise: list[int] = []

    def push(self, trade: Print) -> None:
        """Take in a print."""
        number = self.first + len(self.prints)
        self.prints.append(trade)
        if trade.maker != trade.taker:
            self.capture.append(number)
            if trade.maker > 0 or trade.taker > 0:
                self.realise.append(number)

    def mid(self, row: int) -> float:
        """Mean price around a print."""
        near = self.prints[max(0, row - self.half_window) : row + self.half_window + 1]
        return plain_sum([trade.price for trade in near]) / len(near)

    def mark(self, row: int) -> float | None:
        """Size-weighted mean of prints with the background around a print."""
        width = self.half_window
        while True:
            near = self.prints[max(0, row - width) : row + width + 1]
            found = [trade for trade in near if trade.maker < 0 or trade.taker < 0]
            if found:
                base = plain_sum([trade.size for trade in found])
                return plain_sum([trade.price * trade.size for trade in found]) / base
            width *= 2
            if width == 0 or width > 4 * self.half_window:
                return None

    def release(self, now_ns: int, drain: bool) -> list[tuple[str, int, float]]:
        """(sum, uid, quote) of the fills that need not wait."""
        booked = []
        while self.capture:
            row = self.capture[0] - self.first
            trade, later = self.prints[row], len(self.prints) - 1 - row
            if not (drain or later >= self.half_window or now_ns - trade.time_ns >= self.stale_ns):
                break
            self.capture.pop(0)
            edge = (self.mid(row) - trade.price) * trade.size
            buyer, seller = (trade.taker, trade.maker) if trade.side == 0 else (trade.maker, trade.taker)
            booked += [("captured_buy", buyer, edge)] if buyer >= 0 else []
            booked += [("captured_sell", seller, -edge)] if seller >= 0 else []
        self.let_go()
        while self.realise:
            row = self.realise[0] - self.first
            trade, n = self.prints[row], len(self.prints)
            due_ns = trade.time_ns + self.horizon_ns
            at = next((j for j in range(row, n) if self.prints[j].time_ns >= due_ns), None)
            ripe = at is not None and n - 1 - at >= self.half_window
            if not (drain or ripe or now_ns - due_ns >= self.stale_ns):
                break
            self.realise.pop(0)
            mark = self.mark(n - 1 if at is None else at)
            if trade.maker >= 0 and mark is not None:
                limit = abs(self.mid(row) - trade.price) * trade.size
                value = max(-limit, min(limit, (mark - trade.price) * trade.size))
                bought = trade.side == 1
                name = "realised_buy" if bought else "realised_sell"
                booked.append((name, trade.maker, value if bought else -value))
        self.let_go()
        return booked

    def let_go(self) -> None:
        """Drop the prints that nothing may look at any more."""
        oldest = min([*self.capture[:1], *self.realise[:1], self.first + len(self.prints)])
        surplus = max(0, oldest - self.half_window - self.first)
        self.prints = self.prints[surplus:]
        self.first += surplus


class Naive:
    """All sums of a run without a window."""

    def __init__(self, half_window: int, horizon_ns: int, stale_ns: int, mode: str, window: int) -> None:
        self.queues: dict[int, NaiveBook] = defaultdict(lambda: NaiveBook(half_window, horizon_ns, stale_ns))
        self.mode, self.window = mode, window
        self.sums: dict[str, Sums] = defaultdict(dict)
        self.inventory: dict[int, dict[int, float]] = defaultdict(dict)
        self.marks: dict[int, float] = {}
        self.recent: dict[int, list[Print]] = defaultdict(list)
        self.print_count: dict[int, int] = defaultdict(int)
        self.drift: dict[int, float] = defaultdict(float)
        self.flow: Sums = {}

    def add(self, now_ns: int, trades: dict[int, list[Print]]) -> None:
        """One state."""
        for book, prints in trades.items():
            for trade in prints:
                self.queues[book].push(trade)
                self.hold(book, trade)
                if trade.maker >= 0 and trade.maker != trade.taker:
                    self.count(self.flow, (trade.maker, max(trade.taker, -1)), trade.size)
        self.release(now_ns)

    def release(self, now_ns: int, drain: bool = False) -> None:
        """Book what need not wait."""
        for book, queues in self.queues.items():
            for name, uid, quote in queues.release(now_ns, drain):
                self.count(self.sums[name], (book, uid), quote)

    def hold(self, book: int, trade: Print) -> None:
        """Mark inventories at a print, then fill it."""
        held = self.inventory[book]
        mark = self.mark(book, trade)
        before = self.marks.get(book)
        if before is not None and mark != before:
            move = mark - before
            for uid, inventory in held.items():
                if inventory != 0.0:
                    self.count(self.sums["mtm"], (book, uid), inventory * move)
                    self.count(self.sums["held_prints"], (book, uid), 1)
                    self.count(self.sums["held_inventory"], (book, uid), inventory)
                    self.count(self.sums["held_drift"], (book, uid), move)
            self.drift[book] += move
        buyer, seller = (trade.taker, trade.maker) if trade.side == 0 else (trade.maker, trade.taker)
        for uid, size in ((buyer, trade.size), (seller, -trade.size)):
            if uid >= 0:
                held[uid] = held.get(uid, 0.0) + size
                self.count(self.sums["notional"], (book, uid), trade.price * trade.size)
        for uid, inventory in held.items():
            self.count(self.sums["inventory_sum"], (book, uid), inventory)
        self.print_count[book] += 1
        self.marks[book] = mark

    def mark(self, book: int, trade: Print) -> float:
        """The price inventories are marked at after a print."""
        recent = self.recent[book]
        recent.append(trade)
        del recent[: max(0, len(recent) - self.window) if self.window else 0]
        if self.mode == "median":
            return median(found.price for found in recent)
        return trade.price

    @staticmethod
    def count(sums: Any, key: tuple[int, int], value: float) -> None:
        """Add to a sum that may not exist yet."""
        sums[key] = sums.get(key, 0.0) + value
