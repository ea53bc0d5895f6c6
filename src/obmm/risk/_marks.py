"""The price at which gates value a position."""

from __future__ import annotations

import numpy as np

from obmm.market import FloatArray, MarketState


def mark_prices(last: FloatArray | None, state: MarketState) -> FloatArray:
    """(B,) mid of a sound book, else the `last` mark, else the venue's initial price (NaN if unknown).

    A book that is empty or crossed for a moment keeps its value, so no gate acts on a hole in the data.
    """
    return np.where(state.sound, state.mid, state.venue.initial_price if last is None else last)
