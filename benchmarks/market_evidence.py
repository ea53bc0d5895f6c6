"""What a recording of the real market says about the laws behind it, beside the embedded market.

`python benchmarks/market_evidence.py RECORDING [SEED …]` reads a recording of version 0.5.4 without miners
(about half a minute) and simulates as many hours of 8 books as there are seeds (1 to 4 if none is given).
Each section stands for one finding of docs/market/fidelity.md.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import attrs
import numpy as np

from obmm.lab.history import BookHistory, Events, histories
from obmm.market import Feed
from obmm.sim import Scenario, SimulatedMarket, class_ids
from obmm.wire import read_stream

SCENARIO = Scenario.load("taos-0.5.4")
IDS = class_ids(SCENARIO.assets[0])
TAKERS = ("futures", "noise", "algo", "stylized")
ALONE = attrs.evolve(SCENARIO.rivals, makers=0, takers=0)


def simulated(seed: int) -> list[BookHistory]:
    """An hour of 8 books after the grace period."""
    with SimulatedMarket(SCENARIO, books=8, seed=seed, rivals=ALONE, feeds=[Feed.TAPE]) as market:
        return histories(states[0] for states in market.states(seconds=3599))


def is_of(ids: np.ndarray, name: str) -> np.ndarray:
    """Which published ids belong to a class."""
    first, last = IDS[name]
    return (ids <= first) & (ids >= last)


def ticks(books: list[BookHistory]) -> str:
    """Residues modulo 25 ticks of all order prices: those that never occur, and those twice as frequent."""
    residues = np.concatenate([np.rint(book.orders.price * 100).astype(int) % 25 for book in books])
    share = np.bincount(residues, minlength=25) / residues.size * 25
    empty, double = np.flatnonzero(share < 0.1), np.flatnonzero(share > 1.8)
    return f"empty {empty.tolist()}, double {double.tolist()}"


def drift(books: list[BookHistory]) -> str:
    """Mean move of the mid over the hour, in ticks."""
    moves = [(book.mid[-1] - book.mid[0]) / book.tick for book in books]
    return f"{np.mean(moves):.0f} ticks (each book {np.round(moves).astype(int).tolist()})"


def lives(books: list[BookHistory]) -> str:
    """Lives of cancelled orders in 10 ms bins: the starts of the clusters are twice the makers' cycles."""
    spans = []
    for book in books:
        born = dict(zip(book.orders.order_id.tolist(), book.orders.time_ns.tolist(), strict=True))
        ends = zip(book.cancels.order_id.tolist(), book.cancels.time_ns.tolist(), strict=True)
        spans += [time - born[order] for order, time in ends if order in born]
    seconds = np.array(spans) / 1e9
    counts, edges = np.histogram(seconds, bins=np.arange(1.0, 2.1, 0.01))
    rising = np.flatnonzero((counts[1:] > 0.002 * seconds.size) & (counts[:-1] <= 0.002 * seconds.size)) + 1
    return f"clusters from {np.round(edges[rising], 2).tolist()} s, median {np.median(seconds):.3f} s"


def makers(books: list[BookHistory]) -> str:
    """Cycle of each maker in ms (half the shortest life of an order known to be its), and their orders."""
    shortest: dict[int, int] = {}
    for book in books:
        owner = dict(zip(book.trades.order_id.tolist(), book.trades.maker_id.tolist(), strict=True))
        born = dict(zip(book.orders.order_id.tolist(), book.orders.time_ns.tolist(), strict=True))
        ends = zip(book.cancels.order_id.tolist(), book.cancels.time_ns.tolist(), strict=True)
        for order, time in ends:
            maker = owner.get(order, 0)
            if order in born and is_of(np.array(maker), "high_frequency"):
                shortest[maker] = min(shortest.get(maker, 1 << 62), time - born[order])
    cycles = np.array([shortest[maker] / 2e9 for maker in sorted(shortest, reverse=True)])
    rate = 2.0 * np.sum(1.0 / cycles)
    return f"{np.round(1000 * cycles).astype(int).tolist()}, {rate:.1f} orders per second"


def patience(books: list[BookHistory]) -> str:
    """Orders that stand longer than any futures trader's: per book and minute, median life and size."""
    count, minutes = 0, 0.0
    spans, sizes = [], []
    for book in books:
        orders = book.orders
        cancelled = dict(zip(book.cancels.order_id.tolist(), book.cancels.time_ns.tolist(), strict=True))
        filled = set(book.trades.order_id.tolist())
        early = orders.time_ns < orders.time_ns[0] + 3_400_000_000_000
        minutes += 3400 / 60
        for order, time, size in zip(
            orders.order_id[early], orders.time_ns[early], orders.size[early], strict=True
        ):
            end = cancelled.get(int(order))
            if end is not None and end - time > 125_000_000_000:
                spans.append((end - time) / 1e9)
            if (end is None and int(order) not in filled) or (
                end is not None and end - time > 125_000_000_000
            ):
                count += 1
                sizes.append(size)
    return f"{count / minutes:.2f}, life {np.median(spans):.0f} s, size {np.median(sizes):.0f} base"


def pairs(books: list[BookHistory]) -> str:
    """Quotes of one turn share their size: width of such pairs, ticks."""
    widths = []
    for book in books:
        orders = book.orders
        last: dict[float, int] = {}
        for i, (time, side, size) in enumerate(zip(orders.time_ns, orders.side, orders.size, strict=True)):
            j = last.pop(size, -1)
            if j >= 0 and orders.side[j] != side and time - orders.time_ns[j] < 60_000_000:
                widths.append(abs(orders.price[i] - orders.price[j]) * 100)
            else:
                last[size] = i
    return f"width mean {np.mean(widths):.1f}, sd {np.std(widths):.1f} ticks over {len(widths)} pairs"


def flows(books: list[BookHistory]) -> str:
    """Aggressive orders and volume by class, per book and minute; largest order."""
    minutes = sum(book.seconds for book in books) / 60
    parts = []
    for name in TAKERS:
        sizes: list[float] = []
        for book in books:
            trades = book.trades
            mine = is_of(trades.taker_id, name)
            _, order = np.unique(trades.taker_order_id[mine], return_inverse=True)
            sizes += np.bincount(order, trades.size[mine]).tolist()
        largest = max(sizes, default=0.0)
        parts.append(f"{name} {len(sizes) / minutes:.3f} x {np.mean(sizes or [0]):.1f} (max {largest:.0f})")
    return ", ".join(parts)


def looks(books: list[BookHistory]) -> str:
    """Executing agent: seconds since the best level held the size of its order, and the look's number."""
    found = []
    for book in books:
        trades = book.trades
        mine = is_of(trades.taker_id, "algo")
        orders = defaultdict(list)
        for i in np.flatnonzero(mine):
            orders[int(trades.taker_order_id[i])].append(i)
        for rows in orders.values():
            size, side = trades.size[rows].sum(), trades.side[rows[0]]
            sizes = book.ask_size if side == 0 else book.bid_size
            now = int(trades.update[rows[0]])
            past = np.arange(max(now - 60, 0), now)
            same = past[np.abs(sizes[past, 0] - size) < 2e-4]
            if same.size:
                ago = int(now - same[-1])
                found.append((ago, round((trades.time_ns[rows[0]] / 1e9 - ago) / 30.1)))
    return str(found)


def walls(books: list[BookHistory]) -> str:
    """Trades against the wall of the start, per book and minute, with the hour's mean mid."""
    parts = []
    for book in books:
        rate = is_of(book.trades.maker_id, "initialization").sum() / book.seconds * 60
        parts.append(f"{rate:.2f} at {book.mid.mean():.2f}")
    return ", ".join(parts)


def lag(recording: list[tuple[int, float]], books: list[BookHistory]) -> str:
    """Share of futures takers in the newest direction of the feed, by seconds since its sample."""
    times, prices = (np.array(column) for column in zip(*recording, strict=True))
    changes = np.flatnonzero(np.diff(prices)) + 1
    up = np.diff(prices)[changes - 1] > 0
    agree: dict[int, list[bool]] = defaultdict(list)
    for book in books:
        for time, buys in _signs(book.trades):
            k = int(np.searchsorted(times[changes], time, side="right")) - 1
            if k >= 1 and up[k] != up[k - 1]:
                agree[int((time - times[changes[k]]) // 5_000_000_000) * 5].append(bool(buys == up[k]))
    return ", ".join(f"{since} s {np.mean(agree[since]):.2f}" for since in sorted(agree) if since < 30)


def _signs(trades: Events) -> Iterator[tuple[int, bool]]:
    mine = is_of(trades.taker_id, "futures")
    yield from zip(trades.time_ns[mine].tolist(), (trades.side[mine] == 0).tolist(), strict=True)


def main() -> None:
    """Print the sections, the recording first."""
    path, *seeds = sys.argv[1:]
    feed: list[tuple[int, float]] = []

    def states() -> Iterator[object]:
        for update in read_stream(Path(path), frozenset({Feed.TAPE})):
            feed.append((update.state.time_ns, update.external_price))
            yield update.state

    markets = {"recorded": histories(states())}
    markets |= {f"seed {seed}": simulated(int(seed)) for seed in seeds or "1234"}
    for section in (ticks, drift, walls, lives, makers, pairs, flows, looks, patience):
        print(f"\n{section.__name__}: {(section.__doc__ or '').splitlines()[0]}")
        for name, books in markets.items():
            print(f"  {name:9s} {section(books)}")
    print(f"\nlag: {(lag.__doc__ or '').splitlines()[0]}\n  recorded  {lag(feed, markets['recorded'])}")


if __name__ == "__main__":
    main()
