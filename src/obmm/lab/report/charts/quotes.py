"""Own quotes: how far behind the touch, and how often there."""

from __future__ import annotations

import numpy as np

from obmm.lab.report.charts.chart import Chart, Clock, Trace, Variant, ink, line, panels, plain, run_ink
from obmm.lab.report.data import ReportData
from obmm.lab.report.run import RunData
from obmm.lab.report.series import DISTANCE_BPS

_NO_QUOTES = "No quote ever stood in the book at the end of a state."
_INNER = DISTANCE_BPS[2:-1]
#: Names of the bins of distances, basis points.
_BINS = (
    "at touch",
    *(f"{low:g}–{high:g}" for low, high in zip((0.0, *_INNER), _INNER, strict=False)),
    f"> {_INNER[-1]:g}",
)


def quote_distance(report: ReportData) -> Chart:
    """How far the best own quotes stood behind the touch, over time."""
    clock = Clock.of(report)
    if len(report.runs) > 1:
        traces = [trace for i, run in enumerate(report.runs) for trace in _lines(run, clock, i)]
        titles = ["median distance behind the touch, bp", "sides with a quote, %"]
        layout = panels(titles, clock.axis) | {"hovermode": "x unified"}
        layout["yaxis2"] |= {"range": [0, 100]}
        words = "Best own bids and asks of all books at the end of each state; 0 is at the touch."
    else:
        traces = _areas(report.runs[0], clock)
        layout = panels(["share of all book sides, %"], clock.axis) | {"legend": {"traceorder": "normal"}}
        layout["yaxis"] |= {"range": [0, 100]}
        words = (
            "All bid and ask sides of all books: at the touch, behind it by so many basis points, or, in the "
            "blank above, without a quote of ours."
        )
    return Chart(
        key="quote-distance",
        title="Quotes against the touch",
        caption=words,
        height=360,
        layout=layout,
        variants=(Variant(label="", traces=traces),),
        empty="" if _any_quotes(report) else _NO_QUOTES,
    )


def _lines(run: RunData, clock: Clock, i: int) -> list[Trace]:
    distance, colour = run.series.distance, run_ink(i)
    x, quoted = clock(distance.time_s), 100.0 * distance.over_time.sum(axis=1)
    return [
        line(x, distance.median_bps, run.name, colour, legendgroup=run.name),
        line(x, quoted, run.name, colour, yaxis="y2", showlegend=False, legendgroup=run.name),
    ]


def _areas(run: RunData, clock: Clock) -> list[Trace]:
    distance = run.series.distance
    x = clock(distance.time_s)
    return [
        line(
            x,
            100.0 * distance.over_time[:, k],
            name if k == 0 else f"{name} bp",
            ink(f"step{k}"),
            width=0,
            stackgroup="all",
            fillcolor=ink(f"step{k}"),
            hovertemplate=f"{name}: %{{y:.1f}} %<extra></extra>",
        )
        for k, name in enumerate(_BINS)
        if distance.over_time[:, k].any()
    ]


def quote_shares(report: ReportData) -> Chart:
    """How often own quotes stood how far behind the touch."""
    traces: list[Trace] = []
    for i, run in enumerate(report.runs):
        share = run.series.distance.share
        sides = [(share[0], "bids", ink("buy")), (share[1], "asks", ink("sell"))]
        if len(report.runs) > 1:
            sides = [(share.mean(axis=0), run.name, run_ink(i))]
        traces += [
            {
                "type": "bar",
                "x": list(_BINS),
                "y": np.round(100.0 * values, 3).tolist(),
                "name": plain(name),
                "marker": {"color": colour},
                "hovertemplate": "%{fullData.name}, %{x} bp: %{y:.1f} %<extra></extra>",
            }
            for values, name, colour in sides
        ]
    layout = panels(["share of quotes, %"], {"type": "category", "title": {"text": "bp behind the touch"}})
    return Chart(
        key="quote-shares",
        title="Where quotes stood",
        caption="Share of all best own quotes by their distance behind the touch.",
        height=360,
        layout=layout | {"bargap": 0.35, "barmode": "group"},
        variants=(Variant(label="", traces=traces),),
        empty="" if _any_quotes(report) else _NO_QUOTES,
    )


def _any_quotes(report: ReportData) -> bool:
    return any(run.series.distance.share.any() for run in report.runs)
