"""A study as one HTML file in the style of the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from obmm._version import __version__
from obmm.lab.diagnose.configuration import toml_value
from obmm.lab.report.page.document import document, figure
from obmm.lab.report.page.markup import Markup, join, table, tag
from obmm.lab.trials.metrics import with_later
from obmm.lab.tune.folder import BEST
from obmm.lab.tune.page import charts
from obmm.lab.tune.page.curves import curves
from obmm.lab.tune.result import CANDIDATE, Result
from obmm.lab.tune.study import Row, Study, changed

#: Rows of the table of candidates; all of them are in `trials.jsonl`.
_ROWS = 100


def page(study: Study, result: Result) -> str:
    """The page; needs plotly (`obmm[report]`).

    Raises:
        ImportError: plotly is not installed.
    """
    makers = (charts.held_out, curves, charts.history, charts.slices, charts.importances, charts.front)
    drawn = {chart.key: chart for chart in (make(study, result) for make in makers)}
    shown = {key: figure(chart) for key, chart in drawn.items()}
    several = len(study.design.metrics) > 1
    sections: list[tuple[str, str, str, list[Markup | str]]] = [
        (
            "check",
            "Held-out check",
            _seeds_words(study, result),
            [shown["held-out"], _checks(result), shown["pnl"]],
        ),
        ("search", "The search", _counted(result), [shown["history"]]),
        ("slices", "What was tried", "", [shown["slices"], shown["importances"]]),
        ("front", "Front", "", [shown["front"]]),
        ("best", "Best", "", [_best(study, result)]),
        ("candidates", "Candidates", "", [_candidates(study, result)]),
        ("space", "Space and market", "", [_space(study), _about(study)]),
    ]
    if not several:
        sections = [section for section in sections if section[0] != "front"]
        del drawn["front"]
    main = tag(
        "main",
        *(
            tag("section", tag("h2", title), tag("p", words, class_="lede") if words else "", *parts, id=key)
            for key, title, words, parts in sections
        ),
    )
    links = [tag("a", name, href=f"#{key}") for key, name, _, _ in sections]
    title = f"Search from {study.design.space.base.name.rpartition('/')[2]}"
    trial = study.design.trial
    eyebrow = (
        f"obmm {__version__} · search · {len(trial.seeds)} tuning seeds of {trial.books} books and "
        f"{trial.hours:g} h on {trial.scenario.name}"
    )
    verdict = result.verdict
    head, colon, rest = verdict.sentence.partition(":")
    top = tag(
        "header",
        tag("p", eyebrow, class_="eyebrow"),
        tag("h1", title),
        tag(
            "div",
            tag("p", tag("b", head, colon), rest),
            *(tag("p", line) for line in verdict.trust),
            class_="story",
        ),
        tag("nav", *links, aria_label="Sections"),
    )
    return document(
        f"{title} – obmm tune", top, main, [c for k, c in drawn.items() if several or k != "front"]
    )


def _seeds_words(study: Study, result: Result) -> str:
    first = study.design.trial.seeds
    told = f"The search looked at seeds {first[0]} to {first[-1]}"
    if result.used_before:
        told += f", of which {len(result.used_before)} had been looked at before"
    if result.held_out:
        low, *_, high = result.held_out
        told += f". The check is on seeds {low} to {high}, which nobody had looked at"
    return f"{told}."


def _counted(result: Result) -> str:
    states = [row.state for row in result.rows[1:]]
    counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    return f"{len(states)} candidates: {counted}."


def _checks(result: Result) -> Markup | str:
    if not result.verdict.checks:
        return ""
    numbers = {row.config_hash: row.number for row in result.rows if row.config_hash}
    rows = []
    for check in result.verdict.checks:
        d = check.difference
        says = "better" if check.better else "worse" if check.worse else "cannot tell"
        rows.append(
            [
                f"trial {numbers[check.config_hash]}",
                check.metric,
                says,
                _number(d.mean),
                f"{_number(d.low)} … {_number(d.high)}",
                f"{check.p:.2g}",
                _number(check.searched),
                _number(check.could_show),
            ]
        )
    numeric = ("Better by", "95 % interval", "p", "Promised", "Shows from")
    head = ("Candidate", ("Figure", "soft"), "Verdict", *((name, "num") for name in numeric))
    notes = (
        "p: two-sided sign flips of the seeds, raised for the number of checks (Holm); better is said below "
        "0.02. “Promised” is the difference on the tuning seeds, “shows from” the true difference that so "
        "many seeds show in four of five studies."
    )
    return join([table(head, rows, kind="plain"), tag("p", notes, class_="notes")])


def _best(study: Study, result: Result) -> Markup:
    verdict = result.verdict
    names = {row.config_hash: row for row in result.rows if row.toml}
    row = names[verdict.found[0]] if verdict.found else result.rows[0]
    words = (
        f"{BEST} holds trial {row.number}; run it with obmm simulate --preset {BEST}."
        if verdict.found
        else f"Nothing was found, so that {BEST} holds the configuration before the search."
        + (f" What was best on the tuning seeds is in {CANDIDATE}." if result.held_out else "")
    )
    return join([tag("p", words), tag("pre", tag("code", row.toml))])


def _candidates(study: Study, result: Result) -> Markup:
    names = with_later([metric.name for metric in study.design.metrics], study.design.trial.hours)
    order = {row.config_hash: i for i, row in enumerate(result.front)}
    rows = sorted(result.rows, key=lambda r: (order.get(r.config_hash, len(order)), len(r.seeds) * -r.hours))
    head = (
        "Trial",
        ("Hash", "soft"),
        ("State", "soft"),
        *((name, "num") for name in names),
        ("Seeds × hours", "num"),
        ("Changed", "soft"),
    )
    body = [
        [
            row.number or "before",
            row.config_hash or "–",
            _state(row),
            *(_number(row.metrics.get(name, math.nan)) for name in names),
            f"{len(row.seeds)} × {row.hours:g}" if row.seeds else "–",
            _values(changed(row, study)) or "–",
        ]
        for row in rows[:_ROWS]
    ]
    more = f"{len(rows) - _ROWS} more are in trials.jsonl." if len(rows) > _ROWS else ""
    return join([table(head, body, kind="plain"), tag("p", more, class_="notes") if more else ""])


def _state(row: Row) -> str:
    return f"{row.state}: {row.why}" if row.why else row.state


def _values(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{place} = {_value(value)}" for place, value in values.items())


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else toml_value(value)


def _space(study: Study) -> Markup:
    rows = [
        [d.place, _value(d.start) if d.start is not None else "–", str(d.within), d.origin or "–"]
        for d in study.design.space.dimensions
    ]
    return table(("Place", ("Before", "num"), ("From … to", "soft"), ("Said by", "soft")), rows, kind="plain")


def _about(study: Study) -> Markup:
    identity = study.design.identity()
    told = {name: value for name, value in identity.items() if name not in ("space", "seeds", "market")}
    rows = [
        [name.replace("_", " "), ", ".join(map(str, v)) if isinstance(v, list) else str(v)]
        for name, v in told.items()
    ]
    rows.append(["rungs", "; ".join(map(str, study.design.rungs))])
    return table(("Study", ("", "soft")), [[name, value or "–"] for name, value in rows], kind="plain")


def _number(value: float) -> str:
    return f"{value:+.4g}" if math.isfinite(value) else "–"
