"""Standard streams as machines really have them: closed, full, broken, narrow.

A command does its work whatever becomes of what it says. What an encoding cannot show is written in ASCII;
a closed stream takes everything and keeps nothing; standard error that fails says nothing more; standard
output that is full is told at the end, for then the caller lacks what was asked for.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any, TextIO

_PLAIN = {
    "–": "-", "—": "-", "−": "-", "…": "...", "→": "->", "←": "<-", "×": "x", "≤": "<=", "≥": ">=", "≈": "~",
    "✓": "ok", "✗": "x", "•": "*", "·": ".", "√": "sqrt ", "σ": "sigma", "Σ": "sum", "τ": "tau", "μ": "mu",
    "µ": "u", "Δ": "delta", "δ": "delta", "γ": "gamma", "κ": "kappa", "λ": "lambda", "’": "'", "‘": "'",
    "“": '"', "”": '"', "│": "|", "─": "-",
}  # fmt: skip


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Stands in for characters that an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(character: str) -> str:
    if character in _PLAIN:
        return _PLAIN[character]
    simple = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return simple or "?"


codecs.register_error("obmm", _in_ascii)


class _Output(io.TextIOWrapper):
    """Standard output that says of an error whose it is, once, and keeps nothing for a second one at exit."""

    def write(self, text: str) -> int:
        with _blamed(self):
            return super().write(text)

    def flush(self) -> None:
        with _blamed(self):
            super().flush()


class _Messages(io.TextIOWrapper):
    """Standard error that never raises: where nobody can be told, nobody is."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError), _blamed(self):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError), _blamed(self):
            super().flush()


@contextlib.contextmanager
def _blamed(stream: TextIO) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _let_go(stream)
        raise OSError(error.errno, error.strerror, "standard output") from error


def prepare() -> None:
    """Make the standard streams of this process fit to be written to."""
    _fill_gaps()
    for name, kind in (("stdout", _Output), ("stderr", _Messages)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, _nowhere())
        elif stream is getattr(sys, f"__{name}__"):
            setattr(sys, name, _fitted(stream, kind))


def _fitted(stream: Any, kind: type[io.TextIOWrapper]) -> io.TextIOWrapper:
    # The stream itself lives on under its dunder name, and shares the buffer.
    stream.flush()
    return kind(stream.buffer, stream.encoding, "obmm", line_buffering=stream.line_buffering)


def _let_go(stream: TextIO) -> None:
    """Send what is still buffered, and what will come, nowhere: it must not raise again at exit."""
    with contextlib.suppress(OSError, ValueError):
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, stream.fileno())
        os.close(sink)


def _fill_gaps() -> None:
    """Occupy closed descriptors 0 to 2, else the next file opened becomes standard output."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)


def _nowhere() -> Any:
    return open(os.devnull, "w", encoding="utf-8", errors="replace")
