"""Realised spread: what of the captured spread was still there some seconds later."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence

import numpy as np

from obmm.market import BUY, SELL, FloatArray, IntArray
from obmm.scoring.debeta.capture import centred_mids
from obmm.scoring.debeta.prints import Prints

REACH = 4
"""How many half-windows the mark looks to either side for a print with the background, at most."""


def plain_sum(values: Sequence[float]) -> float:
    """Sum from left to right: the built-in `sum` compensates rounding from Python 3.12 on, validators do not.

    >>> plain_sum([0.1] * 10)
    0.9999999999999999
    """
    return functools.reduce(operator.add, values, 0.0)


def mark_around(
    background_quote: Sequence[float],
    background_base: Sequence[float],
    centre: int,
    half_window: int,
    start: int = 0,
) -> float | None:
    """Size-weighted mean price of prints with the background on a side, around the print at `centre`.

    The window doubles until it holds such a print, up to `REACH` half-windows; None if it never does.

    Args:
        background_quote: Price times size of each print, 0 where both sides are miners.
        background_base: Size of each print, 0 where both sides are miners.
        centre: Index of the middle print.
        half_window: Prints to either side at first.
        start: First index that may be looked at.

    >>> mark_around([0.0, 20.0, 0.0], [0.0, 2.0, 0.0], 2, 1)
    10.0
    """
    width = half_window
    while True:
        window = slice(max(start, centre - width), centre + width + 1)
        base = plain_sum(background_base[window])
        if base > 0.0:
            return plain_sum(background_quote[window]) / base
        width *= 2
        if width == 0 or width > REACH * half_window:
            return None


def centred_marks(prints: Prints, half_window: int) -> FloatArray:
    """(N,) `mark_around` every print of one stream, NaN where there is no mark."""
    quote, base = background_columns(prints)
    quotes, bases = quote.tolist(), base.tolist()
    marks = [mark_around(quotes, bases, centre, half_window) for centre in range(len(prints))]
    return np.array([np.nan if mark is None else mark for mark in marks], dtype=np.float64)


def background_columns(prints: Prints) -> tuple[FloatArray, FloatArray]:
    """(N,) quote and base of the prints that have the background on a side, 0 for the others."""
    base = np.where((prints.maker < 0) | (prints.taker < 0), prints.size, 0.0)
    return prints.price * base, base


def horizon_prints(time_ns: IntArray, horizon_ns: int) -> IntArray:
    """(N,) first print at or after each print plus the horizon; the last print where there is none.

    >>> horizon_prints(np.array([0, 5, 20, 21]), 20).tolist()
    [2, 3, 3, 3]
    """
    first = np.minimum(np.searchsorted(time_ns, time_ns + horizon_ns), max(time_ns.size - 1, 0))
    marked: IntArray = np.maximum(first, np.arange(time_ns.size))
    return marked


def realised_spread(prints: Prints, half_window: int, horizon_ns: int, n_uids: int) -> FloatArray:
    """(2, U) quote realised by each uid's buys (row 0) and sells (row 1) as a maker, one complete stream.

    As `captured_spread` with the mark one horizon later in place of the mid, cut to what the fill captured
    or lost against its own mid. Takers realise nothing; a fill without a mark realises 0.
    """
    rows = np.flatnonzero((prints.maker >= 0) & ~prints.self_trade)
    price, size, maker = prints.price[rows], prints.size[rows], prints.maker[rows]
    mark = centred_marks(prints, half_window)[horizon_prints(prints.time_ns, horizon_ns)[rows]]
    limit = np.abs(centred_mids(prints.price, half_window)[rows] - price) * size
    value = np.where(np.isnan(mark), 0.0, np.clip((mark - price) * size, -limit, limit))
    bought = prints.side[rows] != BUY
    realised = np.zeros((2, n_uids))
    np.add.at(realised[BUY], maker[bought], value[bought])
    np.add.at(realised[SELL], maker[~bought], -value[~bought])
    return realised
