"""A day as a page in the style of the report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from obmm._version import __version__
from obmm.lab.daily.day import Day
from obmm.lab.daily.figures import MEASURES, Figures
from obmm.lab.daily.text import subject_of, text_of, where_of
from obmm.lab.report.charts.chart import Chart, Trace, Variant, ink, line, panels, run_ink, zero_line
from obmm.lab.report.page.document import document, figure
from obmm.lab.report.page.markup import Markup, table, tag
from obmm.lab.report.words import number
from obmm.settings.books import ranges
from obmm.settings.files import write_whole

_SECTIONS = {
    "changed": "What changed",
    "pnl": "P&L over the day",
    "books": "Books",
    "simulations": "Simulations",
    "findings": "What it cost, and what to try",
}
#: Books that are told of.
_BOOKS = 12


def write_page(day: Day, before: Day | None, path: Path) -> None:
    """Write the page; needs plotly (`obmm[report]`).

    Raises:
        ImportError: plotly is not installed.
        OSError: The file cannot be written; what was there stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page(day, before).encode())


def page(day: Day, before: Day | None) -> str:
    """The page; needs plotly (`obmm[report]`).

    Raises:
        ImportError: plotly is not installed.
    """
    curves = _curves(day, before)
    against = f"against {before.name}" if before is not None else "nothing to hold it against yet"
    top = tag(
        "header",
        tag("p", f"obmm {__version__} · a day", class_="eyebrow"),
        tag("h1", subject_of(day)),
        tag("div", *(tag("p", said) for said in text_of(day, before).splitlines()[:2]), class_="story"),
        tag("p", f"{day.name}, {against}.", class_="lede"),
        tag(
            "nav", *(tag("a", name, href=f"#{key}") for key, name in _SECTIONS.items()), aria_label="Sections"
        ),
    )
    main = tag(
        "main",
        _section("changed", _changes(day, before)),
        _section("pnl", figure(curves)),
        _section("books", *_books(day, before)),
        _section("simulations", _simulations(day)),
        _section("findings", *(part for one in day.simulations for part in _findings(one, day))),
    )
    return document(f"{day.name} – obmm daily", top, main, [curves], columns=4)


def _section(key: str, *content: Markup) -> Markup:
    return tag("section", tag("h2", _SECTIONS[key]), *content, id=key)


def _changes(day: Day, before: Day | None) -> Markup:
    rows = []
    for name, now, then, change in day.changes(before):
        measure = MEASURES[name]
        good = None if not change or not measure.sense else change * measure.sense > 0.0
        css = None if good is None else f"status {'on-target' if good else 'below-target'}"
        rows.append(
            (
                f"{measure.words[:1].upper()}{measure.words[1:]}",
                (number(now, measure.digits), "num"),
                (number(then, measure.digits), "num"),
                (tag("span", number(change, measure.digits, sign=True), class_=css), "num"),
            )
        )
    heads = (day.name, "num"), (before.name if before is not None else "Day before", "num")
    return table(("Figure", *heads, ("Change", "num")), rows, kind="plain")


def _curves(day: Day, before: Day | None) -> Chart:
    """P&L of every simulation against simulated hours, the day before dashed."""
    traces: list[Trace] = []
    for i, one in enumerate(day.simulations):
        name = where_of(one) if len(day.simulations) > 1 else day.name
        traces.append(line(one["curve"]["hours"], one["curve"]["pnl"], name, run_ink(i)))
    for one in () if before is None else before.simulations:
        curve, name = one["curve"], f"{before.name if before is not None else ''} {one['validator'][:8]}"
        traces.append(line(curve["hours"], curve["pnl"], name.strip(), ink("muted"), dash="dot"))
    layout = panels(["P&L of trading, quote"], {"title": {"text": "simulated hours"}})
    return Chart(
        key="day",
        title="P&L of trading",
        caption="All books of a simulation, from its first state of the day on; dotted: the day before.",
        layout=layout | {"shapes": [zero_line()]},
        variants=(Variant(label="all books", traces=traces),),
    )


def _books(day: Day, before: Day | None) -> Iterator[Markup]:
    now, then = day.books, {} if before is None else before.books
    down, up = day.turned(before)
    if before is not None:
        yield tag(
            "p",
            f"{len(down)} of {len(now)} books earned the day before and lost today, {len(up)} the reverse.",
            class_="lede",
        )
    ranked = sorted(now, key=lambda book: now[book])
    chosen = dict.fromkeys([*down[:_BOOKS], *up[:_BOOKS], *ranked[:3], *ranked[-3:]])

    def word(book: str) -> str:
        return "turned down" if book in down else "turned up" if book in up else ""

    rows = [
        (
            book,
            (number(now[book], 2, sign=True), "num"),
            (number(then.get(book), 2, sign=True), "num"),
            (word(book), "soft"),
        )
        for book in sorted(chosen, key=lambda book: now[book])
    ]
    yield table(("Book", ("P&L", "num"), ("Day before", "num"), ("", "soft")), rows, kind="plain")


def _simulations(day: Day) -> Markup:
    rows = [
        (
            where_of(one),
            (number(one["hours"], 2), "num"),
            (number(one["states"]), "num"),
            (number(one["states_expected"] - one["states"]), "num"),
            (number(one["pnl"], 2, sign=True), "num"),
            (number(one["turnover"], 0), "num"),
            (number(one["respond_ms"]["p99"], 1), "num"),
            (f"{number(one['score'], 4)} ({one['era']})", "num"),
        )
        for one in day.simulations
    ]
    names = ("Hours", "States", "Lost", "P&L", "Turnover", "99 %, ms", "Score")
    return table(("Simulation", *((name, "num") for name in names)), rows, kind="plain")


def _findings(one: Figures, day: Day) -> Iterator[Markup]:
    if len(day.simulations) > 1:
        yield tag("h3", where_of(one))
    for note in one["notes"]:
        yield tag("p", note, class_="notes")
    if not one["findings"]:
        yield tag("p", "Nothing found that costs anything worth a change.", class_="notes")
        return
    rows = [
        (
            found["title"],
            (_books_of(found["books"]), "soft"),
            ("; ".join(f"{c['place']}: {c['old']:g} → {c['new']:g}" for c in found["changes"]), "soft"),
            ("–" if found["cost"] is None else number(found["cost"], 4, sign=True), "num"),
            (number(found["cost_quote"], 2), "num"),
        )
        for found in one["findings"]
    ]
    heads = (("Books", "soft"), ("Try", "soft"), ("Score lost", "num"), ("Quote lost", "num"))
    yield table(("Finding", *heads), rows, kind="plain")


def _books_of(books: list[int]) -> str:
    return ranges(books) if books else "all"
