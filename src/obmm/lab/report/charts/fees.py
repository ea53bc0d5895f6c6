"""Fees and the maker ratio that moves them."""

from __future__ import annotations

import numpy as np

from obmm.lab.report.charts.chart import Chart, Clock, Trace, Variant, ink, line, panels, run_ink, zero_line
from obmm.lab.report.data import ReportData


def fees(report: ReportData) -> Chart:
    """Maker ratio, fee rates and fees paid over time."""
    clock, many = Clock.of(report), len(report.runs) > 1
    traces: list[Trace] = []
    for i, run in enumerate(report.runs):
        lines, colour = run.series.lines, run_ink(i)
        x, group = clock(lines.time_s), {"legendgroup": run.name} if many else {}
        name = f"{run.name}: " if many else ""
        taker = colour if many else ink("sell")
        traces += [
            line(x, lines.maker_ratio, run.name if many else "maker ratio", colour, showlegend=many, **group),
            line(x, lines.maker_bps, f"{name}maker fee", colour, yaxis="y2", showlegend=not many, **group),
            line(
                x,
                lines.taker_bps,
                f"{name}taker fee",
                taker,
                yaxis="y2",
                dash="dot" if many else "solid",
                showlegend=not many,
                **group,
            ),
            line(x, run.fees, f"{name}fees paid", colour, yaxis="y3", showlegend=False, **group),
        ]
    rates = "fee, bp; rebates below 0" + ("; solid: maker, dotted: taker" if many else "")
    titles = ["maker ratio, mean over books", rates, "fees paid so far, quote"]
    shapes = [zero_line("y2"), zero_line("y3")]
    policies = [run.about["venue"]["fees"] for run in report.runs]
    targets = {policy["target_mtr"] for policy in policies if policy["kind"] == "dynamic"}
    shapes += [zero_line("y", target, "muted", "dash") for target in sorted(targets)]
    layout = panels(titles, clock.axis)
    ratios = np.concatenate([[*targets], *(run.series.lines.maker_ratio for run in report.runs)])
    ratios = ratios[np.isfinite(ratios)]
    if ratios.size:
        # A ratio that never moves would otherwise be shown through a magnifying glass.
        layout["yaxis"] |= {"range": [float(ratios.min()) - 0.02, float(ratios.max()) + 0.02]}
    known = any(np.isfinite(run.series.lines.maker_ratio).any() for run in report.runs)
    return Chart(
        key="fees",
        title="Fees and maker ratio",
        caption=(
            "The venue moves fees with the share of makers in its volume"
            + (": makers pay above the dashed target and are paid below it." if targets else ".")
            + " The lowest panel is what this account paid; it falls where rebates come in."
        ),
        height=440,
        layout=layout | {"hovermode": "x unified", "shapes": shapes},
        variants=(Variant(label="", traces=traces),),
        empty="" if known else "The run tells no maker ratio.",
    )
