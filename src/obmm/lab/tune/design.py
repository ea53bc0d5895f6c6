"""What a study is: everything that decides the numbers it comes to."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import attrs

from obmm._version import __version__
from obmm.agent import ConfigError, Problem
from obmm.lab.trials import Metric, Trial
from obmm.lab.tune.ranges import Choice
from obmm.lab.tune.space import Space
from obmm.settings.travel import installed_digest

#: A first look is at a third of the hours, if that is still half an hour.
SHORT, LEAST_SHORT_H = 3.0, 0.5
#: Fewer seeds cannot settle anything at the level that `verdict` asks for.
LEAST_CONFIRM = 8


@attrs.frozen
class Rung:
    """How much of the market a candidate is shown before it is decided whether it goes on."""

    seeds: int
    hours: float

    def __str__(self) -> str:
        return f"{self.seeds} seeds × {self.hours:g} h"


def rungs_of(seeds: int, hours: float) -> tuple[Rung, ...]:
    """First a quarter of the seeds for a third of the hours, then half and all of the seeds in full.

    Runs of different length are not compared: the hours grow once, and what has been played in full is not
    played again.

    >>> [str(rung) for rung in rungs_of(8, 3.0)]
    ['2 seeds × 1 h', '4 seeds × 3 h', '8 seeds × 3 h']
    >>> [str(rung) for rung in rungs_of(2, 0.5)]
    ['2 seeds × 0.5 h']
    """
    short = hours / SHORT if hours / SHORT >= LEAST_SHORT_H else hours
    quarter, half = max(2, math.ceil(seeds / 4)), max(2, math.ceil(seeds / 2))
    rungs = (Rung(min(quarter, seeds), short), Rung(min(half, seeds), hours), Rung(seeds, hours))
    return tuple(rung for i, rung in enumerate(rungs) if rung not in rungs[:i])


@attrs.frozen(kw_only=True)
class Design:
    """A study: a space, a market with its tuning seeds, and what counts as better.

    Attributes:
        space: What may be changed.
        trial: The configuration before the search on the tuning seeds, for the full hours.
        metrics: What counts: the first alone, or all of several.
        trials: Candidates to try.
        confirm: Held-out seeds, on which what was found is played at the end.
        seed: Seed of the search itself.
        batch: Candidates that are asked for and raced together, whoever plays them: so nothing depends on the
            machine. Many keep many machines busy, few let the search learn sooner.
        rungs: What a candidate is shown, step by step; the last is all.

    Raises:
        ConfigError: A number that no study can have.
    """

    space: Space
    trial: Trial
    metrics: tuple[Metric, ...]
    trials: int
    confirm: int = 16
    seed: int = 1
    batch: int = 8
    rungs: tuple[Rung, ...] = attrs.field()

    @rungs.default
    def _usual(self) -> tuple[Rung, ...]:
        return rungs_of(len(self.trial.seeds), self.trial.hours)

    def __attrs_post_init__(self) -> None:
        problems = [
            Problem(name, f"must be {bound}, got {value}")
            for name, value, bound, good in (
                ("trials", self.trials, "at least 1", self.trials >= 1),
                ("batch", self.batch, "at least 1", self.batch >= 1),
                ("seeds", len(self.trial.seeds), "at least 2", len(self.trial.seeds) >= 2),
                ("confirm", self.confirm, f"at least {LEAST_CONFIRM}", self.confirm >= LEAST_CONFIRM),
                (
                    "metric",
                    " ".join(m.name for m in self.metrics),
                    "named once",
                    len({m.name for m in self.metrics}) == len(self.metrics) >= 1,
                ),
                (
                    "metric",
                    " ".join(m.name for m in self.metrics if m.neutral),
                    "one of which more, or less, is better",
                    not any(m.neutral for m in self.metrics),
                ),
            )
            if not good
        ]
        if problems:
            raise ConfigError(problems, of="the search")

    def at(self, config_trial: Trial, rung: Rung) -> Trial:
        """A candidate's trial at a rung."""
        return attrs.evolve(config_trial, seeds=self.trial.seeds[: rung.seeds], hours=rung.hours)

    def of(self, config: Any) -> Trial:
        """The trial of another configuration, on all tuning seeds for the full hours."""
        return attrs.evolve(self.trial, config=config)

    def identity(self) -> dict[str, Any]:
        """What must be the same for a study to go on: all but how many candidates are tried."""
        trial = self.trial
        return {
            "obmm": f"{__version__}, sources {installed_digest('obmm')}",
            "configuration": trial.config.hash,
            "space": {
                d.place: {
                    "range": _told(d.within),
                    "only": {p: sorted(map(str, v)) for p, v in d.only.items()},
                }
                for d in self.space.dimensions
            },
            "metrics": [metric.name for metric in self.metrics],
            "scenario": trial.scenario.name,
            "market": _digest(attrs.asdict(trial.scenario)),
            "rivals": [rival.hash for rival in trial.rivals],
            "books": trial.books,
            "hours": trial.hours,
            "seeds": list(trial.seeds),
            "response_ms": trial.response_ms,
            "eras": list(trial.eras),
            "confirm": self.confirm,
            "seed": self.seed,
            "batch": self.batch,
        }


def _told(within: Any) -> Any:
    if isinstance(within, Choice):
        return [list(v) if isinstance(v, tuple) else v for v in within.values]
    return attrs.asdict(within)


def _digest(table: Mapping[str, Any]) -> str:
    text = json.dumps(table, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
