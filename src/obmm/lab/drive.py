"""Agents answering a market, recorded and scored: the loop that simulations and replays share."""

from __future__ import annotations

import functools
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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

#: States that may wait to be scored and recorded.
_MOST_BEHIND = 64
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

    def scored(self) -> dict[str, Any]:
        """What the scores are, as `run.json` tells it."""
        return {"scores": {str(uid): self.scores.told(uid) for uid in self.makers}}

    def counted(self) -> dict[str, Any]:
        """All the rest that it tells."""
        uids = self.makers
        return {
            "states": self.answered,
            "stage_errors": {str(uid): maker.errors for uid, maker in uids.items()},
            "refused": {str(uid): dict(self.market.rejects(uid)) for uid in uids},
            "drawdown_stops": {str(uid): self.stops[uid] for uid in uids},
            "lifted": {str(uid): self.lifted[uid] for uid in uids},
            "charged": {str(uid): self.charges[uid].as_dict() for uid in uids},
        }


class _Behind:
    """What is done with states while the market runs to the next ones, in the order in which it is given.

    A market runs without the interpreter's lock, so that this takes a second core, if there is one. What it
    raises is raised by the next call.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="obmm-behind")
        self._waiting: deque[Future[None]] = deque()

    def do(self, work: Callable[[], None]) -> Future[None]:
        """Have `work` done after what was given before; wait if that is much."""
        while self._waiting and (len(self._waiting) >= _MOST_BEHIND or self._waiting[0].done()):
            self._waiting.popleft().result()
        future = self._pool.submit(work)
        self._waiting.append(future)
        return future

    def finish(self) -> None:
        """Wait until all is done."""
        while self._waiting:
            self._waiting.popleft().result()

    def __enter__(self) -> _Behind:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()


_DONE: Future[None] = Future()
_DONE.set_result(None)


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
    taken = closing = _DONE

    def take_in(seen: Mapping[int, MarketState], decisions: Mapping[int, Decision]) -> None:
        try:
            scores.observe(seen)
        finally:
            writer.add(seen, decisions)

    def close(counted: Mapping[str, Any]) -> None:
        writer.add_scores(scores.take())
        writer.close_part(**counted, **tally.scored())

    with interruptible() as interrupted, _Behind() as behind:
        for seen in states:
            if closing.done():
                taken.result()  # What is measured of an answer is the answer's own.
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
            tally.answered += 1
            try:
                if progress is not None:
                    progress(done_s)
                ended = interrupted()
            finally:
                # What was answered is recorded, whatever happens.
                taken = behind.do(functools.partial(take_in, dict(seen), decisions))
            if writer.due and closing.done():
                closing = behind.do(functools.partial(close, tally.counted()))
            # Nothing is published beyond the state that is the last one.
            if ended := ended or ("disk" if writer.unwritten is not None else ""):
                break
        behind.finish()
        writer.add_scores(scores.take())
        more = {} if ending is None else ending(done_s, time.perf_counter() - started_s)
        writer.end(ended or PLANNED, **tally.counted(), **tally.scored(), **more)


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
