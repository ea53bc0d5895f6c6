"""Stoikov's micro-price: the mid corrected by what it does, on average, after each imbalance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market import FloatArray, IntArray, MarketState, Signals, Stage, option
from obmm.settings import signal
from obmm.signals._books import on_sound, quotient


def adjustment(
    stay: npt.ArrayLike, moves: npt.ArrayLike, shift: npt.ArrayLike, *, tolerance: float = 1e-12
) -> FloatArray:
    """G* = Σ Bⁱ G¹, with G¹ = (1 - Q)⁻¹ E and B = (1 - Q)⁻¹ T.

    Args:
        stay: Q (n, n), chance to go from state x to y while the mid stands still.
        moves: T (n, n), chance to go from x to y with a move of the mid.
        shift: E (n,), expected move from x in one step (R K in the paper), any unit of price.
        tolerance: Largest element of the last term added.

    Returns:
        (n,) expected move of the mid in the long run, in the unit of `shift`.

    Raises:
        ValueError: The sum does not converge: the chances were not made symmetric.

    Source: Stoikov 2018, "The micro-price", theorem 3.1.

    >>> Q = [[0.60, 0.20, 0.05], [0.15, 0.50, 0.15], [0.05, 0.20, 0.60]]
    >>> T = [[0.04, 0.05, 0.06], [0.07, 0.06, 0.07], [0.06, 0.05, 0.04]]
    >>> adjustment(Q, T, [-0.045, 0.0, 0.045]).round(6) + 0.0
    array([-0.095745,  0.      ,  0.095745])
    """
    q = np.asarray(stay, dtype=np.float64)
    solved = np.linalg.solve(np.eye(len(q)) - q, np.column_stack([np.asarray(shift), np.asarray(moves)]))
    term, jump = solved[:, 0], solved[:, 1:]
    total: FloatArray = term.copy()
    for _ in range(10_000):
        term = jump @ term
        total += term
        if np.max(np.abs(term)) <= tolerance:
            return total
    raise ValueError("the sum of expected moves does not converge; symmetrise the transitions")


def fit_adjustment(imbalance: npt.ArrayLike, mid_ticks: npt.ArrayLike, n_bins: int) -> FloatArray:
    """Adjustments per slice of the queue imbalance from an observed series of one book.

    Each transition is counted together with its mirror image (imbalance and move reversed), so that the
    result is antisymmetric and the sum converges.

    Args:
        imbalance: (N,) queue imbalance in [-1, 1] of successive states; transitions with a NaN are left out.
        mid_ticks: (N,) mid-price in ticks of the same states.
        n_bins: Number of equal slices of [-1, 1].

    Returns:
        (n_bins,) expected long-run move of the mid in ticks, for `stoikov`'s option `adjustment_ticks`.

    Raises:
        ValueError: No transition starts in one of the slices, or the mid never moves.
    """
    seen = np.asarray(imbalance, dtype=np.float64)
    moved = np.diff(np.asarray(mid_ticks, dtype=np.float64))
    known = np.isfinite(moved) & np.isfinite(seen[1:]) & np.isfinite(seen[:-1])
    state = _slice(seen, n_bins)
    before, after, moved = state[:-1][known], state[1:][known], moved[known]
    first = np.concatenate([before, n_bins - 1 - before])
    then = np.concatenate([after, n_bins - 1 - after])
    move = np.concatenate([moved, -moved])
    count = np.bincount(first, minlength=n_bins).astype(np.float64)
    if not count.all():
        raise ValueError(f"no transition starts in slices {np.flatnonzero(count == 0).tolist()}; use fewer")

    def chances(rows: npt.NDArray[np.bool_]) -> FloatArray:
        pairs = np.bincount(first[rows] * n_bins + then[rows], minlength=n_bins**2)
        return np.asarray(pairs.reshape(n_bins, n_bins) / count[:, None])

    shift = np.bincount(first, weights=move, minlength=n_bins) / count
    return adjustment(chances(move == 0.0), chances(move != 0.0), shift)


def _slice(imbalance: FloatArray, n_bins: int) -> IntArray:
    """Equal slices 0 … n-1 of [-1, 1]; NaN counts as balanced."""
    share = (np.nan_to_num(imbalance) + 1.0) / 2.0
    return np.clip((share * n_bins).astype(np.int64), 0, n_bins - 1)


def _ticks(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


@signal("stoikov")
@attrs.define
class Stoikov(Stage):
    """Micro-price M + G*(I): the mid plus the expected long-run move after the present queue imbalance.

    The table is fitted beforehand, with `fit_adjustment`; without one this is the mid. On the edge between
    two slices the mean of both counts, so that a balanced book stays at the mid under an antisymmetric table.

    Returns (B,) quote; NaN where a side is empty or the book is crossed.

    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(1), [[(100.0, 30.0)]], [[(100.02, 10.0)]])
    >>> Stoikov(adjustment_ticks=[-0.5, 0.0, 0.5])(state, Signals(n_books=1))
    array([100.015])
    """

    unit: ClassVar[str] = "quote"
    source: ClassVar[str] = "Stoikov 2018"

    adjustment_ticks: tuple[float, ...] = option(
        (), help="G* for equal slices of the queue imbalance from -1 to 1", unit="ticks", converter=_ticks
    )

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        if not self.adjustment_ticks:
            return on_sound(state, state.mid)
        bid, ask = state.bid_size[:, 0], state.ask_size[:, 0]
        imbalance = on_sound(state, quotient(bid - ask, bid + ask))
        table = np.asarray(self.adjustment_ticks)
        # An imbalance on the edge between two slices belongs to both, else a balanced book would lean.
        above, below = _slice(imbalance, table.size), table.size - 1 - _slice(-imbalance, table.size)
        move = (table[above] + table[below]) / 2.0 * state.venue.grid.tick
        return on_sound(state, state.mid + move)
