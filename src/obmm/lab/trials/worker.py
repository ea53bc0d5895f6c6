"""A process that plays trials for another."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import pickle
import signal
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any

import structlog

from obmm.lab.trials.outcome import Outcome
from obmm.lab.trials.play import play_together
from obmm.lab.trials.trial import Trial

#: Seconds between two words of how far a trial is.
_WORD_S = 0.5


class Worker:
    """A process of its own, seen from the one that gives it work.

    It ends with its parent, however that ends: the pipe between them breaks.

    Attributes:
        number: What it plays; None while it plays nothing.
        connection: Where it is heard from.
    """

    def __init__(self, threads: int) -> None:
        # A process that was forked would share locks of threads that it does not have.
        context = multiprocessing.get_context("spawn")
        self.number: int | None = None
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, threads), daemon=True)
        self._process.start()
        theirs.close()

    def begin(self, number: int, trials: Sequence[Trial]) -> None:
        """Let it play trials together; it must play none."""
        self.number = number
        # Where it died in between, `told` says so.
        with contextlib.suppress(BrokenPipeError, ConnectionError):
            self.connection.send(tuple(trials))

    def ready(self) -> bool:
        """Whether it has something to say, be it that it died."""
        try:
            return self.connection.poll()
        except (EOFError, OSError):
            return True

    def told(self) -> float | tuple[tuple[Outcome, ...], ...] | None:
        """The share that is done, the outcomes of each trial, or None if the process died.

        Raises:
            Exception: What a trial raised.
        """
        try:
            said = self.connection.recv()
        except (EOFError, OSError):
            self.close()
            return None
        if isinstance(said, BaseException):
            raise said
        if not isinstance(said, float):
            self.number = None
        told: float | tuple[tuple[Outcome, ...], ...] = said
        return told

    def close(self) -> None:
        """End it, whatever it does."""
        self.connection.close()
        self._process.terminate()
        self._process.join()


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Agents log nothing meanwhile: many alike would say the same, and what failed is in their outcomes."""
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(wrapper_class=before)


def _work(connection: Connection, threads: int) -> None:
    """Play what comes through `connection`, until it breaks."""
    # Ctrl-C reaches all processes of a terminal: the parent ends this one when it is time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    said_s = 0.0

    def look(share: float) -> None:
        nonlocal said_s
        if time.monotonic() - said_s >= _WORD_S:
            said_s = time.monotonic()
            connection.send(float(share))

    while True:
        try:
            # It brings the code of stages: what is wrong with that is told like any other error.
            trials = connection.recv()
            with silent():
                told: Any = play_together(trials, look, threads=threads)
        except (EOFError, BrokenPipeError, ConnectionError):
            return
        except Exception as error:
            told = _sendable(error)
        connection.send(told)


def _sendable(error: Exception) -> Exception:
    """The error, or its words where it cannot travel."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
