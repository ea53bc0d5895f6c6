"""Inventory: books × time."""

from __future__ import annotations

import numpy as np

from obmm.lab.report.charts.chart import Chart, Clock, Variant, axis, ink, packed
from obmm.lab.report.data import ReportData
from obmm.lab.report.run import RunData


def inventory_map(report: ReportData) -> Chart:
    """Position of each book over time, as a share of its limit."""
    clock = Clock.of(report)
    held = any(np.any(run.series.heat.share) for run in report.runs)
    most = max(run.n_books for run in report.runs)
    return Chart(
        key="inventory",
        title="Position by book and time",
        caption=(
            "Position of each book against its starting endowment: blue is long, orange is short. Each cell "
            "shows the largest position of its stretch of time; the darkest shade is the end of the scale."
        ),
        height=min(max(160 + 16 * most, 260), 640),
        layout={
            "xaxis": axis(showgrid=False, **clock.axis),
            "yaxis": axis(showgrid=False, autorange="reversed", type="category", title={"text": "book"}),
        },
        variants=tuple(_variant(run, clock) for run in report.runs),
        choose="Run" if len(report.runs) > 1 else "",
        empty="" if held else "No position was ever held.",
    )


def _variant(run: RunData, clock: Clock) -> Variant:
    heat = run.series.heat
    unit = "% of limit" if heat.of_limit else "base"
    # Shades to the next quarter of the limit: a map to 100 % would be blank for whoever holds little.
    largest = float(np.nanmax(np.abs(heat.share), initial=0.0))
    bound = float(np.clip(25.0 * np.ceil(largest / 25.0), 25.0, 100.0)) if heat.of_limit else largest or 1.0
    trace = {
        "type": "heatmap",
        "x": packed(clock(heat.time_s)),
        "y": [str(book) for book in run.book_ids],
        "z": packed(heat.share.T),
        "zmin": -bound,
        "zmax": bound,
        "ygap": 1 if run.n_books <= 40 else 0,
        "colorscale": [[0, ink("sell")], [0.5, ink("zero")], [1, ink("buy")]],
        "colorbar": {
            "title": {"text": unit, "side": "right"},
            "thickness": 10,
            "outlinewidth": 0,
            "len": 1,
            "tickfont": {"size": 11},
        },
        "hovertemplate": f"book %{{y}}, %{{x:.2f}} {clock.unit}: %{{z:.1f}} {unit}<extra></extra>",
    }
    return Variant(label=run.name, traces=[trace])
