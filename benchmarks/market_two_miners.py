"""Two small miners in the real market and in the embedded one.

`python benchmarks/market_two_miners.py RECORDING [SEED …]`. The recording holds ten minutes of 8 books of
version 0.5.4 with a maker (uid 0: 0.26 base post-only at either touch, replaced every 3 s) and a random
taker (uid 1). The embedded market plays the same two for an hour per seed, the taker as often and as large
as recorded.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import attrs
import numpy as np

from obmm.lab.facts import maker_markout_bps
from obmm.lab.history import BookHistory, histories
from obmm.market import Feed, InstructionKind, MarketState, Orders
from obmm.sim import Scenario, SimulatedMarket
from obmm.wire import read_stream

BOOKS = 8
TAPE = frozenset({Feed.TAPE})


def of_maker(book: BookHistory) -> BookHistory:
    """The history with the trades against uid 0 alone."""
    events = book.events
    rows = (events.kind == 1) & (events.maker_id == 0)
    kept = {field.name: getattr(events, field.name)[rows] for field in attrs.fields(type(events))}
    return attrs.evolve(book, events=type(events)(**kept))


def figures(states: Iterable[MarketState]) -> str:
    """What happened to the maker, per book and hour."""
    first: list[MarketState] = []
    last: list[MarketState] = []

    def watched() -> Iterator[MarketState]:
        for state in states:
            first[:] = first or [state]
            last[:] = [state]
            yield state

    books = histories(watched())
    hours = books[0].seconds / 3600
    own = [of_maker(book) for book in books]
    markout = np.concatenate([maker_markout_bps(book, 60)[0] for book in own])
    taken = [book.events.size[(book.events.kind == 1) & (book.events.taker_id == 1)].sum() for book in books]
    start, end = first[0].accounts, last[0].accounts
    mid = np.array([book.mid[-1] for book in books])
    profit = end.quote_total - start.quote_total + (end.base_total - start.base_total) * mid
    spread = np.mean([np.nanmean(book.ask_price[:, 0] - book.bid_price[:, 0]) / book.tick for book in books])
    return (
        f"{sum(len(book.trades) for book in own) / hours / BOOKS:.0f} fills of the maker, "
        f"markout after 60 s {np.nanmean(markout):.1f} bps, {np.nanmean(markout > 0):.0%} positive, "
        f"profit {profit.mean() / hours:.0f} quote, maker rate {1e4 * end.maker_rate.mean():.1f} bps, "
        f"taken by the other {np.mean(taken) / hours:.0f} base, spread {spread:.0f} ticks"
    )


def simulated(seed: int) -> Iterator[MarketState]:
    """An hour of the two in the embedded market."""
    scenario = Scenario.load("taos-0.5.4")
    rivals = attrs.evolve(scenario.rivals, makers=0, takers=0)
    rng = np.random.default_rng(seed)
    every = np.arange(BOOKS)
    with SimulatedMarket(scenario, books=BOOKS, seed=seed, miners=2, rivals=rivals, feeds=TAPE) as market:
        for second, states in enumerate(market.states(seconds=3599)):
            state = states[0]
            yield state
            if second % 3 == 0:
                standing = np.repeat(every, state.open_orders.count)
                cancels = Orders.cancels(n_books=BOOKS, book=standing, order_id=state.open_orders.order_id)
                quotes = Orders.limits(
                    n_books=BOOKS,
                    book=np.tile(every, 2),
                    side=np.repeat([0, 1], BOOKS),
                    price=np.concatenate([state.bid_price[:, 0], state.ask_price[:, 0]]),
                    size=0.26,
                    post_only=True,
                )
                market.submit(0, cancels.joined(quotes), response_s=0.1)
            takes = np.flatnonzero(rng.random(BOOKS) < 415 / 3600)
            if takes.size:
                market.submit(
                    1,
                    Orders.of(
                        BOOKS,
                        InstructionKind.MARKET,
                        takes,
                        side=rng.integers(0, 2, takes.size),
                        size=rng.uniform(0.26, 0.8, takes.size),
                    ),
                    response_s=0.1,
                )


def main() -> None:
    """Print the recording's figures, then one line per seed."""
    path, *seeds = sys.argv[1:]
    print("recorded", figures(update.state for update in read_stream(path, TAPE, uid=0)))
    for seed in seeds or "123":
        print(f"seed {seed}  ", figures(simulated(int(seed))))


if __name__ == "__main__":
    main()
