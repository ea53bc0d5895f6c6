"""Takes the Kappa of an agent apart, per book and close: `where_kappa_goes.py touch --seeds 3005 3006`.

Prints the scores of 0.5.4 and 0.5.5 with their parts, how large gains are and what their spread costs, where
losses come from, how long lots stay open, and how many books count as nothing.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from obmm.agent import MarketMaker, resolve
from obmm.lab.compare.markets import markets_of
from obmm.lab.score import RunScores
from obmm.market import BUY, FloatArray, IntArray, MarketState, NoticeKind
from obmm.market.lots import OpenLots
from obmm.scoring import ERAS
from obmm.scoring.kappa import kappa_ratios
from obmm.scoring.realised import PnlHistory
from obmm.sim import Scenario, SimulatedMarket

ERA_NAMES = ("0.5.5", "0.5.4")
#: Kappa begins there, and a book that has closed nothing since 10 to 20 minutes before counts as nothing.
BEGINS_S = ERAS["0.5.5"].kappa_min_lookback_ns / 1e9
#: Gains, bp of 75 quote, between which closes are counted.
BOUNDS = (-np.inf, -0.1, 2.0, 6.0, 12.0, 25.0, 50.0, np.inf)


class Close(NamedTuple):
    """What the fills of one state on one book closed."""

    state: int
    book: int
    pnl: float
    size: float
    age_s: float
    kind: str


def kind_of(size: float, held: Sequence[float], least: float) -> str:
    """How a fill of `size` met lots of the sizes `held`."""
    total = sum(held)
    if total < least * (1.0 - 1e-9):
        return "less than the minimum was open"
    if len(held) > 1 and size < total * (1.0 - 1e-9):
        return "the oldest of several lots"
    return "all that was open, or one lot"


class Ledger:
    """First in, first out, on every book."""

    def __init__(self, n_books: int) -> None:
        self.lots = [OpenLots() for _ in range(n_books)]
        self.closes: list[Close] = []
        self.ages: list[FloatArray] = []

    def take(self, number: int, state: MarketState) -> None:
        """The fills of one state."""
        notices, done = state.notices, {}
        for row in np.flatnonzero((notices.kind == int(NoticeKind.FILL)) & (notices.book >= 0)).tolist():
            book = int(notices.book[row])
            lots = self.lots[book]
            held = [*lots.shorts, *lots.longs]
            closed = lots.fill(
                int(notices.side[row]) == BUY,
                float(notices.size[row]),
                float(notices.price[row]),
                fee=float(np.nan_to_num(notices.fee[row])),
                time_ns=int(notices.time_ns[row]),
            )
            if closed.size_base > 0.0:
                age_s = (int(notices.time_ns[row]) - held[0].time_ns) / 1e9
                least = float(state.venue.least_base[book])
                kind = kind_of(closed.size_base, [lot.size_base for lot in held], least)
                old = done.get(book, Close(number, book, 0.0, 0.0, age_s, kind))
                done[book] = old._replace(pnl=old.pnl + closed.pnl, size=old.size + closed.size_base)
        self.closes += done.values()
        if number % 10 == 0:
            first = [(lots.shorts or lots.longs) for lots in self.lots]
            self.ages.append(np.array([(state.time_ns - q[0].time_ns) / 1e9 if q else -1.0 for q in first]))


def kappas(closes: Sequence[Close], times_ns: IntArray, books: IntArray) -> FloatArray:
    """(B,) Kappa of 0.5.5 of the books of a seed."""
    mine = [one for one in closes if one.book in set(books.tolist()) and round(one.pnl, 4) != 0.0]
    history = PnlHistory.of(
        times_ns,
        [one.state for one in mine],
        np.searchsorted(books, [one.book for one in mine]),
        [round(one.pnl, 4) for one in mine],
    )
    told = kappa_ratios(history, books.size, ERAS["0.5.5"])
    return np.full(books.size, np.nan) if told is None else told.books


def told(ledger: Ledger, times_ns: IntArray, groups: Sequence[IntArray]) -> None:
    """Print what the closes say."""
    closes, n_books = ledger.closes, sum(map(len, groups))
    hours = (times_ns[-1] - times_ns[0]) / 3.6e12
    pnl = np.array([one.pnl for one in closes])
    begin = np.searchsorted(times_ns, times_ns[0] + (BEGINS_S - 600.0) * 1e9)
    lively = {one.book for one in closes if one.state >= begin}
    ratios = np.concatenate([kappas(closes, times_ns, books) for books in groups])
    quantiles = np.nanpercentile(ratios, (0, 10, 25, 50, 75, 90, 100)).round(2)
    print(f"Kappa of books, 0 10 25 50 75 90 100 %: {quantiles.tolist()}, none on {np.isnan(ratios).sum()}")
    print(f"books without a close since {BEGINS_S - 600:.0f} s: {1.0 - len(lively) / n_books:.3f} of all")
    print(f"closes per book and hour: {len(closes) / n_books / hours:.1f}")
    print("gain, bp of 75 quote | share of closes | of the sum | of the squares | median age, s")
    gain = pnl / 75.0 * 1e4
    for low, high in itertools.pairwise(BOUNDS):
        here = (gain >= low) & (gain < high)
        if here.any():
            age = float(np.median([one.age_s for one, yes in zip(closes, here, strict=True) if yes]))
            shares = here.mean(), pnl[here].sum() / pnl.sum(), (pnl[here] ** 2).sum() / (pnl**2).sum()
            print(f"{low:g} to {high:g} | " + " | ".join(f"{s:.3f}" for s in shares) + f" | {age:.0f}")
    win = float(pnl[pnl > 0.0].mean())
    print(f"losses beyond a tenth of the mean gain ({win:.4f} quote), per book and hour, mean in gains:")
    for kind in sorted({one.kind for one in closes}):
        lost = [one.pnl for one in closes if one.kind == kind and one.pnl < -0.1 * win]
        if lost:
            print(f"  {kind}: {len(lost) / n_books / hours:.3f}, {np.mean(lost) / win:.2f}")
    ages = np.array(ledger.ages)
    shares = [
        ((ages >= low) & (ages < high)).mean() for low, high in itertools.pairwise((-2, 0, 120, 600, np.inf))
    ]
    flat, young, older, old = (f"{share:.2f}" for share in shares)
    print(f"time flat {flat}, oldest lot under 2 min {young}, under 10 {older}, older {old}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="a preset or a TOML file")
    parser.add_argument("params", nargs="*", help="k=v on top")
    parser.add_argument("--field", default="default")
    parser.add_argument("--scenario", default="taos-0.5.4")
    parser.add_argument("--seeds", type=int, nargs="+", default=[3005, 3006, 3007, 3008])
    parser.add_argument("--books", type=int, default=8)
    parser.add_argument("--hours", type=float, default=2.5)
    words = parser.parse_args()
    config = resolve(words.config, words.params)
    market_of = markets_of([Scenario.load(words.scenario)], [words.field])[0]
    rivals = (*market_of.rivals, *[config] * market_of.copies)
    makers = {uid: MarketMaker(one) for uid, one in enumerate((config, *rivals))}
    scores = RunScores(ERA_NAMES, every=False)
    feeds = scores.feeds.union(*(maker.feeds for maker in makers.values()))
    times: list[int] = []
    with SimulatedMarket(
        market_of.scenario, books=words.books, seed=tuple(words.seeds), miners=len(makers), feeds=feeds
    ) as market:
        ledger = Ledger(market.venue.n_books)
        for seen in market.states(words.hours * 3600.0):
            scores.observe({0: seen[0]})
            for uid, maker in makers.items():
                market.submit(uid, maker.decide(seen[uid]).orders, 0.1)
            ledger.take(len(times), seen[0])
            times.append(seen[0].time_ns)
        groups = [np.asarray(rows) for rows in market.venue.group_rows]
    for era in ERA_NAMES:
        figures = [scores.everybody(group)[era][0] for group in range(len(groups))]
        parts = ("score", "kappa_score", "median", "penalty", "kappa_median")
        print(era, ", ".join(f"{name} {np.mean([f[name] for f in figures]):.3f}" for name in parts))
    told(ledger, np.array(times, dtype=np.int64), groups)


if __name__ == "__main__":
    main()
