"""Ending a run early without losing what is done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

#: Signals that ask a run to end; Windows knows no terminal that hangs up.
ASKING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
]


@contextmanager
def interruptible() -> Iterator[Callable[[], str]]:
    """Within the context, Ctrl-C, a polite kill and a lost terminal only ask to end.

    The function yielded says which signal asked, and nothing while none did. A loop that looks at it between
    two states never leaves a state half recorded. Whoever asks a second time does not want to wait:
    KeyboardInterrupt is raised. Elsewhere than in the main thread nobody asks, and a run under `nohup` does
    not mind the terminal.

    >>> import os, signal
    >>> with interruptible() as asked:
    ...     before = asked()
    ...     os.kill(os.getpid(), signal.SIGINT)
    ...     before, asked()
    ('', 'SIGINT')
    """
    asked = ""

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = signal.Signals(number).name

    if threading.current_thread() is not threading.main_thread():
        yield lambda: ""
        return
    before = {
        number: signal.signal(number, ask)
        for number in ASKING
        if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def exit_status(ended: str) -> int:
    """What a shell is told of a run that a signal ended, as it is told of the signal itself.

    >>> exit_status("SIGINT"), exit_status("SIGTERM"), exit_status("something else")
    (130, 143, 1)
    """
    return 128 + signal.Signals[ended] if ended in signal.Signals.__members__ else 1
