"""Results go to stdout; what happens meanwhile goes to stderr."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def log_to_stderr(level: int = logging.INFO) -> None:
    """Print events of `level` and above on stderr, one line each."""

    def logger(*_: Any) -> structlog.PrintLogger:
        # Looked up anew for each logger: a progress bar puts its own stream in place of stderr.
        return structlog.PrintLogger(sys.stderr)

    _tell_of_compiling()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=logger,
    )


class _Says(logging.Handler):
    """One line on whatever stderr is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"obmm: {record.getMessage()}", file=sys.stderr, flush=True)


_says = _Says()


def _tell_of_compiling() -> None:
    """The market tells by the standard library that it must be compiled, whatever else is worth a word."""
    ours = logging.getLogger("obmm.sim")
    ours.setLevel(logging.INFO)
    ours.propagate = False
    if _says not in ours.handlers:
        ours.addHandler(_says)
