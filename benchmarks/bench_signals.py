"""Median time of each signal on 128 books: `python benchmarks/bench_signals.py [BOOKS]`."""

from __future__ import annotations

import statistics
import sys
import time

import attrs

import obmm.signals
from obmm.market import MarketState, Signal, Signals
from obmm.settings.registry import registered
from obmm.testing import random_states

STATES = 400
FORMS: dict[str, Signal] = {
    "imbalance, exponential": obmm.signals.Imbalance(decay="exponential"),
    "imbalance, by distance": obmm.signals.Imbalance(decay="distance"),
    "microprice, 5 levels": obmm.signals.Microprice(depth=5),
    "stoikov, with a table": obmm.signals.Stoikov(adjustment_ticks=(-1.0, 0.0, 1.0)),
    "volatility, bipower": obmm.signals.Volatility(returns="bipower"),
    "trade_flow, all books": obmm.signals.TradeFlow(scope="all"),
    "mlofi, 10 levels per depth": obmm.signals.Mlofi(levels=10, per_depth=True),
    "ensemble of three": obmm.signals.Ensemble(weights={"imbalance": -0.5, "ofi": 0.01, "mid": 1e-9}),
}


def median_us(stage: Signal, states: list[MarketState]) -> float:
    """Median time of one call, microseconds; what a state caches is there already."""
    given = {"imbalance": obmm.signals.Imbalance(), "ofi": obmm.signals.Ofi(), "mid": obmm.signals.Mid()}
    times = []
    for state in states:
        signals = Signals(n_books=state.n_books)
        for name, each in given.items():
            signals.add(name, each(state, signals))
        start = time.perf_counter_ns()
        stage(state, signals)
        times.append((time.perf_counter_ns() - start) / 1e3)
    return statistics.median(times)


def main() -> None:
    n_books = int(sys.argv[1]) if len(sys.argv) > 1 else 128
    states = [attrs.evolve(state) for state in random_states(1, STATES, n_books=n_books)]
    stages = {name: cls() for name, cls in registered("signals").items()} | FORMS
    for name, stage in stages.items():
        print(f"{name:28s} {median_us(stage, states):7.1f} us")


if __name__ == "__main__":
    main()
