"""The report as one HTML file that needs nothing else: no network, no other files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from obmm.lab.report import charts
from obmm.lab.report.charts import Chart
from obmm.lab.report.data import ReportData
from obmm.lab.report.page import about, figures, scores
from obmm.lab.report.page.document import document, figure
from obmm.lab.report.page.markup import Markup, join, tag
from obmm.settings.files import write_whole

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
    drawn = [make(report) for make in CHARTS]
    return document(
        f"{report.title} – obmm report",
        _top(report),
        _main(report, {chart.key: chart for chart in drawn}),
        drawn,
        columns=len(report.runs),
    )


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
        figures_ = [figure(drawn[key]) for key in keys]
        return tag("div", *figures_, class_="charts two") if len(keys) > 1 else figures_[0]

    return part


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
    (
        "value",
        "Value and P&L",
        _nothing,
        (
            _chart("total-value", "book-value"),
            _tables(figures.sources_table, "Where the P&L comes from"),
            _tables(figures.pipelines_table),
        ),
    ),
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
