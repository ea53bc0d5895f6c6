"""How long the exchange takes per event, under a flow shaped like the resident makers'.

Ten makers place a bid and an ask about 53 ticks from the middle every three quarters of a second and cancel
them after one to two seconds; every nine seconds a market order takes from the touch. A wall of 6,000 far
orders stands behind. Run it: `python benchmarks/bench_sim_engine.py [book seconds]`.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import numpy.typing as npt

from obmm.market import FeePolicy
from obmm.sim._jit import Record, kernel
from obmm.sim._random import integer_below, lognormal, rayleigh, rayleigh_unit, uniform
from obmm.sim.exchange._accounts import open_account
from obmm.sim.exchange._layout import BUY, EV_BACKGROUND, EV_CANCEL, SELL
from obmm.sim.exchange._orders import cancel_order, end_step, place_limit, place_market
from obmm.sim.exchange._queue import next_event_ns, pop_event, schedule
from obmm.sim.exchange._setup import make_book

SECOND = 1_000_000_000
TURN, PLACE, TAKE = EV_BACKGROUND, EV_BACKGROUND + 1, EV_BACKGROUND + 2


@kernel
def _latency(rng: npt.NDArray[np.uint64]) -> int:
    return int(1e6 + 49e6 * rayleigh_unit(rng, 0.235))


@kernel
def _happen(b: Record, kind: int, agent: int, side: int, tick: int, lots: int) -> None:
    rng = b.rng[8]
    if kind == TURN:
        mid2 = b.touch[BUY] + b.touch[SELL]
        for quote_side in (SELL, BUY):
            away = 54.0 + 100.0 * rayleigh(rng, 0.23) - 7.4
            tick = int(mid2 / 2 + (away if quote_side == SELL else -away))
            lots = int(1e4 * lognormal(rng, 2.5, 1.0))
            schedule(b, b.now_ns + _latency(rng), PLACE, agent, quote_side, tick, lots, 0)
        schedule(b, b.now_ns + 750_000_000, TURN, agent, 0, 0, 0, 0)
    elif kind == PLACE:
        if place_limit(b, agent, side, tick, lots, False) == 0 and b.placed_slot:
            life = int(1.5e9 * (0.67 + 0.66 * uniform(rng)))
            schedule(b, b.now_ns + life, EV_CANCEL, agent, 0, b.placed_slot, 0, b.placed_id)
    else:
        place_market(b, agent, side, int(1e4 * lognormal(rng, 2.0, 1.0)))
        schedule(b, b.now_ns + 9 * SECOND, TAKE, agent, 1 - side, 0, 0, 0)


@kernel
def drive(books: npt.NDArray[np.void], seconds: int) -> int:
    """Run the flow for `seconds`; the number of events delivered."""
    b = books[0]
    until = b.now_ns + seconds * SECOND
    while b.now_ns < until:
        cutoff = b.now_ns + SECOND
        while next_event_ns(b) < cutoff:
            b.now_ns = b.heap_time[0]
            event = b.events[pop_event(b)]
            b.events_done += 1
            if event.kind == EV_CANCEL:
                cancel_order(b, event.tick, event.data, 0)
            else:
                _happen(b, event.kind, event.agent, event.side, event.tick, event.lots)
        b.now_ns = cutoff
        end_step(b)
    return int(b.events_done)


@kernel
def prepare(books: npt.NDArray[np.void]) -> None:
    """Accounts, the wall, and the first turn of everyone."""
    b = books[0]
    for agent in range(264, 264 + 24):
        open_account(b, agent, 10**12, 10**18)
    for i in range(6000):
        side = i % 2
        tick = 1 + integer_below(b.rng[9], 29_900) + (30_050 if side == SELL else 0)
        b.max_open_orders = 10_000
        place_limit(b, 264 + 20, side, tick, 250_000, False)
    for agent in range(10):
        schedule(b, agent * 70_000_000, TURN, 264 + agent, 0, 0, 0, 0)
    schedule(b, SECOND, TAKE, 264 + 22, BUY, 0, 0, 0)


def main() -> None:
    """Print time per event and book seconds per second."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    books = make_book(fees=FeePolicy())
    started = time.perf_counter()
    prepare(books)
    drive(books, 10)
    print(f"load or compile   {time.perf_counter() - started:10.2f} s")
    before = int(books[0]["events_done"])
    started = time.perf_counter()
    events = drive(books, seconds) - before
    wall = time.perf_counter() - started
    print(f"events            {events:10d}   ({events / seconds:.1f} per book second)")
    print(f"per event         {1e9 * wall / events:10.0f} ns")
    print(f"book seconds      {seconds / wall:10,.0f} per second")
    print(f"trades            {int(books[0]['trades_done']):10d}")


if __name__ == "__main__":
    main()
