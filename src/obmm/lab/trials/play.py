"""Trials played, nothing written: as wide markets, each seed of each to the last bit what it is alone."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from obmm.agent import Config, MarketMaker
from obmm.agent.by_group import by_group, shape_of
from obmm.agent.config import StageSpec
from obmm.agent.merge import GROUPS
from obmm.lab.first_hour import HOUR_NS
from obmm.lab.score import RunScores
from obmm.lab.trials.gather import Gather
from obmm.lab.trials.others import kinds_of, others_of
from obmm.lab.trials.outcome import Outcome
from obmm.lab.trials.trial import Trial
from obmm.market import IntArray, Venue
from obmm.settings.books import select_books
from obmm.sim import SimulatedMarket
from obmm.testing import mixes_groups

#: Books of a wide market: what an answer costs hardly grows up to here, and memory stays below half a GB.
WIDE_BOOKS = 128
#: A trial on one of its seeds.
_Cell = tuple[Trial, int]


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
    return play_together((trial,), progress, threads=threads)[0]


def play_together(
    trials: Sequence[Trial],
    progress: Callable[[float], None] | None = None,
    *,
    threads: int | None = None,
) -> tuple[tuple[Outcome, ...], ...]:
    """What becomes of each of several trials, as `play` says; seeds of all of them share wide markets.

    Args:
        trials: Trials that go together (`goes_with`).
        progress: As in `play`, of all of them.
        threads: As in `play`.
    """
    cells = [(trial, seed) for trial in trials for seed in trial.seeds]
    outcomes: list[Outcome] = []

    def look(share: float, seeds: int) -> None:
        if progress is not None:
            progress((len(outcomes) + share * seeds) / len(cells))

    configs = (config for trial in trials for config in (trial.config, *trial.rivals))
    width = max(WIDE_BOOKS // trials[0].books, 1) if all(map(_keeps_groups, configs)) else 1
    for part in np.array_split(np.arange(len(cells)), -(-len(cells) // width)):
        here = [cells[i] for i in part.tolist()]
        try:
            outcomes += _together(here, functools.partial(look, seeds=len(here)), threads)
        except _FailedTogether:
            for cell in here:
                outcomes += _together([cell], functools.partial(look, seeds=1), threads)
    told = iter(outcomes)
    return tuple(tuple(next(told) for _ in trial.seeds) for trial in trials)


def goes_with(trial: Trial) -> Any:
    """What trials must have in common to be played together; can be compared and hashed.

    The same market, and configurations that differ in signals and in options that may differ from book to
    book (`obmm.agent.by_group`).
    """
    return (
        repr(attrs.astuple(trial.scenario)),
        (trial.books, trial.seconds, trial.response_ms, trial.eras),
        tuple(map(shape_of, (trial.config, *trial.rivals))),
    )


class _FailedTogether(Exception):
    """A stage failed while several markets were played at once."""


def _together(cells: Sequence[_Cell], look: Callable[[float], None], threads: int | None) -> list[Outcome]:
    """The outcomes of trials on their seeds, played as one market.

    Raises:
        _FailedTogether: A pipeline failed, and there are several.
    """
    one = cells[0][0]
    miners_of = [(trial.config, *trial.rivals) for trial, _ in cells]
    makers = {uid: MarketMaker(by_group(configs)) for uid, configs in enumerate(zip(*miners_of, strict=True))}
    scores = RunScores(one.eras, every=False)
    feeds = scores.feeds.union(*(maker.feeds for maker in makers.values()))
    gather = Gather()
    with SimulatedMarket(
        one.scenario,
        books=one.books,
        seed=[seed for _, seed in cells],
        miners=len(makers),
        feeds=feeds,
        threads=threads,
    ) as market:
        first_ns, after_hour = 0, None
        for seen in market.states(one.seconds):
            scores.observe(seen)
            first_ns = first_ns or seen[0].time_ns
            if after_hour is None and seen[0].time_ns >= first_ns + HOUR_NS:
                after_hour = market.miners()
            for uid, maker in makers.items():
                decision = maker.decide(seen[uid])
                if decision.faults and len(cells) > 1:
                    raise _FailedTogether
                market.submit(uid, decision.orders, one.response_ms / 1e3)
            gather.add(seen[0])
            look((seen[0].time_ns - first_ns) / (1e9 * one.seconds))
        maker, venue = makers[0], market.venue
        miners = market.miners()
        after_hour = after_hour or miners
        hashes = {id(trial): trial.config.hash for trial, _ in cells}
        kinds = {id(trial): kinds_of(trial.rivals, trial.scenario.rivals) for trial, _ in cells}
        figures = [scores.everybody(group) for group in range(len(cells))]
        return [
            gather.outcome(
                seed=seed,
                config_hash=hashes[id(trial)],
                digest=market.digest(group),
                asset=trial.scenario.asset_of_book(trial.books),
                books=venue.group_rows[group],
                pipeline=pipeline_of_books(trial.config.at(venue), venue)[venue.group_rows[group]],
                scores={era: told[0] for era, told in figures[group].items() if 0 in told},
                failed=maker.errors,
                fault=maker.faults[0].first if maker.faults else "",
                others=functools.partial(
                    others_of,
                    kinds[id(trial)],
                    miners.on(venue.group_rows[group]),
                    after_hour.on(venue.group_rows[group]),
                    figures[group],
                    (seen[0].time_ns - first_ns) / 6e10,
                ),
            )
            for group, (trial, seed) in enumerate(cells)
        ]


def pipeline_of_books(config: Config, venue: Venue) -> IntArray:
    """(B,) which pipeline runs each book: 0 the main one, i the i-th that is assigned."""
    pipeline = np.zeros(venue.n_books, dtype=np.int64)
    for i, assignment in enumerate(config.assign, start=1):
        pipeline[select_books(assignment.selector, venue.book_ids, venue.asset_class)] = i
    return pipeline


def _keeps_groups(config: Config) -> bool:
    """Whether a configuration can be given several markets at once: our own stages are known to allow it."""
    specs = [spec for spec in config.specs if any(part.source for part in spec.walk())]
    own = all(not _mixes(spec, config.signals) for spec in specs)
    others = (*(assignment.config for assignment in config.assign), *config.choices.values())
    return own and all(map(_keeps_groups, others))


def _mixes(spec: StageSpec, signals: tuple[StageSpec, ...]) -> bool:
    return mixes_groups(spec.build, GROUPS[spec.slot], {one.name: one.build for one in signals})
