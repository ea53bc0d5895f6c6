"""A day: a window of a live recording that may still grow, measured simulation by simulation."""

from __future__ import annotations

import datetime
import json
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from obmm.lab.daily.figures import MEASURES, Figures, figures_of, together
from obmm.lab.live_run import NothingRecorded, Progress, import_recording
from obmm.lab.recorded import Run
from obmm.settings.files import write_whole
from obmm.wire.recording import Recording

#: The figures of a day, in its folder.
FIGURES = "figures.json"
#: File systems date a file by a clock that ticks coarsely, and some ticks behind.
_TICK_NS = 1_000_000_000


@attrs.frozen(kw_only=True)
class Day:
    """What is known of a day.

    Attributes:
        since_ns: Wall clock at its beginning.
        until_ns: At its end.
        simulations: Figures of each simulation of each validator.
    """

    since_ns: int
    until_ns: int
    simulations: Sequence[Figures]

    @property
    def name(self) -> str:
        """The local date at its end.

        >>> Day(since_ns=0, until_ns=86_400 * 10**9 * 3, simulations=()).name[:8]
        '1970-01-'
        """
        return f"{datetime.datetime.fromtimestamp(self.until_ns / 1e9):%Y-%m-%d}"

    @property
    def totals(self) -> dict[str, float | None]:
        """The figures of `MEASURES` over all simulations."""
        return together(self.simulations)

    @property
    def books(self) -> dict[str, float]:
        """P&L by book, called `7`, or `7 of 5Fvalidator` where several validators asked."""
        several = len({one["validator"] for one in self.simulations}) > 1
        told: dict[str, float] = {}
        for one in self.simulations:
            for book, pnl in one["per_book"].items():
                name = f"{book} of {one['validator'][:8]}" if several else book
                told[name] = told.get(name, 0.0) + pnl
        return told

    def changes(self, before: Day | None) -> Iterator[tuple[str, float | None, float | None, float | None]]:
        """Every measure: its name, today, the day before, the difference; None for what is not known."""
        today, yesterday = self.totals, {} if before is None else before.totals
        for name in MEASURES:
            now, then = today[name], yesterday.get(name)
            yield name, now, then, None if now is None or then is None else now - then

    def turned(self, before: Day | None) -> tuple[list[str], list[str]]:
        """Books that earned and now lose, and those that lost and now earn, the largest change first."""
        then, now = {} if before is None else before.books, self.books
        moved = sorted((book for book in now if book in then), key=lambda book: -abs(now[book] - then[book]))
        down = [book for book in moved if then[book] > 0.0 > now[book]]
        up = [book for book in moved if then[book] < 0.0 < now[book]]
        return down, up

    def write(self, folder: Path) -> None:
        """Keep the figures in a folder.

        Raises:
            OSError: The disk does not take them; what was there stays.
        """
        told = {"since_ns": self.since_ns, "until_ns": self.until_ns, "simulations": list(self.simulations)}
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / FIGURES, json.dumps(_finite(told), indent=1).encode() + b"\n")


def latest_before(folder: Path, until_ns: int) -> Day | None:
    """The newest day in the folders below `folder` that ended at `until_ns` at the latest."""
    days = [day for path in folder.glob(f"*/{FIGURES}") if (day := _read(path)) is not None]
    return max((d for d in days if d.until_ns <= until_ns), key=lambda day: day.until_ns, default=None)


def ends_ns(recording: Recording) -> int:
    """Wall clock after all that was recorded, a second at most."""
    newest = max((recording.folder / file.name).stat().st_mtime_ns for file in recording.index.files)
    return newest + _TICK_NS


def measure_day(
    path: Path,
    since_ns: int,
    until_ns: int,
    scratch: Path,
    *,
    era: str | None = None,
    keep: bool = False,
    progress: Progress | None = None,
) -> Day | None:
    """Measure a window of a recording; None if nobody asked in it.

    Args:
        path: The recording.
        since_ns: Wall clock at the beginning.
        until_ns: And the end.
        scratch: Folder in which its runs are made.
        era: Rules to score by; those of the recording's version if not given.
        keep: Whether the runs stay.
        progress: Told of each exchange.

    Raises:
        WireError: The recording is damaged, or is none.
        OSError: A run cannot be written.
        ConfigError: A configuration cannot be rebuilt.
    """
    recording = Recording(path)
    # Files that ended before are not read; each says by itself what it needs.
    recording.index.files = [f for f in recording.index.files if not f.closed or f.last_ns >= since_ns]
    try:
        if not recording.index.files:
            return None
        folders = import_recording(
            recording, scratch, eras=(), force=True, since_ns=since_ns, until_ns=until_ns, progress=progress
        )
        simulations = [figures_of(Run(folder), era) for folder in folders]
    except NothingRecorded:
        return None
    finally:
        if not keep:
            shutil.rmtree(scratch, ignore_errors=True)
    return Day(since_ns=since_ns, until_ns=until_ns, simulations=simulations)


def _read(path: Path) -> Day | None:
    """A day that was kept; None if the file is not one."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        day = Day(**told)
        day.totals  # noqa: B018 (one of another version lacks figures)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return day


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
