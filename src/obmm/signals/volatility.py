"""Volatility per square root of a second."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market import FloatArray, MarketState, PerBook, Signals, Stage, memory, option
from obmm.settings import signal
from obmm.signals._books import quotient


@signal("volatility")
@attrs.define
class Volatility(Stage):
    """Exponentially weighted volatility of mid log returns per square root of a second.

    v ← d v + (1 - d) x with d = exp(-Δt / tau_s), where x = r² / Δt (`squared`) or
    (π/2) |r_i| |r_{i-1}| / √(Δt_i Δt_{i-1}) (`bipower`, deaf to single jumps). The recursion starts from
    the plain mean of the first `warm_s` seconds of data. Δt is simulated time since the book last had a
    sound touch, so that a missed state or a bad book leaves no trace.

    Returns (B,), always finite: √v, at least `floor`; `default` until `warm_s` seconds of data were seen,
    and the last value while the book is not sound.

    >>> from obmm.market import Venue
    >>> venue, volatility = Venue.of(1), Volatility(tau_s=60, warm_s=4)
    >>> for second, mid in ((0, 100.0), (4, 100.2)):
    ...     bids, asks = [[(mid - 0.01, 1.0)]], [[(mid + 0.01, 1.0)]]
    ...     state = MarketState.of_books(venue, bids, asks, time_ns=second * 10**9)
    ...     print(volatility(state, Signals(n_books=1)).round(6))
    [0.0001]
    [0.000999]
    """

    unit: ClassVar[str] = "log return per √s"
    source: ClassVar[str] = "RiskMetrics 1996; Barndorff-Nielsen & Shephard 2004"

    tau_s: PerBook = option(60.0, help="Time constant", unit="s", per_book=True, low=1e-3)
    returns: Literal["squared", "bipower"] = option(
        "squared",
        help="Squared returns, or products of neighbours, which ignore jumps",
        validator=attrs.validators.in_(("squared", "bipower")),
    )
    floor: PerBook = option(1e-6, help="Least value reported", unit="1/√s", per_book=True, low=0.0)
    default: PerBook = option(
        1e-4, help="Value reported while warming up", unit="1/√s", per_book=True, low=0.0
    )
    warm_s: float = option(
        30.0,
        help="Data averaged before the estimate replaces the default",
        unit="s",
        low=0.0,
    )

    _mid: FloatArray = memory()
    _time_ns: npt.NDArray[np.int64] = memory()
    _variance: FloatArray = memory()
    _scaled_return: FloatArray = memory()
    _seen_s: FloatArray = memory()

    @property
    def warmup_s(self) -> float:
        return self.warm_s

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        if self._mid is None:
            self._begin(state.n_books)
        sound = state.sound
        dt_s = np.maximum(state.time_ns - self._time_ns, 0) / 1e9
        fresh = sound & (dt_s > 0.0)
        # Books without an earlier touch have a NaN mid, and all that follows from it stays NaN.
        step = np.where(fresh, dt_s, np.nan)
        scaled = np.abs(np.log(np.where(sound, state.mid, np.nan) / self._mid)) / np.sqrt(step)
        squared = self.returns == "squared"
        x = scaled * scaled if squared else math.pi / 2.0 * scaled * self._scaled_return
        known = np.isfinite(x)
        self._seen_s = self._seen_s + np.where(known, dt_s, 0.0)
        gain = -np.expm1(-dt_s / self.tau_s)
        young = self._seen_s <= self.warm_s
        if young.any():
            gain = np.where(young, quotient(dt_s, self._seen_s), gain)
        first = np.isnan(self._variance)
        updated = np.where(first, x, self._variance + gain * (x - self._variance))
        self._variance = np.where(known, updated, self._variance)
        self._scaled_return = np.where(np.isfinite(scaled), scaled, self._scaled_return)
        self._mid = np.where(fresh, state.mid, self._mid)
        self._time_ns = np.where(fresh, state.time_ns, self._time_ns)
        warm = (self._seen_s >= self.warm_s) & ~np.isnan(self._variance)
        reported: FloatArray = np.maximum(np.where(warm, np.sqrt(self._variance), self.default), self.floor)
        return reported

    def _begin(self, n_books: int) -> None:
        self._mid = np.full(n_books, np.nan)
        self._time_ns = np.full(n_books, -(1 << 62))
        self._variance = np.full(n_books, np.nan)
        self._scaled_return = np.full(n_books, np.nan)
        self._seen_s = np.zeros(n_books)
