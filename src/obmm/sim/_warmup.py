"""Compiling ahead of the first run."""

from __future__ import annotations

import time

from obmm.market import Feed, Orders
from obmm.sim._store import forget_old_kernels
from obmm.sim.market import SimulatedMarket
from obmm.sim.replay import ReplayedMarket


def warmup() -> float:
    """Compile every kernel that simulations and replays use and store it; the seconds it took.

    Takes about half a minute the first time and less than a second from then on, until the package or numba
    changes.
    """
    started = time.perf_counter()
    order = Orders.limits(n_books=1, book=[0], side=0, price=1.0, size=1.0)
    with SimulatedMarket(books=1, feeds=(Feed.TAPE, Feed.QUEUE), threads=1) as market:
        first = market.step()[0]
        market.submit(0, order)
        second, _, fourth = (market.step()[0] for _ in range(3))
        market.reset(0)
    # The replay too, with a gap in what it replays.
    with ReplayedMarket((first, second, fourth)) as replayed:
        for _ in replayed.states():
            replayed.submit(0, order)
    forget_old_kernels()
    return time.perf_counter() - started
