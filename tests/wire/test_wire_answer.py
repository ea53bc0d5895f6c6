"""The validator's reading of an answer: what breaks the subnet's newest model voids all of it."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import MarketState, Orders, TimeInForce, Venue
from obmm.testing import random_state
from obmm.wire import Decoder, WireError, encode_request
from obmm.wire.answer import LimitOrder, orders_of, read_answer, read_reply
from obmm.wire.codec import MSGPACK, read
from obmm.wire.compression import pack

STATE = random_state(3, n_books=3)
ORDER = {"agentId": 0, "bookId": 0, "direction": 0, "quantity": 1.0, "clientOrderId": None}
LIMIT = {"type": "PLACE_ORDER_LIMIT", "price": 300.0, **ORDER}
MARKET = {"type": "PLACE_ORDER_MARKET", **ORDER}
CANCEL = {
    "type": "CANCEL_ORDERS",
    "agentId": 0,
    "bookId": 0,
    "cancellations": [{"orderId": 7, "volume": None}],
}
CLOSE = {"type": "CLOSE_POSITIONS", "agentId": 0, "bookId": 0, "closes": [{"orderId": 7, "volume": 0.5}]}


def said(*instructions: dict[str, Any]) -> bytes:
    """An answer as the harness gets it."""
    return json.dumps({"agent_id": 0, "instructions": list(instructions)}).encode()


@pytest.mark.parametrize(
    "change",
    [
        {"delay": 0},
        {"delay": 86_400_000_000_000},
        {"delay": 5.0},
        {"expiryPeriod": 1},
        {"expiryPeriod": 2**63 - 1},
        {"settleFlag": -2},
        {"settleFlag": -1},
        {"settleFlag": 2**63 - 1},
        {"stp": 0},
        {"stp": 4},
        {"quantity": "0.5"},
        {"clientOrderId": 2**32 - 1},
        {"unheard_of": [1, 2]},
        {"leverage": 3.5},
        {"stpFlag": "nonsense that older models ignore"},
    ],
)
def test_values_on_the_bounds_are_taken(change: dict[str, Any]) -> None:
    """The bounds of the model themselves are inside, numbers may be text, and unknown keys are ignored."""
    assert 1 == len(read_answer(said(LIMIT | change)).instructions)


@pytest.mark.parametrize(
    "change",
    [
        {"delay": -1},
        {"delay": 86_400_000_000_001},
        {"delay": 0.5},
        {"expiryPeriod": 0},
        {"expiryPeriod": 2**63},
        {"settleFlag": -3},
        {"settleFlag": 2**63},
        {"stp": 5},
        {"quantity": 0.0},
        {"quantity": -1.0},
        {"quantity": "nan"},
        {"quantity": "inf"},
        {"quantity": None},
        {"clientOrderId": 2**32},
        {"clientOrderId": -1},
        {"agentId": 2**32},
        {"bookId": -1},
        {"direction": "BUY"},
        {"direction": 2},
        {"currency": 2},
        {"leverage": -0.1},
        {"price": 0.0},
        {"price": None},
        {"timeInForce": 4},
        {"postOnly": "perhaps"},
        {"type": "PLACE_ORDER_ICEBERG"},
    ],
)
def test_one_value_outside_the_model_voids_the_whole_answer(change: dict[str, Any]) -> None:
    """A good instruction beside it is lost too."""
    with pytest.raises(WireError, match=r"instructions\[1\]"):
        read_answer(said(LIMIT, LIMIT | change))


@pytest.mark.parametrize(
    "key", ["agentId", "bookId", "direction", "quantity", "clientOrderId", "price", "type"]
)
def test_missing_keys_void_the_answer(key: str) -> None:
    """Keys without a default must be there, even where null is allowed."""
    with pytest.raises(WireError):
        read_answer(said({name: value for name, value in LIMIT.items() if name != key}))


@pytest.mark.parametrize("item", [{"orderId": 7}, {"volume": None}, {"orderId": 7, "volume": 0}])
@pytest.mark.parametrize(("kind", "key"), [(CANCEL, "cancellations"), (CLOSE, "closes")])
def test_items_need_an_order_and_a_volume(kind: dict[str, Any], key: str, item: dict[str, Any]) -> None:
    """The volume must be told, as null or above 0."""
    with pytest.raises(WireError, match=key):
        read_answer(said(kind | {key: [item]}))


def test_other_names_hold_from_version_0_6() -> None:
    """`volume` and `stpFlag` name quantity and mode for validators of 0.6, and nothing for older ones."""
    told = {key: value for key, value in LIMIT.items() if key != "quantity"} | {"volume": "2", "stpFlag": 3}
    order = read_answer(said(told), version=63).instructions[0]
    assert isinstance(order, LimitOrder)
    assert (2.0, 3) == (order.quantity, order.stp)
    for version in (54, 61, None):
        with pytest.raises(WireError, match="quantity"):
            read_answer(said(told), version=version)
    with pytest.raises(WireError, match=r"instructions\[0\]\.volume"):
        read_answer(said(told | {"volume": -2}), version=63)


def test_more_instructions_than_the_model_takes_are_refused() -> None:
    """200,000 are the most."""
    one = json.dumps(CANCEL).encode()
    with pytest.raises(WireError, match="200000"):
        read_answer(b'{"agent_id": 0, "instructions": [' + b",".join([one] * 200_001) + b"]}")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"agent_id": 0}', b'{"instructions": []}', b"\xff"]
)
def test_what_is_no_answer_is_an_error_of_the_wire(body: bytes) -> None:
    """Whatever an agent sends, nothing but a `WireError` comes of it."""
    with pytest.raises(WireError):
        read_answer(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_a_wire_error(body: bytes) -> None:
    """Reading never fails in another way."""
    with contextlib.suppress(WireError):
        read_answer(body)
    with contextlib.suppress(WireError):
        read_reply(body)


def test_instructions_mean_what_the_venue_reads() -> None:
    """Amounts of limit orders are base, mode 0 is cancel-oldest, a period counts for GTT alone."""
    plain = {"stp": 0, "currency": 1, "timeInForce": 0, "expiryPeriod": 5}
    restless = {"timeInForce": 1, "expiryPeriod": None}
    timed = {"timeInForce": 1, "expiryPeriod": 9, "postOnly": True, "delay": 3, "clientOrderId": 8}
    bought = MARKET | {"currency": 1, "max_slippage": 0.01, "leverage": 1.0, "bookId": 2}
    answer = read_answer(said(LIMIT | plain, LIMIT | restless, LIMIT | timed, bought, CANCEL, CLOSE))
    understood = orders_of(answer.instructions, STATE.venue)
    orders = understood.orders
    assert [TimeInForce.GTC, TimeInForce.GTC, TimeInForce.GTT, 0, 0] == orders.time_in_force.tolist()
    assert [0, 0, 9, 0, 0] == orders.expiry_ns.tolist()
    assert [1] * 5 == orders.self_trade.tolist()
    assert [False, False, False, True, False] == orders.in_quote.tolist()
    assert [False, False, True, False, False] == orders.post_only.tolist()
    assert [-1, -1, 8, -1, -1] == orders.client_id.tolist()
    assert [0, 0, 3, 0, 0] == orders.delay_ns.tolist()
    assert [-1, -1, -1, -1, 7] == orders.order_id.tolist()
    assert [0, 0, 0, 2, 0] == orders.book.tolist()
    np.testing.assert_array_equal([np.nan, np.nan, np.nan, 0.01, np.nan], orders.max_slippage)
    assert (1, 0) == (understood.closes, understood.triggers)


def test_stop_losses_are_counted_and_left_behind() -> None:
    """The embedded market has no triggers; whoever relies on them is told."""
    answer = read_answer(said(LIMIT | {"stop_loss": -0.01}, LIMIT | {"take_profit": 0.0}))
    assert 1 == orders_of(answer.instructions, STATE.venue).triggers


def sent(state: MarketState) -> Orders:
    """An answer to `state` with something of everything that we send."""
    limits = Orders.limits(
        n_books=state.n_books,
        book=[0, 1],
        side=[0, 1],
        price=[290.63, 310.28],
        size=[0.3, 0.7],
        post_only=True,
        time_in_force=TimeInForce.GTT,
        expiry_ns=10**9,
        client_id=[4, 5],
    )
    book, order_id = int(state.open_orders.book[0]), int(state.open_orders.order_id[0])
    return Orders.cancels(n_books=state.n_books, book=[book], order_id=[order_id]).joined(limits)


@pytest.mark.parametrize("version", [35, 45, 54, 61, 63])
@pytest.mark.parametrize("form", ["blobs", "blob", "open"])
def test_our_own_replies_are_read_as_they_were_meant(version: int, form: Any) -> None:
    """What the miner's side writes, the validator's side reads, in every version and form."""
    request = Decoder().request(encode_request(STATE, version=version, form=form))
    orders = sent(request.state)
    answers = [read_answer(request.harness_reply(orders), version=version), read_reply(request.reply(orders))]
    for answer in answers:
        assert answer is not None
        got = orders_of(answer.instructions, STATE.venue).orders
        for name in ("kind", "book", "side", "order_id", "client_id", "expiry_ns", "post_only"):
            assert getattr(orders, name).tolist() == getattr(got, name).tolist()
        np.testing.assert_allclose(got.price, orders.price, rtol=1e-12)


def reply(**changes: Any) -> bytes:
    """A reply as a validator gets it."""
    payload = {"accounts": None, "notices": None, "config": None, "response": None} | changes.pop(
        "payload", {}
    )
    blob = pack(MSGPACK.encode(payload), "lz4")
    whole = {"timestamp": 1, "version": 54, "compressed": {"books": None, "payload": blob}, "response": None}
    return msgspec.json.encode(whole | changes)


def test_reply_without_response_says_nothing() -> None:
    """Neither in the open nor in a blob."""
    assert read_reply(reply()) is None
    assert read_reply(reply(compressed=None)) is None


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"timestamp": None}, "timestamp"),
        ({"version": None}, "version"),
        ({"compressed": {"payload": None}}, "payload"),
        ({"compressed": {"payload": "!"}}, "payload"),
        ({"compressed": "AAAA"}, "compressed"),
        ({"compressed": None, "response": {"agent_id": 0}}, "response"),
        ({"payload": {"response": {"agent_id": 0}}}, r"payload\.response"),
    ],
)
def test_replies_that_no_validator_can_decode(changes: dict[str, Any], where: str) -> None:
    """The error names the place."""
    with pytest.raises(WireError, match=where):
        read_reply(reply(**changes))


def test_blob_that_lacks_a_key_is_lost() -> None:
    """A validator's decoder wants all four keys of the payload."""
    blob = pack(MSGPACK.encode({"response": {"agent_id": 0, "instructions": []}}), "lz4")
    with pytest.raises(WireError, match="accounts"):
        read_reply(reply(compressed={"payload": blob}))


def test_unknown_books_are_the_gates_business() -> None:
    """The reader of columns needs books that there are."""
    answer = read_answer(said(LIMIT | {"bookId": 7}))
    with pytest.raises(KeyError):
        orders_of(answer.instructions, Venue.of(2))


def test_a_key_that_is_a_table_is_damage_as_any_other():
    """Such a thing is MessagePack, and no table that Python can hold."""
    with pytest.raises(WireError, match="body"):
        read(MSGPACK.reader(dict[str, Any]), b"\x81\xa1k\x81\x81\xa1a\x01\x02", "body")
