"""What a book tells the outside: the tape of events and the notices to watched accounts."""

from __future__ import annotations

from obmm.sim._jit import Record, kernel
from obmm.sim.exchange._layout import (
    FAULT_NOTICES,
    FAULT_TAPE,
    NOTICE_CANCEL_FAILED,
    NOTICE_CANCELLED,
    NOTICE_FILL,
    NOTICE_SLOTS,
    TAPE_CANCEL,
    TAPE_ORDER,
    TAPE_SLOTS,
    TAPE_TRADE,
)

#: Room that must be free before an event is delivered; no event writes more rows than orders it meets.
_ROOM = 8192


@kernel
def published_id(b: Record, agent: int) -> int:
    """The id under which an account slot appears in trades: miners by uid, the background as -1, -2, …."""
    return agent if agent < b.n_miners else b.n_miners - agent - 1


@kernel
def records_full(b: Record) -> bool:
    """Whether tape and notices must be collected before the next event."""
    return bool(b.tape_count > TAPE_SLOTS - _ROOM or b.notice_count > NOTICE_SLOTS - _ROOM)


@kernel
def _tape_row(b: Record, kind: int, side: int, tick: int, lots: int, order_id: int) -> int:
    if b.tape_count >= TAPE_SLOTS:
        b.fault |= FAULT_TAPE
        b.tape_count -= 1
    i = b.tape_count
    b.tape_count += 1
    row = b.tape[i]
    row.time_ns = b.now_ns
    row.kind = kind
    row.side = side
    row.tick = tick
    row.lots = lots
    row.order_id = order_id
    row.taker_order_id = -1
    row.client_id = -1
    row.maker_id = -1
    row.taker_id = -1
    row.maker_fee = 0
    row.taker_fee = 0
    return int(i)


@kernel
def tape_order(b: Record, side: int, tick: int, lots: int, order_id: int, client_id: int) -> None:
    """An order came to rest with `lots` left, or (tick 0) a market order went unfilled by that much."""
    if b.tape_on:
        i = _tape_row(b, TAPE_ORDER, side, tick, lots, order_id)
        b.tape[i].client_id = client_id


@kernel
def tape_cancel(b: Record, tick: int, lots: int, order_id: int) -> None:
    """`lots` of an order were withdrawn."""
    if b.tape_on:
        _tape_row(b, TAPE_CANCEL, -1, tick, lots, order_id)


@kernel
def tape_trade(
    b: Record,
    side: int,
    tick: int,
    lots: int,
    maker_order: int,
    taker_order: int,
    maker: int,
    taker: int,
    maker_fee: int,
    taker_fee: int,
) -> None:
    """A trade between two account slots, `side` the taker's."""
    if b.tape_on:
        i = _tape_row(b, TAPE_TRADE, side, tick, lots, maker_order)
        row = b.tape[i]
        row.taker_order_id = taker_order
        row.maker_id = published_id(b, maker)
        row.taker_id = published_id(b, taker)
        row.maker_fee = maker_fee
        row.taker_fee = taker_fee


@kernel
def write_notice(b: Record, kind: int, agent: int, deliver_ns: int, order_id: int) -> int:
    """A blank notice of `kind` about `order_id` to `agent`; the index of its row."""
    if b.notice_count >= NOTICE_SLOTS:
        b.fault |= FAULT_NOTICES
        b.notice_count -= 1
    i = b.notice_count
    b.notice_count += 1
    row = b.notices[i]
    row.time_ns = b.now_ns
    row.deliver_ns = deliver_ns
    row.order_id = order_id
    row.client_id = -1
    row.tick = 0
    row.lots = 0
    row.trade_id = -1
    row.fee = 0
    row.agent = agent
    row.kind = kind
    row.side = -1
    row.reason = 0
    row.maker_id = -1
    row.taker_id = -1
    row.is_market = 0
    row.in_quote = 0
    row.book = b.index
    return int(i)


@kernel
def notice_cancel(b: Record, agent: int, order_id: int, lots: int, done: bool, deliver_ns: int) -> None:
    """The answer to a cancel or an expiry; `lots` 0 for the whole order."""
    if b.accounts[agent].watched:
        i = write_notice(b, NOTICE_CANCELLED if done else NOTICE_CANCEL_FAILED, agent, deliver_ns, order_id)
        b.notices[i].lots = lots


@kernel
def notice_fill(
    b: Record,
    agent: int,
    side: int,
    tick: int,
    lots: int,
    order_id: int,
    client_id: int,
    fee: int,
    maker: int,
    taker: int,
) -> None:
    """A fill of `agent`, whose own side is `side`."""
    if b.accounts[agent].watched:
        row = b.notices[write_notice(b, NOTICE_FILL, agent, b.now_ns, order_id)]
        row.client_id = client_id
        row.side = side
        row.tick = tick
        row.lots = lots
        row.fee = fee
        row.trade_id = b.last_trade_id
        row.maker_id = published_id(b, maker)
        row.taker_id = published_id(b, taker)
