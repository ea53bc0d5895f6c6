"""Response times."""

from __future__ import annotations

import numpy as np

from obmm.lab.report.charts.chart import Chart, Trace, Variant, ink, note, packed, panels, plain, run_ink
from obmm.lab.report.data import ReportData


def response_times(report: ReportData) -> Chart:
    """Distribution of the time from state to orders."""
    many = len(report.runs) > 1
    traces: list[Trace] = []
    for i, run in enumerate(report.runs):
        answers = run.answers
        if not answers.count:
            continue
        colour = run_ink(i) if many else ink("buy")
        edges, share = answers.edges_ms, 100.0 * answers.share
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": packed(edges),
                "y": packed(np.append(share, 0.0)),
                "name": plain(run.name),
                "line": {"shape": "hv", "color": colour, "width": 1.6},
                "fill": "none" if many else "tozeroy",
                "fillcolor": ink("band"),
                "hovertemplate": "from %{x:.2f} ms: %{y:.2f} % of answers<extra>%{fullData.name}</extra>",
            }
        )
    layout = panels(["share of answers, %"], {"title": {"text": "milliseconds"}})
    layout["xaxis"] |= {"type": "log", "dtick": 1, "tickformat": "~g"}
    row = next(row for row in report.targets if row.measure.key == "response_time_ms")
    marks = [
        (row.threshold.target_max, "target", "muted", "right"),
        (row.threshold.alert_above, "alert", "alert", "left"),
    ]
    shapes = []
    for at, word, colour_name, side in marks:
        if at is not None and at > 0.0:
            x = float(np.log10(at))
            shapes.append(
                {
                    "type": "line",
                    "x0": at,
                    "x1": at,
                    "yref": "paper",
                    "y0": 0,
                    "y1": 1,
                    "line": {"color": ink(colour_name), "width": 1, "dash": "dash"},
                }
            )
            shift = 3 if side == "left" else -3
            place = {"x": x, "xref": "x", "y": 1.0, "yref": "paper", "yanchor": "top", "xshift": shift}
            layout["annotations"].append(note(word, **place) | {"xanchor": side})
    return Chart(
        key="response",
        title="Response time",
        caption=(
            "Time from a decoded state to its orders on the machine of the run, logarithmic. The first "
            "answers of a process are the slow ones."
        ),
        height=300,
        layout=layout | {"shapes": shapes, "showlegend": many},
        variants=(Variant(label="", traces=traces),) if traces else (),
        empty="" if traces else "No answer was timed.",
    )
