"""What an agent did over a run: where it quoted, when it was quiet and why, how fast it answered."""

from __future__ import annotations

import statistics
from collections import deque
from typing import Any

import attrs
import numpy as np

from obmm.agent import Decision, Step
from obmm.execution import Lifted
from obmm.market import FloatArray, IntArray, Reason, Venue

#: An agent whose answers take no longer is never charged for them, whatever the constant.
QUICK_MS = 20.0
#: Answers that must be in before an agent is called slow: the first ones load what they need.
_ENOUGH = 5


def lifted_books(step: Step) -> int:
    """On how many of its books a step lifted a size to the venue's minimum."""
    where = [news.books & step.books for news in step.news if isinstance(news, Lifted)]
    return int(np.any(where, axis=0).sum()) if where else 0


@attrs.define
class Timings:
    """Real times of one step, milliseconds.

    >>> timings = Timings()
    >>> for ms in (1.0, 2.0, 9.0):
    ...     timings.add(ms)
    >>> timings.as_dict()
    {'p50': 2.0, 'p99': 8.86, 'max': 9.0}
    """

    _ms: list[float] = attrs.field(factory=list, repr=False)

    def add(self, ms: float) -> None:
        """Take one time in."""
        self._ms.append(ms)

    def as_dict(self) -> dict[str, float | None]:
        """Median, 99th percentile and maximum; None before the first time."""
        if not self._ms:
            return {"p50": None, "p99": None, "max": None}
        p50, p99, top = np.percentile(self._ms, (50, 99, 100))
        return {"p50": round(float(p50), 4), "p99": round(float(p99), 4), "max": round(float(top), 4)}


@attrs.define
class Charge:
    """What real time the venue is told that answers took: a constant, unless the agent is slower throughout.

    The median of the last nine answers says whether it is, so that a hiccup of the machine never changes a
    run: until the median passes the constant, and `QUICK_MS`, a run is repeatable. From then on each answer
    counts with the time it took.

    Attributes:
        constant_s: The constant, seconds.
        slow: Answers that counted with more than the constant.
        slow_s: What they took, all together.

    >>> charge = Charge(0.1)
    >>> [charge.of(s) for s in (0.3, 0.002, 0.002, 0.002, 0.9)]
    [0.1, 0.1, 0.1, 0.1, 0.1]
    >>> [charge.of(0.2) for _ in range(9)][-1], charge.slow
    (0.2, 9)
    """

    constant_s: float
    slow: int = 0
    slow_s: float = 0.0
    _last: deque[float] = attrs.field(factory=lambda: deque(maxlen=9), repr=False)

    def of(self, took_s: float) -> float:
        """What an answer that took `took_s` is charged, seconds."""
        self._last.append(took_s)
        bound_s = max(self.constant_s, QUICK_MS / 1e3)
        if len(self._last) < _ENOUGH or statistics.median(self._last) <= bound_s or took_s <= self.constant_s:
            return self.constant_s
        self.slow += 1
        self.slow_s += took_s
        return took_s

    def as_dict(self) -> dict[str, float | None]:
        """`answers` charged more than the constant, and the mean of what they took, milliseconds."""
        return {"answers": self.slow, "mean_ms": 1e3 * self.slow_s / self.slow if self.slow else None}


@attrs.define
class QuoteWatch:
    """Gathers decisions into figures per book; sides are 0 bid and 1 ask.

    A side counts as quoting in a state when, after the decision, an order is wanted there and nothing kept
    it from standing; otherwise the state counts as quiet under the strictest reason.
    """

    venue: Venue
    states: int = 0
    quoting: IntArray = attrs.field(init=False)
    behind_ticks: FloatArray = attrs.field(init=False)
    instructions: IntArray = attrs.field(init=False)
    reasons: IntArray = attrs.field(init=False)
    errors: int = 0

    def __attrs_post_init__(self) -> None:
        n = self.venue.n_books
        self.quoting = np.zeros((n, 2), dtype=np.int64)
        self.behind_ticks = np.zeros((n, 2))
        self.instructions = np.zeros(n, dtype=np.int64)
        self.reasons = np.zeros((n, 2, max(Reason) + 1), dtype=np.int64)

    def see(self, decision: Decision) -> None:
        """Take one decision in."""
        self.states += 1
        self.errors += bool(decision.error)
        n = self.venue.n_books
        self.instructions += decision.orders.instructions_per_book(n)
        state = decision.state
        best_bid, best_ask = state.competing_touch
        books = np.arange(n)
        for step in decision.steps:
            quotes = step.quotes
            sides = (
                (quotes.has_bid, quotes.bid_price, decision.bid_reason, best_bid, 1.0),
                (quotes.has_ask, quotes.ask_price, decision.ask_reason, best_ask, -1.0),
            )
            for side, (has, price, why, touch, sign) in enumerate(sides):
                shut = (why > Reason.OPEN) & (why < Reason.NARROWED)
                on = has.any(axis=1) & ~shut & step.books
                self.quoting[:, side] += on
                gap = sign * (touch - price[:, 0]) / self.venue.grid.tick
                self.behind_ticks[:, side] += np.where(on & np.isfinite(gap), gap, 0.0)
                quiet = step.books & ~on
                self.reasons[books[quiet], side, why[quiet]] += 1

    def quiet(self) -> dict[str, float]:
        """Reason → share of all book-sides and states that were quiet for it."""
        total = self.reasons.sum(axis=(0, 1))
        sides = max(self.states * self.venue.n_books * 2, 1)
        return {_name(code): float(count) / sides for code, count in enumerate(total) if count}

    def books(self) -> list[dict[str, Any]]:
        """One row per book: share of states quoting, ticks behind the best of the others, quiet and why."""
        states = max(self.states, 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            behind = self.behind_ticks / self.quoting
        rows = []
        for book in range(self.venue.n_books):
            why = self.reasons[book].sum(axis=0)
            rows.append(
                {
                    "book": int(self.venue.book_ids[book]),
                    "bid_quoting": self.quoting[book, 0] / states,
                    "ask_quoting": self.quoting[book, 1] / states,
                    "bid_behind_ticks": behind[book, 0],
                    "ask_behind_ticks": behind[book, 1],
                    "quiet": {_name(c): int(k) / (2 * states) for c, k in enumerate(why) if k},
                    "instructions": int(self.instructions[book]),
                }
            )
        return rows


def _name(code: int) -> str:
    return "nothing wanted" if code == 0 else Reason(code).name.lower().replace("_", " ")
