"""Is this machine fast enough? Times of decoding, deciding and encoding, beside the budgets."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from obmm.agent import Config, ConfigError, MarketMaker, Problem
from obmm.lab.watch import Timings
from obmm.market import Accounts, Feed, IntArray, MarketState, Notices, OpenOrders, Tape
from obmm.wire import Decoder, encode_request, read_stream

#: Distinct requests kept in memory; they are answered in turn with the clock moved on.
POOL = 48
#: Milliseconds allowed at 128 books: median of each step, and the bounds of a whole answer.
BUDGET_MS = {"decode": 4.0, "decode_tape": 10.0, "pipeline": 1.0, "encode": 1.5, "answer": 8.0}
ANSWER_P99_MS, ANSWER_MAX_MS = 20.0, 100.0


def sample_path() -> Path:
    """The recording that ships with the package, made by the embedded market."""
    return Path(str(resources.files("obmm") / "data" / "sample.msgpack.zst"))


def tiled(state: MarketState, n_books: int) -> MarketState:
    """`state` repeated over `n_books` books, each copy a book of its own."""
    index = np.arange(n_books) % state.n_books
    venue = state.venue
    fixed = {
        name: getattr(venue, name)[index]
        for name in (
            *("price_decimals", "volume_decimals", "min_size_base"),
            *("wealth_quote", "initial_price", "turnover_cap_quote"),
        )
    }
    return attrs.evolve(
        state,
        venue=attrs.evolve(venue, book_ids=np.arange(n_books), groups=np.zeros_like(index), **fixed),
        **{
            name: getattr(state, name)[index]
            for name in ("bid_price", "bid_size", "ask_price", "ask_size", "maker_ratio")
        },
        accounts=Accounts(**{f.name: getattr(state.accounts, f.name)[index] for f in attrs.fields(Accounts)}),
        open_orders=_rows(state.open_orders, index),
        notices=Notices.none(),
        tape=None if state.tape is None else _rows(state.tape, index),
    )


def _rows(part: Any, index: IntArray) -> Any:
    """Rows of the books named by `index`, one book after the other."""
    rows = np.concatenate([np.arange(part.offset[b], part.offset[b + 1]) for b in index])
    count = np.diff(part.offset)[index]
    columns = {f.name: getattr(part, f.name)[rows] for f in attrs.fields(type(part)) if f.name != "offset"}
    return attrs.evolve(part, offset=np.concatenate([[0], np.cumsum(count)]), **columns)


def requests(capture: Path, n_books: int) -> list[bytes]:
    """Bodies of network requests made of a recording, tiled to `n_books` books."""
    bodies = []
    for recorded in read_stream(capture, frozenset({Feed.TAPE})):
        bodies.append(encode_request(tiled(recorded.state, n_books)))
        if len(bodies) == POOL:
            break
    return bodies


def bench(config: Config, capture: Path, n_books: int, n_states: int = 2000) -> dict[str, Any]:
    """Answer `n_states` requests of `n_books` books and time each step.

    The clock moves on one second per request, so that every stage works as it does live; open orders and
    accounts are those of the recording. The first answers, which bind the pipeline, are not counted.

    Returns:
        `books`, `states`, `tape` (whether events were decoded), `request_bytes`, `instructions_per_state`,
        and `decode_ms`, `pipeline_ms`, `encode_ms`, `answer_ms` with `p50`, `p99` and `max`, milliseconds.

    Raises:
        ConfigError: A stage failed.
    """
    maker = MarketMaker(config)
    decoder = Decoder(maker.feeds, only_trades=maker.only_trades)
    bodies = requests(capture, n_books)
    steps = {name: Timings() for name in ("decode_ms", "pipeline_ms", "encode_ms", "answer_ms")}
    start_ns: int | None = None
    instructions = 0
    warm = 60
    gc.collect()
    for i in range(n_states + warm):
        body = bodies[i % len(bodies)]
        t0 = time.perf_counter_ns()
        request = decoder.request(body, validator="bench")
        t1 = time.perf_counter_ns()
        start_ns = request.state.time_ns if start_ns is None else start_ns
        later = start_ns + i * 1_000_000_000
        state = _moved(request.state, later - request.state.time_ns)
        t2 = time.perf_counter_ns()
        orders = maker.respond(state)
        t3 = time.perf_counter_ns()
        request.reply(orders)
        t4 = time.perf_counter_ns()
        if i >= warm:
            for name, ns in zip(steps, (t1 - t0, t3 - t2, t4 - t3, t1 - t0 + t4 - t2), strict=True):
                steps[name].add(ns / 1e6)
            instructions += int(orders.instructions_per_book(n_books).sum())
    if maker.errors:
        what = f"a stage failed on {maker.errors} states; `obmm check` says where"
        raise ConfigError([Problem(config.name, what)])
    return {
        "books": n_books,
        "states": n_states,
        "tape": Feed.TAPE in maker.feeds,
        "request_bytes": len(bodies[0]),
        "instructions_per_state": instructions / n_states,
        **{name: timings.as_dict() for name, timings in steps.items()},
    }


def _moved(state: MarketState, by_ns: int) -> MarketState:
    """`state` told `by_ns` later, with everything that carries a time."""
    orders: OpenOrders = state.open_orders
    tape: Tape | None = state.tape
    return attrs.evolve(
        state,
        time_ns=state.time_ns + by_ns,
        open_orders=attrs.evolve(orders, time_ns=orders.time_ns + by_ns),
        tape=None if tape is None else attrs.evolve(tape, time_ns=tape.time_ns + by_ns),
    )


def start_times(repeats: int = 3) -> dict[str, float]:
    """Median seconds of `import obmm` and of `obmm --help`, each in a process of its own."""
    import subprocess
    import sys

    def median(command: Sequence[str]) -> float:
        def once() -> float:
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            return time.perf_counter() - started

        once()
        return float(np.median([once() for _ in range(repeats)]))

    return {
        "import_s": median([sys.executable, "-c", "import obmm"]),
        "help_s": median([sys.executable, "-m", "obmm", "--help"]),
    }


def memory_growth(config: Config, capture: Path, n_books: int, n_states: int = 10_000) -> dict[str, float]:
    """Resident memory of this process before and after `n_states` answers, megabytes.

    The first tenth warms caches and is not counted.
    """
    maker, bodies = MarketMaker(config), requests(capture, n_books)
    decoder = Decoder(maker.feeds, only_trades=maker.only_trades)

    def answers(first: int, last: int, start_ns: int) -> None:
        for i in range(first, last):
            request = decoder.request(bodies[i % len(bodies)], validator="bench")
            state = _moved(request.state, start_ns + i * 1_000_000_000 - request.state.time_ns)
            request.reply(maker.respond(state))

    start_ns = decoder.request(bodies[0], validator="bench").state.time_ns
    answers(0, n_states // 10, start_ns)
    before = resident_mb()
    answers(n_states // 10, n_states, start_ns)
    after = resident_mb()
    return {"states": n_states, "books": n_books, "before_mb": before, "after_mb": after}


def resident_mb() -> float:
    """Resident memory of this process, megabytes; NaN where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except FileNotFoundError:
        return float("nan")
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
