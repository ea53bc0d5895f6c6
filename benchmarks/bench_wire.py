"""Times of decoding requests and encoding answers.

    python benchmarks/bench_wire.py [--capture FILE] [--books 8 40 128] [--states 1000]

Requests are made of a recording: its books side by side at different seconds, one order in the queue of each
of the best five levels, three notices a book, and five instructions a book in the answer. Times are those of
the core, so that other work on the machine does not count.

Budgets at 128 books: decode 4 ms, with tape 10 ms, reply 1.5 ms.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import attrs
import msgspec
import numpy as np

from obmm.lab.bench import sample_path, tiled
from obmm.market import Feed, MarketState, NoticeKind, Notices, Orders, TimeInForce
from obmm.wire import Decoder, check, encode_state, read_stream
from obmm.wire.codec import codec_of
from obmm.wire.compression import Engine, pack

POOL = 24
FEEDS = {
    "essentials": frozenset[Feed](),
    "with tape": frozenset({Feed.TAPE}),
    "with queues": frozenset({Feed.QUEUE}),
    "with both": frozenset(Feed),
}


def noticed(state: MarketState) -> MarketState:
    """`state` with two acceptances and a fill on every book."""
    n = 3 * state.n_books
    column: dict[str, Any] = {f.name: np.zeros(n) for f in attrs.fields(Notices)}
    column |= {"kind": np.tile([NoticeKind.ACCEPTED, NoticeKind.ACCEPTED, NoticeKind.FILL], state.n_books)}
    column |= {"book": np.repeat(np.arange(state.n_books), 3), "price": np.full(n, 300.0), "size": np.ones(n)}
    return attrs.evolve(state, notices=Notices(**{**column, "message": [""] * n}))


def body(states: Sequence[MarketState], version: int = 54, engine: Engine = "lz4") -> bytes:
    """A network request whose books are those of `states` in turn; the best levels carry their queues."""
    contents = [encode_state(state, version=version) for state in states]
    content, state = contents[0], states[0]
    content["books"] = {i: contents[i // 8 % len(contents)]["books"][i] for i in range(state.n_books)}
    for book in content["books"].values():
        for side, levels in enumerate((book["b"], book["a"])):
            for number, level in enumerate(levels[:5]):
                order = {"y": "o", "i": number, "c": None, "t": state.time_ns, "q": level["q"], "s": side}
                level["o"] = [order | {"p": level["p"], "l": 0.0}]
    encode = codec_of(version, b"").encode
    books = pack(encode(content.pop("books")), engine)
    compressed = {"books": books, "payload": pack(encode(content), engine)}
    outer = {"name": "MarketSimulationStateUpdate", "version": version, "timestamp": state.time_ns}
    return msgspec.json.encode(outer | {"compressed": compressed, "compression_engine": engine})


def five_a_book(state: MarketState) -> Orders:
    """Cancels of all open orders, then limit orders up to five instructions a book."""
    resting = state.open_orders
    cancels = Orders.cancels(n_books=state.n_books, book=resting.book, order_id=resting.order_id)
    room = 5 - (resting.count > 0)
    book = np.repeat(np.arange(state.n_books), room)
    placed = Orders.limits(
        n_books=state.n_books,
        book=book,
        side=0,
        price=np.round(state.best_bid[book], 2),
        size=state.venue.min_size_base[book] * 2.0,
        client_id=np.arange(book.size),
        time_in_force=TimeInForce.GTT,
        expiry_ns=60_000_000_000,
        post_only=True,
    )
    return cancels.joined(placed)


def report(name: str, work: Callable[[Any], object], inputs: Sequence[Any], n: int) -> None:
    """Print median, 99th percentile and maximum of `n` calls."""
    times = []
    for one in islice(cycle(inputs), n + 20):
        start = time.thread_time_ns()
        work(one)
        times.append((time.thread_time_ns() - start) / 1e6)
    p50, p99 = np.percentile(times[20:], [50, 99])
    print(f"  {name:28} {p50:8.3f} {p99:8.3f} {max(times[20:]):8.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--capture", type=Path, default=sample_path())
    parser.add_argument("--books", type=int, nargs="+", default=[8, 40, 128])
    parser.add_argument("--states", type=int, default=1000)
    options = parser.parse_args()
    recorded = [update.state for update in islice(read_stream(options.capture, FEEDS["with tape"]), POOL)]
    for n_books in options.books:
        states = [noticed(tiled(state, n_books)) for state in recorded]
        bodies = [body(states[first:] + states[:first]) for first in range(POOL)]
        events = sum(len(state.tape or ()) for state in states) / len(states) / n_books
        print(
            f"{n_books} books, {events:.0f} events a book, request {len(bodies[0]) / 1e3:.0f} kB"
            f"{'':>6}median     99 %      max, ms"
        )
        gc.collect()
        gc.freeze()  # what stays is no business of the collector's, here as in a miner
        for name, feeds in FEEDS.items():
            report(f"decode, {name}", Decoder(feeds).request, bodies, options.states)
        few = max(options.states // 5, 20)
        for name, other in (("JSON", body(states, 35)), ("zstd", body(states, engine="zstd"))):
            report(f"decode, {name}", Decoder().request, [other], few)
        requests = [Decoder().request(one) for one in bodies]
        answers = [(request, five_a_book(request.state)) for request in requests]
        report("check", lambda pair: check(pair[1], pair[0].state), answers, options.states)
        report("reply in a blob", lambda pair: pair[0].reply(pair[1]), answers, options.states)
        report("reply in the open", lambda pair: pair[0].reply(pair[1], plain=True), answers, few)
        report("encode a state", encode_state, states, few)


if __name__ == "__main__":
    main()
