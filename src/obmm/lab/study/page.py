"""A study as a page in the style of the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from obmm.lab.report.charts.chart import (
    Chart,
    Trace,
    Variant,
    ink,
    packed,
    panels,
    plain,
    run_ink,
    zero_line,
)
from obmm.lab.report.page.document import document, figure
from obmm.lab.report.page.markup import Markup, table, tag
from obmm.lab.study.findings import Horizon, SignalStudy
from obmm.lab.study.result import Study
from obmm.lab.study.words import between, no_blend, sentence, share, signed, together
from obmm.settings.files import write_whole


def write_page(study: Study, toml: str, path: Path) -> None:
    """Write the page; needs plotly (`obmm[report]`).

    Raises:
        ImportError: plotly is not installed.
        OSError: The file cannot be written; what was there stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page(study, toml).encode())


def page(study: Study, toml: str = "") -> str:
    """The page; needs plotly (`obmm[report]`).

    Args:
        study: What was found.
        toml: The configuration it proposes, if any.

    Raises:
        ImportError: plotly is not installed.
    """
    charts = [decay(study), quantiles(study), itself(study)]
    title = f"What {_listed([s.name for s in study.signals])} know{'s' * (len(study.signals) == 1)}"
    hours = f"{study.seconds / 3600.0:.2f} hours of {study.books} books, {study.states:,} states"
    top = tag(
        "header",
        tag("p", f"obmm {study.version} · study of signals", class_="eyebrow"),
        tag("h1", title),
        tag("div", *(tag("p", sentence(s)) for s in study.signals), class_="story"),
        tag("p", f"Measured on {study.source}: {hours}.", class_="lede"),
        tag("nav", *(tag("a", name, href=f"#{key}") for key, name in _SECTIONS), aria_label="Sections"),
    )
    main = tag(
        "main",
        _section("foresight", _FORESIGHT, figure(charts[0]), *map(_table, study.signals)),
        _section("classes", "", *_classes(study)),
        _section("quantiles", "", figure(charts[1])),
        _section("itself", "", figure(charts[2]), _itself(study), _between(study)),
        _section("together", "", *_together(study, toml)),
    )
    return document(f"{title} – obmm study", top, main, charts)


_SECTIONS = (
    ("foresight", "Foresight"),
    ("classes", "Classes of books"),
    ("quantiles", "Low and high values"),
    ("itself", "By itself and with others"),
    ("together", "Together"),
)
_FORESIGHT = (
    "Correlation with the return that follows, mean over books, with 95 % intervals of a block bootstrap in "
    "which all books of a moment stay together. The past column is the correlation with the return before: a "
    "signal that explains what has happened need not foretell anything."
)


def _section(key: str, lede: str, *content: Markup) -> Markup:
    title = dict(_SECTIONS)[key]
    return tag("section", tag("h2", title), tag("p", lede, class_="lede") if lede else "", *content, id=key)


def decay(study: Study) -> Chart:
    """Correlation with the next return against the horizon, with intervals; the past dotted."""
    at = np.arange(len(study.horizons_s))
    views = []
    for label in ("next return", "beyond the last horizon", "share of signs"):
        traces: list[Trace] = []
        for i, signal in enumerate(study.signals):
            middle, low, high = (
                np.array(part) for part in zip(*map(_VIEWS[label], signal.horizons), strict=True)
            )
            # Spread a little, so that bars of several signals do not hide each other.
            x = at + 0.06 * (i - (len(study.signals) - 1) / 2)
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "x": packed(x),
                    "y": packed(middle),
                    "name": plain(signal.name),
                    "line": {"color": run_ink(i), "width": 2},
                    "marker": {"size": 6},
                    "error_y": {
                        "type": "data",
                        "symmetric": False,
                        "array": packed(np.nan_to_num(high - middle)),
                        "arrayminus": packed(np.nan_to_num(middle - low)),
                        "thickness": 1,
                        "width": 3,
                    },
                    "hovertemplate": "%{fullData.name}: %{y:.3f}<extra></extra>",
                }
            )
            if label == "next return":
                traces.append(_past(study, signal, i))
        views.append(Variant(label=label, traces=traces, layout=_horizon_axis(study, label)))
    return Chart(
        key="decay",
        title="How long it knows",
        caption=(
            "Bars are 95 % intervals. Dotted: the contemporaneous figure, with the return before. "
            "“Beyond the last horizon” takes only the part of the return after the horizon to the left."
        ),
        height=420,
        variants=tuple(views),
        choose="Show",
    )


_VIEWS: dict[str, Callable[[Horizon], tuple[float, float, float]]] = {
    "next return": lambda h: (h.correlation, h.low, h.high),
    "beyond the last horizon": lambda h: (h.marginal, h.marginal, h.marginal),
    "share of signs": lambda h: (h.hit_rate, h.hit_low, h.hit_high),
}


def _past(study: Study, signal: SignalStudy, i: int) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": packed(np.arange(len(study.horizons_s))),
        "y": packed([h.contemporaneous for h in signal.horizons]),
        "name": plain(f"{signal.name}, past"),
        "line": {"color": run_ink(i), "width": 1, "dash": "dot"},
        "hovertemplate": "%{fullData.name}: %{y:.3f}<extra></extra>",
    }


def _horizon_axis(study: Study, label: str) -> dict[str, object]:
    layout = panels(["share" if "share" in label else "correlation"], {"title": {"text": "horizon"}})
    layout["xaxis"] |= {
        "tickmode": "array",
        "tickvals": list(range(len(study.horizons_s))),
        "ticktext": [f"{h:g} s" for h in study.horizons_s],
    }
    return layout | {"shapes": [zero_line(at=0.5 if "share" in label else 0.0)]}


def quantiles(study: Study) -> Chart:
    """Mean next return of each tenth of a signal's values, a view for each horizon."""
    views = []
    for j, horizon in enumerate(study.horizons_s):
        traces: list[Trace] = []
        for i, signal in enumerate(study.signals):
            told = [(q.return_bps[j], q.low_bps[j], q.high_bps[j]) for q in signal.quantiles]
            if not told:
                continue
            middle, low, high = (np.array(part) for part in zip(*told, strict=True))
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "x": packed(np.linspace(5.0, 95.0, len(told)) if len(told) > 1 else [50.0]),
                    "y": packed(middle),
                    "name": plain(signal.name),
                    "line": {"color": run_ink(i), "width": 2},
                    "marker": {"size": 6},
                    "customdata": packed([q.signal for q in signal.quantiles]),
                    "error_y": {
                        "type": "data",
                        "symmetric": False,
                        "array": packed(np.nan_to_num(high - middle)),
                        "arrayminus": packed(np.nan_to_num(middle - low)),
                        "thickness": 1,
                        "width": 3,
                    },
                    "hovertemplate": "%{fullData.name} at %{customdata:.3g}: %{y:.2f} bp<extra></extra>",
                }
            )
        layout = panels(
            ["next return, bp"], {"title": {"text": "values of the signal, lowest to highest, %"}}
        )
        views.append(
            Variant(label=f"{horizon:g} s", traces=traces, layout=layout | {"shapes": [zero_line()]})
        )
    first = min(range(len(study.horizons_s)), key=lambda j: abs(study.horizons_s[j] - 10.0))
    return Chart(
        key="quantiles",
        title="What follows low and high values",
        caption="A line that rises evenly is a signal one can weigh; one that bends only at its ends is not.",
        height=380,
        variants=tuple(views),
        choose="Horizon",
        first=first,
    )


def itself(study: Study) -> Chart:
    """Autocorrelation of each signal."""
    lags = list(study.signals[0].autocorrelation)
    traces: list[Trace] = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": packed(np.arange(len(lags))),
            "y": packed(list(signal.autocorrelation.values())),
            "name": plain(signal.name),
            "line": {"color": run_ink(i), "width": 2},
            "marker": {"size": 6},
            "hovertemplate": "%{fullData.name}: %{y:.3f}<extra></extra>",
        }
        for i, signal in enumerate(study.signals)
    ]
    layout = panels(["autocorrelation"], {"title": {"text": "lag"}})
    layout["xaxis"] |= {
        "tickmode": "array",
        "tickvals": list(range(len(lags))),
        "ticktext": [f"{lag} s" for lag in lags],
    }
    return Chart(
        key="itself",
        title="How long a value lasts",
        caption="A signal that has forgotten itself before a quote can be filled cannot be earned with.",
        height=300,
        layout=layout | {"shapes": [zero_line(name="grid")], "colorway": [ink("muted")]},
        variants=(Variant(label="", traces=traces),),
    )


def _table(signal: SignalStudy) -> Markup:
    head = (
        "Horizon",
        *((title, "num") for title in ("Correlation", "95 %", "Signs", "Per deviation", "Beyond last")),
        *((title, "num") for title in ("Past", "First half", "Second half")),
        "Reading",
    )
    return Markup(tag("h3", signal.name) + table(head, map(_row, signal.horizons), kind="plain"))


def _row(h: Horizon) -> tuple[object, ...]:
    figures = (
        signed(h.correlation),
        between(h.low, h.high, signed),
        share(h.hit_rate),
        f"{h.bps_per_deviation:+.2f} bp" if np.isfinite(h.bps_per_deviation) else "–",
        signed(h.marginal),
        signed(h.contemporaneous),
        signed(h.first_half),
        signed(h.second_half),
    )
    return (f"{h.horizon_s:g} s", *((value, "num") for value in figures), h.reading)


def _classes(study: Study) -> list[Markup]:
    if len(study.classes) < 2:
        return [tag("p", "All books are of one class.", class_="soft")]
    told = []
    for of_class in study.classes:
        rows = [
            (s.name, *((signed(h.correlation), "num") for h in s.classes[of_class])) for s in study.signals
        ]
        head = ("Signal", *((f"{h:g} s", "num") for h in study.horizons_s))
        told += [tag("h3", of_class), table(head, rows, kind="plain")]
    return told


def _itself(study: Study) -> Markup:
    head = ("Signal", *((t, "num") for t in ("Mean", "Deviation", "Known", "Turnover, deviations per state")))
    rows = [
        (
            s.name,
            *((f"{value:.4g}" if np.isfinite(value) else "–", "num") for value in (s.mean, s.deviation)),
            (share(s.known), "num"),
            (signed(s.turnover).lstrip("+"), "num"),
        )
        for s in study.signals
    ]
    return table(head, rows, kind="plain")


def _between(study: Study) -> Markup:
    if len(study.signals) < 2:
        return Markup()
    names = [s.name for s in study.signals]
    rows = [
        (name, *((signed(value), "num") for value in row))
        for name, row in zip(names, study.correlations, strict=True)
    ]
    head = ("Correlation", *((name, "num") for name in names))
    return Markup(tag("h3", "With each other") + table(head, rows, kind="plain"))


def _together(study: Study, toml: str) -> list[Markup]:
    if study.blend is None:
        return [tag("p", no_blend(study)[:1].upper() + no_blend(study)[1:] + ".", class_="soft")]
    told = [tag("p", line) for line in together(study)]
    return [*told, tag("pre", tag("code", toml))] if toml else told


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]
