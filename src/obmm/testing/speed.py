"""How long a stage takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from obmm.testing._scenes import steps
from obmm.testing._trial import Trial, group_of

#: Calls timed after the first, and the real seconds after which no more are begun.
CALLS, ENOUGH_S = 5, 0.5


def call_s(make: Callable[[], Any], group: str | None = None) -> float:
    """Real seconds of a call of a stage on a few books: the best of some after the first, which loads things.

    Args:
        make: Makes a new instance without arguments: the class, or a function that gives it options.
        group: "signals", "gates", "builders" or "placers"; found out from the class if not given.

    Raises:
        LookupError: The group cannot be told.
        Exception: Whatever the stage raises.

    >>> from obmm.signals import Mid
    >>> 0.0 < call_s(Mid) < 0.1
    True
    """
    trial = Trial(make, group if group is not None else group_of(make))
    stage, history = trial.make(), steps(trial.scene())
    trial.call(stage, history[0])
    best_s, spent_s = float("inf"), 0.0
    for step in history[1 : CALLS + 1]:
        started = time.perf_counter()
        trial.call(stage, step)
        took_s = time.perf_counter() - started
        best_s, spent_s = min(best_s, took_s), spent_s + took_s
        if spent_s > ENOUGH_S:
            break
    return best_s
