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
#: Real seconds between two drawings of the bar.
BAR_S = 0.1


#: What is said of so much done in so many real seconds.
Words = Callable[[float, float], str]


@contextmanager
def simulated_time(title: str, total_s: float | None) -> Iterator[Callable[[float], None]]:
    """Something to call with the simulated seconds done, of `total_s` if that is known."""
    with _shown(title, total_s, clock) as bar:
        yield bar


@contextmanager
def work(title: str) -> Iterator[Work]:
    """Something to tell how much there is to do, and then how much is done, in book-seconds."""
    with _shown(title, None, speed) as bar:
        yield Work(title, bar)


class Work:
    """Tells of rounds of work, each with a total of its own."""

    def __init__(self, title: str, bar: Bar | Lines) -> None:
        self._title, self._bar = title, bar

    def begin(self, total: float, words: str = "") -> None:
        """A new round of so many book-seconds."""
        self._bar.begin(f"{self._title}, {words}" if words else self._title, total)

    def __call__(self, done: float) -> None:
        self._bar(done)


@contextmanager
def _shown(title: str, total: float | None, words: Words) -> Iterator[Bar | Lines]:
    out = console(stderr=True)
    if not out.is_terminal:
        yield Lines(title, total, words)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[clock]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=out, transient=True) as progress:
        progress.add_task(title, total=total, clock="")
        yield Bar(progress, words)


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

    def __init__(self, progress: Progress, words: Words) -> None:
        self._progress, self._words = progress, words
        self._next_s = 0.0

    def begin(self, title: str, total: float) -> None:
        """Start anew, with another total."""
        self._progress.reset(self._progress.tasks[0].id, total=total, description=title, clock="")

    def __call__(self, done: float) -> None:
        # Redrawing is slow beside a simulated second.
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        self._next_s = now_s + BAR_S
        task = self._progress.tasks[0]
        self._progress.update(task.id, completed=done, clock=self._words(done, task.elapsed or 0.0))


class Lines:
    """Says every `LINE_S` real seconds how far it is, and how long the rest will take."""

    def __init__(self, title: str, total: float | None, words: Words) -> None:
        self._title, self._total, self._words = title, total, words
        self._began_s: float | None = None
        self._next_s = 0.0

    def begin(self, title: str, total: float) -> None:
        """Start anew, with another total."""
        self._title, self._total, self._began_s = title, total, None

    def __call__(self, done: float) -> None:
        now_s = time.monotonic()
        if self._began_s is None:
            # Before the first state the market compiled and warmed up: that says nothing about the rest.
            self._began_s, self._next_s = now_s, max(self._next_s, now_s + LINE_S)
        if now_s < self._next_s:
            return
        self._next_s = now_s + LINE_S
        elapsed_s = now_s - self._began_s
        words = [self._words(done, elapsed_s)]
        if self._total and done > 0.0:
            share = min(done / self._total, 1.0)
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


def speed(book_seconds: float, elapsed_s: float) -> str:
    """How fast books are simulated.

    >>> speed(92_000.0, 2.0)
    '46,000 book-seconds per second'
    """
    return f"{book_seconds / elapsed_s if elapsed_s > 0.0 else 0.0:,.0f} book-seconds per second"


def hms(seconds: float) -> str:
    """Hours, minutes and seconds."""
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"
