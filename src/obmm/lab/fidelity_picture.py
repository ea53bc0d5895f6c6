"""One page with the same charts of both markets: where numbers agree but shapes do not, the eye sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from obmm.lab.facts import Facts, flat
from obmm.lab.fidelity import Fidelity

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_QUANTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)
_LEVELS = tuple(range(1, 22))

#: Title, axes, positions on the first axis, and the fact of each position.
Chart: TypeAlias = tuple[str, str, str, tuple[float, ...], tuple[str, ...]]

CHARTS: tuple[Chart, ...] = (
    (
        "Spread",
        "share of time with a smaller spread",
        "ticks",
        tuple(q / 100 for q in _QUANTILES),
        tuple(f"spread_ticks.q{q:02d}" for q in _QUANTILES),
    ),
    (
        "Autocorrelation of 1 s returns",
        "lag, s",
        "correlation",
        tuple(range(1, 11)),
        tuple(f"ret1_acf.{k}" for k in range(1, 11)),
    ),
    (
        "Signature of deviations",
        "horizon, s",
        "bps per √s",
        (1, 10, 60, 300),
        tuple(f"vol.{h}s.sd_bps_per_sqrt_s" for h in (1, 10, 60, 300)),
    ),
    (
        "Depth of the bid side",
        "level",
        "base",
        _LEVELS,
        tuple(f"depth_profile.{level}.bid" for level in _LEVELS),
    ),
    (
        "Depth of the ask side",
        "level",
        "base",
        _LEVELS,
        tuple(f"depth_profile.{level}.ask" for level in _LEVELS),
    ),
    (
        "Markout of makers",
        "s after the fill",
        "bps",
        (0, 1, 5, 10, 30, 60),
        tuple(f"maker_markout.{h}s.mean_bps" for h in (0, 1, 5, 10, 30, 60)),
    ),
)


def picture(results: Sequence[Fidelity]) -> str:
    """A self-contained HTML page: charts of each class of books, its recording and every simulated seed.

    Needs plotly (`obmm[report]`).
    """
    parts = [
        _figure(result).to_html(full_html=False, include_plotlyjs=k == 0) for k, result in enumerate(results)
    ]
    head = '<head><meta charset="utf-8"><title>Is it the same market?</title></head>'
    return "\n".join(["<!doctype html>", f'<html lang="en">{head}<body>', *parts, "</body></html>\n"])


def _figure(result: Fidelity) -> Figure:
    from plotly.graph_objects import Scatter
    from plotly.subplots import make_subplots

    columns = 3
    rows = -(-len(CHARTS) // columns)
    figure = make_subplots(rows=rows, cols=columns, subplot_titles=[title for title, *_ in CHARTS])
    for i, (_, x_title, y_title, x, names) in enumerate(CHARTS):
        row, column = divmod(i, columns)
        cell: dict[str, Any] = {"row": row + 1, "col": column + 1}
        for k, facts in enumerate(result.simulated):
            figure.add_trace(
                Scatter(
                    x=x,
                    y=_values(facts, names),
                    name="simulated",
                    legendgroup="simulated",
                    showlegend=i == 0 and k == 0,
                    hovertext=f"seed {result.seeds[k]}",
                    line={"color": "rgba(31,119,180,0.6)", "width": 1.5},
                    mode="lines",
                ),
                **cell,
            )
        figure.add_trace(
            Scatter(
                x=x,
                y=_values(result.reference, names),
                name="recorded",
                legendgroup="recorded",
                showlegend=i == 0,
                line={"color": "black", "width": 2},
                mode="lines+markers",
            ),
            **cell,
        )
        figure.update_xaxes(title_text=x_title, **cell)
        figure.update_yaxes(title_text=y_title, **cell)
        if "horizon" in x_title:
            figure.update_xaxes(type="log", **cell)
    title = (
        f"{result.scenario}, {result.asset}: {len(result.seeds)} simulated stretches of {result.seconds} s "
        "and the recording"
    )
    figure.update_layout(title_text=title, height=380 * rows, template="plotly_white")
    return figure


def _values(facts: Facts, names: tuple[str, ...]) -> list[float | None]:
    """The facts of a chart; a gap where one is not told."""
    told = flat(facts["pooled"])
    values = [told.get(name) for name in names]
    return [None if value is None or not np.isfinite(value) else value for value in values]
