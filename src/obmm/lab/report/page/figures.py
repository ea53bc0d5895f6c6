"""The head of the report: what happened in a sentence, the figures at a glance, the table of targets."""

from __future__ import annotations

from collections.abc import Sequence

from obmm.lab.attribution import PARTS
from obmm.lab.report.data import Reading, ReportData, TargetRow
from obmm.lab.report.page.markup import Markup, join, table, tag
from obmm.lab.report.run import RunData
from obmm.lab.report.words import alert_words, figure_words, number, percent, target_words
from obmm.settings.books import ranges


def dot(i: int) -> Markup:
    """The mark of the i-th run."""
    return tag("span", class_=f"dot run{i % 6}", aria_hidden="true")


def run_heads(report: ReportData, *alone: object) -> list[object]:
    """Column titles of the runs with their marks; `alone` are the titles where there is one run only."""
    if len(report.runs) == 1:
        return list(alone)
    return [join([dot(i), run.name]) for i, run in enumerate(report.runs)]


def reading_cells(report: ReportData, cells: Sequence[tuple[str, Markup, str]]) -> list[object]:
    """Cells of (value, status, detail) per run: three columns for one run, a column each for several."""
    if len(report.runs) == 1:
        value, status, detail = cells[0]
        return [(tag("span", value, class_="value"), "num"), (status, "state"), (detail, "detail")]
    return [
        (join([tag("span", value, class_="value"), status, tag("span", detail, class_="detail")]), "reading")
        for value, status, detail in cells
    ]


def story(run: RunData) -> str:
    """What became of a run, in a few sentences."""
    told, words = run.summary, []
    if failed := run.about["stage_errors"]:
        on = "every state, so it did nothing" if failed >= told["seconds"] else f"{failed:,} states"
        words.append(f"A stage of the agent failed on {on}; “obmm check” says where.")
    if run.early:
        words.append(f"The run {run.early}: this is what it had done.")
    length = duration(told["hours"])
    if not run.about["completed"] and "hours_planned" in run.about:
        length += f" (of {duration(run.about['hours_planned'])})"
    if not told["fills"]:
        words.append(f"No order was filled in {length}.")
    else:
        verb, curve = "earned" if told["pnl"] >= 0.0 else "lost", told["markout_bps"]
        pnl = number(abs(told["pnl"]), 0 if abs(told["pnl"]) >= 10.0 else 2)
        traded = number(told["traded_quote"], 0)
        words.append(
            f"Trading {verb} {pnl} quote in {length} on {run.n_books} books, with "
            f"{told['fills']:,} fills worth {traded} quote."
        )
        if told["pnl_after_first_hour"] is not None:
            first, later = told["pnl_first_hour"] / run.n_books, told["pnl_after_first_hour"]
            words.append(
                f"Per book that was {number(first, 2, sign=True)} in the first hour and "
                f"{number(later, 2, sign=True)} an hour after it."
            )
        words.append(
            f"A fill captured {number(curve['0s'], 1)} bp at once and {number(curve['60s'], 1)} bp after a "
            f"minute; fees came to {number(told['fees'], 0)} quote."
        )
    if run.quiet and run.quiet[0].share > 0.2:
        reason, share = run.quiet[0].reason, percent(run.quiet[0].share, 0)
        words.append(f"{share} of the time a side had no quote of ours because of “{reason}”.")
    return " ".join(words)


def duration(hours: float) -> str:
    """Simulated time in words.

    >>> duration(2.9997), duration(0.0497), duration(0.01)
    ('3 hours', '3 minutes', '36 seconds')
    """
    if hours >= 1.95:
        return f"{hours:.3g} hours"
    return f"{60.0 * hours:.0f} minutes" if hours >= 0.03 else f"{3600.0 * hours:.0f} seconds"


def glance(report: ReportData) -> Markup:
    """A tile per headline figure, with every run in it."""
    told = [run.summary for run in report.runs]
    later = [number(run["pnl_after_first_hour"], sign=True) for run in told]
    tiles = [
        ("P&L of trading", "quote", [number(run["pnl"], sign=True) for run in told]),
        ("Per book and hour", "quote", [number(run["pnl_per_book_hour"], sign=True) for run in told]),
        *(
            [("After the first hour", "quote", later)]
            if any(run["pnl_after_first_hour"] is not None for run in told)
            else []
        ),
        *((f"Score, {era}", "", [_score(run, era) for run in report.runs]) for era in _headline_eras(report)),
        ("Fills", "", [f"{run['fills']:,}" for run in told]),
        ("Win rate", "%", [percent(run["win_rate"]).removesuffix("%").strip() for run in told]),
        ("99 % answered in", "ms", [number(run["respond_ms"]["p99"], 1) for run in told]),
    ]
    many = len(report.runs) > 1
    return tag(
        "div",
        *(
            tag(
                "div",
                tag("h3", label),
                *(
                    tag("p", dot(i) if many else "", value, tag("small", f" {unit}") if unit else "")
                    for i, value in enumerate(values)
                ),
                class_="tile",
            )
            for label, unit, values in tiles
        ),
        class_="tiles",
    )


def _headline_eras(report: ReportData) -> list[str]:
    """The eras of the scenarios that were simulated."""
    own = {run.era for run in report.runs}
    return [era for era in report.eras if era in own]


def _score(run: RunData, era: str) -> str:
    scored = run.eras.get(era)
    return "–" if scored is None or scored.missing else number(scored.total, 3)


def sources_table(report: ReportData) -> Markup:
    """P&L of trading by part: the spread captured, holding, fees."""
    many = len(report.runs) > 1
    columns = [(run, run.summary["attribution"], "") for run in report.runs]
    if not many:
        run = report.runs[0]
        classes = run.summary["attribution_by_class"]
        columns += [(run, parts, f"books from {price}") for price, parts in classes.items()]
    heads = [
        (join([dot(i), run.name]) if many else label or "All books", "num")
        for i, (run, _, label) in enumerate(columns)
    ]
    rows: list[list[object]] = [
        [words, *((number(parts[part], sign=True), "num") for _, parts, _ in columns)]
        for part, words in PARTS.items()
    ]
    totals = [number(sum(parts.values()), sign=True) for _, parts, _ in columns]
    rows.append([tag("b", "P&L of trading"), *((tag("b", total), "num") for total in totals)])
    return table(("Quote", *heads), rows, kind="plain")


def pipelines_table(report: ReportData) -> Markup:
    """Figures of each pipeline of runs that have several; nothing where none has."""
    parts = []
    for i, run in enumerate(report.runs):
        rows: list[list[object]] = []
        for told in run.summary["pipelines"]:
            difference, p = told.get("difference"), told.get("p")
            cells = [
                number(told["pnl"], sign=True),
                number(told["pnl_per_book_hour"], sign=True),
                f"{told['fills']:,}",
                number(told["fees"]),
                number(difference, sign=True),
                "–" if p is None else f"{p:.3f}",
            ]
            books = ranges(told["books"]) or "none"
            rows.append([told["name"], (books, "soft"), *((cell, "num") for cell in cells)])
        if rows:
            name = [dot(i), run.name, ": "] if len(report.runs) > 1 else []
            titles = ("P&L", "Per book and hour", "Fills", "Fees", "More than the first", "p")
            head = ("Pipeline", ("Books", "soft"), *((title, "num") for title in titles))
            words = (
                "p: of all ways to give the pipelines to books of the same class, the share that shows as "
                "large a difference."
            )
            parts += [tag("h3", *name, "Pipelines"), table(head, rows, kind="plain")]
            parts.append(tag("p", words, class_="notes"))
    return join(parts)


def targets_table(report: ReportData) -> Markup:
    """Value, target, alert and status of every figure; a click on its name defines it."""
    bounds: list[object] = [("Target", "num"), ("Alert", "num"), ("Era", "soft")]
    rows = []
    for row in report.targets:
        definition = tag("div", tag("p", row.measure.definition), class_="pop")
        name = tag("details", tag("summary", row.measure.label), definition, name="definition")
        readings = reading_cells(report, [_reading(row, reading) for reading in row.readings])
        limits: list[object] = [
            (target_words(row.threshold, row.measure.unit), "num bound"),
            (alert_words(row.threshold, row.measure.unit), "num bound"),
            (row.era or "any", "soft bound"),
        ]
        # One run: value and status, bounds, then what stands beside it. Several: bounds, then a column each.
        one = len(report.runs) == 1
        rows.append([name, *readings[:2], *limits, *readings[2:]] if one else [name, *limits, *readings])
    if len(report.runs) == 1:
        return table(("Figure", ("Value", "num"), "Status", *bounds, "Beside it"), rows, kind="targets one")
    return table(("Figure", *bounds, *run_heads(report)), rows, kind="targets")


def _reading(row: TargetRow, reading: Reading) -> tuple[str, Markup, str]:
    figure = reading.figure
    return (
        figure_words(figure.value, row.measure),
        tag("span", reading.status, class_=f"status {reading.status.replace(' ', '-')}"),
        figure.detail or figure.missing,
    )


def reach_notes(report: ReportData) -> Markup:
    """Why targets are out of reach, said once below the table."""
    notes = [
        tag("p", tag("b", f"{row.measure.label}: target out of reach under {row.era}. "), note)
        for row in report.targets
        for note in dict.fromkeys(reading.note for reading in row.readings if reading.note)
    ]
    return tag("div", *notes, class_="notes") if notes else Markup()
