"""Spread captured: how far from the middle of the surrounding prints a miner traded."""

from __future__ import annotations

import numpy as np

from obmm.market import BUY, SELL, FloatArray, IntArray
from obmm.scoring.debeta.prints import Prints


def centred_mids(price: FloatArray, half_window: int) -> FloatArray:
    """(N,) plain mean of the prices from `half_window` prints before to `half_window` prints after each.

    The window is cut at the ends of the stream. The mean is taken over a running sum, so a constant price
    comes back to rounding only.

    >>> centred_mids(np.array([10.0, 11.0, 12.0, 16.0]), 1)
    array([10.5, 11. , 13. , 14. ])
    """
    n = price.size
    position = np.arange(n)
    first = np.maximum(position - half_window, 0)
    last = np.minimum(position + half_window + 1, n)
    running = np.concatenate(([0.0], np.cumsum(price)))
    mids: FloatArray = (running[last] - running[first]) / (last - first)
    return mids


def captured_spread(prints: Prints, half_window: int, n_uids: int) -> FloatArray:
    """(2, U) quote captured by each uid's buys (row 0) and sells (row 1) on one complete stream.

    A buyer earns (mid - price) * size, a seller (price - mid) * size, makers and takers alike; a miner that
    trades with itself earns nothing.

    >>> from obmm.scoring.debeta.prints import Columns, prints_of_columns
    >>> ids = np.array([3, -1, -1]), np.array([-1, -1, -2])
    >>> prints = prints_of_columns(
    ...     np.array([0, 3]), np.arange(3), np.array([9.0, 10.0, 11.0]), np.ones(3), np.array([1, 0, 0]),
    ...     *ids, Columns())
    >>> captured_spread(prints, 15, 1)
    array([[1.],
           [0.]])
    """
    edge = (centred_mids(prints.price, half_window) - prints.price) * prints.size
    captured = np.zeros((2, n_uids))
    _book(captured[BUY], prints.buyer, edge, prints)
    _book(captured[SELL], prints.seller, -edge, prints)
    return captured


def _book(sums: FloatArray, who: IntArray, value: FloatArray, prints: Prints) -> None:
    rows = (who >= 0) & ~prints.self_trade
    np.add.at(sums, who[rows], value[rows])
