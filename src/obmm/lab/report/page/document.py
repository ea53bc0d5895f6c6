"""A page of ours: one HTML file with its style, its script and its charts in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources

import attrs

from obmm.lab.report.charts.chart import Chart
from obmm.lab.report.page.markup import Markup, tag
from obmm.settings.look import look

_HERE = resources.files("obmm.lab.report.page")
#: Nothing may be loaded from anywhere, whatever the page contains.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"

#: Where the style sheet begins to stack the cells of tables.
_NARROW = "(max-width: 760px)"


def document(title: str, top: Markup, main: Markup, charts: Sequence[Chart], *, columns: int = 1) -> str:
    """A page that needs nothing else: no network, no other files; needs plotly (`obmm[report]`).

    Args:
        title: Its title.
        top: The `header` element.
        main: The `main` element, with `figure(chart)` wherever a chart stands.
        charts: All charts that stand there.
        columns: Columns of figures that its tables have: many need more room before they have to be stacked.

    Raises:
        ImportError: plotly is not installed.
    """
    from plotly.offline import get_plotlyjs

    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("title", title),
        tag("style", Markup(_style(columns))),
    )
    data = {chart.key: attrs.asdict(chart) for chart in charts if not chart.empty}
    scripts = [
        tag("script", Markup(_script_json(data)), type="application/json", id="charts"),
        tag("script", Markup(get_plotlyjs())),
        tag("script", Markup(_read("page.js"))),
    ]
    without = tag(
        "noscript", tag("p", "The pictures of this page are drawn by its own script.", class_="empty")
    )
    body = tag("body", without, top, main, *scripts)
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def figure(chart: Chart) -> Markup:
    """Where a chart stands: its title, the choice between its views, and how to read it."""
    if chart.empty:
        inside = tag("p", chart.empty, class_="empty")
    else:
        inside = tag("div", class_="plot", data_chart=chart.key, style=f"height:{chart.height}px")
    choice: Markup | str = ""
    if len(chart.variants) > 1 and not chart.empty:
        options = [
            tag("option", variant.label, value=str(i), selected="" if i == chart.first else None)
            for i, variant in enumerate(chart.variants)
        ]
        choice = tag("label", f"{chart.choose} ", tag("select", *options, data_choice=chart.key))
    head = tag("div", tag("h3", chart.title), choice, class_="head")
    caption = tag("figcaption", chart.caption) if not chart.empty else ""
    return tag("figure", head, inside, caption, id=f"chart-{chart.key}")


def _script_json(value: object) -> str:
    """JSON that cannot end the script element it stands in; NaN and infinities are left out as null."""
    return json.dumps(_finite(value), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and value != value:
        return None
    return value


def _style(columns: int) -> str:
    """The style sheet; tables of many columns need more room before they have to be stacked."""
    return look() + _read("page.css").replace(_NARROW, f"(max-width: {max(760, 440 + 160 * columns)}px)")


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
