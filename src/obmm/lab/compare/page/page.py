"""A comparison as one HTML file in the style of the report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from obmm._version import __version__
from obmm.lab.attribution import PARTS
from obmm.lab.compare.comparison import Comparison, Difference
from obmm.lab.compare.page import charts
from obmm.lab.compare.page.field import field
from obmm.lab.compare.statistics import bootstrap
from obmm.lab.compare.used import UsedBefore, seeds_words
from obmm.lab.compare.words import held, judged, p_words, plain, sentences, signed
from obmm.lab.report.page.document import document, figure
from obmm.lab.report.page.figures import dot, duration
from obmm.lab.report.page.markup import Markup, join, table, tag
from obmm.lab.trials import METRICS
from obmm.market import FloatArray
from obmm.settings.books import ranges

#: How a verdict looks.
_CSS = {None: "no-figure", True: "on-target", False: "alert"}


def page(comparison: Comparison, before: Sequence[UsedBefore] = (), folder: str = "") -> str:
    """The page; needs plotly (`obmm[report]`).

    Args:
        comparison: What was compared.
        before: What the ledger tells of its seeds.
        folder: Where it lies, as the page calls it.

    Raises:
        ImportError: plotly is not installed.
    """
    makers = (charts.differences, charts.pnl, charts.sources, charts.markouts, charts.inventory)
    drawn = {chart.key: chart for chart in (make(comparison) for make in makers)}
    shown = {key: figure(chart) for key, chart in drawn.items()}
    beside = tag("div", shown["markouts"], shown["inventory"], class_="charts two")
    sections = [
        *([("fields", "Markets", "", [_markets(comparison)])] if len(comparison.markets) > 1 else []),
        ("field", "Best of the field", "", [field(comparison)]),
        ("differences", "Differences", "", [shown["differences"], _tests(comparison)]),
        ("pnl", "P&L over time", "", [shown["pnl"]]),
        ("sources", "Where it comes from", "", [shown["sources"], _sources(comparison)]),
        ("fills", "Fills and positions", "", [beside]),
        ("figures", "Figures", "Means over seeds, with 95 % intervals.", [_figures(comparison)]),
        ("seeds", "Seeds", seeds_words(comparison.seeds, before), [_by_seed(comparison)]),
        ("configurations", "Configurations", "", [_settings(comparison), _about(comparison, folder)]),
    ]
    main = tag(
        "main",
        *(
            tag("section", tag("h2", title), tag("p", words, class_="lede") if words else "", *parts, id=key)
            for key, title, words, parts in sections
        ),
    )
    title = _title(comparison)
    links = [tag("a", name, href=f"#{key}") for key, name, _, _ in sections]
    top = _top(comparison, title, tag("nav", *links, aria_label="Sections"))
    return document(
        f"{title} – obmm compare", top, main, list(drawn.values()), columns=len(comparison.question.arms)
    )


def _title(comparison: Comparison) -> str:
    names = [arm.name for arm in comparison.question.arms]
    return f"{', '.join(names[:-1])} and {names[-1]} compared" if len(names) > 2 else " or ".join(names)


def _top(comparison: Comparison, title: str, nav: Markup) -> Markup:
    question = comparison.question
    story = [
        tag(
            "p",
            f"A stage of {name} failed on {failed:,} of {states:,} states: {fault}.",
            class_="status alert",
        )
        for name, (failed, states, fault) in comparison.failed().items()
    ]
    if comparison.ended:
        story.append(tag("p", f"It ended early ({comparison.ended}): this is what was done."))
    first, *others = question.metrics
    story += [tag("p", _judged(words)) for words in sentences(comparison, first)]
    story += [tag("p", words) for metric in others for words in sentences(comparison, metric)]
    where = ", ".join(dict.fromkeys(market.scenario.name for market in question.markets))
    several = f", {len(question.markets)} markets" if len(question.markets) > 1 else ""
    size = (
        f"{len(comparison.seeds)} seeds of {question.books} books and {duration(question.hours)} "
        f"on {where}{several}"
    )
    return tag(
        "header",
        tag("p", f"obmm {__version__} · comparison · {size}", class_="eyebrow"),
        tag("h1", title),
        tag("div", *story, class_="story"),
        _tiles(comparison),
        nav,
    )


def _judged(words: str) -> Markup:
    """A sentence with its verdict, up to the colon, in bold."""
    head, colon, rest = words.partition(":")
    return join([tag("b", head, colon), rest])


def _tiles(comparison: Comparison) -> Markup:
    tiles = []
    for metric in comparison.question.metrics:
        rows = []
        for i, arm in enumerate(comparison.question.arms):
            mean = comparison.mean(arm.name, metric)
            rows.append(tag("p", dot(i), _signed(mean.mean, metric.name), tag("small", f" {arm.name}")))
        tiles.append(tag("div", tag("h3", _capital(metric.words)), *rows, class_="tile"))
    return tag("div", *tiles, class_="tiles")


def _signed(value: float, metric: str) -> str:
    return "–" if value != value else signed(value) if metric.startswith("pnl") else plain(value)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _markets(comparison: Comparison) -> Markup:
    """Market by arm: the metric that decides, with its interval and the verdict on each challenger."""
    metric, arms = comparison.question.metrics[0], comparison.question.arms
    told = {market.name: market.field for market in comparison.question.markets}
    rows: list[list[object]] = []
    for name in comparison.markets:
        verdicts = {d.b: d for d in comparison.differences(metric, name)}
        cells: list[object] = []
        for arm in arms:
            mean = comparison.mean(arm.name, metric, name)
            cell = _figure_cell(plain(mean.mean), held(mean))
            if d := verdicts.get(arm.name):
                word = tag("span", judged(d), class_=f"status {_CSS[d.better]}")
                cell = join([cell, " ", word])
            cells.append((cell, "num"))
        named = told.get(name)
        who = f"{named.description} (version {named.version})" if named else "–"
        rows.append([name or "all", *cells, (who, "soft")])
    heads = [(join([dot(i), arm.name]), "num") for i, arm in enumerate(arms)]
    return table((_capital(metric.words), *heads, ("The others", "soft")), rows, kind="plain")


def _tests(comparison: Comparison) -> Markup:
    """Every difference with all that is known of it."""
    several = len(comparison.markets) > 1
    rows: list[list[object]] = []
    for metric in comparison.question.metrics:
        for market in comparison.markets:
            for d in comparison.differences(metric, market):
                name = join([dot(_number(comparison, d.b)), d.b])
                rows.append([name, metric.words, *([market or "all"] if several else []), *_test(d)])
    kind = "Always-valid interval" if comparison.peeking else "95 % interval"
    numbers = ("Mean", kind, "p", "p of t", "Wilcoxon", "Shows from", "Seeds for it")
    where = [("Market", "soft")] if several else []
    head = ("Challenger", ("Figure", "soft"), *where, "Verdict", *((name, "num") for name in numbers))
    notes = (
        "p: two-sided sign flips, raised for the number of challengers (Holm)"
        if not comparison.peeking
        else "p: 1 / the largest evidence (e-value) so far, times the number of challengers"
    )
    more = (
        f"{notes}. “Shows from” is the smallest mean difference that so many seeds show four times in five; "
        "“seeds for it” how many seeds show one as large as this as often."
    )
    return join([table(head, rows, kind="plain"), tag("p", more, class_="notes")])


def _test(d: Difference) -> list[object]:
    if d.missing:
        return [(tag("span", "no figure", class_="status no-figure"), "state"), *[("–", "num")] * 7]
    return [
        (tag("span", judged(d), class_=f"status {_CSS[d.better]}"), "state"),
        (tag("span", signed(d.interval.mean), class_="value"), "num"),
        (held(d.interval), "num"),
        (p_words(d.p), "num"),
        (p_words(d.student[1]), "num"),
        (p_words(d.p_wilcoxon), "num"),
        (plain(d.detectable), "num"),
        (f"{d.needed:,.0f}" if d.needed < 1e5 else "–", "num"),
    ]


def _sources(comparison: Comparison) -> Markup:
    """P&L by part: each arm's own, then the difference, for all books and each class."""
    others = comparison.question.arms[1:]
    heads = [(join([dot(i), arm.name]), "num") for i, arm in enumerate(comparison.question.arms)]
    heads += [(join([dot(i), f"{arm.name} more"]), "num") for i, arm in enumerate(others, start=1)]
    views: list[tuple[str, int | None]] = [("All books", None)]
    views += [(f"Books of {name}", i) for name, i in comparison.classes.items()]
    parts = []
    for title, asset in views:
        own = [comparison.attribution(arm.name, asset) for arm in comparison.question.arms]
        more = [charts.source_differences(comparison, arm.name, asset) or {} for arm in others]
        rows: list[list[object]] = []
        for part, words in PARTS.items():
            cells = [_sum_cell(told.get(part), ranged=False) for told in own]
            rows.append([words, *cells, *(_sum_cell(told.get(part), ranged=True) for told in more)])
        cells = [_sum_cell(_sum(told), ranged=False) for told in own]
        rows.append([tag("b", "P&L"), *cells, *(_sum_cell(_sum(told), ranged=True) for told in more)])
        if len(views) > 1:
            parts.append(tag("h3", title))
        parts.append(table(("Quote per book and hour", *heads), rows, kind="plain"))
    return join(parts)


def _sum(parts: Mapping[str, FloatArray]) -> FloatArray | None:
    return np.asarray(np.sum(list(parts.values()), axis=0)) if parts else None


def _sum_cell(values: FloatArray | None, *, ranged: bool) -> tuple[Markup, str]:
    """A mean over seeds, with its interval if that is wanted."""
    if values is None or not values.size:
        return Markup("–"), "num"
    mean = bootstrap(values)
    return _figure_cell(signed(mean.mean), held(mean) if ranged else ""), "num"


def _figure_cell(value: str, detail: str) -> Markup:
    shown = tag("span", value, class_="value")
    return join([shown, " ", tag("span", detail, class_="detail")]) if detail else shown


def _figures(comparison: Comparison) -> Markup:
    """Every metric of every arm."""
    heads = [(join([dot(i), arm.name]), "num") for i, arm in enumerate(comparison.question.arms)]
    scores = [m for m in comparison.question.metrics if m.name not in METRICS]
    rows = []
    for metric in [*METRICS.values(), *scores]:
        means = [comparison.mean(arm.name, metric) for arm in comparison.question.arms]
        cells = [
            (
                join(
                    [tag("span", plain(m.mean), class_="value"), " ", tag("span", held(m), class_="detail")]
                ),
                "num",
            )
            for m in means
        ]
        rows.append([_capital(metric.words), *cells])
    return table(("Figure", *heads), rows, kind="plain")


def _by_seed(comparison: Comparison) -> Markup:
    """The metric that decides, seed by seed."""
    metric = comparison.question.metrics[0]
    arms = comparison.question.arms
    own = [
        dict(
            zip(
                comparison.done(a.name),
                comparison.figures(a.name, lambda o: o.metric(metric.name)),
                strict=True,
            )
        )
        for a in arms
    ]
    more = [dict(zip(d.seeds, d.values.tolist(), strict=True)) for d in comparison.differences(metric)]
    rows = []
    for seed in comparison.seeds:
        told = [plain(float(column[seed])) if seed in column else "–" for column in own]
        told += [signed(column[seed]) if seed in column else "–" for column in more]
        rows.append([str(seed), *((cell, "num") for cell in told)])
    heads = [(join([dot(i), arm.name]), "num") for i, arm in enumerate(arms)]
    heads += [(join([dot(i), f"{arm.name} more"]), "num") for i, arm in enumerate(arms[1:], start=1)]
    body = table(("Seed", *heads), rows, kind="plain")
    return tag(
        "details", tag("summary", f"{_capital(metric.words)}, seed by seed"), body, class_="all", open=""
    )


def _settings(comparison: Comparison) -> Markup:
    """What the configurations differ in."""
    told = [_flat(arm.config.as_table()) for arm in comparison.question.arms]
    names = list(dict.fromkeys(name for one in told for name in one))
    differ = [name for name in names if len({one.get(name, "–") for one in told}) > 1]
    heads = [join([dot(i), arm.name]) for i, arm in enumerate(comparison.question.arms)]
    rows: list[list[object]] = [["hash", *(arm.config.hash for arm in comparison.question.arms)]]
    rows += [[name, *(one.get(name, "–") for one in told)] for name in differ]
    return table(("What differs", *heads), rows, kind="settings")


def _flat(config: dict[str, Any]) -> dict[str, str]:
    """Path of an option → its value, as text."""
    told: dict[str, str] = {}
    for path, kind, options in config["stages"]:
        told[path] = str(kind)
        told |= {f"{path}.{name}": json.dumps(value) for name, value in options.items()}
    told |= {f"books.{b}.{path}.{option}": str(value) for b, path, option, value in config["books"]}
    told |= {
        f"assign.{selector}": json.dumps(of, sort_keys=True) for selector, of in config.get("assign", [])
    }
    return told


def _about(comparison: Comparison, folder: str) -> Markup:
    question = comparison.question
    speed = comparison.book_seconds / max(comparison.wall_s, 1e-9)
    rows = [
        ("Markets", ", ".join(market.name for market in question.markets)),
        ("Seeds", ranges(comparison.seeds)),
        ("Books × hours", f"{question.books} × {question.hours:g}"),
        ("Answer time", f"{question.response_ms:g} ms"),
        ("Eras", ", ".join(question.eras) or "none"),
        (
            "Interval",
            "may be looked at after every seed" if comparison.peeking else "for the seeds asked for",
        ),
        ("Took", f"{comparison.wall_s:,.1f} s, {speed:,.0f} book-seconds per second"),
        ("Folder", folder or "–"),
    ]
    return table(("About", ""), rows, kind="settings")


def _number(comparison: Comparison, arm: str) -> int:
    return [a.name for a in comparison.question.arms].index(arm)
