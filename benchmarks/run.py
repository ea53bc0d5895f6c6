"""`make bench`: every figure of speed in one go.

Answers of the pipeline and of a plain Python script of the same strategy, start times, memory, and the
embedded market. Prints and never fails on a slow machine.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from plain import PlainMaker

from obmm.agent import MarketMaker, resolve
from obmm.cli._output import console, table
from obmm.lab.bench import bench, memory_growth, requests, sample_path, start_times
from obmm.lab.watch import Timings
from obmm.market import InstructionKind
from obmm.wire import Decoder

SIZES, STATES = (8, 40, 128), 2000
HERE = Path(__file__).parent


def plain(n_books: int, n_states: int) -> dict[str, dict[str, float | None]]:
    """Times of the plain script on the same requests."""
    bodies, maker = requests(sample_path(), n_books), PlainMaker()
    steps = {name: Timings() for name in ("decode", "pipeline", "encode", "answer")}
    for i in range(n_states):
        t0 = time.perf_counter_ns()
        state = maker.decode(bodies[i % len(bodies)])
        t1 = time.perf_counter_ns()
        instructions = maker.decide(state, 600.0 + i)
        t2 = time.perf_counter_ns()
        maker.encode(instructions)
        t3 = time.perf_counter_ns()
        for name, ns in zip(steps, (t1 - t0, t2 - t1, t3 - t2, t3 - t0), strict=True):
            steps[name].add(ns / 1e6)
    return {name: timings.as_dict() for name, timings in steps.items()}


def agreement(n_books: int = 8) -> float:
    """Share of placements on which pipeline and script agree to the tick, after the warm-up."""
    bodies = requests(sample_path(), n_books)
    ours, theirs = MarketMaker(resolve("balanced")), PlainMaker()
    decoder = Decoder(ours.feeds)
    same = total = 0
    for i, body in enumerate(bodies):
        state = decoder.request(body, validator="bench").state
        orders = ours.respond(state)
        placed = {
            (int(book), int(side)): round(float(price), 2)
            for kind, book, side, price in zip(
                orders.kind, orders.book, orders.side, orders.price, strict=True
            )
            if kind == InstructionKind.LIMIT
        }
        for instruction in theirs.decide(theirs.decode(body), state.time_s):
            key = (instruction.get("bookId"), instruction.get("direction"))
            if i > 35 and key in placed:
                total += 1
                same += abs(placed[key] - round(instruction["price"], 2)) < 0.005
    return same / max(total, 1)


def main() -> None:
    """Measure and print."""
    out = console()
    rows = []
    for size in SIZES:
        found = bench(resolve("balanced"), sample_path(), size, STATES)
        script = plain(size, max(STATES * 8 // size, 100))
        for step in ("decode", "pipeline", "encode", "answer"):
            ms, slow = found[f"{step}_ms"], script[step]
            rows.append(
                (
                    str(size),
                    step,
                    ms["p50"],
                    ms["p99"],
                    ms["max"],
                    slow["p50"],
                    (slow["p50"] or 0) / ms["p50"],
                )
            )
    columns = ("books", "step", "median", "99 %", "worst", "plain script", "times")
    out.print(
        table(
            f"Answers of the balanced preset, {STATES:,} states each, milliseconds",
            columns,
            rows,
            text_columns=2,
        )
    )
    out.print(f"quotes on which both agree to the tick: {agreement():.1%}\n")
    starts = start_times()
    out.print(f"import obmm {1e3 * starts['import_s']:.0f} ms, obmm --help {1e3 * starts['help_s']:.0f} ms")
    grown = memory_growth(resolve("balanced"), sample_path(), 128)
    memory = f"{grown['before_mb']:.0f} → {grown['after_mb']:.0f} MB"
    out.print(f"memory over {grown['states']:,} answers of 128 books: {memory}\n")
    for script in ("bench_sim_market.py",):
        subprocess.run([sys.executable, str(HERE / script)], check=True)


if __name__ == "__main__":
    main()
