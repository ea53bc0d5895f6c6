"""The pictures of a comparison."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from obmm.lab.attribution import PARTS
from obmm.lab.compare.comparison import ALL, Comparison, Difference
from obmm.lab.compare.statistics import bootstrap, quantile_t
from obmm.lab.report.charts.chart import (
    Chart,
    Clock,
    Trace,
    Variant,
    axis,
    ink,
    line,
    packed,
    panels,
    plain,
    run_ink,
    zero_line,
)
from obmm.lab.summary import MARKOUT_S
from obmm.lab.trials import Metric, Outcome
from obmm.market import FloatArray

#: Share of the seeds inside a band.
_BAND = 0.8
#: Seeds below which a band holds all of them.
_FEW = 10


def differences(comparison: Comparison) -> Chart:
    """Every seed's difference and the interval of their mean, for each challenger and market."""
    variants = []
    for metric in comparison.question.metrics:
        shown = [d for m in comparison.markets for d in comparison.differences(metric, m) if d.seeds]
        if shown:
            variants.append(_dots(comparison, metric, shown))
    rows = max((len(v.layout["yaxis"]["tickvals"]) for v in variants), default=0)
    return Chart(
        key="differences",
        title="Difference by seed",
        caption=(
            "A dot is one seed: what the challenger had more of than "
            f"{comparison.question.arms[0].name} in the same market. The bar is the interval of the mean; "
            "where it stays clear of zero, it is settled."
        ),
        height=110 + 64 * rows,
        layout={"showlegend": False},
        variants=tuple(variants),
        choose="Figure",
        empty="" if variants else "Nothing was played on a common seed.",
    )


def _dots(comparison: Comparison, metric: Metric, shown: Sequence[Difference]) -> Variant:
    traces: list[Trace] = []
    for row, d in enumerate(shown):
        colour = run_ink(_number(comparison, d.b))
        spread = np.linspace(-0.22, 0.22, d.values.size) if d.values.size > 1 else np.zeros(1)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": packed(d.values),
                "y": packed(-row + spread),
                "text": [f"seed {seed}" for seed in d.seeds],
                "marker": {"size": 7, "color": colour, "opacity": 0.45},
                "hovertemplate": "%{text}: %{x:.4g}<extra></extra>",
            }
        )
        mean, low, high = d.interval.mean, d.interval.low, d.interval.high
        bar: Trace = {
            "type": "scatter",
            "mode": "markers",
            "x": [mean],
            "y": [-row],
            "marker": {"size": 11, "color": colour, "symbol": "diamond"},
            "hovertemplate": "mean: %{x:.4g}<extra></extra>",
        }
        if math.isfinite(low) and math.isfinite(high):
            bar["error_x"] = {
                "type": "data",
                "array": [high - mean],
                "arrayminus": [mean - low],
                "thickness": 2.5,
                "width": 7,
                "color": colour,
            }
        traces.append(bar)
    names = [plain(d.b if d.market == ALL else f"{d.b}, {d.market}") for d in shown]
    label = plain(metric.words)
    layout = {
        "xaxis": axis(title={"text": f"difference: {label}"}, zeroline=True),
        "yaxis": axis(
            tickvals=[-i for i in range(len(shown))],
            ticktext=[_broken(name) for name in names],
            range=[-len(shown) + 0.4, 0.6],
            showgrid=False,
        ),
    }
    return Variant(label=metric.words, traces=traces, layout=layout)


def pnl(comparison: Comparison) -> Chart:
    """Cumulative P&L of every arm, and below what each challenger has more of."""
    return _over_time(
        comparison,
        key="pnl",
        title="P&L over time",
        figure=lambda outcome: outcome.curves["pnl"] / comparison.question.books,
        names=("P&L of trading per book, quote", f"more than {comparison.question.arms[0].name}"),
        caption=(
            f"Mean over seeds of what trading earned per book; above, the band holds {_held(comparison)}. "
            "Below, the difference on the same seeds, with the 95 % interval of its mean at each moment."
        ),
        height=520,
    )


def inventory(comparison: Comparison) -> Chart:
    """How large positions were."""
    return _over_time(
        comparison,
        key="inventory",
        title="Positions",
        figure=lambda outcome: outcome.curves["inventory_quote"],
        names=("mean size of the position per book, quote",),
        caption=f"Mean over seeds; the band holds {_held(comparison)}.",
        height=440,
    )


def _over_time(
    comparison: Comparison,
    *,
    key: str,
    title: str,
    figure: Callable[[Outcome], FloatArray],
    names: Sequence[str],
    caption: str,
    height: int,
) -> Chart:
    variants, longest_s = [], 0.0
    for market in comparison.markets:
        curves = {arm.name: _curves(comparison, arm.name, market, figure) for arm in comparison.question.arms}
        known = {name: told for name, told in curves.items() if told is not None}
        if not known:
            continue
        longest_s = max([longest_s, *(float(time_s[-1]) for time_s, _ in known.values())])
        variants.append((market, known))
    clock = Clock.fitting(longest_s)
    drawn = [
        Variant(
            label=market or "all markets", traces=_bands(comparison, known, market, figure, clock, len(names))
        )
        for market, known in variants
    ]
    layout = panels(names, clock.axis, weights=(3, 2)[: len(names)])
    return Chart(
        key=key,
        title=title,
        caption=caption,
        height=height,
        layout=layout
        | {
            "shapes": [zero_line("y" if i == 0 else f"y{i + 1}") for i in range(len(names))],
            # Bands would turn it round.
            "legend": {"traceorder": "normal"},
        },
        variants=tuple(drawn),
        choose="Market",
        empty="" if drawn else "Nothing was played.",
    )


def _bands(
    comparison: Comparison,
    known: dict[str, tuple[FloatArray, FloatArray]],
    market: str,
    figure: Callable[[Outcome], FloatArray],
    clock: Clock,
    n_panels: int,
) -> list[Trace]:
    traces: list[Trace] = []
    for name, (time_s, values) in known.items():
        i = _number(comparison, name)
        tail = (1.0 - _BAND) / 2.0 if values.shape[0] >= _FEW else 0.0
        low, high = np.quantile(values, (tail, 1.0 - tail), axis=0)
        traces += _band(clock(time_s), low, high, i)
        traces.append(line(packed(clock(time_s)), values.mean(axis=0), name, run_ink(i), width=2))
    if n_panels < 2:
        return traces
    base = comparison.question.arms[0].name
    for b in comparison.challengers:
        seeds = comparison.common(base, b, market)
        pair = [_curves(comparison, arm, market, figure, seeds) for arm in (base, b)]
        if pair[0] is None or pair[1] is None:
            continue
        time_s, d = pair[0][0], pair[1][1] - pair[0][1]
        i, mean = _number(comparison, b), d.mean(axis=0)
        if d.shape[0] > 1:
            half = quantile_t(d.shape[0]) * d.std(axis=0, ddof=1) / math.sqrt(d.shape[0])
            traces += _band(clock(time_s), mean - half, mean + half, i, yaxis="y2")
        traces.append(line(packed(clock(time_s)), mean, b, run_ink(i), width=2, yaxis="y2", showlegend=False))
    return traces


def markouts(comparison: Comparison) -> Chart:
    """Mean markout of every arm against the time since the fill."""
    variants = []
    for market in comparison.markets:
        traces: list[Trace] = []
        for i, arm in enumerate(comparison.question.arms):
            rows = [_markout(row) for row in comparison.played(arm.name, market)]
            if not rows:
                continue
            values = np.array(rows)
            count = np.isfinite(values).sum(axis=0)
            mean = np.array([_or_nan(np.nanmean, column) for column in values.T])
            spread = np.array([_or_nan(lambda x: np.nanstd(x, ddof=1), column, 2) for column in values.T])
            half = [
                quantile_t(int(n)) * s / math.sqrt(n) if n > 1 else 0.0
                for n, s in zip(count, spread, strict=True)
            ]
            trace = line(
                np.arange(len(MARKOUT_S)),
                mean,
                arm.name,
                run_ink(i),
                width=2,
                error_y={"type": "data", "array": packed(np.nan_to_num(half)), "thickness": 1, "width": 3},
                hovertemplate="%{fullData.name}: %{y:.2f} bp<extra></extra>",
            )
            traces.append(trace | {"mode": "lines+markers", "marker": {"size": 6}})
        if traces:
            variants.append(Variant(label=market or "all markets", traces=traces))
    layout = panels(["basis points of the fill's price"], {"title": {"text": "time after the fill"}})
    layout["xaxis"] |= {
        "tickmode": "array",
        "tickvals": list(range(len(MARKOUT_S))),
        "ticktext": ["fill", *(f"{s} s" if s < 60 else f"{s // 60} min" for s in MARKOUT_S[1:])],
    }
    return Chart(
        key="markouts",
        title="Markouts",
        caption=(
            "Where the mid stands after a fill, in our favour above 0: of each seed the mean over its fills, "
            "then the mean over seeds with its 95 % interval."
        ),
        height=440,
        layout=layout | {"shapes": [zero_line()]},
        variants=tuple(variants),
        choose="Market",
        empty="" if variants else "Nothing was played.",
    )


def sources(comparison: Comparison) -> Chart:
    """What each part of the P&L contributes to the difference."""
    views: list[tuple[str, int | None]] = [("all books", None)]
    views += list(comparison.classes.items())
    base = comparison.question.arms[0].name
    variants = []
    for label, asset in views:
        traces: list[Trace] = []
        for b in comparison.challengers:
            d = source_differences(comparison, b, asset)
            if d is None:
                continue
            parts = [bootstrap(values) for values in d.values()]
            total = bootstrap(np.sum(list(d.values()), axis=0))
            bars = [*parts, total]
            high = [x.high - x.mean if math.isfinite(x.high) else 0.0 for x in bars]
            low = [x.mean - x.low if math.isfinite(x.low) else 0.0 for x in bars]
            traces.append(
                {
                    "type": "bar",
                    "name": plain(b),
                    "x": [*(_broken(words, 9) for words in PARTS.values()), "<b>P&L</b>"],
                    "y": [x.mean for x in bars],
                    "marker": {"color": run_ink(_number(comparison, b))},
                    "error_y": {
                        "type": "data",
                        "array": high,
                        "arrayminus": low,
                        "color": ink("muted"),
                        "thickness": 1.2,
                        "width": 4,
                    },
                    "hovertemplate": "%{fullData.name}: %{y:.4g}<extra></extra>",
                }
            )
        if traces:
            variants.append(Variant(label=label, traces=traces))
    layout: dict[str, Any] = panels([f"more than {base}, quote per book and hour"], {})
    layout["xaxis"] |= {"tickangle": 0}
    return Chart(
        key="sources",
        title="Where the difference comes from",
        caption=(
            "A fill is worth what the mid differed from its price at once (the spread captured), what the "
            "position then gained or lost until it was a minute and five minutes old, and after that until "
            "the end; with the fees that is all of the P&L. Lines are 95 % intervals over seeds."
        ),
        height=420,
        layout=layout | {"shapes": [zero_line()], "barmode": "group"},
        variants=tuple(variants),
        choose="Books",
        empty="" if variants else "Nothing was played on a common seed.",
    )


def source_differences(
    comparison: Comparison, b: str, asset: int | None = None
) -> dict[str, FloatArray] | None:
    """Part → (S,) what challenger `b` has more of than the first arm, per book and hour."""
    base = comparison.question.arms[0].name
    seeds = comparison.common(base, b)
    if not seeds:
        return None
    mine, theirs = (comparison.attribution(arm, asset, seeds=seeds) for arm in (b, base))
    return {part: mine[part] - theirs[part] for part in PARTS}


def _curves(
    comparison: Comparison,
    arm: str,
    market: str,
    figure: Callable[[Outcome], FloatArray],
    seeds: Sequence[int] | None = None,
) -> tuple[FloatArray, FloatArray] | None:
    """Times (M,) and curves (S, M) of an arm, of a seed the mean over markets."""
    rows = comparison.played(arm, market, seeds)
    if not rows:
        return None
    length = min(outcome.curves["time_s"].size for row in rows for outcome in row)
    values = np.array([np.mean([figure(outcome)[:length] for outcome in row], axis=0) for row in rows])
    return rows[0][0].curves["time_s"][:length], values


def _band(x: FloatArray, low: FloatArray, high: FloatArray, i: int, **more: Any) -> list[Trace]:
    edge: Trace = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "showlegend": False}
    edge |= {"x": packed(x), "line": {"width": 0}} | more
    fill = {"fill": "tonexty", "fillcolor": ink(f"band{i % 6}")}
    return [edge | {"y": packed(low)}, edge | {"y": packed(high)} | fill]


def _markout(row: Sequence[Outcome]) -> FloatArray:
    """(H,) mean markout over the fills of a seed; NaN where none is old enough."""
    total = np.sum([outcome.markouts["sum"] for outcome in row], axis=0)
    count = np.sum([outcome.markouts["count"] for outcome in row], axis=0)
    mean: FloatArray = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean


def _or_nan(of: Callable[[FloatArray], Any], values: FloatArray, least: int = 1) -> float:
    return float(of(values)) if np.isfinite(values).sum() >= least else math.nan


def _held(comparison: Comparison) -> str:
    return "all of them" if len(comparison.seeds) < _FEW else f"{100 * _BAND:.0f} % of them"


def _number(comparison: Comparison, arm: str) -> int:
    return [a.name for a in comparison.question.arms].index(arm)


def _broken(text: str, width: int = 22) -> str:
    """Text in lines that an axis has room for."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "<br>".join(lines)
