"""One signal out of several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import attrs
import numpy as np

from obmm.market import Feed, FloatArray, MarketState, Signals, Stage, option
from obmm.market.arrays import zero_for_nan
from obmm.settings import signal


def _weights(values: Mapping[str, float]) -> dict[str, float]:
    return {name: float(weight) for name, weight in values.items()}


@signal("ensemble")
@attrs.define
class Ensemble(Stage):
    """Sum of named signals, each times its weight: Σ w_i x_i, bounded by ±clip.

    A negative weight turns a signal around: in this market queue imbalance is contrarian and trade flow
    leads, so no sign is built in; measure it and say it. Of a signal with several columns the first is
    taken.

    Returns (B,); 0 without components. One that is NaN on a book adds nothing there; NaN where all are.

    Raises:
        ValueError: A weight is not finite.

    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(2), [[], []], [[], []])
    >>> signals = Signals(n_books=2)
    >>> signals.add("imbalance", np.array([0.5, 0.2]))
    >>> signals.add("trade_flow", np.array([1.0, np.nan]))
    >>> Ensemble(weights={"imbalance": -0.5, "trade_flow": 2.0})(state, signals)
    array([ 1. , -0.1])
    """

    unit: ClassVar[str] = "-clip … clip"
    source: ClassVar[str] = "weighted sum"

    weights: dict[str, float] = option(
        factory=dict, help="Weight of each signal by its name; the sign belongs to it", converter=_weights
    )
    clip: float = option(
        1.0,
        help="Bound of the sum in either direction (inf: none)",
        endless=True,
        validator=attrs.validators.gt(0.0),
    )

    @property
    def needs(self) -> frozenset[Feed | str]:
        return frozenset(self.weights)

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        total: FloatArray = np.full(state.n_books, np.nan if self.weights else 0.0)
        for name, weight in self.weights.items():
            part = weight * signals.scalar(name)
            total = np.where(np.isnan(part), total, zero_for_nan(total) + part)
        bounded: FloatArray = np.clip(total, -self.clip, self.clip)
        return bounded
