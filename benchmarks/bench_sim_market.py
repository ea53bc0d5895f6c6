"""Speed of the embedded market: `python benchmarks/bench_sim_market.py [SCENARIO]`.

Book seconds and events per second of processor time and of wall time, for several numbers of books, with
nobody looking, with states for an idle miner and with the balanced preset; start-up times and memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from obmm.agent import MarketMaker, resolve
from obmm.agent.pipeline import feeds_of
from obmm.sim import SimulatedMarket, warmup

BOOKS = (1, 8, 16, 40, 128)
START = "from obmm.sim import SimulatedMarket as M; M({!r}, books=16, seed=1).step()"
MEMORY = """from obmm.sim import SimulatedMarket as M
market = M({!r}, books={}, seed=1, threads=1)
market.run(3600)
print(open("/proc/self/statm").read().split()[1])"""


def start_seconds(scenario: str, cache: str | None) -> float:
    """Wall time of a fresh process up to the first state of 16 books, with kernels stored at `cache`."""
    started = time.perf_counter()
    env = os.environ if cache is None else {**os.environ, "NUMBA_CACHE_DIR": cache}
    subprocess.run([sys.executable, "-c", START.format(scenario)], check=True, env=env)
    return time.perf_counter() - started


def resident_mb(scenario: str, books: int) -> float:
    """Memory that a process with so many books holds after an hour, MB."""
    command = [sys.executable, "-c", MEMORY.format(scenario, books)]
    return int(subprocess.run(command, check=True, capture_output=True).stdout) * 4096 / 2**20


def measure(scenario: str, books: int, threads: int, mode: str) -> tuple[float, float, float]:
    """Book seconds per wall second, per processor second, and events per wall second."""
    maker = MarketMaker(resolve("balanced"))
    feeds = feeds_of(maker.config) if mode == "balanced" else ()
    seconds = max(120, 6000 // books)
    with SimulatedMarket(scenario, books=books, seed=1, feeds=feeds, threads=threads) as market:
        market.step()
        events, wall, cpu = market.events, time.perf_counter(), time.process_time()
        if mode == "background":
            market.run(seconds)
        else:
            for states in market.states(seconds):
                if mode == "balanced":
                    market.submit(0, maker.respond(states[0]), response_s=0.1)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        done = books * seconds
        return done / wall, done / cpu, (market.events - events) / wall


def figures(scenario: str = "taos-0.5.4") -> dict[str, float]:
    """Print the table, and give its figures by name."""
    found = {}
    with tempfile.TemporaryDirectory() as empty:
        found["first start, s"] = start_seconds(scenario, empty)
    print(f"first start, everything compiled {found['first start, s']:8.1f} s")
    warmup()
    found["second start, s"] = start_seconds(scenario, None)
    print(f"second start, 16 books           {found['second start, s']:8.2f} s")
    print("books threads        mode  book-s/s wall  book-s/s cpu    events/s")
    for mode in ("background", "states", "balanced"):
        for books in BOOKS:
            for threads in (1, 2):
                wall, cpu, events = measure(scenario, books, threads, mode)
                print(f"{books:5} {threads:7} {mode:>11} {wall:14,.0f} {cpu:13,.0f} {events:11,.0f}")
                market = f"{mode}, {books} books, {threads} threads"
                found[f"{market}, book seconds per s"] = wall
                found[f"{market}, book seconds per s of processor"] = cpu
    per_book = (resident_mb(scenario, 65) - resident_mb(scenario, 1)) / 64
    found["memory per book after an hour, MB"] = per_book
    print(f"memory per book after an hour    {per_book:8.1f} MB")
    return found


if __name__ == "__main__":
    figures(*sys.argv[1:2])
