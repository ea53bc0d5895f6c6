"""Answers are what a validator's model and the harness accept, and survive the venue's truncation."""

from __future__ import annotations

from typing import Any

import attrs
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obmm.market import Orders, SelfTrade, TimeInForce, Venue
from obmm.market.grid import truncated_units
from obmm.wire import Decoder, Request, check, encode_request
from obmm.wire.compression import ENGINES, Engine, unpack
from wire.instructions import STATE, any_orders, cancel, limit, market
from wire.samples import full_state


def request(version: int | None = 54, engine: Engine = "lz4", form: Any = "blobs") -> Request:
    """A request that tells `STATE` to uid 5."""
    state = attrs.evolve(STATE, uid=5)
    return Decoder().request(encode_request(state, version=version, engine=engine, form=form))


ASKED = request()


def instructions(orders: Orders) -> list[dict[str, Any]]:
    """What the harness would get for `orders`."""
    answer: dict[str, Any] = msgspec.json.decode(ASKED.harness_reply(orders))
    assert 5 == answer["agent_id"]
    found: list[dict[str, Any]] = answer["instructions"]
    return found


def test_limit_order_has_every_field() -> None:
    """All fields are sent, in the types the model wants."""
    order = limit(
        time_in_force=TimeInForce.GTT, expiry_ns=60, post_only=True, delay_ns=7, price=290.63, size=0.3
    )
    [told] = instructions(order)
    assert {
        "type": "PLACE_ORDER_LIMIT",
        "agentId": 5,
        "delay": 7,
        "bookId": 2,
        "direction": 0,
        "quantity": float(np.nextafter(0.3, 1.0)),
        "clientOrderId": 3,
        "stp": 1,
        "currency": 0,
        "leverage": 0.0,
        "settleFlag": -2,
        "price": float(np.nextafter(290.63, 999.0)),
        "postOnly": True,
        "timeInForce": 1,
        "expiryPeriod": 60,
    } == told


def test_defaults_of_a_limit_order_are_told() -> None:
    """No number of ours and no expiry are null; the keys are there."""
    [told] = instructions(limit(client_id=-1, self_trade=SelfTrade.CANCEL_BOTH))
    assert (None, None, 3) == (told["clientOrderId"], told["expiryPeriod"], told["stp"])


def test_market_order_has_no_price() -> None:
    """A market order carries its currency and slippage instead."""
    [plain, quoted] = instructions(
        market(client_id=8).joined(market(size=100.0, in_quote=True, max_slippage=0.01, leverage=0.5))
    )
    assert ("PLACE_ORDER_MARKET", 1, 0.5, 8, 0, None) == tuple(
        plain[key] for key in ("type", "direction", "quantity", "clientOrderId", "currency", "max_slippage")
    )
    assert (1, 100.0, 0.01, 0.5) == tuple(
        quoted[key] for key in ("currency", "quantity", "max_slippage", "leverage")
    )
    assert not {"price", "postOnly", "timeInForce", "expiryPeriod"} & set(plain)


def test_cancels_of_a_book_travel_as_one() -> None:
    """One instruction where the first cancel stands, with every id, each volume and the shortest delay."""
    orders = cancel(delay_ns=9).joined(limit(book=[0])).joined(cancel(book=[2]))
    told = instructions(orders.joined(cancel(order_id=71, size=0.3, delay_ns=4)))
    assert [("CANCEL_ORDERS", 4), ("PLACE_ORDER_LIMIT", 4), ("CANCEL_ORDERS", 9)] == [
        (one["type"], one["bookId"]) for one in told
    ]
    assert 4 == told[0]["delay"]
    assert [
        {"orderId": 70, "volume": None},
        {"orderId": 71, "volume": float(np.nextafter(0.3, 1.0))},
    ] == told[0]["cancellations"]


def test_whole_numbers_are_sent_as_floats() -> None:
    """A price of 300 leaves as 300.0: an integer would lose the order."""
    body = request().harness_reply(limit(price=300.0, size=2.0))
    assert b'"price":300.0,' in body
    assert b'"quantity":2.0,' in body


def test_bad_instructions_do_not_leave() -> None:
    """A reply carries only what passes the check."""
    assert [2] == [one["bookId"] for one in instructions(limit(price=-1.0).joined(limit()))]


def test_off_grid_values_are_cut_like_the_venue_cuts() -> None:
    """A price between two ticks goes to the lower one, never to a better price than meant for a buy."""
    [told] = instructions(limit(price=299.519, size=0.56789, leverage=0.00019))
    assert (29951, 5678, 1) == (
        int(truncated_units(told["price"], 2)),
        int(truncated_units(told["quantity"], 4)),
        int(truncated_units(told["leverage"], 4)),
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("version", [35, 44, 45, 54, 61, 63])
def test_blob_reply_has_all_four_keys(version: int, engine: Engine) -> None:
    """The payload says accounts, notices, config and response, in the request's codec and engine."""
    asked = request(version, engine)
    reply = msgspec.json.decode(asked.reply(limit()))
    assert (version, STATE.time_ns, engine) == (
        reply["version"],
        reply["timestamp"],
        reply["compression_engine"],
    )
    assert [None] * 5 == [reply[key] for key in ("books", "accounts", "notices", "config", "response")]
    assert reply["compressed"]["books"] is None
    content, found = unpack(reply["compressed"]["payload"], "payload")
    decode = msgspec.json.decode if version < 45 else msgspec.msgpack.decode
    payload = decode(content)
    assert (engine, {"accounts", "notices", "config", "response"}) == (found, set(payload))
    assert msgspec.json.decode(asked.harness_reply(limit())) == payload["response"]


def test_blob_reply_uses_the_engine_that_was_found() -> None:
    """Where the declared engine is not the one in use, the answer names and uses the real one."""
    body = msgspec.json.decode(encode_request(STATE, engine="zstd")) | {"compression_engine": "lz4"}
    reply = msgspec.json.decode(Decoder().request(msgspec.json.encode(body)).reply(limit()))
    assert "zstd" == reply["compression_engine"] == unpack(reply["compressed"]["payload"], "payload")[1]


@pytest.mark.parametrize(
    ("version", "form", "plain"), [(54, "blobs", True), (None, "blobs", False), (54, "open", False)]
)
def test_plain_reply(version: int | None, form: str, plain: bool) -> None:
    """Asked for, or where no blob could be read back, the response stands in the open."""
    asked = request(version, form=form)
    reply = msgspec.json.decode(asked.reply(limit(), plain=plain))
    assert reply["compressed"] is None
    assert msgspec.json.decode(asked.harness_reply(limit())) == reply["response"]
    assert (version, STATE.time_ns) == (reply["version"], reply["timestamp"])


def test_reply_echoes_the_name_of_the_message() -> None:
    """A synapse of another name is answered under it."""
    body = msgspec.json.decode(encode_request(STATE)) | {"name": "Other"}
    asked = Decoder().request(msgspec.json.encode(body))
    assert "Other" == msgspec.json.decode(asked.reply(Orders.none(3)))["name"]
    assert "MarketSimulationStateUpdate" == msgspec.json.decode(request().reply(Orders.none(3)))["name"]


def test_nothing_to_do_is_an_empty_list() -> None:
    """An answer without instructions is an answer."""
    assert [] == instructions(Orders.none(3))


UINT32 = range(2**32)


def fits_the_model(one: dict[str, Any], venue: Venue) -> bool:
    """Whether an instruction is what the validators' model accepts, written from its definition."""
    common = one["agentId"] == 5 and type(one["delay"]) is int and one["delay"] >= 0
    common = common and one["bookId"] in venue.book_ids
    if one["type"] == "CANCEL_ORDERS":
        return common and all(
            item["orderId"] in UINT32 and (item["volume"] is None or item["volume"] > 0.0)
            for item in one["cancellations"]
        )
    placed = one["direction"] in (0, 1) and type(one["quantity"]) is float and one["quantity"] > 0.0
    placed = placed and (one["clientOrderId"] is None or one["clientOrderId"] in UINT32)
    placed = placed and one["stp"] in (1, 2, 3, 4) and one["currency"] in (0, 1) and one["leverage"] >= 0.0
    if one["type"] == "PLACE_ORDER_MARKET":
        return common and placed and (one["max_slippage"] is None or one["max_slippage"] >= 0.0)
    timed = one["timeInForce"] == 1
    priced = type(one["price"]) is float and one["price"] > 0.0 and type(one["postOnly"]) is bool
    return (
        common
        and placed
        and priced
        and (one["expiryPeriod"] is not None and one["expiryPeriod"] > 0) == timed
    )


@settings(max_examples=40)
@given(orders=any_orders())
def test_whatever_is_asked_only_valid_instructions_leave(orders: Orders) -> None:
    """No instruction in an answer can make a validator refuse the answer."""
    told = instructions(orders)
    assert all(fits_the_model(one, STATE.venue) for one in told)
    counts = np.unique([one["bookId"] for one in told], return_counts=True)[1]
    assert (counts <= 5).all()
    passed, _ = check(orders, STATE)
    cancelled = [item for one in told for item in one.get("cancellations", ())]
    placed = [one for one in told if "cancellations" not in one]
    assert len(passed) == len(cancelled) + len(placed)


@given(
    ticks=st.lists(st.integers(1, 10**7), min_size=1, max_size=5),
    lots=st.integers(2_500, 10**8),
)
def test_what_was_meant_reaches_the_venue(ticks: list[int], lots: int) -> None:
    """Prices and sizes come out of the venue's truncation as the grid values they were."""
    price = np.array(ticks) / 100.0
    told = instructions(
        Orders.limits(n_books=3, book=[1] * len(ticks), side=0, price=price, size=lots / 10**4)
    )
    assert ticks == [int(truncated_units(one["price"], 2)) for one in told]
    assert [lots] * len(ticks) == [int(truncated_units(one["quantity"], 4)) for one in told]


def test_books_are_sent_by_id() -> None:
    """Positions become the venue's ids, which need not be contiguous."""
    state = full_state()
    asked = Decoder().request(encode_request(state))
    orders = Orders.limits(n_books=4, book=[0, 3], side=0, price=20.0, size=5.0)
    told = msgspec.json.decode(asked.harness_reply(orders))["instructions"]
    assert state.venue.book_ids[[0, 3]].tolist() == [one["bookId"] for one in told]
