"""Fills, markouts, answers and scorings as a report shows them."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np
import numpy.typing as npt

from obmm.lab.recorded import Run
from obmm.lab.summary import MARKOUT_S, WIN_S, Fills
from obmm.market import BUY, SELL, FloatArray, IntArray

#: Fills drawn at most, all accounts of a report together; of more, every second, third … is.
MOST_FILLS = 24_000
#: Points of one line of the score.
_SCORE_POINTS = 400
#: Bins of response times per factor of ten.
_BINS_PER_DECADE = 10


@attrs.frozen(kw_only=True, eq=False)
class FillMarks:
    """Own fills to draw, in order of time.

    Attributes:
        time_s: (N,) simulated seconds since the first state.
        book: (N,) position of the book.
        side: (N,) 0 bought, 1 sold.
        maker: (N,) whether our order rested.
        price: (N,) quote.
        size: (N,) base.
        markout_bps: (N,) at 60 s, NaN where the run ended before.
        every: One of so many fills is here.
    """

    time_s: FloatArray
    book: IntArray
    side: IntArray
    maker: npt.NDArray[np.bool_]
    price: FloatArray
    size: FloatArray
    markout_bps: FloatArray
    every: int


@attrs.frozen(kw_only=True, eq=False)
class MarkoutCurves:
    """Mean markout of buys and of sells after `seconds`.

    Attributes:
        seconds: (H,) horizons.
        mean_bps: (2, H) buys, sells; NaN without fills that old.
        error_bps: (2, H) half the width of a 95 % interval, fills taken as independent.
        fills: (2, H) how many.
    """

    seconds: IntArray
    mean_bps: FloatArray
    error_bps: FloatArray
    fills: IntArray


@attrs.frozen(kw_only=True, eq=False)
class Answers:
    """How long the agent took.

    Attributes:
        edges_ms: (E + 1,) edges of the bins, evenly spaced in the logarithm.
        share: (E,) share of the answers in each.
        count: Answers.
    """

    edges_ms: FloatArray
    share: FloatArray
    count: int


@attrs.frozen(kw_only=True, eq=False)
class ScoreLine:
    """Scorings of one era over time.

    Attributes:
        time_s: (S,) simulated seconds since the first state.
        figures: (S,) each, by name; NaN where there is none yet.
    """

    time_s: FloatArray
    figures: Mapping[str, FloatArray]


def fill_marks(fills: Fills, start_ns: int, of: int = 1) -> FillMarks:
    """Fills in order of time, thinned evenly if there are too many for one of so many accounts."""
    order = np.argsort(fills.time_ns, kind="stable")
    every = -(-order.size * of // MOST_FILLS) or 1
    rows = order[::every]
    return FillMarks(
        time_s=(fills.time_ns[rows] - start_ns) / 1e9,
        book=fills.book[rows],
        side=fills.side[rows],
        maker=fills.maker[rows],
        price=fills.price[rows],
        size=fills.size[rows],
        markout_bps=fills.markout_bps[rows, MARKOUT_S.index(WIN_S)],
        every=every,
    )


def fees_paid(fills: Fills, start_ns: int, time_s: FloatArray) -> FloatArray:
    """Fees paid since the start, at each of `time_s` (T,); quote, falling where rebates come in."""
    order = np.argsort(fills.time_ns, kind="stable")
    paid = np.concatenate([[0.0], np.cumsum(fills.fee[order])])
    return paid[np.searchsorted((fills.time_ns[order] - start_ns) / 1e9, time_s, side="right")]


def markout_curves(fills: Fills) -> MarkoutCurves:
    """Mean markouts by side with their uncertainty."""
    known = np.isfinite(fills.markout_bps)
    shape = (2, len(MARKOUT_S))
    mean, error, count = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=np.int64)
    for side in (BUY, SELL):
        for h in range(len(MARKOUT_S)):
            values = fills.markout_bps[(fills.side == side) & known[:, h], h]
            count[side, h] = values.size
            if values.size:
                mean[side, h] = values.mean()
            if values.size > 1:
                error[side, h] = 1.96 * values.std(ddof=1) / np.sqrt(values.size)
    return MarkoutCurves(seconds=np.array(MARKOUT_S), mean_bps=mean, error_bps=error, fills=count)


def answers_of(run: Run, uid: int) -> Answers:
    """Histogram of an account's response times."""
    ms = np.maximum(run.of("answers", uid)["respond_ms"], 1e-3)
    if not ms.size:
        return Answers(edges_ms=np.zeros(1), share=np.zeros(0), count=0)
    low = np.floor(np.log10(ms.min()))
    decades = int(max(np.ceil(np.log10(ms.max())) - low, 1.0))
    edges = np.logspace(low, low + decades, decades * _BINS_PER_DECADE + 1)
    counts = np.histogram(ms, edges)[0]
    return Answers(edges_ms=edges, share=counts / ms.size, count=int(ms.size))


def score_lines(run: Run, uid: int, start_ns: int) -> dict[str, ScoreLine]:
    """Scorings of every era over time, thinned; the newest is always there."""
    scores = run.of("scores", uid)
    lines = {}
    for era in dict.fromkeys(scores["era"].tolist()):
        rows = np.flatnonzero(scores["era"] == era)
        names, time_ns = scores["name"][rows], scores["time_ns"][rows]
        times = np.unique(time_ns)
        kept = times[::-1][:: -(-times.size // _SCORE_POINTS)][::-1]
        figures = {}
        for name in dict.fromkeys(names.tolist()):
            line = np.full(times.size, np.nan)
            these = rows[names == name]
            line[np.searchsorted(times, scores["time_ns"][these])] = scores["value"][these]
            figures[name] = line[np.searchsorted(times, kept)]
        lines[era] = ScoreLine(time_s=(kept - start_ns) / 1e9, figures=figures)
    return lines
