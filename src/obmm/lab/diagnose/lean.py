"""Which way quotes leaned, and where the price went."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.execution import SkewedBuilder
from obmm.lab.diagnose.case import Case
from obmm.lab.summary import WIN_S
from obmm.market import BoolArray, FloatArray, Reason

MINUTE_NS = WIN_S * 1_000_000_000
#: Reasons that close a side.
_CLOSING = tuple(int(reason) for reason in Reason if reason.closes)


@attrs.frozen
class Lean:
    """A regression of the mid's move over 60 s on the lean.

    Attributes:
        n: Samples: at most one per book and minute, so that their moves do not overlap.
        slope_bps: Move per unit of lean, basis points.
        t_statistic: Slope in standard errors.
        mean_square: Mean of lean².
        cost_quote: What sizes tilted the other way would have gained, quote; None where sizes do not tilt.
    """

    n: int
    slope_bps: float
    t_statistic: float
    mean_square: float
    cost_quote: float | None


def leaning_builder(case: Case) -> SkewedBuilder | None:
    """The builder that leans with a signal, by itself or inside another one."""
    builders = [spec.build() for spec in case.config.all_specs if issubclass(spec.cls, SkewedBuilder)]
    leaning = (b for b in builders if b.signal and (np.any(b.signal_size) or np.any(b.signal_shift)))
    return next(leaning, None)


def unrecorded(case: Case) -> str | None:
    """Name of the signal that quotes leaned with, where the run does not tell its values."""
    builder = leaning_builder(case)
    told = builder is None or case.run.signal(case.uid, builder.signal) is not None
    return None if told or builder is None else builder.signal


def lean_of(case: Case) -> Lean | None:
    """How the lean did on the books that quoted; None where nothing leaned, or the samples are too few."""
    builder = leaning_builder(case)
    signal = None if builder is None else case.run.signal(case.uid, builder.signal)
    if builder is None or signal is None:
        return None
    # A builder may lean against its signal: what matters is the way its quotes go.
    size = float(np.mean(builder.signal_size))
    sign = np.sign(size or float(np.mean(builder.signal_shift)))
    lean = sign * np.clip(signal, -1.0, 1.0)
    move = _moves_bps(case)
    usable = np.isfinite(lean) & np.isfinite(move) & _quoting(case)
    row, book = np.nonzero(usable)
    minute = case.times_ns[row] // MINUTE_NS
    _, first = np.unique(np.stack([book, minute]), axis=1, return_index=True)
    x, y = lean[usable][first], move[usable][first]
    if x.size < case.thresholds.least_fills or not x.std() > 0.0:
        return None
    slope, t = _regressed(x, y)
    notional = float((case.fills.price * case.fills.size).sum())
    mean_square = float(np.mean(x**2))
    gain = -2.0 * slope / 1e4 * abs(size) * mean_square * notional
    return Lean(x.size, slope, t, mean_square, gain if size else None)


def _moves_bps(case: Case) -> FloatArray:
    """(T, B) move of the mid over the next minute, NaN where the run ends before."""
    mid = (case.states["bid"] + case.states["ask"]) / 2.0
    later = np.searchsorted(case.times_ns, case.times_ns + MINUTE_NS)
    inside = later < case.times_ns.size
    moves: FloatArray = 1e4 * (mid[np.where(inside, later, 0)] / mid - 1.0)
    moves[~inside] = np.nan
    return moves


def _quoting(case: Case) -> BoolArray:
    """(T, B) where a side at least was open."""
    shut = [np.isin(case.states[side], _CLOSING) for side in ("bid_reason", "ask_reason")]
    open_: BoolArray = ~(shut[0] & shut[1])
    return open_


def _regressed(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Slope of y on x and its t-statistic."""
    x = x - x.mean()
    y = y - y.mean()
    square = float(x @ x)
    slope = float(x @ y) / square
    rest = y - slope * x
    error = float(np.sqrt(rest @ rest / max(x.size - 2, 1) / square))
    return slope, slope / error if error > 0.0 else 0.0
