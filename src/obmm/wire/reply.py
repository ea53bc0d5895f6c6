"""Orders as the instructions a validator or the offline harness takes."""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from obmm.market import FloatArray, InstructionKind, IntArray, MarketState, Orders
from obmm.market.grid import floor_units, wire_float
from obmm.market.rules import LEVERAGE_DECIMALS
from obmm.wire.check import size_decimals

_NO_SETTLEMENT = -2


class Market(Struct, tag_field="type", tag="PLACE_ORDER_MARKET", gc=False):
    """An order that trades at once."""

    agentId: int
    delay: int
    bookId: int
    direction: int
    quantity: float
    clientOrderId: int | None
    stp: int
    currency: int
    leverage: float
    settleFlag: int
    max_slippage: float | None


class Limit(Struct, tag_field="type", tag="PLACE_ORDER_LIMIT", gc=False):
    """An order with a price."""

    agentId: int
    delay: int
    bookId: int
    direction: int
    quantity: float
    clientOrderId: int | None
    stp: int
    currency: int
    leverage: float
    settleFlag: int
    price: float
    postOnly: bool
    timeInForce: int
    expiryPeriod: int | None


class Cancellation(Struct, gc=False):
    """One order to cancel; without a volume the whole of it."""

    orderId: int
    volume: float | None


class Cancel(Struct, tag_field="type", tag="CANCEL_ORDERS", gc=False):
    """All cancels of a book."""

    agentId: int
    delay: int
    bookId: int
    cancellations: list[Cancellation]


class Response(Struct):
    """What a miner answers."""

    agent_id: int
    instructions: list[Market | Limit | Cancel]


def response_of(orders: Orders, state: MarketState) -> Response:
    """The answer made of `orders`, which must have passed `check`.

    Prices, sizes and leverages are sent as floats that survive the venue's truncation. The cancels of a book
    travel as one instruction where the first of them stands, with the shortest of their delays.
    """
    instructions: list[Market | Limit | Cancel] = []
    cancels: dict[int, Cancel] = {}
    uid = state.uid
    columns = (
        orders.kind,
        orders.delay_ns,
        state.venue.book_ids[orders.book],
        orders.side,
        _sizes(orders, state),
        orders.client_id,
        orders.self_trade,
        orders.in_quote,
        _leverages(orders),
        orders.max_slippage,
        _prices(orders, state),
        orders.post_only,
        orders.time_in_force,
        orders.expiry_ns,
        orders.order_id,
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for kind, delay, book, side, size, client, stp, in_quote, leverage, slippage, *limit, order_id in rows:
        common = (uid, delay, book, side, size, None if client < 0 else client, stp, int(in_quote), leverage)
        if kind == InstructionKind.LIMIT:
            price, post_only, life, expiry = limit
            instructions.append(Limit(*common, _NO_SETTLEMENT, price, post_only, life, expiry or None))
        elif kind == InstructionKind.MARKET:
            bound = None if math.isnan(slippage) else slippage
            instructions.append(Market(*common, _NO_SETTLEMENT, bound))
        else:
            one = Cancellation(order_id, None if math.isnan(size) else size)
            cancel = cancels.get(book)
            if cancel is None:
                cancels[book] = cancel = Cancel(uid, delay, book, [])
                instructions.append(cancel)
            cancel.delay = min(cancel.delay, delay)
            cancel.cancellations.append(one)
    return Response(uid, instructions)


def _prices(orders: Orders, state: MarketState) -> FloatArray:
    priced = orders.kind == InstructionKind.LIMIT
    return _cut(np.where(priced, orders.price, np.nan), state.venue.price_decimals[orders.book])


def _sizes(orders: Orders, state: MarketState) -> FloatArray:
    return _cut(orders.size, size_decimals(orders, state))


def _leverages(orders: Orders) -> FloatArray:
    borrowing = np.where(orders.is_cancel, np.nan, orders.leverage)
    return _cut(borrowing, np.full(len(orders), LEVERAGE_DECIMALS))


def _cut(values: FloatArray, decimals: IntArray) -> FloatArray:
    """Floats that reach the venue as `values` cut to their grid; NaN stays."""
    told = ~np.isnan(values)
    units = floor_units(np.where(told, values, 0.0), decimals)
    return np.where(told, wire_float(units, decimals), np.nan)
