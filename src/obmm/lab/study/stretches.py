"""Stretches of time that are measured together, and the returns of their books."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.lab.study.resample import Blocks
from obmm.lab.study.sample import Stretch
from obmm.market import BoolArray, FloatArray


@attrs.frozen(eq=False)
class Sample:
    """Stretches of time that are measured together.

    Attributes:
        stretches: At least one.
    """

    stretches: tuple[Stretch, ...]
    _cache: dict[tuple[float, float], list[FloatArray]] = attrs.field(init=False, factory=dict, repr=False)

    @property
    def names(self) -> list[str]:
        """Names of the signals."""
        return list(self.stretches[0].signals)

    @property
    def classes(self) -> list[str]:
        """Classes of books."""
        return list(dict.fromkeys(name for part in self.stretches for name in part.classes))

    @property
    def states(self) -> int:
        """Number of states."""
        return sum(part.time_ns.size for part in self.stretches)

    @property
    def seconds(self) -> float:
        """Simulated time of all stretches."""
        return sum(float(p.time_ns[-1] - p.time_ns[0]) / 1e9 + p.interval_s for p in self.stretches)

    def of(self, name: str) -> list[FloatArray]:
        """A signal on each stretch, (T, B)."""
        return [part.signals[name] for part in self.stretches]

    def returns(self, to_s: float, from_s: float = 0.0) -> list[FloatArray]:
        """Log return (T, B) between two moments after each state, or before it where both are negative."""
        if (to_s, from_s) not in self._cache:
            self._cache[to_s, from_s] = [
                _log_mid_at(part, to_s) - _log_mid_at(part, from_s) for part in self.stretches
            ]
        return self._cache[to_s, from_s]

    def blocks(self, span_s: float) -> Blocks:
        """How the bootstrap cuts what spans so many seconds."""
        return Blocks.fitting(span_s, self.stretches[0].interval_s, self.seconds)

    def books(self, of_class: str | None) -> list[BoolArray]:
        """Which books (B,) of each stretch are of a class; None means all."""
        return [np.array([of_class in (None, c) for c in part.classes]) for part in self.stretches]


def _log_mid_at(part: Stretch, after_s: float) -> FloatArray:
    """Logarithm of the mid so long after each state, NaN where there is no state then."""
    wanted = part.time_ns + round(after_s * 1e9)
    row = np.searchsorted(part.time_ns, wanted)
    at = np.minimum(row, part.time_ns.size - 1)
    near = (row < part.time_ns.size) & (part.time_ns[at] - wanted < part.interval_s * 1e9)
    log_mid = np.log(part.mid[at])
    log_mid[~near] = np.nan
    return np.asarray(log_mid)
