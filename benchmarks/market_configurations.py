"""Six configurations in the embedded market beside what they earned in the real one.

`python benchmarks/market_configurations.py [SEED …]` (1 2 3 if none is given; some minutes each). In the real
simulator, version 0.5.4, sixteen configurations stood one per book of a block for an hour after the grace
period, beside two takers who sent 0.12 orders of 0.25 to 0.75 base a second to each book; once with both
takers' orders on all books at one nanosecond, once 10 to 30 ms apart. Six of them are published: net quote
per book and hour of both kinds of run, and of the first kind the net before fees, the maker share, the
markout after 60 s and how often both sides were quoted. The same six share the books here, on other books
with each seed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Protocol

import attrs
import numpy as np

from obmm.agent import MarketMaker, resolve
from obmm.lab.facts import maker_markout_bps
from obmm.lab.history import BookHistory, histories
from obmm.market import (
    BoolArray,
    EventKind,
    Feed,
    FloatArray,
    InstructionKind,
    MarketState,
    NoticeKind,
    Orders,
)
from obmm.sim import Scenario, SimulatedMarket

BOOKS = 16
SECONDS = 3600
TAKES_PER_SECOND = 0.12
FILL = int(NoticeKind.FILL)
#: Net with takers at one instant and spread out, net before fees, maker share, markout (bps), both sides.
REAL = {
    "reference": (77, 122, 53, 0.36, 15.3, 0.76),
    "touch": (115, 94, 59, 0.31, 13.8, 0.93),
    "touch, size 1.0": (79, 96, 65, 0.36, 15.7, 0.64),
    "touch, 1 inside": (74, 108, 70, 0.38, 16.1, 0.45),
    "conservative": (43, 52, 30, 0.35, 6.0, 0.40),
    "balanced": (24, 71, 23, 0.40, 5.6, 0.26),
}


class Agent(Protocol):
    """Whatever answers states."""

    def respond(self, state: MarketState) -> Orders:
        """Instructions for `state`."""


class Reference:
    """0.26 base post-only at either touch, replaced every three seconds."""

    def respond(self, state: MarketState) -> Orders:
        """Instructions for `state`."""
        n_books, every = state.n_books, np.arange(state.n_books)
        if int(state.time_s) % 3:
            return Orders.none(n_books)
        standing = np.repeat(every, state.open_orders.count)
        quotes = Orders.limits(
            n_books=n_books,
            book=np.tile(every, 2),
            side=np.repeat([0, 1], n_books),
            price=np.concatenate([state.bid_price[:, 0], state.ask_price[:, 0]]),
            size=0.26,
            post_only=True,
        )
        cancels = Orders.cancels(n_books=n_books, book=standing, order_id=state.open_orders.order_id)
        return cancels.joined(quotes)


def agents() -> list[Agent]:
    """One agent for each row of `REAL`."""
    return [
        Reference(),
        MarketMaker(resolve("touch")),
        MarketMaker(resolve("touch", ["size_base=1.0"])),
        MarketMaker(resolve("touch", ["inside_ticks=1"])),
        MarketMaker(resolve("conservative")),
        MarketMaker(resolve("balanced")),
    ]


def takes(rng: np.random.Generator, spread: bool) -> Orders:
    """A taker's market orders for one state, all at once or 10 to 30 ms apart."""
    books = np.flatnonzero(rng.random(BOOKS) < TAKES_PER_SECOND)
    return Orders.of(
        BOOKS,
        InstructionKind.MARKET,
        books,
        side=rng.integers(0, 2, books.size),
        size=rng.uniform(0.25, 0.75, books.size),
        delay_ns=np.cumsum(rng.integers(10_000_000, 30_000_001, books.size)) if spread else 0,
    )


def hour(seed: int, spread: bool) -> FloatArray:
    """(6, 5) of an hour: net, net before fees, maker share, markout and share of time on both sides."""
    scenario = Scenario.load("taos-0.5.4")
    rivals = attrs.evolve(scenario.rivals, makers=0, takers=0)
    n = len(REAL)
    every, owner = np.arange(BOOKS), (np.arange(BOOKS) + seed) % n
    rng, playing = np.random.default_rng(seed), agents()
    fees, share, both = np.zeros(BOOKS), np.zeros(BOOKS), np.zeros(BOOKS)
    starts: list[MarketState] = []
    ends: list[MarketState] = []

    def watched(market: SimulatedMarket) -> Iterator[MarketState]:
        for states in market.states(seconds=SECONDS):
            for uid, agent in enumerate(playing):
                state, own = states[uid], owner == uid
                orders = agent.respond(state)
                market.submit(uid, orders.take(np.flatnonzero(own[orders.book])), response_s=0.05)
                np.add.at(
                    fees, state.notices.book, np.where(state.notices.kind == FILL, state.notices.fee, 0.0)
                )
                both[own] += sides(state)[own] / SECONDS
            for uid in (n, n + 1):
                market.submit(uid, takes(rng, spread))
            share[:] += states[0].maker_ratio / SECONDS
            ends[:] = [states[uid] for uid in range(n)]
            starts[:] = starts or ends
            yield states[0]

    with SimulatedMarket(
        scenario, books=BOOKS, seed=seed, miners=n + 2, rivals=rivals, feeds=[Feed.TAPE]
    ) as market:
        books = histories(watched(market))
    mid = np.array([book.mid[-1] for book in books])
    gained = np.stack(
        [end.accounts.value(mid) - start.accounts.value(mid) for start, end in zip(starts, ends, strict=True)]
    )
    net = gained[owner, every]
    markout = [np.nanmean(maker_markout_bps(passive(book, owner[i]), 60)[0]) for i, book in enumerate(books)]
    figures = np.stack([net, net + fees, share, np.array(markout), both], axis=1)
    return np.stack([figures[owner == uid].mean(axis=0) for uid in range(n)])


def sides(state: MarketState) -> BoolArray:
    """(B,) whether a bid and an ask of ours stand."""
    standing = np.zeros((2, state.n_books), dtype=np.bool_)
    standing[state.open_orders.side, state.open_orders.book] = True
    return np.logical_and(*standing)


def passive(book: BookHistory, uid: int) -> BookHistory:
    """The history with the trades against one maker alone."""
    events = book.events
    rows = (events.kind == int(EventKind.TRADE)) & (events.maker_id == uid)
    kept = {field.name: getattr(events, field.name)[rows] for field in attrs.fields(type(events))}
    return attrs.evolve(book, events=type(events)(**kept))


def main() -> None:
    """Print ours and theirs, row by row; the deviation is that between seeds."""
    seeds = [int(seed) for seed in sys.argv[1:]] or [1, 2, 3]
    same, apart = (np.array([hour(seed, spread) for seed in seeds]) for spread in (False, True))
    head = ("net, same instant", "net, spread", "before fees", "share x", "markout, bps", "both sides")
    print(f"{'ours / real':17}" + "".join(f"{name:>19}" for name in head))
    for row, (name, real) in enumerate(REAL.items()):
        columns = [same[:, row, 0], apart[:, row, 0], *same[:, row, 1:].T]
        told = [
            f"{ours.mean():.{digits}f} ± {ours.std():.{digits}f} / {theirs:.{digits}f}"
            for ours, theirs, digits in zip(columns, real, (0, 0, 0, 2, 1, 2), strict=True)
        ]
        print(f"{name:17}" + "".join(f"{cell:>19}" for cell in told))
    ours, real_nets = same[:, :, 0].mean(), np.mean([row[0] for row in REAL.values()])
    print(f"\nmean net at one instant {ours:.0f} / {real_nets:.0f}, ", end="")
    print(f"spread out {apart[:, :, 0].mean():.0f} / {np.mean([row[1] for row in REAL.values()]):.0f}")


if __name__ == "__main__":
    main()
