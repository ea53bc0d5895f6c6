"""`make bench`: every figure of speed in one go, with BASE=FILE beside those of an earlier run.

Answers of the pipeline and of a plain Python script of the same strategy, start times, memory, the embedded
market, and what a user's commands take. Prints, keeps the figures in `.benchmarks`, and never fails on a slow
machine.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import bench_sim_market
import bench_trials
from plain import PlainMaker
from saved import beside, load, save

from obmm.agent import MarketMaker, resolve
from obmm.cli._output import console, table
from obmm.lab.bench import bench, memory_growth, requests, sample_path, start_times
from obmm.lab.watch import Timings
from obmm.market import InstructionKind
from obmm.wire import Decoder

SIZES, STATES = (8, 40, 128), 2000
FOLDER = Path(".benchmarks")


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
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, help="figures of an earlier run, a file in .benchmarks")
    parser.add_argument(
        "--states", type=int, default=STATES, help="answers of the pipeline per number of books"
    )
    options = parser.parse_args()
    base = load(options.base) if options.base else {}  # told before minutes are spent
    out = console()
    figures: dict[str, float] = {}
    rows = []
    for size in SIZES:
        found = bench(resolve("balanced"), sample_path(), size, options.states)
        script = plain(size, max(options.states * 8 // size, 100))
        for step in ("decode", "pipeline", "encode", "answer"):
            ms, slow = found[f"{step}_ms"], script[step]
            figures |= {f"{step} of {size} books, {which}, ms": ms[which] for which in ("p50", "p99")}
            figures[f"{step} of {size} books, plain script, p50, ms"] = slow["p50"] or 0.0
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
            f"Answers of the balanced preset, {options.states:,} states each, milliseconds",
            columns,
            rows,
            text_columns=2,
        )
    )
    out.print(f"quotes on which both agree to the tick: {agreement():.1%}\n")
    starts = start_times()
    figures |= {"import obmm, s": starts["import_s"], "obmm --help, s": starts["help_s"]}
    out.print(f"import obmm {1e3 * starts['import_s']:.0f} ms, obmm --help {1e3 * starts['help_s']:.0f} ms")
    grown = memory_growth(resolve("balanced"), sample_path(), 128)
    figures["memory after all answers, MB"] = grown["after_mb"]
    memory = f"{grown['before_mb']:.0f} → {grown['after_mb']:.0f} MB"
    out.print(f"memory over {grown['states']:,} answers of 128 books: {memory}\n")
    figures |= bench_sim_market.figures()
    print()
    figures |= bench_trials.figures()
    if base:
        out.print(table(f"Beside {options.base}", ("", "now", "then", "now / then"), beside(figures, base)))
    out.print(f"kept in {save(figures, FOLDER)}", soft_wrap=True)


if __name__ == "__main__":
    main()
