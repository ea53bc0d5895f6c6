"""Scores: over time with their parts, and book by book."""

from __future__ import annotations

from typing import Any

import numpy as np

from obmm.lab.report.books import BookAnalysis
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
    zero_line,
)
from obmm.lab.report.data import ReportData
from obmm.lab.report.run import RunData
from obmm.market import BoolArray

#: Mechanism → figures beside the score, and the ratios below it.
_PARTS = {
    "sharpe": (("median", "penalty"), ("sharpe_median", "sharpe_average", "sharpe_total")),
    "kappa": (("kappa_score", "pnl_score", "penalty"), ("kappa_median", "kappa_average", "kappa_total")),
    "debeta": (("making_share", "skill_share"), ("making", "net_alpha")),
}
_BELOW = {"sharpe": "Sharpe ratio", "kappa": "Kappa", "debeta": "making and alpha, quote"}
_DASHES = ("dash", "dot", "dashdot")
_DASH_WORDS = ("dashed", "dotted", "dash-dotted")
_INKS = ("buy", "sell", "muted")


def score_over_time(report: ReportData) -> Chart:
    """The raw score with its parts, and the ratios it is made of."""
    clock, variants = Clock.of(report), []
    for era in report.eras:
        traces: list[Trace] = []
        mechanism = next(run.eras[era].mechanism for run in report.runs if era in run.eras)
        if not any(_scored(run, era, mechanism).any() for run in report.runs):
            continue
        for i, run in enumerate(report.runs):
            if era in run.scores:
                traces += _score_lines(run, era, mechanism, clock, i if len(report.runs) > 1 else None)
        titles = _titles(mechanism) if len(report.runs) > 1 else ["score and parts", _BELOW[mechanism]]
        layout = panels(titles, clock.axis, weights=(3, 2))
        variants.append(Variant(label=era, traces=traces, layout=layout))
    return Chart(
        key="score-time",
        title="Score over time",
        caption=(
            "Raw scores before ranks, with their parts, at every scoring. A line begins where the era has "
            "seen enough of the run."
        ),
        height=440,
        layout={"hovermode": "x unified"},
        variants=tuple(variants),
        choose="Era",
        empty="" if variants else "No era has a score yet.",
    )


def _score_lines(run: RunData, era: str, mechanism: str, clock: Clock, i: int | None) -> list[Trace]:
    scored = run.scores[era]
    x, (parts, ratios) = clock(scored.time_s), _PARTS[mechanism]
    group: dict[str, Any] = {} if i is None else {"legendgroup": run.name}
    prefix = "" if i is None else f"{run.name}: "
    # Before the first real score the records say 0; the picture leaves that out.
    score = np.where(_scored(run, era, mechanism), scored.figures["score"], np.nan)
    colour = ink("ink") if i is None else run_ink(i)
    traces = [line(x, score, run.name if i is not None else "score", colour, width=2.4, **group)]
    for k, name in enumerate(parts):
        shade = ink(_INKS[k]) if i is None else colour
        style = {"dash": _DASHES[k], "width": 1.4, "showlegend": i is None}
        traces.append(line(x, scored.figures[name], prefix + _words(name), shade, **style, **group))
    for k, name in enumerate(ratios):
        shade = ink(_INKS[k]) if i is None else colour
        style = {"width": 1.4, "yaxis": "y2", "showlegend": i is None}
        style |= {} if i is None else {"dash": ("solid", *_DASHES)[k]}
        traces.append(line(x, scored.figures[name], prefix + _words(name), shade, **style, **group))
    return traces


def _scored(run: RunData, era: str, mechanism: str) -> BoolArray:
    """(S,) scorings at which there was a score."""
    if era not in run.scores:
        return np.zeros(0, dtype=np.bool_)
    return np.isfinite(run.scores[era].figures["making" if mechanism == "debeta" else "median"])


def _titles(mechanism: str) -> list[str]:
    """Titles of the panels that say which dash is which, where colours tell runs apart."""
    parts, ratios = _PARTS[mechanism]
    upper = [f"{dash} {_words(name)}" for dash, name in zip(_DASH_WORDS, parts, strict=False)]
    lower = ["solid making", "dashed net alpha"]
    if mechanism != "debeta":
        lower = [
            f"{ratios[0].partition('_')[0].capitalize()}: solid median book",
            "dashed mean",
            "dotted sum",
        ]
    return [f"score; {', '.join(upper)}", ", ".join(lower)]


def score_of_books(report: ReportData) -> Chart:
    """Every book's score, sorted, with quartiles, outliers and what each did to the total."""
    variants = []
    for run in report.runs:
        prefix = f"{run.name}: " if len(report.runs) > 1 else ""
        for era, analysis in run.analyses.items():
            variants.append(_books(f"{prefix}{era}", run, analysis))
    return Chart(
        key="book-scores",
        title="What each book did",
        caption=(
            "Books from best to worst. Shaded: the middle half of them; dashed: the median, and the fence "
            "below which a book is an outlier (ringed). The bars are the total score less what it would be "
            "without the book; under 0.6, where shares add up, its share."
        ),
        height=400,
        variants=tuple(variants),
        choose="Era",
        empty="" if variants else "No era has a score per book yet.",
    )


def _books(label: str, run: RunData, analysis: BookAnalysis) -> Variant:
    order = analysis.order[np.isfinite(analysis.score[analysis.order])]
    books = [str(book) for book in run.book_ids[order]]
    low, median, high = analysis.quartiles
    effect, outlier = analysis.effect[order], analysis.outlier[order]
    dots: Trace = {
        "type": "scatter",
        "mode": "markers",
        "x": books,
        "y": packed(analysis.score[order]),
        "name": "score",
        "marker": {
            "size": 8,
            "color": [ink("alert") if out else ink("ink") for out in outlier.tolist()],
            "symbol": ["circle-open" if out else "circle" for out in outlier.tolist()],
        },
        "hovertemplate": "book %{x}: %{y:.4f}<extra></extra>",
    }
    bars: Trace = {
        "type": "bar",
        "x": books,
        "y": packed(effect),
        "yaxis": "y2",
        "name": "effect",
        "marker": {"color": [ink("buy") if value >= 0.0 else ink("sell") for value in effect.tolist()]},
        "hovertemplate": "book %{x}: %{y:+.4f} of the total<extra></extra>",
    }
    category = {"type": "category", "title": {"text": "book, best first"}}
    layout = panels([f"score per book, {analysis.era}", "effect on the total"], category, weights=(3, 2))
    if len(books) > 40:
        layout["xaxis"] |= {"showticklabels": False}
    shapes = [
        {
            "type": "rect",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "yref": "y",
            "y0": low,
            "y1": high,
            "fillcolor": ink("band"),
            "line": {"width": 0},
            "layer": "below",
        },
        zero_line("y", median, "muted", "dash"),
        zero_line("y2"),
    ]
    if analysis.fence is not None and analysis.outlier.any():
        shapes.append(zero_line("y", analysis.fence, "alert", "dash"))
    return Variant(label=label, traces=[dots, bars], layout=layout | {"shapes": shapes, "showlegend": False})


_NAMES = {
    "median": "median book",
    "penalty": "penalty",
    "kappa_score": "Kappa score",
    "pnl_score": "P&L score",
    "making_share": "share of making",
    "skill_share": "share of skill",
    "making": "making",
    "net_alpha": "net alpha",
}


def _words(name: str) -> str:
    if name in _NAMES:
        return _NAMES[name]
    ratio, _, what = name.partition("_")
    of = {"median": "median book", "average": "mean of books", "total": "summed value"}
    return f"{ratio.capitalize()}, {of[what]}"
