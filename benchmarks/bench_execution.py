"""Median time of gates, builders and the placer on 128 books: `python benchmarks/bench_execution.py`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import attrs
import numpy as np

from obmm.execution import AmendPlacer, FillRate, LadderBuilder, SkewedBuilder, TouchBuilder, lock
from obmm.market import Limits, MarketState, OpenOrders, Orders, Quotes, Signals
from obmm.risk import (
    DataQualityGate,
    DrawdownGate,
    ExposureGate,
    FeeGate,
    InventoryGate,
    TurnoverGate,
    VolatilityGate,
    WarmupGate,
)
from obmm.testing import random_states

BOOKS, STATES = 128, 200


def standing(state: MarketState, orders: Orders) -> OpenOrders:
    """Open orders after `orders` on a book without any."""
    rows = np.lexsort((orders.price, orders.book))
    counts = np.bincount(orders.book, minlength=state.n_books)
    return OpenOrders(
        offset=np.concatenate([[0], np.cumsum(counts)]),
        order_id=np.arange(rows.size) + 1,
        client_id=orders.client_id[rows],
        side=orders.side[rows],
        price=orders.price[rows],
        size=orders.size[rows],
        time_ns=np.full(rows.size, state.time_ns),
        queue_ahead=np.zeros(rows.size),
    )


def signals_of(state: MarketState) -> Signals:
    signals = Signals(n_books=state.n_books)
    signals.add("microprice", state.mid * (1.0 + 1e-5))
    signals.add("volatility", np.full(state.n_books, 1e-4))
    signals.add("imbalance", np.full(state.n_books, 0.2))
    return signals


def report(name: str, work: Callable[[MarketState], object], states: list[MarketState]) -> float:
    times = []
    for state in states:
        fresh = attrs.evolve(state)  # cached parts of a state count as work
        start = time.perf_counter_ns()
        work(fresh)
        times.append((time.perf_counter_ns() - start) / 1e3)
    median = statistics.median(times)
    print(f"{name:34s} {median:8.1f} us median {np.percentile(times, 99):8.1f} us 99 %")
    return median


def main() -> None:
    states = random_states(1, STATES, n_books=BOOKS)
    signals = signals_of(states[0])
    opened = Limits.open(BOOKS)
    gates = [
        InventoryGate(), ExposureGate(), VolatilityGate(), DrawdownGate(), TurnoverGate(),
        FeeGate(), WarmupGate(), DataQualityGate(),
    ]  # fmt: skip
    for gate in gates:
        report(type(gate).__name__, lambda state, gate=gate: gate(state, signals), states)
    report("Limits.enforced", lambda state: opened.enforced(state.accounts.position), states)
    skewed = SkewedBuilder(signal="imbalance")
    report("SkewedBuilder", lambda state: skewed(state, signals, opened), states)
    steered = SkewedBuilder(signal="imbalance", controller=FillRate())
    report("SkewedBuilder with FillRate", lambda state: steered(state, signals, opened), states)
    touch = TouchBuilder()
    report("TouchBuilder", lambda state: touch(state, signals, opened), states)
    ladder = LadderBuilder(levels=3)
    report("LadderBuilder of 3", lambda state: ladder(state, signals, opened), states)
    for name, builder in (("1 level", skewed), ("3 levels", ladder)):
        wishes = iter([builder(state, signals, opened) for state in states])
        report(f"lock, {name}", lambda state, w=wishes: lock(next(w), opened, state), states)
    placer = AmendPlacer()

    def settled(make: Callable[[MarketState], Quotes]) -> list[tuple[MarketState, Quotes]]:
        pairs = []
        for state in states:
            bare = attrs.evolve(state, open_orders=OpenOrders.empty(BOOKS))
            quotes = make(bare)
            own = standing(bare, placer(bare, quotes, opened))
            pairs.append((attrs.evolve(bare, open_orders=own), quotes))
        return pairs

    for name, make in (
        ("1 level", lambda s: skewed(s, signals, opened)),
        ("3 levels", lambda s: ladder(s, signals, opened)),
    ):
        pairs = settled(make)
        wanted = iter([quotes for _, quotes in pairs])
        report(
            f"AmendPlacer, {name}, nothing to do",
            lambda s, w=wanted: placer(s, next(w), opened),
            [s for s, _ in pairs],
        )
        wanted = iter([make(state) for state in states])
        report(f"AmendPlacer, {name}, all to do", lambda s, w=wanted: placer(s, next(w), opened), states)

    five = gates[:5]

    def whole(state: MarketState) -> Orders:
        limits = Limits.strictest([gate(state, signals) for gate in five])
        limits = limits.enforced(state.accounts.position)
        return placer(state, lock(skewed(state, signals, limits), limits, state), limits)

    report("5 gates, skewed, lock, amend", whole, states)


if __name__ == "__main__":
    main()
