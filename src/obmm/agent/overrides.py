"""Manual overrides, read from a file while the agent runs."""

from __future__ import annotations

import time
from pathlib import Path

import attrs
import numpy as np
import structlog

from obmm.risk import Override
from obmm.settings.books import select_books
from obmm.settings.errors import ConfigError, Problem, did_you_mean
from obmm.settings.toml import file_layer

MODES = tuple(mode.value for mode in Override)

_log = structlog.get_logger("obmm.overrides")


@attrs.define
class OverrideFile:
    """A small TOML file that a person edits to rein the agent in at once.

        all = "reduce-only"
        [books]
        7 = "off"

    A file that is missing means no overrides. One that cannot be read leaves the last good ones in force.
    """

    path: Path
    modes: dict[str, str] = attrs.field(factory=dict, init=False)
    _seen: tuple[int, int] | None = attrs.field(default=None, init=False)
    _next_look: float = attrs.field(default=0.0, init=False)

    def poll(self, every_s: float = 0.5) -> dict[str, str]:
        """Book selector → mode as of now; the file is looked at no more often than `every_s` of real time."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + every_s
            self._look()
        return self.modes

    def _look(self) -> None:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._take({}, None)
            return
        seen = (stat.st_mtime_ns, stat.st_size)
        if seen == self._seen:
            return
        try:
            self._take(read_overrides(self.path), seen)
        except ConfigError as error:
            self._seen = seen
            _log.error("overrides not changed", path=str(self.path), problem=str(error))

    def _take(self, modes: dict[str, str], seen: tuple[int, int] | None) -> None:
        if modes != self.modes:
            _log.warning("overrides", path=str(self.path), now=modes or "none")
        self.modes, self._seen = modes, seen


def read_overrides(path: Path) -> dict[str, str]:
    """Book selector → mode of an override file.

    Raises:
        ConfigError: The file cannot be read, or a mode or a book is unknown.
    """
    table = file_layer(path).table
    books = table.get("books", {})
    problems = [
        Problem(f"{path}: {key}", f"unknown; {did_you_mean(key, ('all', 'books'))}")
        for key in table
        if key not in ("all", "books")
    ]
    if not isinstance(books, dict):
        problems.append(Problem(f"{path}: books", 'is a table: write [books], then 7 = "off"'))
        books = {}
    modes: dict[str, str] = ({"all": table["all"]} if "all" in table else {}) | books
    for selector, mode in modes.items():
        if mode not in MODES:
            problems.append(
                Problem(f"{path}: {selector}", f"{mode!r} is no mode; {did_you_mean(str(mode), MODES)}")
            )
        try:
            select_books(selector, np.zeros(0, dtype=np.int64))
        except ValueError as error:
            problems.append(Problem(f"{path}: books.{selector}", str(error)))
    if problems:
        raise ConfigError(problems)
    return modes
