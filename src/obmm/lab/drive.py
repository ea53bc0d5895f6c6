"""Agents answering a market, recorded and scored: the loop that simulations and replays share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import attrs

from obmm.agent import Config, Decision, MarketMaker
from obmm.agent.config import StageSpec
from obmm.lab.interrupt import interruptible
from obmm.lab.recorded import PLANNED
from obmm.lab.records import RunWriter
from obmm.lab.score import RunScores
from obmm.lab.watch import Charge, lifted_books
from obmm.market import MarketState, Orders
from obmm.risk import DrawdownStop
from obmm.settings.modules import own_sources

#: Called after each state with the simulated seconds done.
Progress = Callable[[float], None]
#: Called with each decision and the uid that made it.
Listener = Callable[[int, Decision], None]


class Market(Protocol):
    """What takes answers: the embedded market, or a replayed recording."""

    @property
    def uids(self) -> Sequence[int]: ...

    def submit(self, uid: int, orders: Orders, response_s: float = 0.0) -> None: ...

    def rejects(self, uid: int) -> Mapping[str, int]: ...


@attrs.define
class _Tally:
    """What a run counts of its accounts while it goes on."""

    market: Market
    makers: Mapping[int, MarketMaker]
    scores: RunScores
    charges: Mapping[int, Charge]
    answered: int = 0
    stops: dict[int, int] = attrs.field(init=False)
    lifted: dict[int, int] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.stops, self.lifted = dict.fromkeys(self.makers, 0), dict.fromkeys(self.makers, 0)

    def count(self, uid: int, decision: Decision) -> None:
        """Take in one decision."""
        for step in decision.steps:
            self.stops[uid] += sum(isinstance(news, DrawdownStop) for news in step.news)
            self.lifted[uid] += lifted_books(step)

    def told(self) -> dict[str, Any]:
        """As `run.json` tells it."""
        uids = self.makers
        return {
            "states": self.answered,
            "scores": {str(uid): self.scores.told(uid) for uid in uids},
            "stage_errors": {str(uid): maker.errors for uid, maker in uids.items()},
            "refused": {str(uid): dict(self.market.rejects(uid)) for uid in uids},
            "drawdown_stops": {str(uid): self.stops[uid] for uid in uids},
            "lifted": {str(uid): self.lifted[uid] for uid in uids},
            "charged": {str(uid): self.charges[uid].as_dict() for uid in uids},
        }


def drive(
    market: Market,
    states: Iterable[Mapping[int, MarketState]],
    makers: Mapping[int, MarketMaker],
    *,
    response_s: float,
    writer: RunWriter,
    scores: RunScores,
    progress: Progress | None = None,
    listener: Listener | None = None,
    ending: Callable[[float, float], Mapping[str, Any]] | None = None,
) -> None:
    """Answer every state with every maker, record and score; an interrupt ends the run, not its records.

    Args:
        market: What takes the answers.
        states: What it publishes, by uid.
        makers: The agents by uid.
        response_s: Real time an answer is taken to need; an agent that is slower throughout is charged its
            own time (`obmm.lab.watch.Charge`).
        writer: Where it is recorded; the run ends early when it cannot write any more.
        scores: What scores it.
        progress: Told of each state.
        listener: Told of each decision.
        ending: Asked at the end for more to be recorded, with the simulated and the real seconds since the
            first state was answered: what came before it was the market's start.
    """
    first_ns: int | None = None
    started_s = time.perf_counter()
    done_s, ended = 0.0, PLANNED
    tally = _Tally(market, makers, scores, {uid: Charge(response_s) for uid in makers})
    with interruptible() as interrupted:
        for seen in states:
            decisions = {}
            for uid, maker in makers.items():
                decision = decisions[uid] = maker.decide(seen[uid])
                market.submit(uid, decision.orders, tally.charges[uid].of(decision.elapsed_ms / 1e3))
                tally.count(uid, decision)
                if listener is not None:
                    listener(uid, decision)
            now_ns = seen[market.uids[0]].time_ns
            if first_ns is None:
                first_ns, started_s = now_ns, time.perf_counter()
            done_s = (now_ns - first_ns) / 1e9
            try:
                if progress is not None:
                    progress(done_s)
                ended = interrupted()
            finally:
                # What was answered is recorded, whatever happens. A thread that did this while the market
                # runs on would take longer: what both need is the interpreter and the caches of a core.
                scores.observe(dict(seen))
                writer.add(seen, decisions)
            tally.answered += 1
            if writer.due:
                writer.add_scores(scores.take())
                writer.close_part(**tally.told())
            # Nothing is published beyond the state that is the last one.
            if ended := ended or ("disk" if writer.unwritten is not None else ""):
                break
        writer.add_scores(scores.take())
        more = {} if ending is None else ending(done_s, time.perf_counter() - started_s)
        writer.end(ended or PLANNED, **tally.told(), **more)


def _signals(config: Config) -> tuple[StageSpec, ...]:
    """The signals of all pipelines of a configuration."""
    return config.signals + tuple(spec for a in config.assign for spec in _signals(a.config))


def own_stages(makers: Mapping[int, MarketMaker]) -> dict[str, bytes]:
    """The files of the users' own stages by their paths, in a folder for each account."""
    found: dict[str, bytes] = {}
    for uid, maker in makers.items():
        configs = (maker.config, *(a.config for a in maker.config.assign))
        for spec in (spec for config in configs for spec in config.all_specs):
            sources = own_sources(spec.cls)
            for path, file in {} if sources is None else sources.files.items():
                found[f"{uid}/{path}"] = file.read_bytes()
    return found


def described(makers: Mapping[int, MarketMaker]) -> dict[str, Any]:
    """The accounts of a run, as `run.json` tells them."""
    return {
        str(uid): {
            "name": maker.config.name,
            "config_hash": maker.config.hash,
            "config": maker.config.as_table(),
            "pipelines": [
                {"name": maker.config.name, "config_hash": maker.config.hash, "books": "all"},
                *(
                    {"name": a.config.name, "config_hash": a.config.hash, "books": a.selector}
                    for a in maker.config.assign
                ),
            ],
            "units": {spec.name: str(getattr(spec.cls, "unit", "")) for spec in _signals(maker.config)},
        }
        for uid, maker in makers.items()
    }
