"""What making and skill of 0.6 would pay on a market, before any agent trades there.

    python benchmarks/what_scores_pay.py --capture taos-0.6.2-class0-8books-1h.msgpack.zst
    python benchmarks/what_scores_pay.py --seeds 1 2 3 --books 16 --hours 6

The second plays the embedded market, class by class. Two tables:

Resting: an order so many ticks from the middle of each state, filled when a trade passes it within the
second; what that captures against the 31 prints around it, what is left at 20 s (cut as validators cut it),
and both where the flow of takers points with the fill and against it.

Following: a position of clip(2 x flow, -1, 1) of a bound, moved to the edge of a band around that; what it
earns before costs, what of it is alpha (beyond mean position times drift), and what must be turned over.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import attrs
import numpy as np

from obmm.market import EventKind, Feed, FloatArray, IntArray, MarketState
from obmm.sim import Scenario, SimulatedMarket
from obmm.wire import read_stream

#: Prints on either side of a fill that make its mid, and seconds until it is marked again.
HALF, MARK_S = 15, 20
TICKS = (1, 2, 4, 8, 16, 24, 32, 40, 60, 100, 150)
TAUS_S, BANDS = (30, 60, 100, 150, 300, 600), (0.2, 0.5)
#: Of a signal's time constant nothing is known before, s.
WARM_S = 600


@attrs.frozen(eq=False)
class Seen:
    """One market, second by second; trades in columns (N,)."""

    mid: FloatArray
    second: IntArray
    book: IntArray
    buys: FloatArray
    size: FloatArray
    price: FloatArray

    @classmethod
    def of(cls, states: Iterable[MarketState]) -> Seen:
        """What is kept of states with a tape."""
        mids, columns = [], []
        for k, state in enumerate(states):
            mids.append(state.mid.copy())
            tape = state.tape
            assert tape is not None
            rows = np.flatnonzero(tape.kind == int(EventKind.TRADE))
            book = np.searchsorted(tape.offset, rows, side="right") - 1
            sign = np.where(tape.side[rows] == 0, 1.0, -1.0)
            columns.append((np.full(rows.size, k), book, sign, tape.size[rows], tape.price[rows]))
        second, book, buys, size, price = (np.concatenate(c) for c in zip(*columns, strict=True))
        return cls(np.array(mids), second, book, buys, size, price)

    def flow(self, tau_s: float, common: bool = False) -> FloatArray:
        """(T, B) what `trade_flow` tells at each state, of the own book or of all books together."""
        from scipy.signal import lfilter

        keep = np.exp(-1.0 / tau_s)
        sums = []
        for weight in (self.buys * self.size, self.size):
            traded = np.zeros(self.mid.shape)
            np.add.at(traded, (self.second, self.book), weight)
            if common:
                traded[:] = traded.sum(axis=1, keepdims=True)
            sums.append(lfilter([1.0], [1.0, -keep], traded, axis=0))
        told: FloatArray = sums[0] / (sums[1] + 5.0)
        return told


def resting(seen: Seen, books: Sequence[int]) -> Iterator[str]:
    """A line for each distance."""
    flow = seen.flow(150.0)
    rows: dict[int, list[FloatArray]] = {ticks: [] for ticks in TICKS}
    for b in books:
        at = np.flatnonzero(seen.book == b)
        second, price, size, buys = (c[at] for c in (seen.second, seen.price, seen.size, seen.buys))
        n = at.size
        i = np.arange(n)
        own = _window(price, np.ones(n), i)
        mark = _window(price, size, np.minimum(np.searchsorted(second, second + MARK_S), n - 1))
        before = np.maximum(second - 1, 0)
        mid, lean = seen.mid[before, b], flow[before, b]
        known = (second > WARM_S) & (i >= HALF) & (i < n - 2 * HALF)
        for ticks in TICKS:
            for side in (1.0, -1.0):
                order = side * np.floor(side * (mid - side * 0.01 * ticks) * 100.0 + 1e-6) / 100.0
                hit = np.flatnonzero(known & (buys == -side) & (side * price < side * order - 1e-9))
                hit = hit[np.unique(second[hit], return_index=True)[1]]
                got = 1e4 * side * (own[hit] / order[hit] - 1.0)
                kept = np.clip(1e4 * side * (mark[hit] / order[hit] - 1.0), -np.abs(got), np.abs(got))
                rows[ticks].append(np.array([got, kept, side * lean[hit]]))
    hours = len(books) * seen.mid.shape[0] / 3600.0
    yield "ticks  fills/h  captured  at 20 s, bp | with the flow: fills/h  captured  at 20 s | against it"
    for ticks, parts in rows.items():
        got, kept, lean = np.concatenate(parts, axis=1)
        words = []
        for of in (np.isfinite(lean), lean > 0.2, lean < -0.2):
            told = f"{got[of].mean():+6.2f} {kept[of].mean():+6.2f}" if of.any() else "     –      –"
            words.append(f"{of.sum() / hours:7.1f} {told}")
        yield f"{ticks:5d}  {' | '.join(words)}"


def following(markets: Sequence[Seen], books: Sequence[int], window_s: int) -> Iterator[str]:
    """A line for each memory of the flow and each band."""
    hours = window_s / 3600.0
    yield f"tau, s  band  earned, bp/h  turnovers/h  alpha, bp/h  books above 0 in {hours:g} h  t"
    for tau_s in TAUS_S:
        for band in BANDS:
            earned, turned, alpha = (np.concatenate(c) for c in zip(
                *(_followed(s, books, tau_s, band, window_s) for s in markets), strict=True
            ))  # fmt: skip
            per_hour = 1.0 / hours
            t = earned.mean() / earned.std(ddof=1) * earned.size**0.5
            yield (
                f"{tau_s:6d} {band:5.1f} {per_hour * earned.mean():+13.1f} {per_hour * turned.mean():12.1f} "
                f"{per_hour * alpha.mean():+12.1f} {(alpha > 0).mean():14.0%} {t:23.1f}"
            )


def _followed(
    seen: Seen, books: Sequence[int], tau_s: float, band: float, window_s: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Per book and window: earned and alpha, bp of the bound, and turnovers of the bound."""
    target = np.clip(2.0 * seen.flow(tau_s)[:, books], -1.0, 1.0)
    held = np.zeros(target.shape)
    for k in range(1, held.shape[0] - 1):
        # Decided at a state, there at the next.
        held[k + 1] = np.clip(held[k], target[k] - band, target[k] + band)
    change = 1e4 * np.diff(np.log(seen.mid[:, books]), axis=0)
    parts = []
    for first in range(0, change.shape[0] - window_s + 2, window_s):
        now = slice(first, first + window_s)
        h, c = held[now][: change[now].shape[0]], change[now]
        earned = (h * c).sum(axis=0)
        turned = np.abs(np.diff(held[now], axis=0)).sum(axis=0)
        parts.append((earned, turned, earned - h.mean(axis=0) * c.sum(axis=0)))
    earned, turned, alpha = (np.concatenate(c) for c in zip(*parts, strict=True))
    return earned, turned, alpha


def _window(price: FloatArray, weight: FloatArray, at: IntArray) -> FloatArray:
    """(M,) weighted mean price of the prints around each row."""
    low, high = np.maximum(at - HALF, 0), np.minimum(at + HALF + 1, price.size)
    amount, total = (np.concatenate([[0.0], np.cumsum(c)]) for c in (price * weight, weight))
    mean: FloatArray = (amount[high] - amount[low]) / (total[high] - total[low])
    return mean


def main(words: Sequence[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--capture", type=Path, help="a recording; else the embedded market")
    parser.add_argument("--scenario", default="taos-0.6.2")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--books", type=int, default=16)
    parser.add_argument("--hours", type=float, default=6.0)
    told = parser.parse_args(words)
    tape = frozenset({Feed.TAPE})
    if told.capture:
        markets = [Seen.of(update.state for update in read_stream(told.capture, tape))]
        asset, window_s = np.zeros(markets[0].mid.shape[1], dtype=np.int64), 3600
    else:
        scenario, markets, window_s = Scenario.load(told.scenario), [], 10_800
        for seed in told.seeds:
            with SimulatedMarket(scenario, books=told.books, seed=seed, feeds=tape, threads=1) as market:
                markets.append(Seen.of(states[0] for states in market.states(told.hours * 3600.0)))
        asset = scenario.asset_of_book(told.books)
    for number in np.unique(asset).tolist():
        books = np.flatnonzero(asset == number).tolist()
        print(f"\nclass {number}: {len(books)} books of {len(markets)} markets; resting on the first")
        print(*resting(markets[0], books), sep="\n")
        print(*following(markets, books, window_s), sep="\n")


if __name__ == "__main__":
    main()
