"""The pictures of a study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from obmm.lab.compare.statistics import bootstrap
from obmm.lab.report.charts.chart import Chart, Trace, Variant, axis, ink, packed, plain, run_ink
from obmm.lab.trials import Metric
from obmm.lab.tune.ranges import Choice
from obmm.lab.tune.result import Result
from obmm.lab.tune.space import Dimension
from obmm.lab.tune.study import COMPLETE, Row, Study, called

#: Colours: played in full, out on the way, before the search, found.
_FULL, _OUT, _BEFORE, _BEST = run_ink(0), ink("muted"), run_ink(1), run_ink(2)


def history(study: Study, result: Result) -> Chart:
    """What each candidate came to, in their order."""
    return Chart(
        key="history",
        title="Candidates in their order",
        caption=(
            "Means over the seeds that a candidate was shown. Those that were out early were shown fewer or "
            "shorter runs, so that only full ones can be compared by eye; the line is the best so far."
        ),
        layout={"xaxis": axis(title={"text": "candidate"}, showgrid=False)},
        variants=tuple(_history(result, metric) for metric in study.design.metrics),
        choose="Figure",
    )


def _history(result: Result, metric: Metric) -> Variant:
    full = [row for row in result.rows if row.state == COMPLETE]
    values = np.array([row.metrics[metric.name] for row in full])
    best = (np.minimum if metric.less_is_better else np.maximum).accumulate(values)
    traces: list[Trace] = [
        *_points(result, lambda row: float(row.number), lambda row: row.metrics.get(metric.name, np.nan)),
        {
            "type": "scatter",
            "mode": "lines",
            "x": packed([float(row.number) for row in full]),
            "y": packed(best),
            "name": "best so far",
            "line": {"color": _FULL, "width": 1.2, "shape": "hv", "dash": "dot"},
            "hoverinfo": "skip",
        },
    ]
    return Variant(label=metric.words, traces=traces, layout={"yaxis": _axis(metric)})


def slices(study: Study, result: Result) -> Chart:
    """Each dimension against the first metric."""
    metric = study.design.metrics[0]
    tried = [d for d in study.design.space.dimensions if any(d.place in row.values for row in result.rows)]
    shares = result.importances.get(metric.name, {})
    order = sorted(tried, key=lambda d: -shares.get(d.place, 0.0))
    return Chart(
        key="slices",
        title="Slices",
        caption=(
            "Each candidate by one of its values. A slope that all points follow is worth more than one peak."
        ),
        variants=tuple(_slice(result, metric, dimension) for dimension in order),
        choose="Place",
        empty="" if order else "Nothing was tried.",
    )


def _slice(result: Result, metric: Metric, dimension: Dimension) -> Variant:
    texts = isinstance(dimension.within, Choice)
    names = [str(value) for value in dimension.within.values] if isinstance(dimension.within, Choice) else []

    def place(row: Row) -> Any:
        value = row.values.get(dimension.place, dimension.start if not row.number else None)
        if value is None:
            return None
        return str(value) if texts else float(value)

    log = not isinstance(dimension.within, Choice) and dimension.within.log
    across = axis(title={"text": plain(dimension.place)}, showgrid=False)
    across |= {"type": "category", "categoryarray": names} if texts else {"type": "log"} if log else {}
    return Variant(
        label=dimension.place,
        traces=_points(result, place, lambda row: row.metrics.get(metric.name, np.nan)),
        layout={"xaxis": across, "yaxis": _axis(metric)},
    )


def importances(study: Study, result: Result) -> Chart:
    """How much each dimension matters."""
    variants = []
    for metric in study.design.metrics:
        shares = sorted(result.importances.get(metric.name, {}).items(), key=lambda item: item[1])
        if shares:
            bars: Trace = {
                "type": "bar",
                "orientation": "h",
                "x": packed([100.0 * share for _, share in shares]),
                "y": [plain(place) for place, _ in shares],
                "marker": {"color": _FULL},
                "hovertemplate": "%{y}: %{x:.0f} %<extra></extra>",
            }
            layout = {"xaxis": axis(title={"text": "share, %"}), "yaxis": axis(showgrid=False)}
            variants.append(Variant(label=metric.words, traces=[bars], layout=layout))
    rows = max((len(result.importances.get(m.name, {})) for m in study.design.metrics), default=0)
    return Chart(
        key="importances",
        title="What matters",
        caption=(
            "Share that a place has in what tells the best quarter of the candidates from all of them at the "
            "first look (PED-ANOVA). Of a handful of candidates it is a hint, no more."
        ),
        height=90 + 26 * rows,
        layout={"showlegend": False},
        variants=tuple(variants),
        choose="Figure",
        empty="" if variants else "Too few candidates were played.",
    )


def front(study: Study, result: Result) -> Chart:
    """Two metrics against each other, and those that no other beats in both."""
    metrics = study.design.metrics
    variants = []
    for i, one in enumerate(metrics):
        for other in metrics[i + 1 :]:
            traces = _points(
                result,
                lambda row, name=one.name: row.metrics.get(name, np.nan),  # type: ignore[misc]
                lambda row, name=other.name: row.metrics.get(name, np.nan),  # type: ignore[misc]
                full_only=True,
            )
            edge = sorted((row.metrics[one.name], row.metrics[other.name]) for row in result.front)
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": packed([x for x, _ in edge]),
                    "y": packed([y for _, y in edge]),
                    "name": "front",
                    "line": {"color": _BEST, "width": 1.4},
                    "hoverinfo": "skip",
                }
            )
            layout = {"xaxis": _axis(one), "yaxis": _axis(other)}
            variants.append(Variant(label=f"{one.words}, {other.words}", traces=traces, layout=layout))
    return Chart(
        key="front",
        title="Front",
        caption="Those on the line are beaten by no other in every figure; all were played in full.",
        height=380,
        variants=tuple(variants),
        choose="Figures",
        empty="" if variants else "One figure alone counts, so there is no front.",
    )


def held_out(study: Study, result: Result) -> Chart:
    """Every held-out seed's difference, and what the search had promised."""
    numbers = {row.config_hash: row.number for row in result.rows if row.config_hash}
    variants = []
    for i, metric in enumerate(study.design.metrics):
        traces: list[Trace] = []
        names = []
        for line, (name, values) in enumerate(result.differences.items()):
            column = values[:, i]
            names.append(called(numbers[name]))
            spread = np.linspace(-0.22, 0.22, column.size)
            found = name in result.verdict.found
            colour = _BEST if found else _FULL
            promise = [
                c.searched for c in result.verdict.checks if (c.config_hash, c.metric) == (name, metric.name)
            ]
            traces += [
                _dots(column, -line + spread, colour, result.held_out),
                _mean(column, -line, colour),
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": promise,
                    "y": [-line],
                    "marker": {"symbol": "line-ns-open", "size": 22, "color": _BEFORE, "line": {"width": 2}},
                    "hovertemplate": "promised by the search: %{x:.4g}<extra></extra>",
                },
            ]
        better = "less" if metric.less_is_better else "more"
        layout = {
            "xaxis": axis(
                title={"text": f"{better} than before the search: {plain(metric.words)}"}, zeroline=True
            ),
            "yaxis": axis(
                tickvals=[-i for i in range(len(names))],
                ticktext=names,
                range=[-len(names) + 0.4, 0.6],
                showgrid=False,
            ),
        }
        if names:
            variants.append(Variant(label=metric.words, traces=traces, layout=layout))
    return Chart(
        key="held-out",
        title="On held-out seeds",
        caption=(
            "A dot is one seed that the search had not seen: what is better than before the search, in the "
            "same market. The bar is the 95 % interval of the mean, the upright line the search's promise."
        ),
        height=120 + 64 * len(result.differences),
        layout={"showlegend": False},
        variants=tuple(variants),
        choose="Figure",
        empty="" if variants else "Nothing was better on the tuning seeds, so that nothing was checked.",
    )


def _dots(values: Any, rows: Any, colour: dict[str, str], seeds: Sequence[int]) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": packed(values),
        "y": packed(rows),
        "text": [f"seed {seed}" for seed in seeds],
        "marker": {"size": 7, "color": colour, "opacity": 0.45},
        "hovertemplate": "%{text}: %{x:.4g}<extra></extra>",
    }


def _mean(values: Any, row: float, colour: dict[str, str]) -> Trace:
    told = bootstrap(values)
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [told.mean],
        "y": [row],
        "marker": {"size": 11, "color": colour, "symbol": "diamond"},
        "error_x": {
            "type": "data",
            "array": [told.high - told.mean],
            "arrayminus": [told.mean - told.low],
            "thickness": 2.5,
            "width": 7,
            "color": colour,
        },
        "hovertemplate": "mean: %{x:.4g}<extra></extra>",
    }


def _points(
    result: Result, x: Callable[[Row], Any], y: Callable[[Row], float], *, full_only: bool = False
) -> list[Trace]:
    """Candidates as points: out on the way, in full, best, and the configuration before the search."""
    best = {row.config_hash for row in result.front} if full_only else {result.front[0].config_hash}
    full = [row for row in result.rows if row.state == COMPLETE and row.number]
    groups = (
        (
            "out on the way",
            [r for r in result.rows if r.seeds and r.state != COMPLETE],
            _OUT,
            "circle-open",
            6,
        ),
        ("played in full", [r for r in full if r.config_hash not in best], _FULL, "circle", 8),
        ("best", [r for r in full if r.config_hash in best], _BEST, "diamond", 11),
        ("before the search", result.rows[:1], _BEFORE, "square", 10),
    )
    traces = []
    for name, rows, colour, symbol, size in groups[1 if full_only else 0 :]:
        known = [row for row in rows if x(row) is not None and np.isfinite(y(row))]
        if known:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": [x(row) for row in known],
                    "y": packed([y(row) for row in known]),
                    "text": [called(row.number) for row in known],
                    "name": name,
                    "marker": {"size": size, "color": colour, "symbol": symbol},
                    "hovertemplate": "%{text}: %{y:.4g}<extra></extra>",
                }
            )
    return traces


def _axis(metric: Metric) -> dict[str, Any]:
    return axis(title={"text": plain(metric.words)})
