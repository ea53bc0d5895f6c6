"""Order-flow imbalance from successive states of the book, at the touch and level by level."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar

import attrs
import numpy as np

from obmm.market import FloatArray, MarketState, Signals, Stage, memory, option
from obmm.settings import signal
from obmm.signals._books import prices, quotient, sizes


def level_flow(
    price_before: FloatArray, size_before: FloatArray, price: FloatArray, size: FloatArray
) -> FloatArray:
    """Size that came to (+) or left (-) each bid level between two states.

    q_n if the price rose, q_n - q_{n-1} if it stayed, -q_{n-1} if it fell; -∞ stands for no bid. For asks
    give the negative prices.

    Source: Cont, Kukanov & Stoikov 2014, eq. 3; per level Xu, Gould & Howison 2018, eq. 5.

    >>> one = np.array([100.0, 99.99]), np.array([30.0, 20.0])
    >>> two = np.array([100.01, 99.99]), np.array([5.0, 25.0])
    >>> level_flow(*one, *two)
    array([5., 5.])
    """
    came: FloatArray = np.where(price >= price_before, size, 0.0)
    went: FloatArray = np.where(price <= price_before, size_before, 0.0)
    return came - went


@attrs.define
class _Flow(Stage):
    """Decayed sum of order flow at the best levels, shared by both signals."""

    tau_s: float = option(
        10.0,
        help="Time constant of the sum (inf: never forgets)",
        unit="s",
        endless=True,
        validator=attrs.validators.gt(0.0),
    )
    per_depth: bool = option(False, help="Divide by the mean size of a level over the same time")

    _levels: tuple[FloatArray, FloatArray] = memory()  # prices and sizes (2, B, M) of the last sound state
    _time_ns: int = memory()
    _sum: FloatArray = memory()
    _depth: FloatArray = memory()
    _weight: FloatArray = memory()

    def _flow(self, state: MarketState, n_levels: int) -> FloatArray:
        """(B, M) decayed flow up to `state`; NaN on books not sound now, or never before."""
        price, size = _ladders(state, n_levels)
        sound = state.sound
        if self._levels is None:
            self._levels = np.full_like(price, np.nan), np.zeros_like(size)
            self._sum, self._depth = np.zeros(size.shape[1:]), np.zeros(size.shape[1:])
            self._weight = np.zeros(state.n_books)
            self._time_ns = state.time_ns
        price_before, size_before = self._levels
        seen = ~np.isnan(price_before[0, :, 0])
        arrived = level_flow(price_before, size_before, price, size)
        counts = sound & seen
        keep = math.exp(-max(state.time_ns - self._time_ns, 0) / 1e9 / self.tau_s)
        self._sum = keep * self._sum + np.where(counts[:, None], arrived[0] - arrived[1], 0.0)
        self._depth = keep * self._depth + np.where(sound[:, None], size.mean(axis=0), 0.0)
        self._weight = keep * self._weight + sound
        self._levels = (
            np.where(sound[:, None], price, price_before),
            np.where(sound[:, None], size, size_before),
        )
        self._time_ns = state.time_ns
        value = self._sum
        if self.per_depth:
            # A level that was never there had no flow either.
            mean = self._depth / np.maximum(self._weight, 1.0)[:, None]
            value = np.where(mean > 0.0, quotient(value, mean), 0.0)
        return np.where(counts[:, None], value, np.nan)


def _ladders(state: MarketState, n_levels: int) -> tuple[FloatArray, FloatArray]:
    """Prices and sizes (2, B, n_levels) of bids and mirrored asks: better is higher, missing is -∞ with 0."""
    price = np.full((2, state.n_books, n_levels), -np.inf)
    size = np.zeros_like(price)
    shown = min(n_levels, state.n_levels)
    price[0, :, :shown] = prices(state.bid_price, shown, -np.inf)
    price[1, :, :shown] = -prices(state.ask_price, shown, np.inf)
    size[0, :, :shown] = sizes(state.bid_size, shown)
    size[1, :, :shown] = sizes(state.ask_size, shown)
    size[np.isneginf(price)] = 0.0
    return price, size


@signal("ofi")
@attrs.define
class Ofi(_Flow):
    """Order-flow imbalance at the touch: Σ e_n exp(-(t - t_n) / tau_s).

    e_n is what came to the best bid less what came to the best ask since the last state: a better price
    counts with its whole size, a worse one with the size that vanished.

    Returns (B,) base, or multiples of the mean touch size with `per_depth`; positive when buyers press.
    NaN until the second sound state of a book and while it is not sound. It explains the move of the same
    interval; it does not by itself predict the next one.

    >>> from obmm.market import Venue
    >>> venue, ofi = Venue.of(1), Ofi()
    >>> for second, bid in enumerate([(100.00, 25.0), (100.01, 5.0)]):
    ...     state = MarketState.of_books(venue, [[bid]], [[(100.02, 10.0)]], time_ns=second * 10**9)
    ...     print(ofi(state, Signals(n_books=1)))
    [nan]
    [5.]
    """

    unit: ClassVar[str] = "base"
    source: ClassVar[str] = "Cont, Kukanov & Stoikov 2014"

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        return self._flow(state, 1)[:, 0]


def _weights(values: Iterable[float] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(float(value) for value in values)


@signal("mlofi")
@attrs.define
class Mlofi(_Flow):
    """Order-flow imbalance of each of the best levels, or their weighted sum.

    Level m compares the m-th best prices of successive states, as `ofi` does the best ones. A level that is
    missing has size 0, so that depth which disappears counts as withdrawn.

    Returns (B, levels) base, best level first, or (B,) when `weights` are given; with `per_depth` in
    multiples of the level's mean size. NaN until the second sound state of a book and while it is not sound.

    Raises:
        ValueError: The number of weights is not the number of levels.

    >>> from obmm.market import Venue
    >>> venue, mlofi = Venue.of(1), Mlofi(levels=2)
    >>> bids = [[(100.00, 30.0), (99.99, 20.0)]], [[(100.01, 5.0), (100.00, 30.0)]]
    >>> asks = [[(100.02, 10.0), (100.03, 40.0)]], [[(100.02, 7.0), (100.04, 30.0)]]
    >>> states = [MarketState.of_books(venue, b, a, time_ns=s) for s, (b, a) in enumerate(zip(bids, asks))]
    >>> [mlofi(state, Signals(n_books=1)) for state in states][1]
    array([[ 8., 70.]])
    """

    unit: ClassVar[str] = "base"
    source: ClassVar[str] = "Xu, Gould & Howison 2018"

    levels: int = option(5, help="Levels of each side", unit="levels", low=1)
    weights: tuple[float, ...] | None = option(
        None, help="Weight of each level in one sum; not given: one column per level", converter=_weights
    )

    def __attrs_post_init__(self) -> None:
        if self.weights is not None and len(self.weights) != self.levels:
            raise ValueError(f"{len(self.weights)} weights given for {self.levels} levels")

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        flow = self._flow(state, self.levels)
        return flow if self.weights is None else (flow * np.asarray(self.weights)).sum(axis=1)
