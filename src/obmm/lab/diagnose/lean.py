"""Which way quotes leaned, read off the sizes of orders, and where the price went."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.execution import SkewedBuilder
from obmm.lab.diagnose import levers
from obmm.lab.diagnose.case import Case
from obmm.lab.summary import WIN_S
from obmm.market import BUY, FloatArray, InstructionKind, IntArray, Reason
from obmm.market.arrays import as_floats

MINUTE_NS = WIN_S * 1_000_000_000
#: Reasons under which no gate has changed a size.
SIZE_UNTOUCHED = (int(Reason.OPEN),)


@attrs.frozen
class Lean:
    """A regression of the mid's move over 60 s on the lean.

    Attributes:
        n: Samples: at most one per book and minute, so that their moves do not overlap.
        slope_bps: Move per unit of lean, basis points.
        t_statistic: Slope in standard errors.
        mean_square: Mean of lean².
        cost_quote: What sizes tilted the other way would have gained, quote.
    """

    n: int
    slope_bps: float
    t_statistic: float
    mean_square: float
    cost_quote: float


def inferred_leans(
    builder: SkewedBuilder, side: IntArray, size_base: FloatArray, share: FloatArray
) -> FloatArray:
    """(N,) lean that made the skewed builder give orders their size; NaN where a size was cut to its bounds.

    It sizes a bid as size_base (1 + tilt) and an ask as size_base (1 - tilt), the factor within 0.5…2, with
    tilt = signal_size x lean - skew_size x skew.

    Args:
        builder: The builder.
        side: (N,) sides of the orders.
        size_base: (N,) their sizes, base.
        share: (N,) position over its bound when they were placed.
    """
    tilt = (size_base / builder.size_base - 1.0) * np.where(side == BUY, 1.0, -1.0)
    skew = np.clip(builder.inventory_skew_factor * share, -1.0, 1.0)
    lean = (tilt + builder.skew_size * skew) / builder.signal_size
    return as_floats(np.where((np.abs(tilt) < 0.49) & (np.abs(lean) <= 1.0), lean, np.nan))


def lean_of(case: Case) -> Lean | None:
    """How the lean did; None where orders do not show it or are too few.

    Orders whose size a gate may have changed are left out.
    """
    spec = levers.spec(case, "builder")
    builder = None if spec is None else spec.build()
    if not isinstance(builder, SkewedBuilder) or not builder.signal or not builder.signal_size:
        return None
    orders = case.run.of("orders", case.uid)
    placed = orders["kind"] == InstructionKind.LIMIT
    book = np.searchsorted(case.run.about["venue"]["book_ids"], orders["book"][placed])
    row = np.searchsorted(case.times_ns, orders["time_ns"][placed])
    share = case.states["position"][row, book] / case.states["position_limit"][row, book]
    lean = inferred_leans(builder, orders["side"][placed], orders["size"][placed], share)
    later = np.searchsorted(case.times_ns, case.times_ns[row] + MINUTE_NS)
    inside = later < case.times_ns.size
    mid = (case.states["bid"] + case.states["ask"]) / 2.0
    move = 1e4 * (mid[np.where(inside, later, 0), book] / mid[row, book] - 1.0)
    usable = inside & np.isfinite(move) & np.isfinite(lean)
    for reason in ("bid_reason", "ask_reason"):
        usable &= np.isin(case.states[reason][row, book], SIZE_UNTOUCHED)
    (rows,) = np.nonzero(usable)
    minute = case.times_ns[row[rows]] // MINUTE_NS
    _, first = np.unique(np.stack([book[rows], minute]), axis=1, return_index=True)
    x, y = lean[rows[first]], move[rows[first]]
    if x.size < case.thresholds.least_fills or not x.std() > 0.0:
        return None
    slope, t = _regressed(x, y)
    notional = float((case.fills.price * case.fills.size).sum())
    mean_square = float(np.mean(x**2))
    gain = -2.0 * slope / 1e4 * float(builder.signal_size) * mean_square * notional
    return Lean(x.size, slope, t, mean_square, gain)


def _regressed(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Slope of y on x and its t-statistic."""
    x = x - x.mean()
    y = y - y.mean()
    square = float(x @ x)
    slope = float(x @ y) / square
    rest = y - slope * x
    error = float(np.sqrt(rest @ rest / max(x.size - 2, 1) / square))
    return slope, slope / error if error > 0.0 else 0.0
