"""Telling listeners, off the path of the answers."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import structlog

from obmm.agent.faults import told
from obmm.agent.telling import tell, worth_telling

T = TypeVar("T")

#: What may wait to be told. Each holds a request and a state, some megabytes.
MAX_UNTOLD = 32
#: A listener that raises this often in a row is heard no more.
MAX_FAULTS = 10

_log = structlog.get_logger("obmm.live")


class Teller(Generic[T]):
    """Calls `work` with each item in a thread of its own; what it cannot keep up with is left out.

    Attributes:
        untold: Items left out.
    """

    def __init__(self, work: Callable[[T], None]) -> None:
        self.untold = 0
        self._work = work
        self._items: queue.Queue[T | None] = queue.Queue(MAX_UNTOLD)
        self._faults: dict[int, int] = {}
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def put(self, item: T) -> None:
        """Have `item` told."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="obmm-teller", daemon=True)
                self._thread.start()
        try:
            self._items.put_nowait(item)
        except queue.Full:
            self.untold += 1
            if worth_telling(self.untold):
                tell(
                    _log,
                    logging.WARNING,
                    "listeners are too slow; an exchange is not told",
                    count=self.untold,
                )

    def close(self, within_s: float) -> None:
        """Tell what is waiting, as far as it can be done in time, and end."""
        until_s = time.monotonic() + within_s
        if self._thread is None:
            return
        try:
            self._items.put(None, timeout=within_s)
        except queue.Full:
            return
        self._thread.join(max(until_s - time.monotonic(), 0.0))

    def each(self, listeners: list[Callable[[Any], None]], value: object) -> None:
        """Call each listener with `value`; one that raises is logged, and at last dropped."""
        for listener in tuple(listeners):
            problem = _heard(listener, value)
            if problem is None:
                self._faults.pop(id(listener), None)
                continue
            count = self._faults[id(listener)] = self._faults.get(id(listener), 0) + 1
            if count == 1:
                tell(_log, logging.ERROR, "a listener failed", what=problem)
            if count >= MAX_FAULTS:
                del self._faults[id(listener)]
                listeners[:] = [one for one in listeners if one is not listener]
                tell(_log, logging.ERROR, "a listener failed too often; it is dropped", what=problem)

    def _run(self) -> None:
        while (item := self._items.get()) is not None:
            self._work(item)
            del item


def _heard(listener: Callable[[Any], None], value: object) -> str | None:
    """What went wrong when a listener was told; it may raise or exit, and the others must hear."""
    try:
        listener(value)
    except BaseException as raised:
        return told(raised)
    return None
