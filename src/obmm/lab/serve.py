"""The embedded market for agents that live elsewhere: played, scored and recorded like a simulation."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Protocol

import attrs
import numpy as np

from obmm.agent import Config, ConfigError, Decision, MarketMaker, Problem
from obmm.lab.drive import Progress, described
from obmm.lab.interrupt import interruptible
from obmm.lab.recorded import PLANNED, Run
from obmm.lab.records import RunWriter, describe_venue
from obmm.lab.score import MAIN_ERAS, RunScores
from obmm.lab.summary import summarise
from obmm.lab.trials.trial import MAX_HOURS
from obmm.lab.watch import Charge, lifted_books
from obmm.market import Feed, MarketState, Orders
from obmm.risk import DrawdownStop
from obmm.sim import Scenario, SimulatedMarket

#: Real seconds between two looks at whether somebody asked to end.
_LOOK_S = 0.1


class Answered(Protocol):
    """What became of asking one agent."""

    @property
    def orders(self) -> Orders | None:
        """What passed the gates; None where no valid answer came."""

    @property
    def took_s(self) -> float:
        """Real time the agent took, seconds."""


class Asker(Protocol):
    """Whoever brings states to agents and their answers back; agents have the uids from 0 on."""

    @property
    def uids(self) -> Sequence[int]: ...

    def ask(self, states: Mapping[int, MarketState], /) -> Mapping[int, Answered]:
        """Ask all agents at once; never raises for what an agent does."""

    def tell(self, event: Mapping[str, Any], /) -> None:
        """Tell all agents of an event of the simulation."""

    def told(self) -> Mapping[int, Mapping[str, Any]]:
        """What was counted of each agent: `agent`, `asked`, `answered`, `dropped`, `problems`."""


@attrs.frozen(kw_only=True)
class Serving:
    """A market to serve.

    Attributes:
        scenario: The market and its synthetic miners.
        pipelines: Agents of ours that compete in this process, with the uids after those of the others.
        books: Number of books.
        hours: Simulated time after the first state.
        seed: Seed of every random stream.
        clock_s: Simulated time that passes before the first state, beyond the grace period.
        response_ms: Real time that answers are said to have taken; None for what they took, which no two
            runs have in common.
        realtime: Whether a simulated second takes at least a real one.
        threads: Threads of the market; None takes one per core.
        eras: Scoring eras to follow.
    """

    scenario: Scenario
    pipelines: tuple[Config, ...] = ()
    books: int = 16
    hours: float = 1.0
    seed: int = 1
    clock_s: float = 0.0
    response_ms: float | None = None
    realtime: bool = False
    threads: int | None = None
    eras: tuple[str, ...] = MAIN_ERAS

    def __attrs_post_init__(self) -> None:
        problems = []
        if self.books < 1:
            problems.append(Problem("books", f"must be at least 1, got {self.books}"))
        if not 0.0 < self.hours <= MAX_HOURS:
            problems.append(Problem("hours", f"must be above 0 and at most {MAX_HOURS:,}, got {self.hours}"))
        if problems:
            raise ConfigError(problems)

    @property
    def hours_planned(self) -> float:
        """Hours that are served: what was asked for, or all that the scenario has from its first state."""
        venue = self.scenario.venue
        first_s = max(venue.grace_period_s, venue.publish_interval_s) + self.clock_s
        return min(self.hours, max(venue.duration_s - first_s + venue.publish_interval_s, 0.0) / 3600.0)

    @property
    def cut(self) -> str:
        """Why fewer hours are served than were asked for, in words; empty where they are not."""
        if self.hours_planned >= self.hours:
            return ""
        lasts = f"the scenario lasts {self.scenario.venue.duration_s / 3600.0:.4g} h"
        return f"{lasts}: {self.hours_planned:.4g} h are served after its first state, not {self.hours:g}"


@attrs.frozen(kw_only=True)
class Job:
    """One market with those that ask for it, and where it is recorded."""

    serving: Serving
    asker: Asker
    folder: Path
    about: Mapping[str, Any] = attrs.field(factory=dict)


def serve(
    jobs: Sequence[Job], *, force: bool = False, progress: Progress | None = None
) -> list[dict[str, Any]]:
    """Serve all markets at once, each in a thread of its own, and return their summaries as plain values.

    An interrupt ends all of them early; what is done is kept and summarised.

    Args:
        jobs: The markets.
        force: Whether runs that lie in the folders are replaced.
        progress: Told of each state of the first market with the simulated seconds done.

    Returns:
        Of each market `agents`, one entry per account (`uid`, `agent`, `answered`, `dropped`, `rejects`,
        `fills`, `pnl_per_book_hour`, `scores`, `respond_ms` …), and what is known of the run.

    Raises:
        InUse: Another process records a run in a folder.
        FileExistsError: A folder holds a run and `force` is not given, or files that are no run.
        EmptyRun: A run ended before its first state.
    """
    with interruptible() as asked:
        if len(jobs) == 1:
            return [_serve(jobs[0], asked, force, progress)]
        failed = threading.Event()

        def ended() -> str:
            return asked() or ("a market beside it failed" if failed.is_set() else "")

        def one(job: Job) -> dict[str, Any]:
            try:
                return _serve(job, ended, force, progress if job is jobs[0] else None)
            except BaseException:
                failed.set()
                raise

        with ThreadPoolExecutor(len(jobs)) as pool:
            futures = [pool.submit(one, job) for job in jobs]
            # Signals are dealt with between two waits.
            while wait(futures, timeout=_LOOK_S).not_done:
                pass
            return [future.result() for future in futures]


def _serve(job: Job, asked: Callable[[], str], force: bool, progress: Progress | None) -> dict[str, Any]:
    serving, asker = job.serving, job.asker
    first = len(asker.uids)
    makers = {first + i: MarketMaker(config) for i, config in enumerate(serving.pipelines)}
    with (
        RunWriter(job.folder, force) as writer,
        SimulatedMarket(
            serving.scenario,
            books=serving.books,
            seed=serving.seed,
            miners=first + len(makers),
            feeds=frozenset({Feed.TAPE}).union(*(maker.feeds for maker in makers.values())),
            threads=serving.threads,
        ) as market,
    ):
        strangers = {
            str(uid): {"name": told["agent"], "config_hash": "", "config": {"stages": [], "books": []}}
            for uid, told in asker.told().items()
        }
        writer.start(
            {
                "kind": "serve-market",
                "scenario": serving.scenario.name,
                "era": serving.scenario.era,
                "seed": serving.seed,
                "books": serving.books,
                "hours_planned": serving.hours_planned,
                "synthetic_rivals": attrs.asdict(serving.scenario.rivals),
                "accounts": strangers | described(makers),
                "venue": describe_venue(market.venue),
                **({} if serving.response_ms is None else {"response_ms": serving.response_ms}),
                **job.about,
            }
        )
        _Loop(serving, asker, market, makers, writer).run(asked, progress)
    run = Run(job.folder) if writer.unwritten is None else Run(job.folder, writer.tail())
    return results(run) | {"unwritten": writer.problem}


@attrs.define
class _Loop:
    """One market on its way."""

    serving: Serving
    asker: Asker
    market: SimulatedMarket
    makers: Mapping[int, MarketMaker]
    writer: RunWriter
    scores: RunScores = attrs.field(init=False)
    stops: Counter[int] = attrs.field(factory=Counter)
    lifted: Counter[int] = attrs.field(factory=Counter)
    charges: dict[int, Charge] = attrs.field(init=False)
    states: int = 0

    def __attrs_post_init__(self) -> None:
        self.scores = RunScores(self.serving.eras)
        constant_s = (self.serving.response_ms or 0.0) / 1e3
        self.charges = {uid: Charge(constant_s) for uid in self.makers}

    def run(self, asked: Callable[[], str], progress: Progress | None) -> None:
        """Serve state after state until the end, or until somebody asks for it."""
        market, writer = self.market, self.writer
        if self.serving.clock_s:
            grace_s = self.serving.scenario.venue.grace_period_s
            market.run(grace_s + self.serving.clock_s)
        first_ns, started_s, ended = 0, time.perf_counter(), PLANNED
        self.asker.tell({"y": "ESS", "t": market.time_ns, "a": None, "l": None})
        done_s = 0.0
        for seen in market.states(self.serving.hours_planned * 3600.0):
            now_ns = market.time_ns
            if not self.states:
                first_ns, started_s = now_ns, time.perf_counter()
            done_s = (now_ns - first_ns) / 1e9
            if self.serving.realtime:
                _sleep_until(started_s + done_s, asked)
            self._answer(seen)
            if writer.due:
                writer.add_scores(self.scores.take())
                writer.close_part(**self._told())
            if progress is not None:
                progress(done_s)
            if early := asked() or ("disk" if writer.unwritten is not None else ""):
                ended = early
                break
        self.asker.tell({"y": "ESE", "t": market.time_ns, "a": None})
        writer.add_scores(self.scores.take())
        wall_s = max(time.perf_counter() - started_s, 1e-9)
        speed = self.serving.books * done_s / wall_s
        writer.end(
            ended, **self._told(), digest=market.digest(), wall_s=wall_s, book_seconds_per_second=speed
        )

    def _answer(self, seen: Mapping[int, MarketState]) -> None:
        """Ask everybody, hand on what passed, record and score."""
        self.scores.observe(dict(seen))
        decisions: dict[int, Decision] = {}
        for uid, answered in self.asker.ask({uid: seen[uid] for uid in self.asker.uids}).items():
            if answered.orders is None:
                continue
            constant_ms = self.serving.response_ms
            charged_s = answered.took_s if constant_ms is None else constant_ms / 1e3
            self.market.submit(uid, answered.orders, charged_s)
            decisions[uid] = _decision(seen[uid], answered)
        for uid, maker in self.makers.items():
            decision = decisions[uid] = maker.decide(seen[uid])
            self.market.submit(uid, decision.orders, self.charges[uid].of(decision.elapsed_ms / 1e3))
            self.stops[uid] += sum(isinstance(news, DrawdownStop) for news in decision.news)
            self.lifted[uid] += sum(map(lifted_books, decision.steps))
        self.writer.add(seen, decisions)
        self.states += 1

    def _told(self) -> dict[str, Any]:
        """What `run.json` tells of the run so far."""
        uids = self.market.uids
        nothing = dict.fromkeys(map(str, uids), 0)
        errors = {str(uid): maker.errors for uid, maker in self.makers.items()}
        uncharged = {str(uid): Charge(0.0).as_dict() for uid in uids}
        return {
            "states": self.states,
            "agents": {str(uid): dict(told) for uid, told in self.asker.told().items()},
            "scores": {str(uid): self.scores.told(uid) for uid in uids},
            "stage_errors": nothing | errors,
            "refused": {str(uid): dict(self.market.rejects(uid)) for uid in uids},
            "drawdown_stops": {str(uid): self.stops[uid] for uid in uids},
            "lifted": {str(uid): self.lifted[uid] for uid in uids},
            "charged": uncharged | {str(uid): charge.as_dict() for uid, charge in self.charges.items()},
        }


def _decision(state: MarketState, answered: Answered) -> Decision:
    """An answer from elsewhere as records tell it: instructions without the reasons behind them."""
    assert answered.orders is not None
    unknown = np.zeros(state.n_books, dtype=np.int64)
    return Decision(
        state=state,
        orders=answered.orders,
        steps=(),
        bid_reason=unknown,
        ask_reason=unknown,
        elapsed_ms=answered.took_s * 1e3,
        config_hash="",
    )


def _sleep_until(when_s: float, asked: Callable[[], str]) -> None:
    """Wait for a moment of `time.perf_counter`, or until somebody asks to end."""
    while (left_s := when_s - time.perf_counter()) > 0.0 and not asked():
        time.sleep(min(left_s, _LOOK_S))


def results(run: Run) -> dict[str, Any]:
    """The summary of a served market, as `serve` returns it."""
    about = run.about
    known = (
        *("scenario", "seed", "books", "hours_planned", "completed", "ended", "states", "digest", "wall_s"),
        *("book_seconds_per_second", "validator", "wire", "wire_version"),
    )
    told: dict[str, Any] = {"run": str(run.folder)}
    told |= {name: about[name] for name in known if name in about}
    told["simulation_id"] = about["venue"]["simulation_id"]
    told["agents"] = [_account(run, int(uid)) for uid in about["accounts"]]
    told["hours"] = told["agents"][0]["hours"] if told["agents"] else 0.0
    return told


def _account(run: Run, uid: int) -> dict[str, Any]:
    about, key = run.about, str(uid)
    summary = summarise(run, uid)
    counted = about["agents"].get(key)
    if counted is None:
        # One of ours: it is asked for every state and always answers.
        states = about["states"]
        name = about["accounts"][key]["name"]
        counted = {"agent": name, "asked": states, "answered": states, "dropped": {}, "problems": []}
    figures = (
        *("hours", "fills", "traded_quote", "pnl", "pnl_endowment", "pnl_per_book_hour", "fees"),
        *("orders_posted", "win_rate", "maker_share", "respond_ms"),
    )
    return {
        "uid": uid,
        **counted,
        "rejects": about["refused"][key],
        **{name: summary[name] for name in figures},
        "scores": about["scores"][key],
    }
