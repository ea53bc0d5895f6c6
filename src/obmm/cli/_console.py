"""The console that commands print on."""

from __future__ import annotations

import os
import sys

from rich.console import Console

#: Width where the output is no terminal and nobody says another.
_PIPE_WIDTH = 132
_NARROWEST, _WIDEST = 20, 10_000


class _Console(Console):
    """One that leaves it to `main` what a closed pipe means."""

    def on_broken_pipe(self) -> None:
        raise


def console(*, stderr: bool = False, pipe_width: int = _PIPE_WIDTH) -> Console:
    """A console as wide as the terminal, or as `COLUMNS` says if that is a width; else of `pipe_width`."""
    stream = sys.stderr if stderr else sys.stdout
    size = _terminal_size(stream.fileno()) if stream.isatty() else os.terminal_size((pipe_width, 25))
    given = os.environ.get("COLUMNS", "")
    named = given.isdecimal() and _NARROWEST <= int(given[:9]) <= _WIDEST
    # Both are given, else rich looks for them itself, and believes what it finds.
    return _Console(
        stderr=stderr, width=int(given) if named else size.columns, height=size.lines, highlight=False
    )


def _terminal_size(descriptor: int) -> os.terminal_size:
    try:
        size = os.get_terminal_size(descriptor)
    except OSError:
        size = os.terminal_size((0, 0))
    return os.terminal_size((size.columns if size.columns >= _NARROWEST else 80, size.lines or 25))
