"""Fair prices from the sizes of the book."""

from __future__ import annotations

from typing import ClassVar, Literal

import attrs
import numpy as np

from obmm.market import FloatArray, MarketState, Signals, Stage, option
from obmm.settings import signal
from obmm.signals._books import on_sound, prices, quotient, sizes


@signal("microprice")
@attrs.define
class Microprice(Stage):
    """Fair price: the mid weighted by the sizes of the opposite side, at the touch or over several levels.

    * `vamp`, volume-adjusted mid: (Σ P_b,k Q_a,k + Σ P_a,k Q_b,k) / Σ (Q_b,k + Q_a,k). With one level it is
      the weighted mid I P_a + (1-I) P_b, I = q_b / (q_b + q_a): heavy selling pulls it toward the bid.
    * `effective`: the weighted mid of each side's average price and total size.
    * `same_side`: (Σ P_b,k Q_b,k + Σ P_a,k Q_a,k) / Σ (Q_b,k + Q_a,k): pulled toward the heavier side.

    Returns (B,) quote; NaN where a side is empty or the book is crossed. With one level it lies inside the
    touch; deeper forms need not.

    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(1), [[(100.0, 10.0)]], [[(101.0, 90.0)]])
    >>> Microprice()(state, Signals(n_books=1))
    array([100.1])
    """

    unit: ClassVar[str] = "quote"
    source: ClassVar[str] = "weighted mid: Gatheral & Oomen 2010; several levels: hftbacktest's notebooks"

    depth: int = option(1, help="Levels of each side", unit="levels", low=1)
    form: Literal["vamp", "effective", "same_side"] = option(
        "vamp",
        help="Which sizes weigh which prices",
        validator=attrs.validators.in_(("vamp", "effective", "same_side")),
    )

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        bid, ask = prices(state.bid_price, self.depth, 0.0), prices(state.ask_price, self.depth, 0.0)
        # A size counts only where it has a price, and crosswise only where the other side has one too.
        has_bid, has_ask = bid > 0.0, ask > 0.0
        if self.form == "vamp":
            has_bid = has_ask = has_bid & has_ask
        bid_size = np.where(has_bid, sizes(state.bid_size, self.depth), 0.0)
        ask_size = np.where(has_ask, sizes(state.ask_size, self.depth), 0.0)
        total_bid, total_ask = bid_size.sum(axis=1), ask_size.sum(axis=1)
        if self.form == "vamp":
            value = (bid * ask_size + ask * bid_size).sum(axis=1)
        elif self.form == "same_side":
            value = (bid * bid_size + ask * ask_size).sum(axis=1)
        else:
            mean_bid = quotient((bid * bid_size).sum(axis=1), total_bid)
            mean_ask = quotient((ask * ask_size).sum(axis=1), total_ask)
            value = mean_bid * total_ask + mean_ask * total_bid
        return on_sound(state, quotient(value, total_bid + total_ask))
