"""A progress bar on stderr that says how fast simulated time goes by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from obmm.cli._output import console


@contextmanager
def simulated_time(title: str, total_s: float | None, *, quiet: bool = False) -> Iterator[Bar]:
    """A bar over `total_s` simulated seconds, of unknown length if None.

    Silent where stderr is no terminal, or when `quiet`.
    """
    out = console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[clock]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=out, transient=True, disable=quiet or not out.is_terminal) as progress:
        task = progress.add_task(title, total=total_s, clock="")
        yield Bar(progress, task)


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
        speed = simulated_s / task.elapsed if task.elapsed else 0.0
        hours, rest = divmod(int(simulated_s), 3600)
        clock = f"{hours}:{rest // 60:02}:{rest % 60:02} simulated, {speed:,.0f}x real time"
        self._progress.update(task.id, completed=simulated_s, clock=clock)
