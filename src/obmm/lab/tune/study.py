"""A study from its first candidate to its last: batches are asked for, raced, and written down."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from obmm.agent import Config, ConfigError, Problem
from obmm.lab.diagnose.configuration import toml_value
from obmm.lab.trials import Executor, Outcome, Trial
from obmm.lab.tune.design import Design, Rung
from obmm.lab.tune.folder import JOURNAL, TRIALS, Key, Played, StudyFolder
from obmm.lab.tune.race import decide, ranked, unbeaten
from obmm.lab.tune.search import Asked, Search
from obmm.lab.tune.sections import as_toml
from obmm.lab.tune.space import ENABLED
from obmm.market import FloatArray

#: What became of a candidate: played in full; out at a rung; none that can run; tried before; failed.
COMPLETE, PRUNED, INVALID, REPEAT, FAILED = "complete", "pruned", "invalid", "repeat", "failed"


@attrs.frozen(kw_only=True)
class Row:
    """A candidate, and all that it takes to play it again.

    Attributes:
        number: Its number in the study; 0 is the configuration before the search.
        values: What was changed, by place.
        config_hash: Its hash; empty where the values make no configuration.
        state: What became of it.
        why: Why it went no farther; empty for one that was played in full.
        seeds: Seeds of the last rung it was played on.
        hours: Hours of that rung.
        metrics: Means over these seeds, NaN where not known.
        toml: Its configuration, as a file.
    """

    number: int
    values: Mapping[str, Any]
    config_hash: str
    state: str
    why: str = ""
    seeds: tuple[int, ...] = ()
    hours: float = 0.0
    metrics: Mapping[str, float] = attrs.field(factory=dict)
    toml: str = ""


#: Told after each step: words on what is being done, and book-seconds that were asked for.
Told = Callable[[str, float], None]


@attrs.define
class Study:
    """A study at work.

    Attributes:
        design: What it is.
        folder: Where it is written down.
        executor: Who plays its trials; it changes no result.
        told: Told of each step.
        rows: The candidates so far, the configuration before the search first.
    """

    design: Design
    folder: StudyFolder
    executor: Executor
    told: Told | None = None
    rows: list[Row] = attrs.field(factory=list)
    _rungs: tuple[Rung, ...] = attrs.field(init=False)
    _trials: dict[str, Trial] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self._rungs = self.design.rungs

    def run(self) -> list[Row]:
        """Try all candidates, as far as they have not been tried.

        Raises:
            Stopped: Somebody asked to end; what was done is written down.
            ConfigError: A metric is not known of the configuration before the search.
        """
        self._begin()
        less = [metric.less_is_better for metric in self.design.metrics]
        search = Search(self.folder.path / JOURNAL, self.design.space, less, self.design.seed)
        search.begin([self.rows[0].metrics[metric.name] for metric in self.design.metrics])
        batch = 0
        while len(self.rows) <= self.design.trials:
            size = min(self.design.batch, self.design.trials + 1 - len(self.rows))
            asked = search.batch(batch, size, len(self.rows))
            rows = self._race(asked, batch)
            for one in asked:
                row, steps = rows[one.number]
                self.rows.append(row)
                if not one.told:
                    figures = self._means(row) if row.state == COMPLETE else None
                    search.tell(one, row_table(row), steps, figures)
            self.write_rows()
            batch += 1
            if all(rows[one.number][0].state in (REPEAT, INVALID) for one in asked):
                break
        return self.rows

    def write_rows(self) -> None:
        """Write every row down, each with what reproduces it."""
        lines = [json.dumps(row_table(row), allow_nan=False) for row in self.rows]
        self.folder.write_text(TRIALS, "".join(f"{line}\n" for line in lines))

    def complete(self) -> list[Row]:
        """The candidates that were played in full, each configuration once, the first one first."""
        return [row for row in self.rows if row.state == COMPLETE]

    def front(self) -> list[Row]:
        """The best: the one of the best mean, or of several metrics those that no other beats, best first."""
        rows = {row.config_hash: row for row in self.complete()}
        figures = {name: self.figures(name, self._rungs[-1]) for name in rows}
        if len(self.design.metrics) == 1:
            return [rows[ranked(figures)[0]]]
        means = np.array([values.mean(axis=0) for values in figures.values()])
        best = {name for name, first in zip(figures, unbeaten(means), strict=True) if first}
        return [rows[name] for name in ranked(figures) if name in best]

    def first_looks(self, metric: int) -> list[tuple[Mapping[str, Any], float]]:
        """Values of every candidate that was played, and its mean on the seeds of the first rung."""
        played = [row for row in self.rows if row.number and row.seeds and row.state != FAILED]
        return [(r.values, self.figures(r.config_hash, self._rungs[0])[:, metric].mean()) for r in played]

    def figures(self, config_hash: str, rung: Rung) -> FloatArray:
        """(S, M) the metrics of a configuration on the seeds of a rung, signed so that more is better."""
        seeds = self.design.trial.seeds[: rung.seeds]
        played = [self.folder.played[config_hash, seed, float(rung.hours)] for seed in seeds]
        return signed(played, self.design)

    def play(self, trials: Iterable[Trial], words: str) -> None:
        """Have trials played as far as they have not been, and write the outcomes down."""
        short: list[Trial] = []
        asked: set[Key] = set()
        for trial in trials:
            fresh = {seed: key for seed, key in self.folder.missing(trial).items() if key not in asked}
            asked.update(fresh.values())
            if fresh:
                short.append(trial.on(tuple(fresh)))
        pieces = spread(short, self.executor.at_once)
        if not pieces:
            return
        if self.told is not None:
            self.told(words, sum(piece.book_seconds for piece in pieces))

        def done(number: int, outcomes: tuple[Outcome, ...]) -> None:
            self.folder.keep(pieces[number], outcomes)

        self.executor.run(pieces, done)

    def _begin(self) -> None:
        """Play the configuration before the search; drop short rungs that say nothing of a metric."""
        start = self.design.trial
        base = self.design.space.base
        self._trials[base.hash] = start
        self.play(
            [self.design.at(start, rung) for rung in self._rungs], "the configuration before the search"
        )
        last = self._rungs[-1]
        if fault := self._fault(start):
            raise ConfigError([Problem(base.name, f"fails on every state: {fault}")])
        if unknown := self._unknown_of(start):
            over = f"of {last.hours:g} h of this configuration"
            told = [Problem(name, f"is not known {over}: {why}") for name, why in unknown.items()]
            raise ConfigError(told, of="the search")
        known = [rung for rung in self._rungs if not self._unknown_of(self.design.at(start, rung))]
        self._rungs = tuple(known)
        row = self._row(0, {}, base, start, COMPLETE, "")
        self.rows.append(row)

    def _unknown_of(self, trial: Trial) -> dict[str, str]:
        """Metrics that are not known of a trial that was played, and why."""
        played = self.folder.of(trial)
        found = {}
        for metric in self.design.metrics:
            missing = [p for p in played if not math.isfinite(p.metrics.get(metric.name, math.nan))]
            if missing:
                found[metric.name] = missing[0].unknown.get(metric.name) or "no run says it"
        return found

    def _race(self, asked: Sequence[Asked], batch: int) -> dict[int, tuple[Row, list[float]]]:
        """What becomes of the candidates of a batch: rows, and first figures at each rung, by number."""
        found: dict[int, tuple[Row, list[float]]] = {}
        racing: dict[str, tuple[Asked, Config]] = {}
        before = {row.config_hash for row in self.rows if row.config_hash}
        for one in asked:
            try:
                config = self.design.space.candidate(one.values, f"trial {one.number}")
            except ConfigError as error:
                row = Row(
                    number=one.number,
                    values=one.values,
                    config_hash="",
                    state=INVALID,
                    why=str(error.problems[0]),
                )
                found[one.number] = row, []
                continue
            name = config.hash
            if name in before or name in racing:
                found[one.number] = (
                    self._row(one.number, one.values, config, None, REPEAT, "tried before"),
                    [],
                )
                continue
            racing[name] = one, config
            self._trials[name] = self.design.of(config)
        steps: dict[str, list[float]] = {name: [] for name in racing}

        def settle(name: str, state: str, why: str, trial: Trial) -> None:
            one, config = racing.pop(name)
            found[one.number] = self._row(one.number, one.values, config, trial, state, why), steps[name]

        for rung in self._rungs:
            if not racing:
                break
            words = f"batch {batch + 1}: {len(racing)} candidates on {rung}"
            trials = {name: self.design.at(self._trials[name], rung) for name in racing}
            self.play(trials.values(), words)
            for name, trial in trials.items():
                if fault := self._fault(trial):
                    settle(name, FAILED, fault, trial)
                elif unknown := self._unknown_of(trial):
                    metric, why = next(iter(unknown.items()))
                    settle(name, FAILED, f"{metric} is not known: {why}", trial)
                else:
                    steps[name].append(self._metrics(trial)[self.design.metrics[0].name])
            if rung == self._rungs[-1]:
                for name in list(racing):
                    settle(name, COMPLETE, "", trials[name])
                break
            best = {row.config_hash: called(row.number) for row in self.front()}
            figures = {name: self.figures(name, rung) for name in (*racing, *best)}
            for name, why in decide(figures, list(racing), best).out.items():
                settle(name, PRUNED, f"{why} on {rung}", trials[name])
        return found

    def _fault(self, trial: Trial) -> str:
        """Why an agent did nothing at all; empty if it did something."""
        return next((p.fault or "failed on every state" for p in self.folder.of(trial) if p.failed), "")

    def _metrics(self, trial: Trial) -> dict[str, float]:
        """Means over the seeds of a trial."""
        played = self.folder.of(trial)
        names = list(dict.fromkeys(name for p in played for name in p.metrics))
        told = {name: np.array([p.metrics.get(name, math.nan) for p in played]).mean() for name in names}
        missing = {m.name: math.nan for m in self.design.metrics if m.name not in told}
        return {name: float(value) for name, value in (told | missing).items()}

    def _means(self, row: Row) -> list[float]:
        return [row.metrics[metric.name] for metric in self.design.metrics]

    def _row(
        self,
        number: int,
        values: Mapping[str, Any],
        config: Config,
        trial: Trial | None,
        state: str,
        why: str,
    ) -> Row:
        said = {d.place: d for d in self.design.space.dimensions}

        def note(place: str, origin: str) -> str:
            return f"was {_shown(said[place].start)}, tried {said[place].within}" if place in values else ""

        base = self.design.space.base.name
        head = called(number).capitalize() + (" of a search" if number else "")
        head += f" from {base}, hash {config.hash}."
        left = [d.path for d in said.values() if d.option == ENABLED and values.get(d.place) is False]
        head += f"\nLeft out: {', '.join(left)}." if left else ""
        return Row(
            number=number,
            values=values,
            config_hash=config.hash,
            state=state,
            why=why,
            seeds=() if trial is None else trial.seeds,
            hours=0.0 if trial is None else trial.hours,
            metrics={} if trial is None else self._metrics(trial),
            toml=as_toml(config, head, note),
        )


def called(number: int) -> str:
    """How a row is called.

    >>> called(0), called(7)
    ('the configuration before the search', 'trial 7')
    """
    return f"trial {number}" if number else "the configuration before the search"


def changed(row: Row, study: Study) -> dict[str, Any]:
    """What a row says otherwise than the configuration before the search, by place."""
    start = study.design.space.start
    return {place: value for place, value in row.values.items() if value != start.get(place)}


def _shown(value: Any) -> str:
    return "–" if value is None else toml_value(value)


def signed(played: Sequence[Played], design: Design) -> FloatArray:
    """(S, M) the metrics of outcomes, signed so that more is better."""
    signs = [-1.0 if metric.less_is_better else 1.0 for metric in design.metrics]
    rows = [[p.metrics.get(metric.name, math.nan) for metric in design.metrics] for p in played]
    return np.array(rows) * signs


def spread(trials: Sequence[Trial], at_once: int) -> list[Trial]:
    """Trials cut by their seeds until there are as many as are played at once, where there are seeds enough.

    Seeds are played alone anyway: no result depends on it.
    """
    if not trials:
        return []
    parts = -(-at_once // len(trials))
    pieces = []
    for trial in trials:
        n = min(parts, len(trial.seeds))
        cuts = [len(trial.seeds) * i // n for i in range(n + 1)]
        pieces += [trial.on(trial.seeds[a:b]) for a, b in itertools.pairwise(cuts)]
    return pieces


def row_table(row: Row) -> dict[str, Any]:
    """A row as plain values; what is not known is None."""
    told = attrs.asdict(row)
    told["metrics"] = {name: v if math.isfinite(v) else None for name, v in row.metrics.items()}
    return told
