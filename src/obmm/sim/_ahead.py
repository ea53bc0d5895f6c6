"""A second process that compiles kernels of the first start, so that two cores share the work.

Whoever misses a kernel first starts it. It fills the same store from the other end of the market and is in
nobody's way: nothing depends on it, and it ends with the process that started it.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from typing import Any

_started: list[subprocess.Popen[bytes]] = []
#: Not in the second process itself.
allowed = True

_CODE = "import sys; sys.path[:] = {path!r}; from obmm.sim import _ahead; _ahead.fill()"


def available_cores() -> int:
    """Cores this process may run on."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def compile_ahead() -> None:
    """Start the second process, if there is a core for it."""
    if not allowed or _started or available_cores() < 2 or not sys.executable:
        return
    command = [sys.executable, "-c", _CODE.format(path=sys.path)]
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except OSError:
        return
    _started.append(process)
    atexit.register(_end, process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def fill() -> None:
    """Compile what a market needs after its books are built, first what needs no exchange."""
    global allowed
    allowed = False
    import numba
    import numpy as np

    from obmm.sim._loop import run
    from obmm.sim._states import Board
    from obmm.sim.background._agent_algo import algo_look, algo_wake
    from obmm.sim.background._dispatch import advance
    from obmm.sim.background._layout import BACKGROUND
    from obmm.sim.exchange._layout import BOOK
    from obmm.sim.exchange._publish import publish

    books, backgrounds, board = np.zeros(0, BOOK), np.zeros(0, BACKGROUND), Board.of(0, 1, 1, 1)
    columns = (board.prices, board.sizes, board.maker_ratio, board.accounts)
    publish(books, 0, 0, *columns, board.order_counts, board.order_ids, board.order_numbers, board.counts)
    b, g = numba.from_dtype(BOOK), numba.from_dtype(BACKGROUND)
    parts: tuple[tuple[Any, ...], ...] = (
        (advance, b, g, numba.int64),
        (algo_look, b, g),
        (algo_wake, b, g),
    )
    for part, *kinds in parts:
        part.get_call_template(tuple(kinds), {})
    run(books, backgrounds, 0, 0, 1)
