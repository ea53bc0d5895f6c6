"""How a run came about: what was refused and kept closed, its configuration, seed, scenario and versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from obmm.lab.report.data import ReportData
from obmm.lab.report.page.figures import dot, duration, run_heads
from obmm.lab.report.page.markup import Markup, join, table, tag
from obmm.lab.report.run import RunData
from obmm.lab.report.words import number, percent

_FEE_KINDS = {"dynamic": "dynamic, by the maker ratio"}


def answers(report: ReportData) -> Markup:
    """Response times in figures."""
    names = (("p50", "median"), ("p99", "99 of 100 faster than"), ("max", "slowest"))
    rows: list[list[object]] = [
        [label, *((number(run.summary["respond_ms"][name], 2, unit="ms"), "num") for run in report.runs)]
        for name, label in names
    ]
    rows.append(["answers", *((f"{run.answers.count:,}", "num") for run in report.runs)])
    heads = [(title, "num") for title in run_heads(report, "")]
    return table(("Time to answer", *heads), rows, kind="small")


def refusals(report: ReportData) -> Markup:
    """What the venue refused, and why."""
    many, parts = len(report.runs) > 1, []
    for i, run in enumerate(report.runs):
        if many:
            parts.append(tag("h4", dot(i), run.name))
        if not run.rejects:
            parts.append(tag("p", "The venue refused nothing.", class_="soft"))
            continue
        rows = [
            (
                reject.reason.replace("_", " ").lower(),
                (f"{reject.count:,}", "num"),
                (_books(reject.books, run), "soft"),
                ("–" if reject.first_s is None else f"{reject.first_s:,.0f} s", "num"),
            )
            for reject in run.rejects
        ]
        head = ("Reason", ("Instructions", "num"), ("Books", "soft"), ("First seen at", "num"))
        parts.append(table(head, rows, kind="plain"))
    return join(parts)


def quiet_sides(report: ReportData) -> Markup:
    """Why sides of books stayed without a quote."""
    many, parts = len(report.runs) > 1, []
    for i, run in enumerate(report.runs):
        if many:
            parts.append(tag("h4", dot(i), run.name))
        if not run.quiet:
            parts.append(tag("p", "No side was ever kept closed.", class_="soft"))
            continue
        rows = [
            (quiet.reason, (percent(quiet.share), "num"), (_books(quiet.books, run), "soft"))
            for quiet in run.quiet
        ]
        head = ("Reason", ("Share of sides and time", "num"), ("Books closed most of the time", "soft"))
        parts.append(table(head, rows, kind="plain"))
    return join(parts)


def _books(books: Sequence[int], run: RunData) -> str:
    if len(books) == run.n_books:
        return "all"
    shown = ", ".join(map(str, books[:12]))
    return f"{shown} and {len(books) - 12} more" if len(books) > 12 else shown or "–"


def settings(report: ReportData) -> Markup:
    """Scenario, seed, configuration and its hash, venue, field, versions."""
    told = [_settings(run) for run in report.runs]
    rows = [(name, *((values[name], "text") for values in told)) for name in told[0]]
    return table(("Setting", *run_heads(report, "")), rows, kind="settings")


def _settings(run: RunData) -> dict[str, object]:
    about, venue = run.about, run.about["venue"]
    fees = venue["fees"]
    rivals = about.get("synthetic_rivals", {})
    others = ", ".join(f"{name} (uid {uid})" for uid, name in about["other_accounts"].items())
    return {
        "configuration": about["config_name"],
        "configuration hash": tag("code", about["config_hash"]),
        "scenario": about.get("scenario", "–"),
        "seed": about.get("seed", "–"),
        "simulated": duration(run.summary["hours"]) + (f", {run.early}" if run.early else ""),
        **({"planned": duration(about["hours_planned"])} if "hours_planned" in about else {}),
        "books": str(run.n_books),
        "wealth per book": _quote(venue["wealth_quote"]),
        "volume cap per book and day": _quote(venue["turnover_cap_quote"]),
        "fees": _FEE_KINDS.get(fees["kind"], fees["kind"]),
        "answers delayed by": f"{about['response_ms']:g} ms" if "response_ms" in about else "–",
        "synthetic miners": f"{rivals.get('makers', 0)} makers, {rivals.get('takers', 0)} takers",
        "other accounts": others or "none",
        "stage errors": str(about["stage_errors"]),
        "versions": ", ".join(f"{name} {version}" for name, version in about["versions"].items()),
        "digest of trades and balances": tag("code", about.get("digest", "–")),
        "made": about.get("created", "–"),
        "folder": tag("code", run.folder),
    }


def _quote(per_book: Sequence[float]) -> str:
    """Amounts per book, as one number or a range.

    >>> _quote([50_000.0, 50_000.0]), _quote([])
    ('50,000 quote', '–')
    """
    if not per_book:
        return "–"
    low, high = number(min(per_book), 0), number(max(per_book), 0)
    return f"{low} quote" if low == high else f"{low} to {high} quote"


def configurations(report: ReportData) -> Markup:
    """What differs between the runs, and every stage with its options."""
    parts = []
    if len(report.runs) > 1:
        parts.append(_differences(report))
    for i, run in enumerate(report.runs):
        stages = _stages(run)
        rows = [(path, kind, (_options(options), "options")) for path, kind, options in stages]
        mark = [dot(i), run.name, ": "] if len(report.runs) > 1 else []
        parts.append(
            tag(
                "details",
                tag("summary", *mark, f"{len(stages)} stages of the configuration"),
                table(("Stage", "Kind", ("Options", "options")), rows, kind="stages"),
                class_="all",
            )
        )
    return join(parts)


def _options(options: Mapping[str, Any]) -> Markup:
    return join(tag("span", f"{name} = {_value(value)}", class_="option") for name, value in options.items())


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value) if value != "" else '""'


def _differences(report: ReportData) -> Markup:
    """Stages that only some runs have or that are of another kind, and options of common ones that differ."""
    stages = [{path: (kind, options) for path, kind, options in _stages(run)} for run in report.runs]
    rows: list[list[object]] = []
    for path in dict.fromkeys(path for one in stages for path in one):
        kinds = [one[path][0] if path in one else "–" for one in stages]
        if len(set(kinds)) > 1:
            rows.append([path, *((kind, "text") for kind in kinds)])
            continue
        options = [one[path][1] for one in stages]
        for name in dict.fromkeys(name for one in options for name in one):
            values = [_value(one[name]) if name in one else "–" for one in options]
            if len(set(values)) > 1:
                rows.append([f"{path}.{name}", *((value, "text") for value in values)])
    title = tag("h3", "What differs")
    if not rows:
        return join([title, tag("p", "The configurations are the same.", class_="soft")])
    return join([title, table(("Stage or option", *run_heads(report)), rows, kind="settings")])


def _stages(run: RunData) -> list[tuple[str, str, Mapping[str, Any]]]:
    return [(path, kind, options) for path, kind, options in run.about["config"]["stages"]]
