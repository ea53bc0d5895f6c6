"""What came to a door, counted."""

from __future__ import annotations

import collections
import logging
import threading

import structlog

from obmm.agent.telling import tell, worth_telling

_log = structlog.get_logger("obmm.live")


class Counts:
    """Requests by what became of them; names of senders are counted only where they are proven.

    Attributes:
        refused: By kind.
        answered: By the sender's hotkey.
    """

    def __init__(self) -> None:
        self.refused: collections.Counter[str] = collections.Counter()
        self.answered: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()

    def refuse(self, kind: str, status: int, message: str, client: str) -> None:
        """One that was refused; the first of a kind are logged, then one in many."""
        with self._lock:
            self.refused[kind] += 1
            count = self.refused[kind]
        if worth_telling(count):
            about = {"status": status, "why": message, "client": client, "count": count}
            tell(_log, logging.WARNING, "a request was refused", **about)

    def answer(self, sender: str) -> None:
        """One that was answered, of a proven sender."""
        with self._lock:
            self.answered[sender] += 1
            first = self.answered[sender] == 1
        if first:
            tell(_log, logging.INFO, "a validator is answered for the first time", validator=sender)
