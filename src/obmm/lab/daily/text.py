"""A day in a few lines, for a phone."""

from __future__ import annotations

from collections.abc import Sequence

from obmm.lab.attribution import PARTS
from obmm.lab.daily.day import Day
from obmm.lab.daily.figures import MEASURES, Figures
from obmm.lab.report.words import number

#: Findings and books that are told.
_FINDINGS, _BOOKS = 3, 6
_SHORT = {
    "spread": "spread",
    "first_minute": "1st minute",
    "one_to_five_minutes": "to 5 min",
    "held_longer": "held",
    "fees_and_rebates": "fees",
}


def subject_of(day: Day) -> str:
    """What a message is called: the configuration, the date, what was earned."""
    names = list(dict.fromkeys(_stem(one["name"]) for one in day.simulations))
    return f"{', '.join(names)} {day.name}: {number(day.totals['pnl'], sign=True)} quote"


def text_of(day: Day, before: Day | None) -> str:
    """The day, and what changed against the day before, in lines that fit a phone."""
    told = {name: (now, change) for name, now, _, change in day.changes(before)}

    def said(name: str, digits: int | None = None, *, sign: bool = False) -> str:
        now, change = told[name]
        digits = MEASURES[name].digits if digits is None else digits
        more = "" if change is None else f" ({number(change, digits, sign=True)})"
        return f"{number(now, digits, sign=sign)}{more}"

    hours = sum(one["hours"] for one in day.simulations)
    several = f"{len(day.simulations)} simulations, " if len(day.simulations) > 1 else ""
    parts = ", ".join(f"{_SHORT[name]} {said(f'part_{name}', 0, sign=True)}" for name in PARTS)
    lines = [
        f"{several}{hours:.3g} simulated hours"
        + (", in brackets against the day before" if before is not None else ""),
        f"P&L {said('pnl', sign=True)}, {said('pnl_bps')} bp of turnover",
        f"of it {parts}",
        f"turnover {said('turnover')}, fills {said('fills')}, markout 60 s {said('markout_60s_bps')} bp",
        f"answers {said('respond_p50_ms')} / {said('respond_p99_ms')} ms, lost {said('lost')} %, "
        f"without orders {said('without_orders')} %, refused {said('rejects')} %",
        f"score {said('score')} ({', '.join(dict.fromkeys(one['era'] for one in day.simulations))})",
    ]
    down, up = day.turned(before)
    if down or up:
        lines.append(f"turned down: {_listed(down)}; up: {_listed(up)}")
    lines += [f"{i}. {title}" for i, title in enumerate(findings_of(day)[:_FINDINGS], start=1)]
    return "\n".join(lines)


def findings_of(day: Day) -> list[str]:
    """What was found, in sentences: the costliest of each simulation first; where, if there are several."""
    several = len(day.simulations) > 1
    ranks = max((len(one["findings"]) for one in day.simulations), default=0)
    return [
        f"{where_of(one)}: {one['findings'][rank]['title']}" if several else one["findings"][rank]["title"]
        for rank in range(ranks)
        for one in day.simulations
        if rank < len(one["findings"])
    ]


def where_of(one: Figures) -> str:
    """A simulation, in a word or two."""
    return f"{one['validator'][:8] or 'harness'}/{one['simulation'][-12:] or 'simulation'}"


def _listed(books: Sequence[str]) -> str:
    more = f" and {len(books) - _BOOKS} more" if len(books) > _BOOKS else ""
    return (", ".join(books[:_BOOKS]) or "none") + more


def _stem(name: str) -> str:
    return name.removeprefix("preset ").rpartition("/")[2].removesuffix(".toml")
