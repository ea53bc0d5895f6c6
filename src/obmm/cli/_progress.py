"""How fast simulated time goes by, on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from obmm.cli._output import console

#: Real seconds between two lines.
LINE_S = 10.0


@contextmanager
def simulated_time(title: str, total_s: float | None) -> Iterator[Callable[[float], None]]:
    """Something to call with the simulated seconds done, of `total_s` if that is known."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield Lines(title, total_s)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[clock]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=out, transient=True) as progress:
        task = progress.add_task(title, total=total_s, clock="")
        yield Bar(progress, task)


@contextmanager
def counted(title: str) -> Iterator[Callable[[int], None]]:
    """Something to call with the exchanges of a recording that are done, however many there are."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield lambda _: None
        return
    with Progress(
        TextColumn("{task.description}"), TextColumn("{task.completed:,.0f}"), console=out, transient=True
    ) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done: bar.update(task, completed=done)


class Bar:
    """Moves the bar; cheap enough to be called for every state."""

    def __init__(self, progress: Progress, task: object) -> None:
        self._progress, self._task = progress, task
        self._last = -1

    def __call__(self, simulated_s: float) -> None:
        # Redrawing is slow beside a simulated second.
        if int(simulated_s) // 10 == self._last:
            return
        self._last = int(simulated_s) // 10
        task = self._progress.tasks[0]
        self._progress.update(task.id, completed=simulated_s, clock=clock(simulated_s, task.elapsed or 0.0))


class Lines:
    """Says every `LINE_S` real seconds how far it is, and how long the rest will take."""

    def __init__(self, title: str, total_s: float | None) -> None:
        self._title, self._total_s = title, total_s
        self._began_s: float | None = None
        self._next_s = 0.0

    def __call__(self, simulated_s: float) -> None:
        now_s = time.monotonic()
        if self._began_s is None:
            # Before the first state the market compiled and warmed up: that says nothing about the rest.
            self._began_s, self._next_s = now_s, now_s + LINE_S
        if now_s < self._next_s:
            return
        self._next_s = now_s + LINE_S
        elapsed_s = now_s - self._began_s
        words = [clock(simulated_s, elapsed_s)]
        if self._total_s and simulated_s > 0.0:
            share = min(simulated_s / self._total_s, 1.0)
            words += [f"{share:.0%}", f"{hms(elapsed_s * (1.0 - share) / share)} left"]
        try:
            print(f"{self._title}: {', '.join(words)}", file=sys.stderr, flush=True)
        except (OSError, ValueError):
            # Nobody reads it any more; the run goes on.
            self._next_s = float("inf")


def clock(simulated_s: float, elapsed_s: float) -> str:
    """Simulated time done and its speed.

    >>> clock(3725.0, 25.0)
    '1:02:05 simulated, 149x real time'
    """
    speed = simulated_s / elapsed_s if elapsed_s > 0.0 else 0.0
    return f"{hms(simulated_s)} simulated, {speed:,.0f}x real time"


def hms(seconds: float) -> str:
    """Hours, minutes and seconds."""
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"
