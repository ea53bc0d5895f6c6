"""Studies whose outcomes are drawn, not simulated: the search, the race and the verdict are the real ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from obmm.agent import Config, resolve
from obmm.lab.trials import Ledger, Outcome, Trial, looking_seeds, metric_named
from obmm.lab.trials.executor import Done
from obmm.lab.tune.design import Design
from obmm.lab.tune.folder import StudyFolder
from obmm.lab.tune.read_space import read_space
from obmm.lab.tune.result import Result, finished
from obmm.lab.tune.space import Space
from obmm.lab.tune.study import Study
from obmm.sim import Scenario

SCENARIO = Scenario.load("taos-0.5.4")

#: What a configuration earns on a seed, and its drawdown.
Earns = Callable[[Config, str, int, float], dict[str, float]]


def random_of(*what: object) -> np.random.Generator:
    """Random numbers that belong to `what`."""
    return np.random.default_rng(int(hashlib.sha256(repr(what).encode()).hexdigest()[:15], 16))


def noise(study: int) -> Earns:
    """Every configuration earns what its seed brings, and luck of its own: none is better than another."""

    def earns(config: Config, name: str, seed: int, hours: float) -> dict[str, float]:
        market, own = random_of(study, seed, hours).normal(), random_of(study, name, seed, hours)
        return {"pnl_per_book_hour": market + own.normal(), "max_drawdown": 5.0 + market - own.normal()}

    return earns


@attrs.define
class Drawn:
    """An executor whose outcomes are drawn; it counts what it was asked for."""

    earns: Earns
    asked: list[Trial] = attrs.field(factory=list)
    after: Callable[[int], None] | None = None
    at_once: int = 1

    def run(self, trials: Sequence[Trial], done: Done) -> None:
        for number, trial in enumerate(trials):
            self.asked.append(trial)
            config = trial.config.hash
            done(number, tuple(outcome(trial, seed, config, self.earns) for seed in trial.seeds))
            if self.after is not None:
                self.after(len(self.asked))


def outcome(trial: Trial, seed: int, config_hash: str, earns: Earns) -> Outcome:
    """A drawn outcome."""
    return Outcome(
        seed=seed,
        config_hash=config_hash,
        digest="drawn",
        hours=trial.hours,
        states=100,
        metrics=earns(trial.config, config_hash, seed, trial.hours),
        books={},
        curves={"time_s": np.array([0.0, 60.0]), "pnl": np.array([0.0, 1.0])},
        markouts={},
        scores={},
    )


#: A pipeline of few stages: outcomes are drawn, and what is built is built quickly.
SMALL = """
[[gates]]
kind = "inventory"
max_inventory_pct = 0.3

[builder]
kind = "touch"
size_base = 0.5
min_edge_bps = 2
inside_ticks = 0

[placer]
kind = "amend"
"""


def space(folder: Path, *words: str) -> Space:
    """What may be changed of a small pipeline, whose file is written into `folder`."""
    (folder / "small.toml").write_text(SMALL)
    return read_space(folder / "small.toml", resolve(folder / "small.toml"), words)


def design(of: Space, **changes: Any) -> Design:
    """Sixteen candidates on eight seeds of three hours."""
    metrics = changes.pop("metrics", ("pnl_per_book_hour",))
    given = {"trials": 16, "confirm": 16, "seed": 1} | changes
    trial = Trial(config=of.base, scenario=SCENARIO, books=4, hours=3.0, seeds=looking_seeds(8))
    return Design(space=of, trial=trial, metrics=tuple(map(metric_named, metrics)), **given)


def studied(
    folder: Path, of: Design, executor: Any, *, resume: bool = False, force: bool = False
) -> tuple[Study, Result]:
    """A study run to its end."""
    opened = StudyFolder.open(folder, of.identity(), resume=resume, force=force)
    try:
        study = Study(of, opened, executor)
        return study, finished(study, Ledger.beside(folder))
    finally:
        opened.close()
