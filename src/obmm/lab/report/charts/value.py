"""Value and P&L: in total, and book by book."""

from __future__ import annotations

import numpy as np

from obmm.lab.report.charts.chart import (
    Chart,
    Clock,
    Trace,
    Variant,
    ink,
    line,
    note,
    packed,
    panels,
    run_ink,
    shared,
    zero_line,
)
from obmm.lab.report.data import ReportData
from obmm.lab.report.run import RunData
from obmm.market import FloatArray

#: Books that are coloured and named at either end.
_NAMED = 3


def total_value(report: ReportData) -> Chart:
    """P&L of trading and change of the inventory's value, all books together."""
    clock, many = Clock.of(report), len(report.runs) > 1
    traces: list[Trace] = []
    for i, run in enumerate(report.runs):
        lines, colour = run.series.lines, run_ink(i)
        x, pnl, value = clock(lines.time_s), lines.pnl.sum(axis=1), lines.value.sum(axis=1)
        name = f"{run.name}: " if many else ""
        group = {"legendgroup": run.name} if many else {}
        traces += [
            line(x, pnl, run.name if many else "P&L of trading", colour, width=2.2, **group),
            line(x, value, f"{name}change of value", colour, yaxis="y2", showlegend=not many, **group),
            line(
                x,
                value - pnl,
                f"{name}of it the endowment",
                ink("muted"),
                yaxis="y2",
                dash="dot",
                showlegend=not many,
                **group,
            ),
        ]
    below = "change of inventory value, quote" + ("; dotted: of it the endowment" if many else "")
    layout = panels(["P&L of trading, fees included, quote", below], clock.axis)
    return Chart(
        key="total-value",
        title="All books together",
        caption=(
            "P&L of trading is what the account gained against holding what it began with. The starting "
            "endowment gains and loses with the price; both together are the change of inventory value that "
            "the Sharpe eras look at."
        ),
        height=420,
        layout=layout | {"hovermode": "x unified", "shapes": [zero_line(), zero_line("y2")]},
        variants=(Variant(label="", traces=traces),),
    )


def value_of_books(report: ReportData) -> Chart:
    """P&L or change of value of every book; the best and the worst are named."""
    clock, variants, times = Clock.of(report), [], {}
    for i, run in enumerate(report.runs):
        prefix = f"{run.name}: " if len(report.runs) > 1 else ""
        lines, time = run.series.lines, shared(f"time{i}")
        times[f"time{i}"] = packed(clock(lines.time_s))
        variants += [
            _variant(f"{prefix}P&L of trading", run, lines.pnl, time),
            _variant(f"{prefix}change of inventory value", run, lines.value, time),
        ]
    return Chart(
        key="book-value",
        title="Book by book",
        caption="All books; the best and the worst at the end are coloured and carry their number.",
        height=420,
        shared=times,
        layout=panels(["quote"], clock.axis) | {"showlegend": False, "shapes": [zero_line()]},
        variants=tuple(variants),
        choose="Show",
    )


def _variant(label: str, run: RunData, values: FloatArray, time: dict[str, str]) -> Variant:
    order = np.argsort(-values[-1], kind="stable")
    named = _NAMED if np.ptp(values[-1]) > 0.0 or run.n_books == 1 else 0
    best = order[: min(named, -(-run.n_books // 2))].tolist()
    worst = order[max(run.n_books - named, len(best)) :].tolist()
    middle = order[len(best) : run.n_books - len(worst)].tolist()
    notes, ends = [], _spread(values[-1, best + worst], values)
    traces = [_book_line(time, values, run, book, ink("faint"), 1.0) for book in middle]
    for book, at in zip(best + worst, ends, strict=True):
        colour = ink("buy" if book in best else "sell")
        traces.append(_book_line(time, values, run, book, colour, 1.6))
        number = str(run.book_ids[book])
        notes.append(note(number, x=1.0, xref="paper", y=at, yref="y", xshift=4, yanchor="middle"))
        notes[-1]["font"] = {"size": 11, "color": colour}
    head = note("quote", x=0.0, y=1.0, xref="paper", yref="paper", yanchor="bottom")
    return Variant(label=label, traces=traces, layout={"annotations": [head, *notes]})


def _book_line(
    x: dict[str, str], values: FloatArray, run: RunData, book: int, colour: dict[str, str], width: float
) -> Trace:
    name = f"book {run.book_ids[book]}"
    hover = f"{name}: %{{y:,.1f}}<extra></extra>"
    return line(x, values[:, book], name, colour, width=width, hovertemplate=hover)


def _spread(ends: FloatArray, values: FloatArray) -> list[float]:
    """Places of labels, from the top: none nearer to the one above than a line of text needs."""
    gap = 0.045 * float(np.ptp(values)) or 1.0
    places: list[float] = []
    for end in ends.tolist():
        places.append(min(end, places[-1] - gap) if places else end)
    return places
