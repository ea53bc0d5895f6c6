"""What it costs to be watched: on the path of the answers, and off it.

    python benchmarks/bench_monitor.py [--books 40 128] [--states 300]

"Told" is what whoever answers spends on telling the watch, which only puts a state in a queue; target 0.1 ms
a state. "Taken in" is what the watch's own thread works on it, "snapshot" what one look at the figures costs,
and "message" what a page is sent once a second, besides.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from obmm.agent import Decision, MarketMaker, resolve
from obmm.cli._output import console, table
from obmm.lab.watch import Timings
from obmm.monitor import Heard, Watch
from obmm.monitor.told import about
from obmm.testing import random_states

NAMES = ("told", "taken in", "snapshot", "message")


def measured(decisions: Sequence[Decision]) -> dict[str, Timings]:
    """Times of each step."""
    steps = {name: Timings() for name in NAMES}
    watch = Watch()
    take = watch._take

    def timed(told: object) -> None:
        began = time.perf_counter_ns()
        take(told)
        steps["taken in"].add((time.perf_counter_ns() - began) / 1e6)

    watch._take = timed
    for i, decision in enumerate(decisions):
        heard = Heard(received_ns=i, sender="5F", elapsed_ms=4.0, decision=decision)
        began = time.perf_counter_ns()
        watch(heard)
        steps["told"].add((time.perf_counter_ns() - began) / 1e6)
        while watch.taken <= i:
            time.sleep(0.0005)
        began = time.perf_counter_ns()
        snapshot = watch.snapshot()
        looked = time.perf_counter_ns()
        about(snapshot, snapshot.simulations[-1])
        steps["snapshot"].add((looked - began) / 1e6)
        steps["message"].add((time.perf_counter_ns() - looked) / 1e6)
    watch.close()
    return steps


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--books", type=int, nargs="+", default=[40, 128])
    parser.add_argument("--states", type=int, default=300)
    asked = parser.parse_args()
    rows = []
    for n_books in asked.books:
        maker = MarketMaker(resolve("balanced"))
        states = random_states(1, asked.states, n_books=n_books, events_per_book=5.0)
        steps = measured([maker.decide(state) for state in states])
        for name, timings in steps.items():
            ms = timings.as_dict()
            rows.append((n_books, name, ms["p50"], ms["p99"], ms["max"]))
    console().print(table("Milliseconds a state", ("books", "", "median", "99 %", "worst"), rows))


if __name__ == "__main__":
    main()
