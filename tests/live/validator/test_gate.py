"""What a validator drops of an answer, and in which order."""

from __future__ import annotations

import json
from typing import Any

import attrs
import numpy as np
import pytest

from obmm.live.validator.gate import Gate, Refused
from obmm.market import MarketState, Orders
from obmm.testing import random_state
from obmm.wire.answer import read_answer

STATE = attrs.evolve(random_state(3, n_books=3), uid=2)


def limit(book: int = 0, **changes: Any) -> dict[str, Any]:
    """A limit order as it is sent."""
    order = {"type": "PLACE_ORDER_LIMIT", "agentId": 2, "bookId": book, "direction": 0, "quantity": 1.0}
    return order | {"clientOrderId": None, "price": 300.0} | changes


def cancel(book: int = 0, ids: tuple[int, ...] = (7,)) -> dict[str, Any]:
    """Cancels of a book."""
    items = [{"orderId": one, "volume": None} for one in ids]
    return {"type": "CANCEL_ORDERS", "agentId": 2, "bookId": book, "cancellations": items}


def admitted(
    *told: dict[str, Any], state: MarketState = STATE, uid: int = 2, gate: Gate | None = None
) -> tuple[Orders, dict[str, int]]:
    """What passes the gate, and what is dropped."""
    answer = read_answer(json.dumps({"agent_id": uid, "instructions": told}).encode())
    orders, dropped = (gate or Gate()).admit(answer, state)
    return orders, dict(dropped)


def test_answer_in_the_name_of_another_is_dropped_whole() -> None:
    """Whether the answer or one of its instructions names another agent."""
    with pytest.raises(Refused, match="WRONG_AGENT"):
        admitted(limit(), uid=1)
    with pytest.raises(Refused, match="WRONG_AGENT"):
        admitted(limit(), limit(agentId=1))


def test_resets_are_the_validators_alone() -> None:
    """One of them voids the answer."""
    with pytest.raises(Refused, match="RESET_AGENT"):
        admitted(limit(), {"type": "RESET_AGENT", "agentId": 2})


def test_five_instructions_a_book_pass() -> None:
    """A list of cancels is one; what is dropped for its book does not count."""
    orders, dropped = admitted(limit(9), cancel(0, (1, 2, 3)), *[limit(0)] * 5, limit(1))
    assert {"UNKNOWN_BOOK": 1, "INSTRUCTION_LIMIT": 1} == dropped
    assert [0] * 3 + [0] * 4 + [1] == orders.book.tolist()


def test_books_at_the_cap_take_cancels_alone() -> None:
    """Closing a position counts as trading, too."""
    traded = np.array([0.0, STATE.venue.turnover_cap_quote[1], np.nan])
    state = attrs.evolve(STATE, accounts=attrs.evolve(STATE.accounts, traded_quote=traded))
    close = {"type": "CLOSE_POSITIONS", "agentId": 2, "bookId": 1, "closes": []}
    orders, dropped = admitted(limit(0), limit(1), cancel(1), close, limit(2), state=state)
    assert {"TURNOVER_CAP": 2} == dropped
    assert [0, 1, 2] == orders.book.tolist()


def test_what_the_market_does_not_have_is_counted() -> None:
    """Closes need loans; a stop loss is left behind and its order sent."""
    close = {"type": "CLOSE_POSITIONS", "agentId": 2, "bookId": 1, "closes": [{"orderId": 1, "volume": None}]}
    orders, dropped = admitted(close, limit(stop_loss=-0.1))
    assert {"NOT_SIMULATED": 1, "TRIGGER_LOST": 1} == dropped
    assert 1 == len(orders)


def test_a_market_in_memory_has_room_for_so_much() -> None:
    """A crowd of cancels, of long delays or of long timers is cut, and the room comes back in time."""
    orders, dropped = admitted(cancel(0, tuple(range(10_000))))
    assert (4096, {"NO_ROOM": 10_000 - 4096}) == (len(orders), dropped)
    gate, day = Gate(share=4096), 86_400 * 10**9
    slow = [limit(book, delay=day) for book in (0, 1)]
    assert {} == admitted(*slow, gate=gate)[1]
    assert {"NO_ROOM": 2} == admitted(*slow, gate=gate)[1]
    later = attrs.evolve(STATE, time_ns=STATE.time_ns + 2 * day)
    assert {} == admitted(*slow, state=later, gate=gate)[1]


def test_timers_of_timed_orders_have_a_bound_of_their_own() -> None:
    """The longest period that the model knows never ends."""
    gate = Gate(share=4096)
    timed = limit(0, timeInForce=1, expiryPeriod=2**63 - 1)
    states = [attrs.evolve(STATE, time_ns=STATE.time_ns + 10**10 * i) for i in range(3)]
    told = [admitted(timed, state=state, gate=gate)[1] for state in states]
    assert [{}, {}, {"NO_ROOM": 1}] == told
    assert {} == admitted(limit(0), state=attrs.evolve(STATE, time_ns=10**12), gate=gate)[1]
