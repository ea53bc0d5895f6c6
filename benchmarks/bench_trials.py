"""What a user's commands take: `python benchmarks/bench_trials.py [SCALE]`.

Two presets on eight seeds of sixteen books for three hours, scored under the scenario's own era, in two
processes; one seed with all its records and scores; what scoring takes of a run of one seed and of a wide one
of eight, on the market of 0.5.4 and on that of today; the market alone with states, which is the floor; and
the memory of a process over two hundred small runs. SCALE shortens the simulated time: 0.1 is eighteen
minutes. Shares and the floor are of processor time, and hold on a machine that does other things, too.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import attrs

from obmm.agent import resolve
from obmm.agent.pipeline import feeds_of
from obmm.lab.bench import resident_mb
from obmm.lab.score import own_era
from obmm.lab.simulate import Plan, simulate
from obmm.lab.trials import LocalExecutor, Trial, play
from obmm.sim import Scenario, SimulatedMarket, warmup
from obmm.sim.scenario import DEFAULT_SCENARIO

PRESETS, SEEDS, BOOKS, HOURS, ERA = ("balanced", "touch"), tuple(range(1, 9)), 16, 3.0, "0.5.4"
RUNS = 200
SCENARIO, TODAY = Scenario.load("taos-0.5.4"), Scenario.load(DEFAULT_SCENARIO)


def floor(seconds: float) -> float:
    """Book-seconds per second of processor of the market of eight seeds alone, with states and tape."""
    feeds = feeds_of(resolve("balanced"))
    with SimulatedMarket(SCENARIO, books=BOOKS, seed=SEEDS, feeds=feeds, threads=1) as market:
        market.step()
        began = time.process_time()
        for _ in market.states(seconds):
            pass
        return BOOKS * len(SEEDS) * seconds / (time.process_time() - began)


def trial(preset: str, seconds: float, eras: tuple[str, ...] = (ERA,)) -> Trial:
    """A preset on all seeds."""
    return Trial(
        config=resolve(preset), scenario=SCENARIO, books=BOOKS, hours=seconds / 3600, seeds=SEEDS, eras=eras
    )


def compared(seconds: float) -> tuple[float, float]:
    """Wall seconds of both presets on all seeds in two processes, and book-seconds per second."""
    trials = [trial(name, seconds) for name in PRESETS]
    began = time.perf_counter()
    LocalExecutor(jobs=2).run(trials, lambda number, outcomes: None)
    took = time.perf_counter() - began
    return took, sum(one.book_seconds for one in trials) / took


def scoring_share(scenario: Scenario, era: str, seeds: tuple[int, ...], seconds: float) -> float:
    """What scoring under `era` takes of the processor's time of a run, the median of three pairs."""
    one = attrs.evolve(trial("balanced", seconds), scenario=scenario, seeds=seeds)
    shares = []
    for _ in range(3):
        took = []
        for eras in ((), (era,)):
            began = time.process_time()
            play(attrs.evolve(one, eras=eras), threads=1)
            took.append(time.process_time() - began)
        shares.append(1.0 - took[0] / took[1])
    return sorted(shares)[1]


def recorded(hours: float) -> float:
    """Wall seconds of one seed with records, scores and summary."""
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(config=resolve("balanced"), scenario=SCENARIO, books=BOOKS, hours=hours, seed=1)
        began = time.perf_counter()
        simulate(plan, Path(folder) / "run")
        return time.perf_counter() - began


def growth(runs: int = RUNS) -> tuple[float, float]:
    """Resident memory after a tenth of `runs` small trials in one process, and after all of them, MB."""
    small = attrs.evolve(trial("balanced", 20.0), books=2, seeds=(1,))
    before = 0.0
    for run in range(runs):
        play(small, threads=1)
        if run == runs // 10:
            before = resident_mb()
    return before, resident_mb()


def figures(scale: float = 1.0) -> dict[str, float]:
    """Print the figures, and give them by name."""
    warmup()
    hours = scale * HOURS
    bare = floor(600 * scale)
    print(f"market alone with states, a core   {bare:10,.0f} book-seconds per second of processor")
    shares = {}
    for scenario, era in ((SCENARIO, ERA), (TODAY, own_era(TODAY.name))):
        for seeds in (SEEDS[:1], SEEDS):
            name = f"share of era {era} in a trial of {len(seeds)}"
            shares[name] = share = scoring_share(scenario, era, seeds, 600 * scale)
            print(f"{name:33} {share:10.1%} of its processor time")
    both, speed = compared(3600 * hours)
    told = f"{speed:,.0f} book-seconds per second"
    print(f"2 presets x 8 seeds x 16 x {hours:g} h  {both:10.1f} s wall, {told}")
    one = recorded(hours)
    print(f"1 seed x 16 x {hours:g} h, recorded     {one:10.1f} s wall")
    before, after = growth()
    print(f"memory over {RUNS} runs              {before:6.0f} → {after:.0f} MB")
    return {
        "market alone with states, book seconds per s of processor": bare,
        **shares,
        "2 presets x 8 seeds, s": both,
        "2 presets x 8 seeds, book seconds per s": speed,
        "1 seed with records, s": one,
        f"memory after {RUNS} runs, MB": after,
    }


if __name__ == "__main__":
    figures(*map(float, sys.argv[1:2]))
