"""Searches for presets over several fields in a given time: `python benchmarks/search_presets.py --help`.

`obmm tune` searches one market with care, until its candidates are done. This draws candidates for several
markets at once until the time is up: each is shown to the first rung of its study, and the best third of what
a rung has seen goes on to the next. A study is a table `[[study]]` of a TOML file:

    [[study]]
    name = "kappa"
    base = "kappa.toml"                       # beside the file, or a preset; its [tune] is the space
    space = ["size_base=0.25..1:log"]         # more of it, as `obmm tune --space` says it
    share = 2                                 # of the processes' time, against the other studies
    scenario = "taos-0.5.4"
    books = 8
    eras = ["0.5.4", "0.5.5"]
    random = 0.4                              # share of candidates that are drawn anew, not near the best

    [study.goals]                             # figure → what counts as 1; a candidate's value is their mean
    "score_0.5.4" = 0.6                       # "figure@1" is that of the second class of assets

    [study.field_goals.crowd]                 # other goals in one field
    pnl_per_book_hour = 50

    [[study.rung]]
    fields = ["default"]
    seeds = 2
    hours = 2.0

Figures are those of `obmm compare --metric` and, as `0.6.3:making_raw`, those of the scorer of an era;
`pnl@1` is P&L per book and hour of the second class. Every result is one line of JSON in `--out`, written as
soon as it is known. All seeds are below a million: none is one for confirming.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any, TextIO

import attrs
import numpy as np

from obmm.agent import Config, ConfigError, resolve
from obmm.lab.compare.markets import Market, markets_of
from obmm.lab.trials import Outcome, Trial, looking_seeds, play
from obmm.lab.trials.worker import silent
from obmm.lab.tune import Dimension, Space, read_space
from obmm.lab.tune.ranges import Choice
from obmm.settings.toml import file_layer
from obmm.sim import Scenario

#: A value is cut here, so that one figure far above its goal does not outweigh the others.
MOST, LEAST = 1.5, -2.0
#: The best so many of the furthest rung are drawn near to.
ELITE = 6
#: Chance that a dimension moves, and how far in its range.
MOVES, STEP = 0.4, 0.15
#: One in so many of a rung goes on.
GOES_ON = 3


@attrs.frozen(kw_only=True)
class Rung:
    """What candidates are shown at once."""

    fields: tuple[str, ...] = attrs.field(converter=tuple)
    seeds: int = 2
    hours: float = 1.0
    first_seed: int = 1


@attrs.frozen(kw_only=True)
class Study:
    """One search."""

    name: str
    space: Space
    scenario: Scenario
    books: int
    eras: tuple[str, ...]
    goals: Mapping[str, float]
    field_goals: Mapping[str, Mapping[str, float]]
    rungs: tuple[Rung, ...]
    share: float
    random: float
    markets: Mapping[str, Market]

    @classmethod
    def of(cls, told: Mapping[str, Any], folder: Path) -> Study:
        """A study of a file."""
        told = dict(told)
        base = str(told["base"])
        source: str | Path = folder / base if base.endswith(".toml") else base
        config = resolve(source)
        scenario = Scenario.load(told.get("scenario", "taos-0.5.4"))
        rungs = tuple(Rung(**rung) for rung in told["rung"])
        fields = dict.fromkeys(field for rung in rungs for field in rung.fields)
        return cls(
            name=told["name"],
            space=read_space(source, config, told.get("space", ())),
            scenario=scenario,
            books=told.get("books", 8),
            eras=tuple(told.get("eras", ())),
            goals=told["goals"],
            field_goals=told.get("field_goals", {}),
            rungs=rungs,
            share=told.get("share", 1.0),
            random=told.get("random", 0.4),
            markets={field: markets_of([scenario], [field])[0] for field in fields},
        )

    def trial(self, config: Config, rung: Rung, field: str) -> Trial:
        """A candidate among the miners of a field."""
        market = self.markets[field]
        return Trial(
            config=config,
            rivals=(*market.rivals, *[config] * market.copies),
            scenario=market.scenario,
            books=self.books,
            hours=rung.hours,
            seeds=looking_seeds(rung.seeds, rung.first_seed),
            eras=self.eras,
        )

    def value(self, fields: Mapping[str, Mapping[str, float]]) -> float:
        """How near a candidate is to its goals, over the fields it has been played in."""
        parts = []
        for field, figures in fields.items():
            for name, goal in self.field_goals.get(field, self.goals).items():
                told = figures.get(name, math.nan)
                parts.append(LEAST if math.isnan(told) else min(max(told / goal, LEAST), MOST))
        return float(np.mean(parts))


def figures_of(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Mean of every figure over the seeds; of one that is not known on any seed NaN."""
    told: dict[str, list[float]] = {}
    for one in outcomes:
        for name, value in one.metrics.items():
            told.setdefault(name, []).append(value)
        for era, figures in one.scores.items():
            for name, value in figures.items():
                told.setdefault(f"{era}:{name}", []).append(value)
        for asset in np.unique(one.books["asset"]).astype(int).tolist():
            of = one.books["asset"] == asset
            for name in ("pnl", "turnover", "fees", "fills"):
                told.setdefault(f"{name}@{asset}", []).append(float(one.books[name][of].mean() / one.hours))
        told.setdefault("books_positive", []).append(float((one.books["pnl"] > 0.0).mean()))
        told.setdefault("failed", []).append(float(one.failed))
        told.setdefault("worst_drawdown", []).append(float(one.books["max_drawdown"].max()))
    figures = {name: float(np.mean(values)) for name, values in told.items()}
    spread = [one.metrics["pnl_per_book_hour"] for one in outcomes]
    return figures | {"pnl_sd": float(np.std(spread, ddof=1)) if len(spread) > 1 else math.nan}


@attrs.define
class Candidate:
    """What is known of one."""

    number: int
    values: dict[str, Any]
    config: Config
    fields: dict[str, dict[str, float]] = attrs.field(factory=dict)
    values_at: list[float] = attrs.field(factory=list)
    goes_on: bool = False


@attrs.define
class Search:
    """A study under way."""

    study: Study
    draws: np.random.Generator
    candidates: list[Candidate] = attrs.field(factory=list)
    spent_s: float = 0.0

    def next(self) -> tuple[Candidate, int]:
        """What is played next: the best that has earned its next rung, or a new candidate."""
        for rung in range(len(self.study.rungs) - 1, 0, -1):
            there = [c for c in self.candidates if len(c.values_at) >= rung]
            there.sort(key=lambda c: -c.values_at[rung - 1])
            for one in there[: len(there) // GOES_ON]:
                if len(one.values_at) == rung and not one.goes_on:
                    one.goes_on = True
                    return one, rung
        return self._new(), 0

    def _new(self) -> Candidate:
        space = self.study.space
        number = len(self.candidates)
        for _ in range(100):
            values = space.filled(dict(space.start) if number == 0 else self._drawn())
            try:
                config = space.candidate(values, f"{self.study.name} {number}")
            except ConfigError:
                continue
            one = Candidate(number, values, config)
            self.candidates.append(one)
            return one
        raise SystemExit(f"{self.study.name}: no candidate of this space is sound")

    def _drawn(self) -> dict[str, Any]:
        done = [c for c in self.candidates if c.values_at]
        done.sort(key=lambda c: (-len(c.values_at), -c.values_at[-1]))
        near: Mapping[str, Any] | None = None
        if self.draws.random() >= self.study.random:
            # Until some are known, near what the search began with.
            known = [one.values for one in done[:ELITE]]
            near = known[int(self.draws.integers(ELITE))] if len(known) == ELITE else self.study.space.start
        values = {}
        for d in self.study.space.dimensions:
            old = None if near is None else near.get(d.place)
            values[d.place] = old if old is not None and self.draws.random() > MOVES else self._one(d, old)
        return values

    def _one(self, d: Dimension, old: Any) -> Any:
        """A value of a dimension, near the old one if there is one."""
        within = d.within
        if isinstance(within, Choice):
            return within.values[int(self.draws.integers(len(within.values)))]
        low, high = (math.log(v) if within.log else float(v) for v in (within.low, within.high))
        if old is None or not within.holds(old):
            place = self.draws.uniform(low, high)
        else:
            here = math.log(old) if within.log else float(old)
            place = min(max(here + STEP * (high - low) * self.draws.standard_normal(), low), high)
        number = math.exp(place) if within.log else place
        if within.step:
            number = within.low + round((number - within.low) / within.step) * within.step
        number = min(max(number, within.low), within.high)
        return round(number) if within.whole else d.rounded(number)


def played(trials: Mapping[str, Trial]) -> tuple[dict[str, dict[str, float]], str, float]:
    """What a process does: the figures of every field, what went wrong, and the seconds it took."""
    began = time.monotonic()
    figures, fault = {}, ""
    with silent():
        for field, trial in trials.items():
            outcomes = play(trial, threads=1)
            figures[field] = figures_of(outcomes)
            fault = fault or next((one.fault for one in outcomes if one.fault), "")
    return figures, fault, time.monotonic() - began


def search(studies: Sequence[Study], processes: int, seconds: float, out: TextIO, seed: int) -> None:
    """Play until the time is up, a line for each result."""
    ends = time.monotonic() + seconds
    searches = [Search(s, np.random.default_rng([seed, i])) for i, s in enumerate(studies)]
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context)
    waiting: dict[Future[Any], tuple[Search, Candidate, int]] = {}
    try:
        while time.monotonic() < ends:
            while len(waiting) < processes:
                # The study that has had least of its share so far, work under way included.
                under_way = {id(s): 0.0 for s in searches}
                for s, _, _ in waiting.values():
                    under_way[id(s)] += _usual_s(s)
                one = min(searches, key=lambda s: (s.spent_s + under_way[id(s)]) / s.study.share)
                candidate, rung = one.next()
                plan = one.study.rungs[rung]
                trials = {field: one.study.trial(candidate.config, plan, field) for field in plan.fields}
                waiting[pool.submit(played, trials)] = (one, candidate, rung)
            over, _ = wait(waiting, timeout=max(ends - time.monotonic(), 0.0), return_when=FIRST_COMPLETED)
            for future in over:
                one, candidate, rung = waiting.pop(future)
                _take(one, candidate, rung, future, out)
    finally:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)


def _usual_s(search: Search) -> float:
    """Seconds that a result of a study takes, as far as is known."""
    results = sum(len(c.values_at) for c in search.candidates)
    return search.spent_s / results if results else 1.0


def _take(one: Search, candidate: Candidate, rung: int, future: Future[Any], out: TextIO) -> None:
    try:
        figures, fault, took_s = future.result()
    except Exception as error:  # One candidate that cannot be played must not end the search of the others.
        figures, fault, took_s = {}, f"{type(error).__name__}: {error}", 0.0
    one.spent_s += took_s
    candidate.fields = {**candidate.fields, **figures}
    candidate.values_at.append(one.study.value(candidate.fields) if figures else LEAST)
    candidate.goes_on = False
    line = {
        "study": one.study.name,
        "candidate": candidate.number,
        "rung": rung,
        "value": candidate.values_at[-1],
        "hash": candidate.config.hash,
        "values": candidate.values,
        "seconds": round(took_s, 2),
        "seeds": one.study.rungs[rung].seeds,
        "hours": one.study.rungs[rung].hours,
        "fields": figures,
        "fault": fault,
    }
    out.write(json.dumps(line) + "\n")
    out.flush()
    os.fsync(out.fileno())


def best(path: Path, top: int) -> None:
    """Print the best of a file of results: those that went furthest first."""
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    for study in dict.fromkeys(line["study"] for line in lines):
        mine = [line for line in lines if line["study"] == study]
        newest = {line["candidate"]: line for line in sorted(mine, key=lambda line: line["rung"])}
        every: dict[int, dict[str, Any]] = {}
        for line in mine:
            every.setdefault(line["candidate"], {}).update(line["fields"])
        ranked = sorted(newest.values(), key=lambda line: (-line["rung"], -line["value"]))
        print(f"\n{study}: {len(newest)} candidates, {sum(line['seconds'] for line in mine):.0f} s")
        shown = ranked[:top] + [line for line in newest.values() if line["candidate"] == 0]
        for line in shown:
            print(f"{line['candidate']:5} rung {line['rung']} value {line['value']:.3f}", line["values"])
            for field, told in every[line["candidate"]].items():
                words = (
                    "pnl_per_book_hour",
                    "pnl_sd",
                    "pnl_bps",
                    "turnover_per_book_hour",
                    "fees_per_book_hour",
                )
                scores = [name for name in told if name.startswith("score_")]
                print("        ", field, {name: round(told[name], 3) for name in (*words, *scores)})


def main(words: Sequence[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "studies", nargs="+", type=Path, help="TOML files with [[study]], or results for --best"
    )
    parser.add_argument("--out", type=Path, default=Path("search.jsonl"), help="where lines are added")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=240.0, help="real time until all ends")
    parser.add_argument("--seed", type=int, default=1, help="of the draws")
    parser.add_argument("--only", nargs="*", help="names of studies")
    parser.add_argument("--best", type=int, metavar="N", help="print the best N of files of results")
    told = parser.parse_args(words)
    if told.best:
        for path in told.studies:
            best(path, told.best)
        return
    studies = [
        Study.of(table, path.resolve().parent)
        for path in told.studies
        for table in file_layer(path).table["study"]
        if not told.only or table["name"] in told.only
    ]
    told.out.parent.mkdir(parents=True, exist_ok=True)
    with told.out.open("a", encoding="utf-8") as out:
        search(studies, told.processes, told.seconds, out, told.seed)
    print(f"results: {told.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
