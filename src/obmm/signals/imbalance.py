"""Queue and depth imbalance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

import attrs
import numpy as np

from obmm.market import FloatArray, MarketState, Signals, Stage, option
from obmm.settings import signal
from obmm.signals._books import on_sound, prices, quotient, sizes

#: Weights of the first four depths; any further one weighs like the last.
_WEIGHTS = (1.0, 1.2, 1.5, 2.0)


def _depths(values: Iterable[int]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _weights(values: Iterable[float] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(float(value) for value in values)


@signal("imbalance")
@attrs.define
class Imbalance(Stage):
    """Weighted mean of depth imbalances, each (Q_b - Q_a) / (Q_b + Q_a) over the best levels of both sides.

    Within a depth d the sizes are summed as Q = Σ_{k≤d} w_k q_k, where w_k is 1 (flat),
    exp(-λ (k-1)) (exponential) or exp(-κ |p_k - M| / tick) (distance). Depth 1 is the queue imbalance; a
    book with fewer levels than a depth counts those it has, on either side.

    Returns (B,) in [-1, 1], positive when bids are heavier; NaN where a side is empty or the book is crossed.

    Raises:
        ValueError: A depth is below 1, weights do not match depths, are negative or all zero.

    >>> from obmm.market import Venue
    >>> bids = [[(100.00, 30.0), (99.99, 20.0), (99.98, 50.0)]]
    >>> asks = [[(100.02, 10.0), (100.03, 40.0), (100.04, 30.0)]]
    >>> state = MarketState.of_books(Venue.of(1), bids, asks)
    >>> Imbalance(depths=[1])(state, Signals(n_books=1))
    array([0.5])
    >>> Imbalance(depths=[3], decay="exponential", decay_per_level=0.5)(state, Signals(n_books=1)).round(6)
    array([0.143892])
    """

    unit: ClassVar[str] = "-1 … 1"
    source: ClassVar[str] = "Gould & Bonart 2016; Cao, Hansch & Wang 2009"

    depths: tuple[int, ...] = option(
        (1, 3, 5, 10), help="Numbers of levels, one imbalance each", unit="levels", converter=_depths
    )
    weights: tuple[float, ...] | None = option(
        None,
        help="Weight of each depth; not given: 1, 1.2, 1.5, 2 and 2 for every further depth",
        converter=_weights,
    )
    decay: Literal["flat", "exponential", "distance"] = option(
        "flat",
        help="How a level's weight falls inside a depth: not at all, by its number, or by its distance",
        validator=attrs.validators.in_(("flat", "exponential", "distance")),
    )
    decay_per_level: float = option(0.5, help="λ of the exponential decay", unit="1/level")
    decay_per_tick: float = option(0.05, help="κ of the decay by distance from the mid", unit="1/tick")

    def __attrs_post_init__(self) -> None:
        if not self.depths or min(self.depths) < 1:
            raise ValueError(f"depths must be one or more numbers of levels, got {self.depths}")
        if self.weights is not None and len(self.weights) != len(self.depths):
            raise ValueError(f"{len(self.weights)} weights given for {len(self.depths)} depths")
        if min(self._weight) < 0.0 or not sum(self._weight) > 0.0:
            raise ValueError(f"weights must not be negative nor all zero, got {self.weights}")

    @property
    def _weight(self) -> tuple[float, ...]:
        if self.weights is not None:
            return self.weights
        extra = len(self.depths) - len(_WEIGHTS)
        return _WEIGHTS[: len(self.depths)] + _WEIGHTS[-1:] * max(extra, 0)

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        deepest = max(self.depths)
        bid, ask = sizes(state.bid_size, deepest), sizes(state.ask_size, deepest)
        per_level = 0.0
        if self.decay == "exponential":
            per_level = self.decay_per_level
        elif self.decay == "distance":
            per_quote = self.decay_per_tick / state.venue.grid.tick[:, None]
            bid = bid * _nearness(state.bid_price, deepest, per_quote)
            ask = ask * _nearness(state.ask_price, deepest, per_quote)
        if per_level:
            fall = np.exp(-per_level * np.arange(bid.shape[1]))
            bid, ask = bid * fall, ask * fall
        # Not a matrix product: its last bit on one book depends on how many others there are.
        last = np.minimum(self.depths, bid.shape[1]) - 1
        each = quotient((bid - ask).cumsum(axis=1)[:, last], (bid + ask).cumsum(axis=1)[:, last])
        weight = np.asarray(self._weight)
        return on_sound(state, (each * (weight / weight.sum())).sum(axis=1))


def _nearness(price: FloatArray, depth: int, per_quote: FloatArray) -> FloatArray:
    """Weights (B, levels) falling from 1 at the touch, 0 where there is no price.

    Distance from the touch of its own side is distance from the mid less half the spread: a factor common
    to both sides, which cancels and would underflow in a wide book.
    """
    with np.errstate(invalid="ignore"):
        beyond = np.abs(prices(price, depth, np.inf) - price[:, :1])
        nearness: FloatArray = np.exp(-per_quote * beyond)
    return nearness
