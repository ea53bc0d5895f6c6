"""Compiling ahead of the first run."""

from __future__ import annotations

import time

from obmm.market import Feed, Orders
from obmm.sim._jit import forget_old_kernels
from obmm.sim.market import SimulatedMarket


def warmup() -> float:
    """Compile every kernel a simulation uses and store it for later processes; the seconds it took.

    Takes about half a minute the first time and less than a second from then on, until the package or numba
    changes.
    """
    started = time.perf_counter()
    with SimulatedMarket(books=1, feeds=(Feed.TAPE, Feed.QUEUE), threads=1) as market:
        market.step()
        market.submit(0, Orders.limits(n_books=1, book=[0], side=0, price=1.0, size=1.0))
        market.step()
        market.reset(0)
    forget_old_kernels()
    return time.perf_counter() - started
