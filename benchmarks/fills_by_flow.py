"""What own passive fills keep, by what was known before them: the figures behind the preset `money`.

    python benchmarks/fills_by_flow.py benchmarks/search/money_first.toml --seeds 2001 2002 2003

Bp of the fill price that the middle stood in our favour after 0, 10, 60, 300 and 1200 s, and the fee that
was paid, weighted by quote: by the distance of the fill from the middle of the state before it, and by the
flow of takers there, of all books and of the own one, with the fill (above 0: more was bought where we buy).
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from what_scores_pay import Seen

from obmm.agent import MarketMaker, resolve
from obmm.market import BUY, Feed, FloatArray, MarketState, NoticeKind
from obmm.sim import Scenario, SimulatedMarket

AFTER_S = (0, 10, 60, 300, 1200)
#: What is said of a fill before it → where the classes of it begin and end.
DISTANCES = (0.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 25.0)
FLOWS = (-1.0, -0.6, -0.3, -0.1, 0.1, 0.3, 0.6, 1.0)
#: Of the opening of a simulation, s: fees have not begun to move.
SKIP_S = 2700


def played(name: str, scenario: Scenario, seed: int, books: int, hours: float) -> tuple[Seen, FloatArray]:
    """One market with the agent, and its passive fills (6, N): second, book, sign, price, size and fee."""
    maker, fills = MarketMaker(resolve(name)), []
    feeds = maker.feeds | {Feed.TAPE}

    def states(market: SimulatedMarket) -> Iterator[MarketState]:
        for second, accounts in enumerate(market.states(hours * 3600.0)):
            state = accounts[0]
            market.submit(0, maker.decide(state).orders, 0.1)
            notices = state.notices
            rows = np.flatnonzero((notices.kind == int(NoticeKind.FILL)) & (notices.maker_id == state.uid))
            sign = np.where(notices.side[rows] == BUY, 1.0, -1.0)
            told = (notices.book[rows], sign, notices.price[rows], notices.size[rows], notices.fee[rows])
            fills.append(np.array([np.full(rows.size, second), *told]))
            yield state

    with SimulatedMarket(scenario, books=books, seed=seed, feeds=feeds, threads=1) as market:
        seen = Seen.of(states(market))
    return seen, np.concatenate(fills, axis=1)


def marked(seen: Seen, fills: FloatArray) -> FloatArray:
    """(K, N) of each fill what the classes ask for and what it kept; the rows are those of `NAMES`."""
    second, book = fills[:2].astype(np.int64)
    late = (second > SKIP_S) & (second < seen.mid.shape[0] - AFTER_S[-1])
    second, book = second[late], book[late]
    sign, price, size, fee = fills[2:, late]
    before = np.maximum(second - 1, 0)
    kept = [1e4 * sign * (seen.mid[second + after, book] / price - 1.0) for after in AFTER_S]
    said = [
        1e4 * sign * (seen.mid[before, book] / price - 1.0),
        *(sign * seen.flow(tau_s, common=True)[before, book] for tau_s in (10.0, 300.0)),
        sign * seen.flow(150.0)[before, book],
    ]
    return np.array([*said, *kept, 1e4 * fee / (price * size), price * size])


NAMES = ("distance, bp", "flow of all books, 10 s", "flow of all books, 300 s", "own flow, 150 s")


def classes(rows: FloatArray, book_hours: float) -> Iterator[str]:
    """A line for each class of each thing that was known."""
    for k, name in enumerate(NAMES):
        yield f"\n{name}: fills, quote per book and hour | after {', '.join(map(str, AFTER_S))} s | fee"
        edges = FLOWS if k else DISTANCES
        for low, high in itertools.pairwise(edges):
            of = rows[:, (rows[k] >= low) & (rows[k] < high)]
            if of.shape[1] > 20:
                mean = (of[len(NAMES) : -1] * of[-1]).sum(axis=1) / of[-1].sum()
                kept = " ".join(f"{value:+6.1f}" for value in mean[:-1])
                rate = f"{of.shape[1] / book_hours:6.1f} {of[-1].sum() / book_hours:7.0f}"
                yield f"{low:6.1f} to {high:5.1f} {rate} | {kept} | {mean[-1]:+.1f}"


def main(words: Sequence[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("agent", help="a preset or a TOML file")
    parser.add_argument("--scenario", default="taos-0.5.4")
    parser.add_argument("--seeds", type=int, nargs="+", default=[2001, 2002, 2003])
    parser.add_argument("--books", type=int, default=16)
    parser.add_argument("--hours", type=float, default=3.0)
    told = parser.parse_args(words)
    scenario = Scenario.load(told.scenario)
    rows = [marked(*played(told.agent, scenario, seed, told.books, told.hours)) for seed in told.seeds]
    hours = told.hours - (SKIP_S + AFTER_S[-1]) / 3600.0
    print(*classes(np.concatenate(rows, axis=1), hours * told.books * len(told.seeds)), sep="\n")


if __name__ == "__main__":
    main()
