"""The report as one HTML file that needs nothing else: no network, no other files."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import attrs

from obmm.lab.report import charts
from obmm.lab.report.charts import Chart
from obmm.lab.report.data import ReportData
from obmm.lab.report.page import about, figures, scores
from obmm.lab.report.page.markup import Markup, join, tag
from obmm.settings.files import write_whole

_HERE = resources.files("obmm.lab.report.page")
#: Nothing may be loaded from anywhere, whatever the page contains.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"

#: Where the style sheet begins to stack the cells of tables.
_NARROW = "(max-width: 760px)"

#: Every picture of the report.
CHARTS: tuple[Callable[[ReportData], Chart], ...] = (
    charts.score_over_time,
    charts.score_of_books,
    charts.total_value,
    charts.value_of_books,
    charts.inventory_map,
    charts.markouts,
    charts.price,
    charts.quote_distance,
    charts.quote_shares,
    charts.fees,
    charts.response_times,
)


def write_page(report: ReportData, path: Path) -> None:
    """Write the page; needs plotly (`obmm[report]`).

    Raises:
        ImportError: plotly is not installed.
        OSError: The file cannot be written; what was there stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page(report).encode())


def page(report: ReportData) -> str:
    """The page; needs plotly (`obmm[report]`).

    Raises:
        ImportError: plotly is not installed.
    """
    from plotly.offline import get_plotlyjs

    drawn = [make(report) for make in CHARTS]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("title", f"{report.title} – obmm report"),
        tag("style", Markup(_style(len(report.runs)))),
    )
    data = {chart.key: attrs.asdict(chart) for chart in drawn if not chart.empty}
    scripts = [
        tag("script", Markup(_script_json(data)), type="application/json", id="charts"),
        tag("script", Markup(get_plotlyjs())),
        tag("script", Markup(_read("page.js"))),
    ]
    without = tag(
        "noscript", tag("p", "The pictures of this page are drawn by its own script.", class_="empty")
    )
    body = tag("body", without, _top(report), _main(report, {chart.key: chart for chart in drawn}), *scripts)
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _top(report: ReportData) -> Markup:
    many = len(report.runs) > 1
    names = [[figures.dot(i), tag("b", f"{run.name}. ")] if many else [] for i, run in enumerate(report.runs)]
    stories = [tag("p", *name, figures.story(run)) for name, run in zip(names, report.runs, strict=True)]
    links = [tag("a", title, href=f"#{key}") for key, title, *_ in _SECTIONS]
    return tag(
        "header",
        tag("p", f"obmm {report.version} · performance report", class_="eyebrow"),
        tag("h1", report.title),
        tag("div", *stories, class_="story"),
        figures.glance(report),
        tag("nav", *links, aria_label="Sections"),
    )


def _main(report: ReportData, drawn: dict[str, Chart]) -> Markup:
    sections = []
    for key, title, words, parts in _SECTIONS:
        content = [part(report, drawn) for part in parts]
        lede = words(report)
        sections.append(
            tag("section", tag("h2", title), tag("p", lede, class_="lede") if lede else "", *content, id=key)
        )
    return tag("main", *sections)


_Part = Callable[[ReportData, dict[str, Chart]], Markup]


def _chart(*keys: str) -> _Part:
    """Charts side by side, one above the other on narrow screens."""

    def part(report: ReportData, drawn: dict[str, Chart]) -> Markup:
        figures_ = [_figure(drawn[key]) for key in keys]
        return tag("div", *figures_, class_="charts two") if len(keys) > 1 else figures_[0]

    return part


def _figure(chart: Chart) -> Markup:
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


def _tables(make: Callable[[ReportData], Markup], title: str = "") -> _Part:
    return lambda report, _: join([tag("h3", title) if title else "", make(report)])


def _beside(*parts: _Part) -> _Part:
    return lambda report, drawn: tag("div", *(part(report, drawn) for part in parts), class_="charts two")


def _nothing(report: ReportData) -> str:
    return ""


def _target_words(report: ReportData) -> str:
    return (
        "The figures that miners track. Click a name for its definition. Targets come from a file that you "
        "can copy and change (--targets)."
    )


_SECTIONS: tuple[tuple[str, str, Callable[[ReportData], str], tuple[_Part, ...]], ...] = (
    ("targets", "Targets", _target_words, (_tables(figures.targets_table), _tables(figures.reach_notes))),
    ("scores", "Scores", scores.field_words, (_tables(scores.scores_table), _chart("score-time"))),
    ("books", "Books", _nothing, (_chart("book-scores"), _tables(scores.book_blocks))),
    ("value", "Value and P&L", _nothing, (_chart("total-value", "book-value"),)),
    ("inventory", "Inventory", _nothing, (_chart("inventory"),)),
    ("fills", "Fills and fees", _nothing, (_chart("price"), _chart("markouts", "fees"))),
    ("quotes", "Quotes", _nothing, (_chart("quote-distance", "quote-shares"),)),
    ("answers", "Answers", _nothing, (_beside(_chart("response"), _tables(about.answers)),)),
    (
        "refusals",
        "Refused and kept closed",
        _nothing,
        (
            _tables(about.refusals, "Refused by the venue"),
            _tables(about.quiet_sides, "Sides without a quote"),
        ),
    ),
    (
        "configuration",
        "Configuration",
        _nothing,
        (_tables(about.settings), _tables(about.configurations)),
    ),
)


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


def _style(runs: int) -> str:
    """The style sheet; tables of many runs need more room before they have to be stacked."""
    return _read("page.css").replace(_NARROW, f"(max-width: {max(760, 440 + 160 * runs)}px)")


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
