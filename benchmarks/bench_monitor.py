"""What it costs to be watched: on the path of the answers, and off it.

    python benchmarks/bench_monitor.py [--books 40 128] [--states 100] [--events 56]

"Told" is what whoever answers spends on telling the watch, which only puts a state in a queue; target 0.1 ms
a state. "Taken in" is what the watch's own thread works on it, "scored" the same where the score of the field
is followed and the trades are read from the request, "snapshot" what one look at the figures costs, and
"message" what a page is sent once a second, besides. Times are of the CPU, so that a busy machine tells the
same.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import attrs

from obmm.agent import Decision, MarketMaker, resolve
from obmm.cli._output import console, table
from obmm.lab.watch import Timings
from obmm.monitor import Heard, Watch
from obmm.monitor.told import about
from obmm.monitor.watch import without_tape
from obmm.testing import random_states
from obmm.wire import encode_request

NAMES = ("told", "taken in", "scored", "snapshot", "message")


def measured(decisions: Sequence[Decision], requests: Sequence[bytes]) -> dict[str, Timings]:
    """Times of each step."""
    steps = {name: Timings() for name in NAMES}
    scored = Watch(scores=True)
    for i, (decision, body) in enumerate(zip(decisions, requests, strict=True)):
        bare = attrs.evolve(decision, state=without_tape(decision.state))
        heard = Heard(received_ns=i, sender="5F", elapsed_ms=4.0, decision=bare, request=body)
        began = time.thread_time_ns()
        scored._take(heard)
        steps["scored"].add((time.thread_time_ns() - began) / 1e6)
    scored.close()
    watch = Watch()
    take = watch._take

    def timed(told: object) -> None:
        began = time.thread_time_ns()
        take(told)
        steps["taken in"].add((time.thread_time_ns() - began) / 1e6)

    watch._take = timed
    for i, decision in enumerate(decisions):
        heard = Heard(received_ns=i, sender="5F", elapsed_ms=4.0, decision=decision)
        began = time.thread_time_ns()
        watch(heard)
        steps["told"].add((time.thread_time_ns() - began) / 1e6)
        while watch.taken <= i:
            time.sleep(0.0005)
        began = time.thread_time_ns()
        snapshot = watch.snapshot()
        looked = time.thread_time_ns()
        about(snapshot, snapshot.simulations[-1])
        steps["snapshot"].add((looked - began) / 1e6)
        steps["message"].add((time.thread_time_ns() - looked) / 1e6)
    watch.close()
    return steps


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--books", type=int, nargs="+", default=[40, 128])
    parser.add_argument("--states", type=int, default=100)
    parser.add_argument("--events", type=float, default=56.0, help="of each book and state")
    asked = parser.parse_args()
    rows = []
    for n_books in asked.books:
        maker = MarketMaker(resolve("balanced"))
        states = list(
            random_states(1, asked.states, n_books=n_books, n_levels=21, events_per_book=asked.events)
        )
        requests = [encode_request(state, version=63) for state in states]
        steps = measured([maker.decide(state) for state in states], requests)
        for name, timings in steps.items():
            ms = timings.as_dict()
            rows.append((n_books, name, ms["p50"], ms["p99"], ms["max"]))
    console().print(table("Milliseconds of one core a state", ("books", "", "median", "99 %", "worst"), rows))


if __name__ == "__main__":
    main()
