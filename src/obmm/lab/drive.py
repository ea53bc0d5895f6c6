"""Agents answering a market, recorded and scored: the loop that simulations and replays share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from obmm.agent import Decision, MarketMaker
from obmm.lab.interrupt import interruptible
from obmm.lab.records import RunWriter
from obmm.lab.score import RunScores
from obmm.market import MarketState, Orders

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
) -> None:
    """Answer every state with every maker, record and score; an interrupt ends the run, not its records."""
    first_ns: int | None = None
    completed = True
    stops, lifted = dict.fromkeys(makers, 0), dict.fromkeys(makers, 0)
    with interruptible() as interrupted:
        for seen in states:
            scores.observe(dict(seen))
            one = seen[market.uids[0]]
            writer.market(one)
            for uid, maker in makers.items():
                decision = maker.decide(seen[uid])
                market.submit(uid, decision.orders, response_s)
                writer.account(seen[uid], decision)
                stops[uid] += sum(change.stopped for step in decision.steps for change in step.transitions)
                lifted[uid] += sum(int(step.lifted.sum()) for step in decision.steps)
                if listener is not None:
                    listener(uid, decision)
            first_ns = one.time_ns if first_ns is None else first_ns
            if progress is not None:
                progress((one.time_ns - first_ns) / 1e9)
            if interrupted():
                completed = False
                break
    writer.scores(scores.table())
    writer.finish(
        completed=completed,
        scores={str(uid): scores.told(uid) for uid in makers},
        stage_errors={str(uid): maker.errors for uid, maker in makers.items()},
        refused={str(uid): dict(market.rejects(uid)) for uid in makers},
        drawdown_stops={str(uid): count for uid, count in stops.items()},
        lifted={str(uid): count for uid, count in lifted.items()},
    )


def described(makers: Mapping[int, MarketMaker]) -> dict[str, Any]:
    """The accounts of a run, as `run.json` tells them."""
    return {
        str(uid): {
            "name": maker.config.name,
            "config_hash": maker.config.hash,
            "config": maker.config.as_table(),
        }
        for uid, maker in makers.items()
    }
