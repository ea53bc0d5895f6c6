"""An agent, and its rivals, on the embedded market."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from obmm.agent import Config, ConfigError, MarketMaker, Problem, preset_names, resolve
from obmm.lab.drive import Progress, described, drive
from obmm.lab.records import Run, RunWriter, describe_venue
from obmm.lab.score import MAIN_ERAS, RunScores
from obmm.lab.summary import summarise
from obmm.market import Feed
from obmm.settings.errors import did_you_mean
from obmm.settings.structure import structure
from obmm.settings.words import words
from obmm.sim import Rivals, Scenario, SimulatedMarket


@attrs.frozen(kw_only=True)
class Plan:
    """What to simulate.

    Attributes:
        config: The agent, uid 0.
        rivals: Pipelines of ours that compete, uids 1, 2, ….
        scenario: The market and its synthetic miners.
        books: Number of books.
        hours: Simulated time after the first state.
        seed: Seed of every random stream.
        response_ms: Real time an answer is taken to need, on top of nothing: a constant keeps runs
            repeatable, the agent's own time is measured beside it.
        threads: Threads of the market; None takes one per core.
        eras: Scoring eras to follow.
    """

    config: Config
    rivals: tuple[Config, ...] = ()
    scenario: Scenario
    books: int = 16
    hours: float = 3.0
    seed: int = 1
    response_ms: float = 100.0
    threads: int | None = None
    eras: tuple[str, ...] = MAIN_ERAS

    def __attrs_post_init__(self) -> None:
        problems = [
            Problem(name, f"must be {bound}, got {value}")
            for name, value, bound, good in (
                ("books", self.books, "at least 1", self.books >= 1),
                ("hours", self.hours, "a positive number", 0.0 < self.hours < math.inf),
                ("response_ms", self.response_ms, "at least 0", 0.0 <= self.response_ms < math.inf),
                ("threads", self.threads, "at least 1", self.threads is None or self.threads >= 1),
            )
            if not good
        ]
        if problems:
            raise ConfigError(problems)


def parse_rivals(tokens: Sequence[str], scenario: Scenario) -> tuple[Scenario, tuple[Config, ...]]:
    """The scenario and the competing pipelines that `--rivals` words ask for.

    `none` sends the synthetic miners home, `makers=4` or any other `name=value` changes their population, a
    preset's name or a TOML file adds a pipeline with an account of its own.

    Raises:
        ConfigError: A word is none of these, or a number is none that a population can have.
    """
    pipelines: list[Config] = []
    changes: dict[str, Any] = {}
    problems: list[Problem] = []
    for token in tokens:
        if token == "none":
            changes |= {"makers": 0, "takers": 0}
        elif "=" in token:
            changes |= dict(words([token]))
        elif token.endswith(".toml") or token in preset_names():
            pipelines.append(resolve(token))
        else:
            known = ["none", "makers=4", "takers=2", *preset_names()]
            problems.append(Problem(f"--rivals {token}", f"is no word of it; {did_you_mean(token, known)}"))
    population, complaints = structure(attrs.asdict(scenario.rivals) | changes, Rivals)
    for path, what in complaints:
        named = path or what.partition(" ")[0].strip("'")
        place = f"--rivals {named}={changes[named]}" if named in changes else "--rivals"
        problems.append(Problem(place, what))
    if problems:
        raise ConfigError(problems)
    return attrs.evolve(scenario, rivals=population), tuple(pipelines)


def simulate(plan: Plan, folder: Path, *, progress: Progress | None = None) -> dict[str, Any]:
    """Run `plan`, record it in `folder`, and return its summary as plain values.

    An interrupt from the keyboard ends the run early; what is done is kept and summarised.

    Returns:
        The summary of uid 0 with `config_hash`, `book_seconds_per_second` and `events_per_second`, and under
        `rivals` the summaries of the competing pipelines.
    """
    makers = {uid: MarketMaker(config) for uid, config in enumerate((plan.config, *plan.rivals))}
    feeds = frozenset({Feed.TAPE}).union(*(maker.feeds for maker in makers.values()))
    about: dict[str, Any] = {
        "kind": "simulate",
        "scenario": plan.scenario.name,
        "seed": plan.seed,
        "books": plan.books,
        "hours": plan.hours,
        "response_ms": plan.response_ms,
        "synthetic_rivals": attrs.asdict(plan.scenario.rivals),
        "accounts": described(makers),
        "config_hash": plan.config.hash,
    }
    market = SimulatedMarket(
        plan.scenario, books=plan.books, seed=plan.seed, miners=len(makers), feeds=feeds, threads=plan.threads
    )
    about["venue"] = describe_venue(market.venue)
    started = time.perf_counter()
    with market, RunWriter(folder, about) as writer:
        drive(
            market,
            market.states(plan.hours * 3600.0),
            makers,
            response_s=plan.response_ms / 1e3,
            writer=writer,
            scores=RunScores(plan.eras),
            progress=progress,
        )
        seconds = time.perf_counter() - started
        writer.finish(
            digest=market.digest(),
            wall_s=seconds,
            book_seconds_per_second=plan.books * market.time_ns / 1e9 / seconds,
            events_per_second=market.events / seconds,
        )
    return results(Run(folder))


def results(run: Run) -> dict[str, Any]:
    """The summary of a recorded run, as `simulate` returns it."""
    about = run.about
    accounts = about["accounts"]
    told = {
        "run": str(run.folder),
        "scenario": about["scenario"],
        "seed": about["seed"],
        "config": accounts["0"]["name"],
        "config_hash": about["config_hash"],
        "completed": about["completed"],
        "digest": about["digest"],
        "wall_s": about["wall_s"],
        "book_seconds_per_second": about["book_seconds_per_second"],
        "events_per_second": about["events_per_second"],
        **summarise(run, 0),
    }
    told["rejects"] = about["refused"]["0"]
    told["scores"] = about["scores"]["0"]
    told["stage_errors"] = about["stage_errors"]["0"]
    told["rivals"] = {
        uid: {"name": account["name"], "config_hash": account["config_hash"], **summarise(run, int(uid))}
        for uid, account in accounts.items()
        if uid != "0"
    }
    return told
