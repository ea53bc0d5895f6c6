"""What a session has done so far, in figures."""

from __future__ import annotations

import collections
import threading
import time
from typing import Any

import numpy as np

from obmm.live.session import LEAVING, Exchange

#: Answers whose times are kept for the quantiles: a day of one validator.
_KEPT = 100_000


class Tally:
    """A listener of a session that counts what was answered, how, how fast, and to whom.

    >>> Tally().told()["answered"]
    0
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._notes: collections.Counter[str] = collections.Counter()
        self._senders: collections.Counter[str] = collections.Counter()
        self._heard_s: dict[str, float] = {}
        self._left: set[str] = set()
        self._instructions = 0
        self._times_ms: collections.deque[float] = collections.deque(maxlen=_KEPT)

    def __call__(self, exchange: Exchange) -> None:
        """Count an exchange."""
        note = exchange.note.partition(":")[0]
        with self._lock:
            self._notes[note] += 1
            self._senders[exchange.sender] += 1
            self._heard_s[exchange.sender] = time.monotonic()
            self._times_ms.append(exchange.elapsed_ms)
            if note == "" and exchange.decision is not None:
                self._instructions += len(exchange.decision.orders)
            if note == LEAVING:
                self._left.add(exchange.sender)

    def not_left(self, within_s: float) -> set[str]:
        """Who was heard within so many real seconds, and has not been told to cancel all yet."""
        now = time.monotonic()
        with self._lock:
            return {name for name, at in self._heard_s.items() if now - at < within_s} - self._left

    def told(self) -> dict[str, Any]:
        """The figures: `answered`, `without_orders` by reason, `validators`, `instructions`, `respond_ms`."""
        with self._lock:
            times = np.array(self._times_ms) if self._times_ms else np.full(1, np.nan)
            return {
                "answered": self._notes.total(),
                "without_orders": {note: n for note, n in self._notes.items() if note},
                "validators": dict(self._senders),
                "instructions": self._instructions,
                "respond_ms": {
                    "p50": float(np.median(times)),
                    "p99": float(np.quantile(times, 0.99)),
                    "max": float(times.max()),
                },
            }
