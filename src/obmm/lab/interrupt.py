"""Ending a run early without losing what is done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Within the context, Ctrl-C and a polite kill only ask; the function yielded says whether they did.

    A loop that looks at it between two states never leaves a state half recorded. Whoever asks a second time
    does not want to wait: KeyboardInterrupt is raised. Elsewhere than in the main thread nobody asks.

    >>> import os, signal
    >>> with interruptible() as asked:
    ...     before = asked()
    ...     os.kill(os.getpid(), signal.SIGINT)
    ...     before, asked()
    (False, True)
    """
    asked = False

    def ask(_: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
