"""Worked examples that every installation can recompute: signals against published formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from obmm.market import EventKind, FloatArray, MarketState, Signal, Signals, Tape, Venue
from obmm.signals import Imbalance, Microprice, Ofi, TradeFlow, Volatility

_SECOND = 1_000_000_000
_VENUE = Venue.of(n_books=1, initial_price=100.0)
#: The book of the imbalance and microprice examples.
_BIDS = [(100.00, 30.0), (99.99, 20.0), (99.98, 50.0)]
_ASKS = [(100.02, 10.0), (100.03, 40.0), (100.04, 30.0)]


def _book(
    bids: list[tuple[float, float]],
    asks: list[tuple[float, float]],
    second: int = 0,
    tape: Tape | None = None,
) -> MarketState:
    return MarketState.of_books(_VENUE, [bids], [asks], time_ns=second * _SECOND, tape=tape)


def _signal(kind: Callable[..., Signal], states: list[MarketState], **options: object) -> FloatArray:
    stage = kind(**options)
    values = np.empty(0)
    for state in states:
        values = np.atleast_1d(stage(state, Signals(n_books=1))[0])
    return values


def _expect(expected: list[float], found: FloatArray) -> str:
    if not np.allclose(found, expected, rtol=0.0, atol=1e-9):
        raise AssertionError(f"expected {expected}, got {found.tolist()}")
    return ", ".join(f"{value:.10g}" for value in expected)


def _trades(rows: list[tuple[float, float]]) -> Tape:
    """A tape of (seconds, signed size) trades at 100."""
    n = len(rows)
    none = [-1] * n
    columns: dict[str, Any] = {
        "offset": [0, n],
        "kind": [EventKind.TRADE] * n,
        "time_ns": [int(t * _SECOND) for t, _ in rows],
        "side": [int(v < 0) for _, v in rows],
        "price": [100.0] * n,
        "size": [abs(v) for _, v in rows],
        "order_id": none,
        "taker_order_id": none,
        "maker_id": none,
        "taker_id": none,
        "maker_fee": [0.0] * n,
        "taker_fee": [0.0] * n,
        "client_id": none,
    }
    return Tape(**columns)


def _imbalance() -> str:
    book = [_book(_BIDS, _ASKS)]
    found = [
        _signal(Imbalance, book, depths=[1])[0],
        _signal(Imbalance, book, depths=[3])[0],
        _signal(Imbalance, book, depths=[3], decay="exponential", decay_per_level=0.5)[0],
        _signal(Imbalance, book, depths=[3], decay="distance", decay_per_tick=0.25)[0],
    ]
    return _expect([0.5, 0.1111111111111111, 0.1438920790383405, 0.12239952948104611], np.array(found))


def _microprice() -> str:
    book = [_book(_BIDS, _ASKS)]
    found = [
        _signal(Microprice, [_book([(100.0, 10.0)], [(101.0, 90.0)])])[0],
        _signal(Microprice, book)[0],
        _signal(Microprice, book, depth=3, form="vamp")[0],
        _signal(Microprice, book, depth=3, form="effective")[0],
        _signal(Microprice, book, depth=3, form="same_side")[0],
    ]
    expected = [100.10, 100.015, 100.01222222222222, 100.01272222222222, 100.00777777777779]
    return _expect(expected, np.array(found))


def _order_flow() -> str:
    quotes = [
        ((100.00, 30.0), (100.02, 10.0)),
        ((100.00, 25.0), (100.02, 10.0)),
        ((100.01, 5.0), (100.02, 12.0)),
        ((100.01, 5.0), (100.03, 40.0)),
        ((100.00, 20.0), (100.02, 8.0)),
    ]
    states = [_book([bid], [ask], second) for second, (bid, ask) in enumerate(quotes)]
    return _expect([-3.0], _signal(Ofi, states, tau_s=np.inf))


def _trade_flow() -> str:
    tape = _trades([(0.0, 2.0), (1.0, -1.0), (2.5, 4.0)])
    states = [_book(_BIDS, _ASKS, 3, tape)]
    plain = _signal(TradeFlow, states, tau_s=np.inf, balance_base=0.0)
    decayed = _signal(TradeFlow, states, tau_s=2.0, balance_base=0.0)
    return _expect([0.7142857142857143, 0.8127526911656282], np.array([plain[0], decayed[0]]))


def _volatility() -> str:
    mids = (100.0, 100.1, 100.05, 100.2, 99.9, 100.0, 100.15)
    states = [_book([(mid - 0.01, 1.0)], [(mid + 0.01, 1.0)], second) for second, mid in enumerate(mids)]
    tau_s = -1.0 / np.log(0.94)
    return _expect(
        [float(np.sqrt(1.5246357204688829e-06))], _signal(Volatility, states, tau_s=tau_s, warm_s=1.0)
    )


#: Name → a check that returns the figures it found right, and raises AssertionError otherwise.
ORACLES: dict[str, Callable[[], str]] = {
    "imbalance (Gould & Bonart; Cao, Hansch & Wang)": _imbalance,
    "microprice, weighted mid and multi-level": _microprice,
    "order-flow imbalance (Cont, Kukanov & Stoikov)": _order_flow,
    "trade-flow imbalance": _trade_flow,
    "volatility (exponentially weighted)": _volatility,
}
