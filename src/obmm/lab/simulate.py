"""An agent, and its rivals, on the embedded market."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from obmm.agent import Config, ConfigError, MarketMaker, Problem, preset_names, resolve
from obmm.lab.drive import Listener, Progress, described, drive, own_stages
from obmm.lab.fields import field_named, field_names
from obmm.lab.recorded import Run
from obmm.lab.records import RunWriter, describe_venue
from obmm.lab.scenario_table import described_scenario
from obmm.lab.score import RunScores, eras_of, no_eras
from obmm.lab.summary import summarise
from obmm.lab.trials.trial import MAX_HOURS
from obmm.market import Feed
from obmm.settings.errors import did_you_mean
from obmm.settings.structure import structure
from obmm.settings.words import words
from obmm.sim import Rivals, Scenario, SimulatedMarket
from obmm.sim.scenario import too_large


@attrs.frozen(kw_only=True)
class Plan:
    """What to simulate.

    Attributes:
        config: The agent, uid 0.
        rivals: Pipelines of ours that compete, uids 1, 2, ….
        scenario: The market and its synthetic miners.
        books: Number of books.
        hours: Simulated time after the first state, at most `MAX_HOURS`; a scenario may end before.
        seed: Seed of every random stream.
        response_ms: Real time an answer is taken to need, on top of nothing: a constant keeps runs
            repeatable. The agent's own time is measured beside it, and counts where it is longer throughout
            (`obmm.lab.watch.Charge`).
        threads: Threads of the market; None takes one per core.
        eras: Scoring eras to follow; the scenario's own if not given.
    """

    config: Config
    rivals: tuple[Config, ...] = ()
    scenario: Scenario
    books: int = 16
    hours: float = 3.0
    seed: int = 1
    response_ms: float = 100.0
    threads: int | None = None
    eras: tuple[str, ...] = attrs.field(
        default=attrs.Factory(lambda self: eras_of((), self.scenario), takes_self=True)
    )

    def __attrs_post_init__(self) -> None:
        problems = [
            Problem(name, f"must be {bound}, got {value}")
            for name, value, bound, good in (
                ("books", self.books, "at least 1", self.books >= 1),
                ("hours", self.hours, f"above 0 and at most {MAX_HOURS:,}", 0.0 < self.hours <= MAX_HOURS),
                ("response_ms", self.response_ms, "at least 0", 0.0 <= self.response_ms < math.inf),
                ("threads", self.threads, "at least 1", self.threads is None or self.threads >= 1),
            )
            if not good
        ]
        problems += no_eras(self.eras)
        if problems:
            raise ConfigError(problems)

    @property
    def hours_planned(self) -> float:
        """Hours that are simulated: what was asked for, or all that the scenario has from its first state."""
        venue = self.scenario.venue
        first_s = max(venue.grace_period_s, venue.publish_interval_s)
        return min(self.hours, (venue.duration_s - first_s + venue.publish_interval_s) / 3600.0)

    @property
    def cut(self) -> str:
        """Why fewer hours are simulated than were asked for, in words; empty where they are not.

        >>> from obmm.agent import resolve
        >>> from obmm.sim import Scenario
        >>> Plan(config=resolve("touch"), scenario=Scenario.load("taos-0.5.4"), hours=50.0).cut
        'the scenario lasts 24 h: 23.83 h are simulated after its first state, not 50'
        """
        if self.hours_planned >= self.hours:
            return ""
        lasts = f"the scenario lasts {self.scenario.venue.duration_s / 3600.0:.4g} h"
        return f"{lasts}: {self.hours_planned:.4g} h are simulated after its first state, not {self.hours:g}"


def parse_rivals(
    tokens: Sequence[str], scenario: Scenario, *, copied: bool = False
) -> tuple[Scenario, tuple[Config, ...]]:
    """The scenario and the competing pipelines that `--rivals` words ask for.

    A field (`none`, `crowd`) brings its population and its pipelines, `makers=4` or any other `name=value`
    changes the population, a preset's name or a TOML file adds a pipeline with an account of its own.

    Args:
        tokens: The words.
        scenario: The market whose own miners they change.
        copied: Whether the caller adds the copies of the agent that a field asks for.

    Raises:
        ConfigError: A word is none of these, a number is none that a population can have, or a field wants
            copies that nobody adds.
    """
    pipelines: list[Config] = []
    changes: dict[str, Any] = {}
    problems: list[Problem] = []
    for token in tokens:
        if token in field_names():
            field = field_named(token)
            changes |= field.population
            pipelines += field.pipelines()
            if field.copies and not copied:
                what = "is known to obmm compare only: name the agent here, as often as it should compete"
                problems.append(Problem(f"--rivals {token}", what))
        elif "=" in token:
            changes |= dict(words([token]))
        elif token.endswith(".toml") or token in preset_names():
            pipelines.append(resolve(token))
        else:
            known = [*field_names(), "makers=4", "takers=2", *preset_names()]
            problems.append(Problem(f"--rivals {token}", f"is no word of it; {did_you_mean(token, known)}"))
    for flag in (f.name for f in attrs.fields(Rivals) if f.type in (bool, "bool")):
        if changes.get(flag) in (0.0, 1.0):
            changes[flag] = bool(changes[flag])
    population, complaints = structure(attrs.asdict(scenario.rivals) | changes, Rivals)
    complaints += [(name, "must be finite and below 1e9") for name in too_large(changes)]
    for path, what in complaints:
        named = path or what.partition(" ")[0].strip("'")
        place = f"--rivals {named}={changes[named]}" if named in changes else "--rivals"
        problems.append(Problem(place, what))
    if problems:
        raise ConfigError(problems)
    return attrs.evolve(scenario, rivals=population), tuple(pipelines)


def simulate(
    plan: Plan,
    folder: Path,
    *,
    force: bool = False,
    progress: Progress | None = None,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Run `plan`, record it in `folder`, and return its summary as plain values.

    An interrupt ends the run early; what is done is kept and summarised. So it is when the disk is full.

    Args:
        plan: What to simulate.
        folder: Where to record it.
        force: Whether a run that lies there is replaced.
        progress: Told of each state with the simulated seconds done.
        listener: Told of each decision, with the uid that made it.

    Returns:
        The summary of uid 0 with `config_hash`, `book_seconds_per_second` and `events_per_second`, and under
        `rivals` the summaries of the competing pipelines. `unwritten` says which file of the records could
        not be written, and why.

    Raises:
        InUse: Another process records a run in `folder`.
        FileExistsError: `folder` holds a run and `force` is not given, or files that are no run.
        EmptyRun: The run ended before its first state.
    """
    makers = {uid: MarketMaker(config) for uid, config in enumerate((plan.config, *plan.rivals))}
    feeds = frozenset({Feed.TAPE}).union(*(maker.feeds for maker in makers.values()))
    # The folder is asked for first: what starts a market may take a minute.
    with (
        RunWriter(folder, force) as writer,
        SimulatedMarket(
            plan.scenario,
            books=plan.books,
            seed=plan.seed,
            miners=len(makers),
            feeds=feeds,
            threads=plan.threads,
        ) as market,
    ):
        writer.start(
            {
                "kind": "simulate",
                "scenario": plan.scenario.name,
                "era": plan.scenario.era,
                "seed": plan.seed,
                "books": plan.books,
                "hours_planned": plan.hours_planned,
                "response_ms": plan.response_ms,
                "synthetic_rivals": attrs.asdict(plan.scenario.rivals),
                **described_scenario(plan.scenario),
                "accounts": described(makers),
                "config_hash": plan.config.hash,
                "venue": describe_venue(market.venue),
            },
            own_stages(makers),
        )
        begun = 0

        def look(done_s: float) -> None:
            nonlocal begun
            begun = begun or market.events
            if progress is not None:
                progress(done_s)

        def ending(simulated_s: float, real_s: float) -> dict[str, Any]:
            real_s = max(real_s, 1e-9)
            return {
                "digest": market.digest(),
                "wall_s": real_s,
                "book_seconds_per_second": plan.books * simulated_s / real_s,
                "events_per_second": (market.events - begun) / real_s,
            }

        drive(
            market,
            market.states(plan.hours_planned * 3600.0),
            makers,
            response_s=plan.response_ms / 1e3,
            writer=writer,
            scores=RunScores(plan.eras),
            progress=look,
            listener=listener,
            ending=ending,
        )
    run = Run(folder) if writer.unwritten is None else Run(folder, writer.tail())
    return results(run) | {"unwritten": writer.problem}


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
        "ended": about["ended"],
        "hours_planned": about["hours_planned"],
        "digest": about["digest"],
        "wall_s": about["wall_s"],
        "book_seconds_per_second": about["book_seconds_per_second"],
        "events_per_second": about["events_per_second"],
        **summarise(run, 0),
    }
    told["rejects"] = about["refused"]["0"]
    told["scores"] = about["scores"]["0"]
    told["stage_errors"] = about["stage_errors"]["0"]
    told["charged"] = about["charged"]["0"]
    told["rivals"] = {
        uid: {"name": account["name"], "config_hash": account["config_hash"], **summarise(run, int(uid))}
        for uid, account in accounts.items()
        if uid != "0"
    }
    return told
