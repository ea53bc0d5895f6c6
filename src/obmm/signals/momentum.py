"""Return of the mid over a recent span."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

import attrs
import numpy as np

from obmm.market import FloatArray, MarketState, Signals, Stage, memory, option
from obmm.settings import signal


@signal("momentum")
@attrs.define
class Momentum(Stage):
    """Log return of the mid over the last `horizon_s`: ln(M_t / M_{t-h}).

    M_{t-h} is that of the latest state at least `horizon_s` old.

    Returns (B,) log return; NaN where the book is not sound now or was not then, until the first state is
    `horizon_s` old, and after a gap for which there is no state of the last two horizons to compare with.

    >>> from obmm.market import Venue
    >>> venue, momentum = Venue.of(1), Momentum(horizon_s=1)
    >>> for second, mid in enumerate([100.0, 101.0]):
    ...     bids, asks = [[(mid - 1, 1.0)]], [[(mid + 1, 1.0)]]
    ...     state = MarketState.of_books(venue, bids, asks, time_ns=second * 10**9)
    ...     print(momentum(state, Signals(n_books=1)).round(5))
    [nan]
    [0.00995]
    """

    unit: ClassVar[str] = "log return"
    source: ClassVar[str] = "definition"

    horizon_s: float = option(
        10.0, help="Span of the return", unit="s", high=86_400.0, validator=attrs.validators.gt(0.0)
    )

    _past: deque[tuple[int, FloatArray]] = memory(deque)  # (time, log mid), oldest first

    @property
    def warmup_s(self) -> float:
        return self.horizon_s

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        past, now = self._past, state.time_ns
        horizon_ns = round(self.horizon_s * 1e9)
        log_mid = np.log(np.where(state.sound, state.mid, np.nan))
        if not past or now > past[-1][0]:
            past.append((now, log_mid))
        while len(past) > 1 and past[1][0] <= now - horizon_ns:
            past.popleft()
        then, log_then = past[0]
        if not horizon_ns <= now - then <= 2 * horizon_ns:
            return np.full(state.n_books, np.nan)
        change: FloatArray = log_mid - log_then
        return change
