"""One thing after the other, in a thread that is there while there is something to do."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

#: Jobs that may wait; of more the oldest are dropped.
MAX_WAITING = 8
#: Real seconds after which a thread with nothing to do ends.
IDLE_S = 30.0


class Lane(Generic[T]):
    """Works on jobs in their order.

    The thread is a daemon: work that hangs does not keep the process from ending.

    Args:
        work: What to do with a job; it must not raise.

    >>> done = []
    >>> lane = Lane(done.append)
    >>> lane.put("first"), lane.put("second")
    ([], [])
    >>> lane.close(5.0)
    >>> done
    ['first', 'second']
    """

    def __init__(self, work: Callable[[T], None]) -> None:
        self._work = work
        self._waiting: deque[T] = deque()
        self._change = threading.Condition()
        self._running = False
        self._busy = False
        self._closed = False

    def put(self, job: T) -> list[T]:
        """Add a job; returns those that are dropped for it."""
        with self._change:
            if self._closed:
                return [job]
            self._waiting.append(job)
            dropped = [self._waiting.popleft() for _ in range(len(self._waiting) - MAX_WAITING)]
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="obmm-lane", daemon=True).start()
            self._change.notify_all()
        return dropped

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not (self._busy or self._waiting)

    def close(self, within_s: float) -> None:
        """Take no more jobs, and wait for those that are there."""
        until_s = time.monotonic() + within_s
        with self._change:
            self._closed = True
            self._change.notify_all()
            self._change.wait_for(lambda: self.idle, max(until_s - time.monotonic(), 0.0))

    def _run(self) -> None:
        while True:
            with self._change:
                self._busy = False
                self._change.notify_all()
                self._change.wait_for(lambda: self._waiting or self._closed, IDLE_S)
                if not self._waiting:
                    self._running = False
                    return
                job = self._waiting.popleft()
                self._busy = True
            self._work(job)
            del job
