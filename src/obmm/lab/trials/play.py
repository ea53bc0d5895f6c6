"""A trial played, nothing written: its seeds as wide markets, each to the last bit what it is alone."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from obmm.agent import Config, MarketMaker
from obmm.agent.config import StageSpec
from obmm.agent.merge import GROUPS
from obmm.lab.first_hour import HOUR_NS
from obmm.lab.score import RunScores
from obmm.lab.trials.gather import Gather
from obmm.lab.trials.others import kinds_of, others_of
from obmm.lab.trials.outcome import Outcome
from obmm.lab.trials.trial import Trial
from obmm.settings.books import select_books
from obmm.sim import SimulatedMarket
from obmm.testing import mixes_groups

#: Books of a wide market: what an answer costs hardly grows up to here, and memory stays below half a GB.
WIDE_BOOKS = 128


def play(
    trial: Trial, progress: Callable[[float], None] | None = None, *, threads: int | None = None
) -> tuple[Outcome, ...]:
    """What becomes of `trial` on each of its seeds, in their order.

    Several seeds are played as one wide market. One after the other are those of a configuration with a stage
    that does not keep the books of one market from those of another (`obmm.testing.mixes_groups`), or that
    fails on a state: a fault silences all books of an agent, and must not reach those of other seeds.

    Args:
        trial: What to play.
        progress: Told now and then which share of the trial is done; what it raises ends the trial.
        threads: Threads of the market; None takes one per core. They change no result.
    """
    outcomes: list[Outcome] = []
    n = len(trial.seeds)

    def look(share: float, seeds: int) -> None:
        if progress is not None:
            progress((len(outcomes) + share * seeds) / n)

    configs = (trial.config, *trial.rivals)
    width = max(WIDE_BOOKS // trial.books, 1) if all(map(_keeps_groups, configs)) else 1
    for part in np.array_split(np.array(trial.seeds, dtype=object), -(-n // width)):
        seeds = tuple(part.tolist())
        try:
            outcomes += _together(trial, seeds, functools.partial(look, seeds=len(seeds)), threads)
        except _FailedTogether:
            for seed in seeds:
                outcomes += _together(trial, (seed,), functools.partial(look, seeds=1), threads)
    return tuple(outcomes)


class _FailedTogether(Exception):
    """A stage failed while several seeds were played at once."""


def _together(
    trial: Trial, seeds: tuple[int, ...], look: Callable[[float], None], threads: int | None
) -> list[Outcome]:
    """The outcomes of seeds played as one market.

    Raises:
        _FailedTogether: A pipeline failed, and there are several seeds.
    """
    makers = {uid: MarketMaker(config) for uid, config in enumerate((trial.config, *trial.rivals))}
    scores = RunScores(trial.eras, every=False)
    feeds = scores.feeds.union(*(maker.feeds for maker in makers.values()))
    gather = Gather()
    with SimulatedMarket(
        trial.scenario, books=trial.books, seed=seeds, miners=len(makers), feeds=feeds, threads=threads
    ) as market:
        first_ns, after_hour = 0, None
        for seen in market.states(trial.seconds):
            scores.observe(seen)
            first_ns = first_ns or seen[0].time_ns
            if after_hour is None and seen[0].time_ns >= first_ns + HOUR_NS:
                after_hour = market.miners()
            for uid, maker in makers.items():
                decision = maker.decide(seen[uid])
                if decision.faults and len(seeds) > 1:
                    raise _FailedTogether
                market.submit(uid, decision.orders, trial.response_ms / 1e3)
            gather.add(seen[0])
            look((seen[0].time_ns - first_ns) / (1e9 * trial.seconds))
        maker, venue = makers[0], market.venue
        pipeline = np.zeros(venue.n_books, dtype=np.int64)
        for i, assignment in enumerate(trial.config.at(venue).assign, start=1):
            pipeline[select_books(assignment.selector, venue.book_ids, venue.asset_class)] = i
        miners = market.miners()
        after_hour = after_hour or miners
        kinds = kinds_of(trial.rivals, trial.scenario.rivals)
        figures = [scores.everybody(group) for group in range(len(seeds))]
        return [
            gather.outcome(
                seed=seed,
                config_hash=trial.config.hash,
                digest=market.digest(group),
                asset=trial.scenario.asset_of_book(trial.books),
                books=venue.group_rows[group],
                pipeline=pipeline[venue.group_rows[group]],
                scores={era: told[0] for era, told in figures[group].items() if 0 in told},
                failed=maker.errors,
                fault=maker.faults[0].first if maker.faults else "",
                others=functools.partial(
                    others_of,
                    kinds,
                    miners.on(venue.group_rows[group]),
                    after_hour.on(venue.group_rows[group]),
                    figures[group],
                    (seen[0].time_ns - first_ns) / 6e10,
                ),
            )
            for group, seed in enumerate(seeds)
        ]


def _keeps_groups(config: Config) -> bool:
    """Whether a configuration can be given several markets at once: our own stages are known to allow it."""
    specs = [spec for spec in config.specs if any(part.source for part in spec.walk())]
    own = all(not _mixes(spec, config.signals) for spec in specs)
    others = (*(assignment.config for assignment in config.assign), *config.choices.values())
    return own and all(map(_keeps_groups, others))


def _mixes(spec: StageSpec, signals: tuple[StageSpec, ...]) -> bool:
    return mixes_groups(spec.build, GROUPS[spec.slot], {one.name: one.build for one in signals})
