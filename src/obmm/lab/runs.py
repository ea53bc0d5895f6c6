"""All runs of a folder in a list: what each was, and what became of it."""

from __future__ import annotations

import bisect
import math
import operator
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from obmm.agent import ConfigError, Problem
from obmm.lab.first_hour import HOUR_NS, first_hour_row, hourly_after
from obmm.lab.recorded import EmptyRun, Run, RunError
from obmm.lab.report.eras import EraScore, era_scores
from obmm.lab.score import era_of_run
from obmm.lab.summary import filled_forward
from obmm.market import FloatArray, IntArray
from obmm.settings.errors import did_you_mean


@attrs.frozen(kw_only=True)
class RunRow:
    """One account of one run.

    Attributes:
        run: Its folder.
        config: Name of the configuration.
        hash: Hash of the configuration.
        scenario: The market.
        seed: Its seed.
        books: Number of books.
        hours: Simulated hours from the first state to the last.
        pnl: What trading earned against holding the endowment, fees included, quote.
        pnl_per_book_hour: The same per book and hour.
        pnl_after_first_hour: The same after the first hour; NaN for runs of an hour or less.
        era: The version whose score is told: that of the scenario if it was scored, else the first that was.
        score: Its raw score; NaN where there is none.
        scores: All scores by era, None where there is none.
        ended: How it ended: "as planned", or why there is less of it than was planned, or cannot be read.
        completed: Whether it reached its planned end.
        created: When it was begun.
        kind: "simulate", "replay" or what else made it.
        uid: The account.
    """

    run: str
    config: str = ""
    hash: str = ""
    scenario: str = ""
    seed: int | None = None
    books: int = 0
    hours: float = math.nan
    pnl: float = math.nan
    pnl_per_book_hour: float = math.nan
    pnl_after_first_hour: float = math.nan
    era: str = ""
    score: float = math.nan
    scores: dict[str, float | None] = attrs.field(factory=dict)
    ended: str = ""
    completed: bool = False
    created: str = ""
    kind: str = ""
    uid: int = 0


#: Columns that can be sorted and filtered by.
COLUMNS = tuple(field.name for field in attrs.fields(RunRow) if field.name != "scores")
_TEXTS = tuple(field.name for field in attrs.fields(RunRow) if str(field.type) in ("str", "bool"))


def runs_in(folder: Path, uid: int = 0) -> list[RunRow]:
    """The runs below a folder, the newest first; one that cannot be read says why in `ended`.

    Raises:
        ConfigError: There is no such folder.
    """
    if not folder.is_dir():
        what = "is no folder; `obmm simulate` makes runs/, or name another"
        raise ConfigError([Problem(str(folder), what)])
    rows = [_row(run, uid) for run in _folders(folder)]
    return sorted(rows, key=lambda row: (row.created, row.run), reverse=True)


def _folders(folder: Path) -> Iterator[Path]:
    """Folders with a run; what lies inside of a run is not looked at."""
    for place, below, files in os.walk(folder):
        if "run.json" in files:
            yield Path(place)
            below.clear()
        below.sort()


def _row(folder: Path, uid: int) -> RunRow:
    try:
        run = Run(folder)
    except RunError as error:
        return RunRow(run=str(folder), ended=f"cannot be read: {error}", uid=uid)
    about = run.about
    account = about["accounts"].get(str(uid), {})
    known: dict[str, Any] = {
        "run": str(folder),
        "config": str(account.get("name", "no such account")).removeprefix("preset "),
        "hash": str(account.get("config_hash", "")),
        "scenario": str(about.get("scenario", "")),
        "seed": about.get("seed"),
        "books": len(about["venue"]["book_ids"]),
        "ended": run.early or str(about.get("ended", "")),
        "completed": bool(about["completed"]),
        "created": str(about.get("created", "")),
        "kind": str(about.get("kind", "")),
        "uid": uid,
    }
    if not account:
        return RunRow(**known)
    scored = _scores(run, uid)
    era = _era(about, scored)
    told = {name: None if s.missing else s.total for name, s in scored.items()}
    known |= {"scores": told, "era": era, "score": _figure(told.get(era))}
    try:
        pnl, first, hours = _pnl(run, uid)
    except EmptyRun:
        return RunRow(**known)
    except RunError as error:
        return RunRow(**(known | {"ended": f"cannot be read: {error}"}))
    total = float(pnl.sum())
    per = total / hours / known["books"] if hours > 0.0 else math.nan
    later = float(hourly_after(pnl, first, hours).mean())
    return RunRow(**known, hours=hours, pnl=total, pnl_per_book_hour=per, pnl_after_first_hour=later)


def _scores(run: Run, uid: int) -> dict[str, EraScore]:
    return era_scores(run.about, uid, int(run.about.get("states", 0)))


def _era(about: Mapping[str, Any], scored: dict[str, EraScore]) -> str:
    own = era_of_run(about)
    return own if own in scored else next(iter(scored), "")


def _pnl(run: Run, uid: int) -> tuple[FloatArray, FloatArray, float]:
    """P&L of trading per book (B,), what of it came in the first hour, and simulated hours.

    They are read out of the first and the last part and those at the hour; out of all of them if need be.

    Raises:
        RunError: They cannot be read, or hold no state.
    """
    books = len(run.about["venue"]["book_ids"])
    numbers = _parts_of_ends(run, uid)
    if len(numbers) < run.about["parts"]:
        ends = run.parts("states", uid, numbers, ("time_ns", "bid", "ask", "base", "quote"))
        if ends["time_ns"].size >= 2 * books:
            time_ns, *found = (column.reshape(-1, books) for column in ends.values())
            times = time_ns[:, 0].astype(np.int64)
            if np.isfinite(found[0] + found[1])[[first_hour_row(times), -1]].all():
                return _earned(times, *found)
    times, grids = run.grid(uid, "bid", "ask", "base", "quote")
    return _earned(times, *grids)


def _earned(
    times: IntArray, bid: FloatArray, ask: FloatArray, base: FloatArray, quote: FloatArray
) -> tuple[FloatArray, FloatArray, float]:
    rows = [first_hour_row(times), -1]
    mid = filled_forward((bid + ask) / 2.0)[rows]
    first, total = quote[rows] - quote[0] + (base[rows] - base[0]) * mid
    return total, first, float(times[-1] - times[0]) / 3.6e12


def _parts_of_ends(run: Run, uid: int) -> list[int]:
    """The first part, the last, and those between which the first hour ends; all of few.

    Raises:
        RunError: A part cannot be read.
    """
    parts = range(run.about["parts"])
    if len(parts) < 3:
        return [*parts]

    def begins_ns(number: int) -> int:
        times = run.parts("states", uid, (number,), ("time_ns",))["time_ns"]
        return int(times[0]) if times.size else 0

    end_ns = begins_ns(0) + HOUR_NS
    after = bisect.bisect_left(parts, end_ns, key=begins_ns)
    return sorted({0, after - 1, min(after, len(parts) - 1), len(parts) - 1})


_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "~": lambda value, wanted: str(wanted).lower() in str(value).lower(),
}
_CONDITION = re.compile(r"\s*(\w+)\s*(<=|>=|!=|=|<|>|~)\s*(.*?)\s*")


def kept(rows: Sequence[RunRow], conditions: Sequence[str]) -> list[RunRow]:
    """The rows for which all conditions hold, such as `pnl>0`, `scenario=taos-0.6.2`, `config~touch`.

    `=` and `!=` compare figures as figures, and texts without regard to capitals; `~` looks for a part of a
    text. What is not known holds no condition but `!=`.

    Raises:
        ConfigError: A condition is none, or names no column.

    >>> rows = [RunRow(run="a", pnl=3.0, config="touch"), RunRow(run="b", config="balanced")]
    >>> [row.run for row in kept(rows, ["pnl > 1", "config~TOU"])]
    ['a']
    """
    tests = [_test(text) for text in conditions]
    return [row for row in rows if all(test(row) for test in tests)]


def _test(text: str) -> Callable[[RunRow], bool]:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ConfigError([Problem(f"--where {text}", "is no condition; write column>value, such as pnl>0")])
    column, sign, wanted = found.groups()
    _known(column, f"--where {text}")
    compare = _COMPARED[sign]
    if column not in _TEXTS and sign != "~":
        try:
            number = float(wanted)
        except ValueError:
            what = f"{column} is a figure, {wanted!r} is none"
            raise ConfigError([Problem(f"--where {text}", what)]) from None
        return lambda row: compare(_figure(getattr(row, column)), number)
    return lambda row: compare(str(getattr(row, column)).lower(), wanted.lower())


def _figure(value: float | None) -> float:
    return math.nan if value is None else float(value)


def by_column(rows: Sequence[RunRow], column: str) -> list[RunRow]:
    """Rows in the order of a column: texts from a to z, figures from the largest down, unknown ones last.

    Raises:
        ConfigError: There is no such column.
    """
    _known(column, f"--sort {column}")
    if column in _TEXTS:
        return sorted(rows, key=lambda row: str(getattr(row, column)))
    values = [_figure(getattr(row, column)) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: (math.isnan(values[i]), -np.nan_to_num(values[i])))
    return [rows[i] for i in order]


def _known(column: str, where: str) -> None:
    if column not in COLUMNS:
        raise ConfigError([Problem(where, f"there is no column {column!r}; {did_you_mean(column, COLUMNS)}")])
