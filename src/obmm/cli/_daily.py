"""The daily report of a run, made while it goes on: `obmm run --daily 07:00`."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from obmm.cli._errors import UsageError

#: Real seconds between two looks at the clock: it may be set meanwhile, and a machine may have slept.
_LOOK_S = 20.0


@contextmanager
def told_daily(at: str | None, record: Path | None, alerts: Path | None) -> Iterator[None]:
    """Have the daily report made of what is recorded, every day at a local time; nothing without one.

    Raises:
        UsageError: The time cannot be read, or nothing is recorded.
    """
    if at is None:
        yield
        return
    if record is None:
        raise UsageError("--daily reports what is recorded: say where with --record")
    words = [str(record), *([] if alerts is None else ["--alerts", str(alerts)])]
    daily = Daily(at, words)
    try:
        yield
    finally:
        daily.close()


class Daily:
    """Makes the report at a local time, by a process that is in no hurry; an end does not wait for it.

    Args:
        at: Local time, such as `07:00`.
        words: What `obmm daily` is given.
        now: Seconds since the epoch.

    Raises:
        UsageError: The time cannot be read.
    """

    def __init__(self, at: str, words: list[str], now: Callable[[], float] = time.time) -> None:
        self._words, self._now = words, now
        self._hour, self._minute = time_of(at)
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._attend, name="obmm-daily", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End; a report that is being made is given up."""
        self._ended.set()
        if (process := self._process) is not None and process.poll() is None:
            process.terminate()
        self._thread.join(1.0)

    def _attend(self) -> None:
        due_s = next_s(self._now(), self._hour, self._minute)
        while not self._ended.wait(min(max(due_s - self._now(), 0.0), _LOOK_S)):
            if self._now() >= due_s:
                self._make()
                due_s = next_s(self._now(), self._hour, self._minute)

    def _make(self) -> None:
        words = [sys.executable, "-m", "obmm", "daily", *self._words]
        try:
            self._process = process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
        except OSError as error:
            _say(f"no daily report: {error.strerror or error}")
            return
        if hasattr(os, "setpriority"):
            with contextlib.suppress(OSError):  # It has ended already.
                os.setpriority(os.PRIO_PROCESS, process.pid, 15)
        _, said = process.communicate()
        if process.returncode and not self._ended.is_set():
            _say(f"no daily report: {said.decode(errors='replace').strip()[-300:]}")


def time_of(text: str) -> tuple[int, int]:
    """Hour and minute of a time of the day.

    Raises:
        UsageError: It is none.

    >>> time_of("07:05")
    (7, 5)
    """
    found = re.fullmatch(r"(\d{1,2}):(\d{2})", text)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise UsageError(f"--daily {text!r} is no time of the day; write 07:00")
    return int(found[1]), int(found[2])


def next_s(now_s: float, hour: int, minute: int) -> float:
    """Seconds since the epoch at which it is `hour:minute` next, local time, later than now.

    >>> 0.0 < next_s(1e9, 7, 0) - 1e9 <= 25 * 3600.0
    True
    """
    today = datetime.datetime.fromtimestamp(now_s).replace(hour=hour, minute=minute, second=0, microsecond=0)
    # A day on the wall is not always 24 hours long.
    days = (today + datetime.timedelta(days=i) for i in range(3))
    return next(at for day in days if (at := day.timestamp()) > now_s)


def _say(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # Nobody reads it any more.
        print(f"obmm: {text}", file=sys.stderr, flush=True)
