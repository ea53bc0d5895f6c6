"""Fills: what the price did after them, and where they stand on the price of a book."""

from __future__ import annotations

from typing import Any

import numpy as np

from obmm.lab.report.charts.chart import (
    Chart,
    Clock,
    Trace,
    Variant,
    ink,
    line,
    packed,
    panels,
    run_ink,
    shared,
    zero_line,
)
from obmm.lab.report.data import ReportData
from obmm.lab.report.run import RunData
from obmm.market import BUY, SELL

_SIDES = ((BUY, "buys", "buy", "triangle-up"), (SELL, "sells", "sell", "triangle-down"))


def markouts(report: ReportData) -> Chart:
    """Mean markout of buys and of sells against the time since the fill."""
    many = len(report.runs) > 1
    traces: list[Trace] = []
    for i, run in enumerate(report.runs):
        curves = run.markouts
        for side, word, colour, _ in _SIDES:
            name = f"{run.name}, {word}" if many else word
            trace = line(
                np.arange(curves.seconds.size),
                curves.mean_bps[side],
                name,
                run_ink(i) if many else ink(colour),
                width=2,
                dash="dot" if many and side == SELL else "solid",
                error_y={
                    "type": "data",
                    "array": packed(np.nan_to_num(curves.error_bps[side])),
                    "thickness": 1,
                    "width": 3,
                },
                customdata=packed(curves.fills[side]),
                hovertemplate="%{fullData.name}: %{y:.2f} bp (%{customdata:,} fills)<extra></extra>",
            )
            traces.append(trace | {"mode": "lines+markers", "marker": {"size": 6}})
    seconds = report.runs[0].markouts.seconds
    layout = panels(["basis points of the fill's price"], {"title": {"text": "time after the fill"}})
    layout["xaxis"] |= {
        "tickmode": "array",
        "tickvals": list(range(seconds.size)),
        "ticktext": [_horizon(s) for s in seconds.tolist()],
    }
    return Chart(
        key="markouts",
        title="Markouts",
        caption=(
            "Where the mid stands after a fill, in our favour above 0. A curve that falls with time is "
            "adverse selection: the quote was taken because the price was about to move. Bars are 95 % "
            "intervals that take fills as independent."
        ),
        height=440,
        layout=layout | {"shapes": [zero_line()]},
        variants=(Variant(label="", traces=traces),),
        empty="" if any(run.fills.time_s.size for run in report.runs) else "There are no fills.",
    )


def price(report: ReportData) -> Chart:
    """The touch of a chosen book with own fills, and the position below."""
    clock, first, most = Clock.of(report), 0, -1
    variants: list[Variant] = []
    times: dict[str, Any] = {}
    for i, run in enumerate(report.runs):
        times[f"price{i}"] = packed(clock(run.series.prices.time_s))
        times[f"line{i}"] = packed(clock(run.series.lines.time_s))
        counts = np.bincount(run.fills.book, minlength=run.n_books)
        pnl = [book["pnl"] for book in run.summary["per_book"]]
        remarks = {int(np.argmin(pnl)): "worst P&L", int(np.argmax(pnl)): "best P&L"}
        for book in range(run.n_books):
            if counts[book] > most:
                first, most = len(variants), int(counts[book])
            prefix = f"{run.name}: " if len(report.runs) > 1 else ""
            suffix = f", {remarks[book]}" if book in remarks and run.n_books > 1 else ""
            label = f"{prefix}book {run.book_ids[book]}{suffix}"
            variants.append(Variant(label=label, traces=_price(run, book, clock, i)))
    layout = panels(["price, quote", "position, base"], clock.axis, weights=(3, 1))
    thinned = max(run.fills.every for run in report.runs)
    return Chart(
        key="price",
        title="Fills on the price of a book",
        caption=(
            "The band runs from the lowest bid to the highest ask of each moment; triangles are own fills, "
            "up for buys, larger for larger sizes, hollow where we took. Drag to zoom, double-click to reset."
            + (f" One of {thinned} fills is drawn." if thinned > 1 else "")
        ),
        height=480,
        shared=times,
        layout=layout | {"shapes": [zero_line("y2")]},
        variants=tuple(variants),
        choose="Book",
        first=first,
    )


def _price(run: RunData, book: int, clock: Clock, i: int) -> list[Trace]:
    prices, fills, lines = run.series.prices, run.fills, run.series.lines
    edge: Trace = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "showlegend": False}
    edge["x"] = shared(f"price{i}")
    style = {"color": ink("muted"), "width": 0.8}
    traces: list[Trace] = [
        edge | {"y": packed(prices.low_bid[:, book]), "line": style},
        edge
        | {
            "y": packed(prices.high_ask[:, book]),
            "line": style,
            "fill": "tonexty",
            "fillcolor": ink("band"),
            "name": "touch",
            "showlegend": True,
        },
    ]
    for side, word, colour, symbol in _SIDES:
        rows = (fills.book == book) & (fills.side == side)
        sizes = fills.size[rows]
        largest = float(sizes.max()) if sizes.size else 1.0
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": packed(clock(fills.time_s[rows])),
                "y": packed(fills.price[rows]),
                "name": word,
                "marker": {
                    "color": ink(colour),
                    "line": {"width": 0},
                    "size": packed(3.5 + 4.5 * np.sqrt(sizes / largest)),
                    "symbol": symbol
                    if fills.maker[rows].all()
                    else [symbol if maker else f"{symbol}-open" for maker in fills.maker[rows].tolist()],
                },
                "customdata": packed(np.column_stack([sizes, fills.markout_bps[rows]])),
                "hovertemplate": (
                    f"{word[:-1]} %{{customdata[0]:.4f}} at %{{y:.2f}}, 60 s markout "
                    "%{customdata[1]:.1f} bp<extra></extra>"
                ),
            }
        )
    position = line(
        shared(f"line{i}"),
        lines.position[:, book],
        "position",
        ink("ink"),
        yaxis="y2",
        width=1.2,
        shape="hv",
        showlegend=False,
    )
    return [*traces, position]


def _horizon(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"
