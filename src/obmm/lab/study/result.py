"""A study: what each of several signals knows, how they relate, and what they know together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from obmm._version import __version__
from obmm.lab.study.blend import Blend, blended
from obmm.lab.study.findings import SignalStudy
from obmm.lab.study.measure import HORIZONS_S, between, studied
from obmm.lab.study.sample import Stretch
from obmm.lab.study.stretches import Sample
from obmm.market import FloatArray


@attrs.frozen(kw_only=True, eq=False)
class Study:
    """What was found.

    Attributes:
        source: What was measured, in words.
        books: Books of each stretch.
        states: States of all stretches.
        seconds: Simulated seconds of all stretches.
        stretches: Names of the recordings, seeds or runs.
        classes: Classes of books.
        horizons_s: Horizons, seconds.
        signals: What each signal knows.
        correlations: (N, N) of the signals with each other.
        blend: What they know together, out of sample; None where there is nothing to weigh.
        left_out: Signals that no combination can have, and why.
        version: Version that measured.
    """

    source: str
    books: int
    states: int
    seconds: float
    stretches: tuple[str, ...]
    classes: tuple[str, ...]
    horizons_s: tuple[float, ...]
    signals: tuple[SignalStudy, ...]
    correlations: FloatArray
    blend: Blend | None
    left_out: Mapping[str, str]
    version: str = __version__

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        names = [signal.name for signal in self.signals]
        told = attrs.asdict(
            self, filter=lambda attribute, _: attribute.name not in ("signals", "correlations")
        )
        told["signals"] = [attrs.asdict(signal) for signal in self.signals]
        for row, signal in zip(told["signals"], self.signals, strict=True):
            for entry, horizon in zip(row["horizons"], signal.horizons, strict=True):
                entry["reading"] = horizon.reading
        told["correlations"] = {
            one: {other: float(value) for other, value in zip(names, row, strict=True)}
            for one, row in zip(names, self.correlations, strict=True)
        }
        return told


def study(
    stretches: Sequence[Stretch],
    *,
    source: str,
    horizons_s: Sequence[float] = HORIZONS_S,
    blend_horizon_s: float = 10.0,
    combinable: Sequence[str] | None = None,
    left_out: Mapping[str, str] | None = None,
) -> Study:
    """Measure what signals know of the next returns.

    Args:
        stretches: Signals and mids of recordings, seeds or runs, all with the same signals.
        source: What they are, in words.
        horizons_s: Horizons of the returns, seconds.
        blend_horizon_s: The one that a combination is made for.
        combinable: Columns that a combination may have; None means all.
        left_out: The others, and why.

    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> time_ns = np.arange(4000) * 10**9
    >>> moves = rng.normal(size=(4000, 2)) * 1e-4
    >>> mid = 300.0 * np.exp(np.cumsum(moves, axis=0))
    >>> knows = np.roll(moves, -1, axis=0) + rng.normal(size=moves.shape) * 1e-4
    >>> stretch = Stretch("made", time_ns, mid, {"knows": knows}, ("all", "all"))
    >>> found = study([stretch], source="noise", horizons_s=(1, 10)).signals[0].horizons
    >>> [(h.horizon_s, round(h.correlation, 1), h.reading) for h in found]
    [(1.0, 0.7, 'leads'), (10.0, 0.2, 'leads')]
    """
    sample = Sample(tuple(stretches))
    names = sample.names
    usable = names if combinable is None else list(combinable)
    return Study(
        source=source,
        books=stretches[0].mid.shape[1],
        states=sample.states,
        seconds=sample.seconds,
        stretches=tuple(part.name for part in stretches),
        classes=tuple(sample.classes),
        horizons_s=tuple(map(float, horizons_s)),
        signals=tuple(studied(sample, name, horizons_s) for name in names),
        correlations=between(sample, names),
        blend=blended(sample, usable, blend_horizon_s) if usable else None,
        left_out=dict(left_out or {}),
    )
