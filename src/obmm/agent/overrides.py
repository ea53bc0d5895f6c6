"""Manual overrides, read from a file while the agent runs."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import structlog

from obmm.agent.faults import told
from obmm.agent.telling import tell
from obmm.risk import Override
from obmm.settings.books import select_books
from obmm.settings.errors import ConfigError, Problem, did_you_mean
from obmm.settings.files import write_whole
from obmm.settings.toml import parse_layer

#: An override file has a few lines; more is some other file.
MOST_BYTES = 65_536
MOST_ENTRIES = 512
MODES = tuple(mode.value for mode in Override)

_log = structlog.get_logger("obmm.overrides")


@attrs.define
class OverrideFile:
    """A small TOML file that a person edits to rein the agent in at once; looking at it never raises.

        all = "reduce-only"
        [books]
        7 = "off"

    A file that is missing or empty means no overrides, once it was so on two looks: an editor that writes
    anew leaves it so for a moment. One that cannot be read leaves the last good ones in force.
    """

    path: Path
    modes: dict[str, str] = attrs.field(factory=dict, init=False)
    _seen: tuple[object, ...] | None = attrs.field(default=None, init=False)
    _gone: bool = attrs.field(default=False, init=False)
    _problem: str = attrs.field(default="", init=False)
    _next_look: float = attrs.field(default=0.0, init=False)
    _orders: int = attrs.field(default=0, init=False)
    _unwritten: bool = attrs.field(default=False, init=False)

    def order(self, modes: Mapping[str, str]) -> None:
        """Put `modes` in force from the next state on, in place of those before, and write the file anew.

        Raises:
            ConfigError: A mode or a book is unknown; nothing has changed.
            OSError: The file could not be written. The modes are in force, and the file is looked at no more
                until it could be.
        """
        ordered = _modes({"books": dict(modes)}, self.path)
        # What is being read meanwhile is the file of before.
        self._orders += 1
        self._unwritten, self._gone = True, False
        self.modes = ordered
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, _toml(ordered).encode())
        self._unwritten = False
        tell(_log, logging.WARNING, "overrides", path=str(self.path), now=ordered or "none")

    def poll(self, every_s: float = 0.5) -> dict[str, str]:
        """Book selector → mode as of now; the file is looked at no more often than `every_s` of real time."""
        now = time.monotonic()
        if now >= self._next_look and not self._unwritten:
            self._next_look = now + every_s
            try:
                self._look()
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # A file may be anything; what a person ordered stays in force.
                self._keep(told(error))
        return self.modes

    def _look(self) -> None:
        orders = self._orders
        try:
            about = self.path.stat()
        except FileNotFoundError:
            self._lift("the file is gone")
            return
        seen = (about.st_mtime_ns, about.st_size, about.st_ino, about.st_mode)
        if seen == self._seen and not self._gone:
            return
        text = _text(self.path)
        if not text.strip():
            self._lift("the file is empty")
            return
        self._seen, self._gone = seen, False
        modes = _modes(parse_layer(text, str(self.path)).table, self.path)
        if orders != self._orders:
            self._seen = None
            return
        self._problem = ""
        if modes != self.modes:
            tell(_log, logging.WARNING, "overrides", path=str(self.path), now=modes or "none")
            self.modes = modes

    def _lift(self, why: str) -> None:
        """Drop all overrides if there was nothing to read on the last look either."""
        lifted, self._gone, self._seen, self._problem = self._gone, True, None, ""
        if lifted and self.modes:
            event = f"ALL OVERRIDES ARE LIFTED: {why}"
            tell(_log, logging.WARNING, event, path=str(self.path), was=self.modes)
            self.modes = {}

    def _keep(self, problem: str) -> None:
        """Stay with the last good overrides, and say once why."""
        self._gone = False
        if problem != self._problem:
            self._problem = problem
            about = {"path": str(self.path), "problem": problem, "kept": self.modes or "none"}
            tell(_log, logging.ERROR, "overrides not changed", **about)


def read_overrides(path: Path) -> dict[str, str]:
    """Book selector → mode of an override file.

    Raises:
        ConfigError: The file cannot be read, or a mode or a book is unknown.
    """
    try:
        text = _text(path)
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be read: {error.strerror or error}")]) from error
    return _modes(parse_layer(text, str(path)).table, path)


def _toml(modes: Mapping[str, str]) -> str:
    """An override file."""
    lines = [f'all = "{modes["all"]}"'] if "all" in modes else []
    rest = [f'"{books}" = "{mode}"' for books, mode in modes.items() if books != "all"]
    lines += ["[books]", *rest] if rest else []
    return "\n".join(["# Written anew by `obmm control`.", *lines, ""])


def _text(path: Path) -> str:
    """The words of a small plain file.

    Raises:
        ConfigError: It is something else, longer, or no UTF-8.
        OSError: It cannot be read.
    """
    # A pipe in place of the file would hold the agent up: what is opened is not waited for.
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise ConfigError([Problem(str(path), "is no plain file")])
        content = os.read(number, MOST_BYTES + 1)
    finally:
        os.close(number)
    if len(content) > MOST_BYTES:
        raise ConfigError([Problem(str(path), f"is longer than {MOST_BYTES} bytes")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(str(path), f"is not UTF-8: {error}")]) from error


def _modes(table: Mapping[str, Any], path: Path) -> dict[str, str]:
    books = table.get("books", {})
    if len(table) > MOST_ENTRIES or (isinstance(books, dict) and len(books) > MOST_ENTRIES):
        raise ConfigError([Problem(str(path), f"has more than {MOST_ENTRIES} entries")])
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
        if not isinstance(mode, str) or mode not in MODES:
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
