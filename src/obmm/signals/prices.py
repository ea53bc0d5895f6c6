"""Mid-price and spread."""

from __future__ import annotations

from typing import ClassVar

import attrs

from obmm.market import FloatArray, MarketState, Signals, Stage, option
from obmm.settings import signal
from obmm.signals._books import on_sound, quotient


@signal("mid")
@attrs.define
class Mid(Stage):
    """Middle of the touch: (P_b + P_a) / 2.

    Returns (B,) quote; NaN where a side is empty or the book is crossed.

    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(1), [[(100.0, 30.0)]], [[(100.02, 10.0)]])
    >>> Mid()(state, Signals(n_books=1))
    array([100.01])
    """

    unit: ClassVar[str] = "quote"
    source: ClassVar[str] = "definition"

    own: bool = option(True, help="Whether own orders count; a fair value must not follow our own quotes")

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        if self.own:
            return on_sound(state, state.mid)
        bid, ask = state.competing_touch
        return on_sound(state, (bid + ask) / 2.0)


@signal("spread")
@attrs.define
class Spread(Stage):
    """Relative spread: 10⁴ (P_a - P_b) / M.

    Returns (B,) basis points of the mid; NaN where a side is empty or the book is crossed.

    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(1), [[(299.5, 1.0)]], [[(300.5, 1.0)]])
    >>> Spread()(state, Signals(n_books=1)).round(4)
    array([33.3333])
    """

    unit: ClassVar[str] = "bps of mid"
    source: ClassVar[str] = "definition"

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        return on_sound(state, 1e4 * quotient(state.spread, state.mid))
