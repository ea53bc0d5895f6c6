import attrs
import numpy as np

from obmm.market import FloatArray, MarketState, Signals, Stage, option


@attrs.define
class Fade(Stage):
    """Lean against the heavier side of the touch: in this market it calls the next move the wrong way."""

    strength: float = option(0.5, help="multiplies the imbalance")

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        bid, ask = state.bid_size[:, 0], state.ask_size[:, 0]
        return np.where(state.sound, self.strength * (ask - bid) / np.maximum(bid + ask, 1e-9), np.nan)
