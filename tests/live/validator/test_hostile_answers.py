"""Answers that the model allows and nobody sends: the market takes them and goes on."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

pytest.importorskip("numba")

from obmm.live.validator.gate import Gate
from obmm.sim import SimulatedMarket
from obmm.wire.answer import read_answer

HUGE = (1.0, 0.25, 1e-9, 1e300, 9.007199254740993e15, 299.99, 5e-324, 1e-320)


def instruction(pick: random.Random, n_books: int) -> dict[str, Any]:
    """Anything within the bounds of the response model."""
    common = {
        "agentId": 0,
        "bookId": pick.randrange(n_books),
        "delay": pick.choice([0, 1, 10**9, 86_400_000_000_000]),
    }
    kind = pick.choice(["PLACE_ORDER_LIMIT", "PLACE_ORDER_MARKET", "CANCEL_ORDERS", "CLOSE_POSITIONS"])
    if kind in ("CANCEL_ORDERS", "CLOSE_POSITIONS"):
        items = [
            {"orderId": pick.choice([0, 1, 7, 2**32 - 1]), "volume": pick.choice([None, *HUGE])}
            for _ in range(pick.randrange(4))
        ]
        return common | {"type": kind, ("cancellations" if kind == "CANCEL_ORDERS" else "closes"): items}
    return common | {
        "type": kind,
        "direction": pick.randrange(2),
        "quantity": pick.choice(HUGE),
        "clientOrderId": pick.choice([None, 0, 2**32 - 1]),
        "price": pick.choice([*HUGE, 300.0, 100.0, 1000.0]),
        "stp": pick.randrange(5),
        "currency": pick.randrange(2),
        "leverage": pick.choice([0.0, 0.0, 0.0, 1.0, 1e300]),
        "settleFlag": pick.choice([-2, -1, 0, 2**63 - 1]),
        "postOnly": pick.random() < 0.3,
        "timeInForce": pick.randrange(4),
        "expiryPeriod": pick.choice([None, 1, 10**9, 2**62, 2**63 - 1]),
        "max_slippage": pick.choice([None, 0.0, 0.01, -1.0, 1e300]),
        "stop_loss": pick.choice([None, -0.1]),
    }


def test_extreme_answers_of_a_hundred_states_leave_the_market_whole() -> None:
    """Balances stay finite and not negative, and the clock runs on."""
    pick, gate = random.Random(7), Gate()
    last_ns = 0
    with SimulatedMarket(books=2, seed=1, threads=1) as market:
        for states in market.states(100):
            state = states[0]
            assert state.time_ns > last_ns
            last_ns = state.time_ns
            told = {"agent_id": 0, "instructions": [instruction(pick, 2) for _ in range(20)]}
            orders, _ = gate.admit(read_answer(json.dumps(told).encode()), state)
            market.submit(0, orders, 0.1)
            accounts = state.accounts
            for held in (accounts.base_free, accounts.quote_free, accounts.base_total, accounts.quote_total):
                assert ((held >= -1e-9) & (held < 1e9)).all()
        assert market.mid.min() > 0.0
    assert market.rejects(0)


def test_an_order_for_longer_than_any_clock_rests() -> None:
    """The longest period that the model takes is for good, not for no time at all."""
    order = {
        "type": "PLACE_ORDER_LIMIT",
        "agentId": 0,
        "bookId": 0,
        "direction": 0,
        "quantity": 1.0,
        "price": 250.0,
        "clientOrderId": None,
        "timeInForce": 1,
        "expiryPeriod": 2**63 - 1,
    }
    gate = Gate()
    with SimulatedMarket(books=1, seed=1, threads=1) as market:
        for states in market.states(3):
            answer = read_answer(json.dumps({"agent_id": 0, "instructions": [order]}).encode())
            market.submit(0, gate.admit(answer, states[0])[0], 0.1)
        assert 2 == market.state(0).open_orders.count[0]  # The third answer is still under way.
