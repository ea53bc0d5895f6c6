"""How long a study takes and how much memory it needs, from a short probe in a process of its own.

Counted is the time that a core works: on a machine that does other things meanwhile a study takes longer.
"""

from __future__ import annotations

import math
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

import attrs
import numpy as np

from obmm.agent.by_group import shape_of
from obmm.lab.trials import Trial, play
from obmm.lab.trials.packs import n_packs
from obmm.lab.trials.play import WIDE_BOOKS
from obmm.lab.trials.worker import silent
from obmm.lab.tune.design import Design
from obmm.lab.tune.race import HALVING
from obmm.lab.tune.result import MOST_CHECKED
from obmm.lab.tune.space import ENABLED, KIND

#: Simulated hours of the shorter probe; the longer one is twice as long.
PROBE_H = 0.05
#: Seeds of the probes.
_FEW, _MANY = 1, 4
#: What a run holds at its end of each book and state: middle, base, quote and position, as they were taken in
#: and as they are worked with.
_KEPT_BYTES = 3 * 4 * 8


@attrs.frozen
class Round:
    """Trials that are played together.

    Attributes:
        trials: How many.
        seeds: Seeds of each that have not been played before.
        hours: Simulated hours of each seed.
    """

    trials: int
    seeds: int
    hours: float


def rounds_of(design: Design) -> Iterator[Round]:
    """The rounds of a study, if nothing is left before its rung ends: at most so much is played.

    >>> from obmm.agent import resolve
    >>> from obmm.lab.trials import Trial, metric_named
    >>> from obmm.lab.tune.read_space import read_space
    >>> from obmm.sim import Scenario
    >>> space = read_space("touch", resolve("touch"))
    >>> trial = Trial(config=space.base, scenario=Scenario.load("taos-0.5.4"), seeds=(1, 2, 3, 4), hours=3.0)
    >>> design = Design(space=space, trial=trial, metrics=(metric_named("pnl_bps"),), trials=8)
    >>> for one in rounds_of(design): print(one)
    Round(trials=1, seeds=2, hours=1.0)
    Round(trials=1, seeds=2, hours=3.0)
    Round(trials=1, seeds=2, hours=3.0)
    Round(trials=8, seeds=2, hours=1.0)
    Round(trials=4, seeds=2, hours=3.0)
    Round(trials=2, seeds=2, hours=3.0)
    Round(trials=2, seeds=16, hours=3.0)
    """
    yield from _up(design, 1, 1)
    left = design.trials
    while left > 0:
        yield from _up(design, min(left, design.batch), HALVING)
        left -= design.batch
    checked = 1 if len(design.metrics) == 1 else MOST_CHECKED
    yield Round(1 + checked, design.confirm, design.trial.hours)


def _up(design: Design, trials: int, halving: int) -> Iterator[Round]:
    """A batch on its way up the rungs."""
    played: dict[float, int] = {}
    for rung in design.rungs:
        yield Round(trials, rung.seeds - played.get(rung.hours, 0), rung.hours)
        played[rung.hours] = rung.seeds
        trials = -(-trials // halving)


@attrs.frozen(kw_only=True)
class Speed:
    """What the probe measured of one core.

    Attributes:
        start_s: Seconds until the first state is answered.
        state_s: Seconds that a simulated second of one market takes, however many seeds it has.
        seed_s: Seconds that a simulated second of one seed takes besides.
        memory_bytes: Most that the process held with one seed.
        seed_bytes: What each more of them took at the same time.
    """

    start_s: float
    state_s: float
    seed_s: float
    memory_bytes: int
    seed_bytes: int = 0

    def wall_s(self, seeds: int, seconds: float, width: int = 1_000_000) -> float:
        """Seconds of a piece of work, of which so many seeds are one market."""
        markets = -(-seeds // width)
        return self.start_s * markets + seconds * (self.state_s * markets + self.seed_s * seeds)


@attrs.frozen(kw_only=True)
class Estimate:
    """What a study takes.

    Attributes:
        cores: Cores that play.
        wall_s: Real seconds.
        memory_bytes: Memory of all processes together.
        book_seconds: Book-seconds that are played at most.
    """

    cores: int
    wall_s: float
    memory_bytes: int
    book_seconds: float


def measured(trial: Trial) -> Speed:
    """The speed of this machine at a trial's market and configuration; takes some seconds.

    Played in a process of its own, so that its memory is what a worker needs.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(_probe, trial).result()


def _probe(trial: Trial) -> Speed:
    first = trial.seeds[0]
    few, many = (tuple(range(first, first + n)) for n in (_FEW, _MANY))
    short = min(PROBE_H, trial.hours / 2.0)
    with silent():
        play(attrs.evolve(trial, seeds=few, hours=short / 4.0), threads=1)  # What is loaded once.
        wall_s, peaks = [], []
        for seeds, hours in ((few, short), (few, 2.0 * short), (many, 2.0 * short)):
            wall_s.append(_timed(attrs.evolve(trial, seeds=seeds, hours=hours)))
            peaks.append(_peak_bytes())
    short_s = 3600.0 * short
    per_few, more = (wall_s[1] - wall_s[0]) / short_s, wall_s[2] - wall_s[1]
    start_s = max(wall_s[0] - per_few * short_s, 0.0)
    # More seeds take longer to start, too: all of it is counted as if it took its time state by state.
    seed_s = max(more / (2.0 * short_s * (_MANY - _FEW)), 0.0)
    return Speed(
        start_s=start_s,
        state_s=max(per_few - seed_s * _FEW, 0.0),
        seed_s=seed_s,
        memory_bytes=peaks[1],
        seed_bytes=(peaks[2] - peaks[1]) // (_MANY - _FEW),
    )


def _timed(trial: Trial) -> float:
    began_s = time.process_time()
    play(trial, threads=1)
    return time.process_time() - began_s


def _peak_bytes() -> int:
    """Most memory that this process held so far; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def estimated(design: Design, speed: Speed, cores: Sequence[int]) -> list[Estimate]:
    """What a study takes on so many cores, each like the one that was measured.

    Args:
        design: The study.
        speed: What was measured.
        cores: Numbers of cores.
    """
    trial = design.trial
    width = max(WIDE_BOOKS // trial.books, 1)
    together = _alike(design)
    told = []
    for n in cores:
        wall_s, book_seconds, most = 0.0, 0.0, 0
        for one in rounds_of(design):
            seconds = attrs.evolve(trial, hours=one.hours).seconds
            if not one.seeds:
                continue
            pieces = one.trials * min(-(-n // one.trials), one.seeds)
            packs = n_packs(pieces, one.trials * one.seeds * trial.books, n) if together else pieces
            seeds = math.ceil(one.trials * one.seeds / packs)
            wall_s += math.ceil(packs / n) * speed.wall_s(seeds, seconds, width)
            book_seconds += seconds * one.trials * one.seeds * trial.books
            states = int(seconds / trial.scenario.venue.publish_interval_s)
            of_seed = speed.seed_bytes + _KEPT_BYTES * states * trial.books
            most = max(most, min(seeds, width) * of_seed)
        memory = speed.memory_bytes + most - speed.seed_bytes
        told.append(
            Estimate(
                cores=n, wall_s=float(np.ceil(wall_s)), memory_bytes=n * memory, book_seconds=book_seconds
            )
        )
    return told


def _alike(design: Design) -> bool:
    """Whether candidates, whatever is chosen, can be played together."""
    space = design.space
    shape = shape_of(space.base)
    for dimension in space.dimensions:
        if dimension.option in (KIND, ENABLED):
            return False
        changed = space.candidate({**space.start, dimension.place: dimension.ends[-1]}, "a trial")
        if shape_of(changed) != shape:
            return False
    return True
