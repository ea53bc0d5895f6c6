"""The market with and without the subnet's bytes in between."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from obmm.agent import MarketMaker, resolve
from obmm.agent.pipeline import feeds_of
from obmm.market import InstructionKind, MarketState, Orders
from obmm.market.grid import from_units, truncated_units
from obmm.sim import SimulatedMarket
from obmm.wire import Decoder, Request, encode_request

KINDS = {
    "PLACE_ORDER_LIMIT": InstructionKind.LIMIT,
    "PLACE_ORDER_MARKET": InstructionKind.MARKET,
    "CANCEL_ORDERS": InstructionKind.CANCEL,
}


def arrived(reply: bytes, n_books: int) -> Orders:
    """What the venue makes of a reply: one row per instruction or cancelled order, floats cut exactly."""
    rows: list[dict[str, Any]] = []
    for sent in json.loads(reply)["instructions"]:
        row = {"kind": KINDS[sent["type"]], "book": sent["bookId"], "delay_ns": sent["delay"], "side": -1}
        if row["kind"] == InstructionKind.CANCEL:
            rows += [row | {"order_id": one["orderId"]} for one in sent["cancellations"]]
            continue
        client_id = sent["clientOrderId"]
        row |= {"side": sent["direction"], "client_id": -1 if client_id is None else client_id}
        row["size"] = float(from_units(truncated_units(sent["quantity"], 4), 4))
        if row["kind"] == InstructionKind.LIMIT:
            row["price"] = float(from_units(truncated_units(sent["price"], 2), 2))
            row |= {"post_only": sent["postOnly"], "time_in_force": sent["timeInForce"]}
            row["expiry_ns"] = sent["expiryPeriod"] or 0
        rows.append(row)
    joined = Orders.none(n_books)
    for row in rows:
        joined = joined.joined(Orders.of(n_books, row.pop("kind"), [row.pop("book")], **row))
    return joined


def through_bytes(state: MarketState, decoder: Decoder, maker: MarketMaker) -> Orders:
    """The maker's answer with the state read from bytes and the orders written to bytes."""
    request: Request = decoder.request(encode_request(state, version=54))
    return arrived(request.harness_reply(maker.respond(request.state)), state.n_books)


def test_a_run_through_bytes_is_the_same_run() -> None:
    """Three minutes of a maker that quotes at the touch, on three books: every trade and balance agrees."""
    config = resolve("touch")
    feeds = feeds_of(config)
    direct, wired = MarketMaker(config), MarketMaker(config)
    decoder = Decoder(feeds)
    with (
        SimulatedMarket("taos-0.5.4", books=3, seed=5, feeds=feeds, threads=1) as plain,
        SimulatedMarket("taos-0.5.4", books=3, seed=5, feeds=feeds, threads=1) as other,
    ):
        sent = 0
        for _ in range(180):
            here, there = plain.step()[0], other.step()[0]
            orders = direct.respond(here)
            sent += len(orders)
            plain.submit(0, orders, response_s=0.1)
            other.submit(0, through_bytes(there, decoder, wired), response_s=0.1)
        assert sent > 300
        assert np.array_equal(here.accounts.base_total, there.accounts.base_total)
        assert plain.digest() == other.digest()
        assert plain.rejects(0) == other.rejects(0)
