"""A trial played: one seed after the other, nothing written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from obmm.agent import MarketMaker
from obmm.lab.score import RunScores
from obmm.lab.trials.gather import Gather
from obmm.lab.trials.outcome import Outcome
from obmm.lab.trials.trial import Trial
from obmm.market import Feed
from obmm.settings.books import select_books
from obmm.sim import SimulatedMarket


def play(
    trial: Trial, progress: Callable[[float], None] | None = None, *, threads: int | None = None
) -> tuple[Outcome, ...]:
    """What becomes of `trial` on each of its seeds, in their order.

    Args:
        trial: What to play.
        progress: Told now and then which share of the trial is done; what it raises ends the trial.
        threads: Threads of the market; None takes one per core. They change no result.
    """
    outcomes = []
    for number, seed in enumerate(trial.seeds):

        def look(share: float, number: int = number) -> None:
            if progress is not None:
                progress((number + share) / len(trial.seeds))

        outcomes.append(_one(trial, seed, look, threads))
    return tuple(outcomes)


def _one(trial: Trial, seed: int, look: Callable[[float], None], threads: int | None) -> Outcome:
    makers = {uid: MarketMaker(config) for uid, config in enumerate((trial.config, *trial.rivals))}
    feeds = frozenset[Feed]().union(*(maker.feeds for maker in makers.values()))
    scores = RunScores(trial.eras) if trial.eras else None
    if scores is not None:
        feeds |= {Feed.TAPE}
    gather = Gather()
    with SimulatedMarket(
        trial.scenario, books=trial.books, seed=seed, miners=len(makers), feeds=feeds, threads=threads
    ) as market:
        first_ns = 0
        for seen in market.states(trial.seconds):
            if scores is not None:
                scores.observe(seen)
            for uid, maker in makers.items():
                market.submit(uid, maker.decide(seen[uid]).orders, trial.response_ms / 1e3)
            gather.add(seen[0])
            first_ns = first_ns or seen[0].time_ns
            look((seen[0].time_ns - first_ns) / (1e9 * trial.seconds))
        maker, book_ids = makers[0], market.venue.book_ids
        pipeline = np.zeros(trial.books, dtype=np.int64)
        for i, assignment in enumerate(trial.config.assign, start=1):
            pipeline[select_books(assignment.selector, book_ids)] = i
        return gather.outcome(
            seed=seed,
            config_hash=trial.config.hash,
            digest=market.digest(),
            asset=trial.scenario.asset_of_book(trial.books),
            pipeline=pipeline,
            scores={} if scores is None else {e: told["figures"] for e, told in scores.told(0).items()},
            failed=maker.errors,
            fault=maker.faults[0].first if maker.faults else "",
        )
