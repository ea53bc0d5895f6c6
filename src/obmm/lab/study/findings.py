"""What is told of a signal."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np


@attrs.frozen(kw_only=True)
class Horizon:
    """What a signal knows of the return of the next `horizon_s` seconds.

    Attributes:
        horizon_s: Seconds.
        correlation: With the next return; NaN where the signal or the price does not vary.
        low: Lower bound of its 95 % interval; NaN in data too short to tell.
        high: Upper bound.
        hit_rate: Share of moves whose sign it has, zeros left out.
        hit_low: Lower bound of its 95 % interval.
        hit_high: Upper bound.
        contemporaneous: Correlation with the return of the *last* `horizon_s`: what it says of the past.
        marginal: Correlation with the part of the next return after the horizon before this one.
        first_half: Correlation in the first half of the time.
        second_half: Correlation in the second half.
        bps_per_deviation: Mean next return per standard deviation of the signal, basis points.
        pairs: Number of pairs of signal and return.
    """

    horizon_s: float
    correlation: float
    low: float
    high: float
    hit_rate: float
    hit_low: float
    hit_high: float
    contemporaneous: float
    marginal: float
    first_half: float
    second_half: float
    bps_per_deviation: float
    pairs: int

    @property
    def shown(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0.0 or self.high < 0.0

    @property
    def reading(self) -> str:
        """What to make of it, in words."""
        if not np.isfinite(self.correlation):
            return "does not vary"
        if not np.isfinite(self.low):
            return "too short to tell"
        if not self.shown:
            return "nothing shown"
        word = "leads" if self.correlation > 0.0 else "contrarian"
        halves = (self.first_half, self.second_half)
        return word if all(h * self.correlation > 0.0 for h in halves) else f"{word}, in one half only"


@attrs.frozen(kw_only=True)
class Quantile:
    """The books and seconds at which a signal lay between two of its quantiles.

    Attributes:
        signal: Its mean there.
        pairs: How many.
        return_bps: Mean of what followed, by horizon in the order of the study, basis points.
        low_bps: Lower bounds of their 95 % intervals.
        high_bps: Upper bounds.
    """

    signal: float
    pairs: int
    return_bps: tuple[float, ...]
    low_bps: tuple[float, ...]
    high_bps: tuple[float, ...]


@attrs.frozen(kw_only=True)
class SignalStudy:
    """What was found about one signal.

    Attributes:
        name: The signal.
        horizons: On all books.
        classes: Class of books → the same on these; empty where there is one class.
        quantiles: What followed low and high values.
        autocorrelation: With itself so many seconds before, by seconds.
        turnover: Mean absolute change from a state to the next, in standard deviations.
        known: Share of books and states on which it has a value.
        mean: Mean value.
        deviation: Standard deviation.
    """

    name: str
    horizons: tuple[Horizon, ...]
    classes: Mapping[str, tuple[Horizon, ...]]
    quantiles: tuple[Quantile, ...]
    autocorrelation: Mapping[str, float]
    turnover: float
    known: float
    mean: float
    deviation: float

    @property
    def best(self) -> Horizon:
        """The horizon at which it knows most: of those that are shown, if any."""
        return max(self.horizons, key=lambda h: (h.shown, abs(np.nan_to_num(h.correlation))))
