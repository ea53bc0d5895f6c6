"""What a user's commands take: `python benchmarks/bench_trials.py [SCALE]`.

On the market of 0.5.4 and on that of today: the market alone with states, which is the floor; two presets on
eight seeds of sixteen books for three hours, scored under the scenario's own era, in two processes, and how
much of their processor time the floor is; what scoring takes of a run of one seed and of a wide one of eight.
Then one seed with all its records and scores, as `obmm simulate` plays it, and the memory of a process over
two hundred small runs. SCALE shortens the simulated time: 0.1 is eighteen minutes. Shares and the floor are
of processor time; on a machine that does other things, which take the caches, too, all is slower.
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
from obmm.lab.score import eras_of
from obmm.lab.simulate import Plan, simulate
from obmm.lab.trials import LocalExecutor, Trial, play
from obmm.sim import Scenario, SimulatedMarket, warmup
from obmm.sim.scenario import DEFAULT_SCENARIO

PRESETS, SEEDS, BOOKS, HOURS = ("balanced", "touch"), tuple(range(1, 9)), 16, 3.0
RUNS = 200
SCENARIOS = (Scenario.load("taos-0.5.4"), Scenario.load(DEFAULT_SCENARIO))


def floor(scenario: Scenario, seeds: tuple[int, ...], seconds: float) -> float:
    """Book-seconds per second of processor of the market of some seeds alone, with states and tape."""
    feeds = feeds_of(resolve("balanced"))
    with SimulatedMarket(scenario, books=BOOKS, seed=seeds, feeds=feeds, threads=1) as market:
        market.step()
        began = time.process_time()
        for _ in market.states(seconds):
            pass
        return BOOKS * len(seeds) * seconds / (time.process_time() - began)


def trial(preset: str, scenario: Scenario, seconds: float) -> Trial:
    """A preset on all seeds, scored under the scenario's own era."""
    return Trial(
        config=resolve(preset),
        scenario=scenario,
        books=BOOKS,
        hours=seconds / 3600,
        seeds=SEEDS,
        eras=eras_of((), scenario),
    )


def compared(scenario: Scenario, seconds: float) -> tuple[float, float]:
    """Wall seconds of both presets on all seeds in two processes, and book-seconds per second."""
    trials = [trial(name, scenario, seconds) for name in PRESETS]
    began = time.perf_counter()
    LocalExecutor(jobs=2).run(trials, lambda number, outcomes: None)
    took = time.perf_counter() - began
    return took, sum(one.book_seconds for one in trials) / took


def used(one: Trial) -> float:
    """Seconds of processor that a trial takes in this process from its first state on."""
    began = 0.0

    def look(share: float) -> None:
        nonlocal began
        began = began or time.process_time()

    play(one, look, threads=1)
    return time.process_time() - began


def speed(scenario: Scenario, seconds: float) -> float:
    """Book-seconds per second of processor of a preset on all seeds."""
    one = trial(PRESETS[0], scenario, seconds)
    return one.book_seconds / used(one)


def scoring_share(scenario: Scenario, seeds: tuple[int, ...], seconds: float) -> float:
    """What scoring takes of the processor's time of a run, the median of three pairs."""
    one = attrs.evolve(trial(PRESETS[0], scenario, seconds), seeds=seeds)
    shares = [1.0 - used(attrs.evolve(one, eras=())) / used(one) for _ in range(3)]
    return sorted(shares)[1]


def recorded(hours: float) -> tuple[float, float]:
    """Wall and processor seconds of one seed of today's market with records, scores and summary."""
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(config=resolve("money"), scenario=SCENARIOS[1], books=BOOKS, hours=hours, seed=1)
        began, used = time.perf_counter(), time.process_time()
        simulate(plan, Path(folder) / "run")
        return time.perf_counter() - began, time.process_time() - used


def growth(runs: int = RUNS) -> tuple[float, float]:
    """Resident memory after a tenth of `runs` small trials in one process, and after all of them, MB."""
    small = attrs.evolve(trial(PRESETS[0], SCENARIOS[0], 20.0), books=2, seeds=(1,))
    before = 0.0
    for run in range(runs):
        play(small, threads=1)
        if run == runs // 10:
            before = resident_mb()
    return before, resident_mb()


def figures(scale: float = 1.0) -> dict[str, float]:
    """Print the figures, and give them by name."""
    warmup()
    hours, found = scale * HOURS, {}

    def tell(name: str, value: float, text: str) -> None:
        found[name] = value
        print(f"{name:52} {text}")

    for scenario in SCENARIOS:
        bare, whole = floor(scenario, SEEDS, 600 * scale), speed(scenario, 600 * scale)
        told = f"{bare:10,.0f} book-seconds per second of processor"
        tell(f"{scenario.name}: market alone with states", bare, told)
        tell(f"{scenario.name}: its share of a trial of {len(SEEDS)}", whole / bare, f"{whole / bare:10.1%}")
        for seeds in (SEEDS[:1], SEEDS):
            share = scoring_share(scenario, seeds, 600 * scale)
            tell(f"{scenario.name}: share of scoring in a trial of {len(seeds)}", share, f"{share:10.1%}")
        took, pace = compared(scenario, 3600 * hours)
        told = f"{took:10.1f} s wall, {pace:,.0f} book-seconds per second"
        tell(f"{scenario.name}: 2 presets x 8 seeds x 16 x {hours:g} h", took, told)
    took, used = recorded(hours)
    bare = BOOKS * 3600 * hours / floor(SCENARIOS[1], SEEDS[:1], 600 * scale)
    told = f"{took:10.1f} s wall; of {used:.1f} s of processor the market alone {bare / used:.0%}"
    tell(f"1 seed x 16 x {hours:g} h, recorded", took, told)
    before, after = growth()
    tell(f"memory over {RUNS} runs, MB", after, f"{before:10.0f} → {after:.0f} MB")
    return found


if __name__ == "__main__":
    figures(*map(float, sys.argv[1:2]))
