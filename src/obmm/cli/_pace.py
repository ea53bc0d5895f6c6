"""Simulated time at a speed that a person can follow."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

#: Simulated seconds a real one may bring; slower than the real market is of no use.
Speed = Annotated[float, Parameter(validator=Number(gte=1.0, lt=float("inf")))]
#: Real seconds between two looks whether to go on.
_NAP_S = 0.05
#: Simulated seconds between two states that are waited for; more is a gap.
_GAP_S = 10.0


class Pace:
    """Waits whenever simulated time is ahead of its pace; what was late is not made up for.

    Args:
        speed: Simulated seconds a real one; None never waits.
        going: Whether to go on waiting.

    >>> pace = Pace(100.0)
    >>> began_s = time.monotonic()
    >>> for simulated_s in (600.0, 601.0, 605.0):
    ...     pace(simulated_s)
    >>> 0.05 <= time.monotonic() - began_s < 1.0
    True
    """

    def __init__(self, speed: float | None, going: Callable[[], bool] = lambda: True) -> None:
        self._speed, self._going = speed, going
        self._seen: dict[tuple[str, str], tuple[float, float]] = {}

    def __call__(self, simulated_s: float, of: tuple[str, str] = ("", "")) -> None:
        """A state of this time was seen, of a validator's simulation: wait until the next may be."""
        if self._speed is None:
            return
        now_s = time.monotonic()
        last_s, due_s = self._seen.get(of, (simulated_s, now_s))
        # States that are missing, and a clock that was set back, are not waited for.
        due_s = max(due_s + min(max(simulated_s - last_s, 0.0), _GAP_S) / self._speed, now_s)
        self._seen[of] = simulated_s, due_s
        while (left_s := due_s - time.monotonic()) > 0.0 and self._going():
            time.sleep(min(left_s, _NAP_S))
