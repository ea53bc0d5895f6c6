"""Price-time matching, self-trade prevention, withdrawal of orders."""

from __future__ import annotations

import numpy as np

from obmm.sim._jit import Record, kernel
from obmm.sim._random import mix
from obmm.sim.exchange._accounts import reserve, settle_fill, worth
from obmm.sim.exchange._band import band_traded, in_band
from obmm.sim.exchange._book import (
    add_order,
    best_order,
    crosses,
    give_order_slot,
    reduce_order,
    remove_order,
    take_order_slot,
)
from obmm.sim.exchange._fees import MAKER, TAKER, fee_rate, fee_units, record_volume
from obmm.sim.exchange._ghosts import leave_ghost
from obmm.sim.exchange._layout import (
    ACCOUNT_SLOTS,
    BUY,
    FILLED_BUY,
    FILLED_SELL,
    STP_BOTH,
    STP_DECREMENT,
    STP_NEWEST,
    STP_NONE,
    TRADE_SLOTS,
    UNITS_PER_TICK_LOT,
)
from obmm.sim.exchange._records import notice_cancel, notice_fill, tape_cancel, tape_trade


@kernel
def rest_order(b: Record, agent: int, side: int, tick: int, lots: int, order_id: int, client_id: int) -> int:
    """Let a new order stand in the book, its funds set aside; its slot."""
    slot = take_order_slot(b)
    if slot == 0:
        return 0
    order = b.orders[slot]
    order.id = order_id
    order.agent = agent
    order.side = side
    order.tick = tick
    order.lots = lots
    order.time_ns = b.now_ns
    order.client_id = client_id
    order.reserved = worth(side, tick, lots)
    reserve(b, agent, side, order.reserved)
    add_order(b, slot)
    account = b.accounts[agent]
    account.open_orders += 1
    if agent < b.n_miners:
        first = account.first_order
        order.own_prev = 0
        order.own_next = first
        if first:
            b.orders[first].own_prev = slot
        account.first_order = slot
    return int(slot)


@kernel
def _erase(b: Record, slot: int) -> None:
    order = b.orders[slot]
    remove_order(b, slot)
    account = b.accounts[order.agent]
    account.open_orders -= 1
    if order.agent < b.n_miners:
        if order.own_prev:
            b.orders[order.own_prev].own_next = order.own_next
        else:
            account.first_order = order.own_next
        if order.own_next:
            b.orders[order.own_next].own_prev = order.own_prev
    give_order_slot(b, slot)


@kernel
def withdraw(b: Record, slot: int, lots: int) -> None:
    """Take `lots` off a resting order and free what they had reserved; at nothing left the order goes."""
    order = b.orders[slot]
    tape_cancel(b, order.tick, lots, order.id)
    freed = worth(order.side, order.tick, lots)
    if lots >= order.lots:
        freed = order.reserved
    order.reserved -= freed
    reserve(b, order.agent, order.side, -freed)
    if lots >= order.lots:
        _erase(b, slot)
    else:
        reduce_order(b, slot, lots)


@kernel
def _touch_maker(b: Record, agent: int, side: int) -> None:
    account = b.accounts[agent]
    if account.filled == 0:
        b.touched[b.touched_count] = agent
        b.touched_count += 1
    account.filled |= FILLED_BUY if side == BUY else FILLED_SELL


@kernel
def clear_touched(b: Record) -> None:
    """Forget which accounts were filled as makers."""
    for i in range(b.touched_count):
        b.accounts[b.touched[i]].filled = 0
    b.touched_count = 0


@kernel
def _fold(b: Record, part: int) -> None:
    b.digest = mix(b.digest ^ np.uint64(part))


@kernel
def _trade(b: Record, slot: int, taker: int, lots: int, taker_order: int, taker_client: int) -> None:
    order = b.orders[slot]
    maker, tick, maker_side = order.agent, order.tick, order.side
    taker_side = 1 - maker_side
    units = tick * lots * UNITS_PER_TICK_LOT
    maker_fee = fee_units(fee_rate(b, maker, MAKER), units)
    taker_fee = fee_units(fee_rate(b, taker, TAKER), units)
    record_volume(b, maker, MAKER, units)
    record_volume(b, taker, TAKER, units)
    settle_fill(b, maker, maker_side, tick, lots, maker_fee, True)
    settle_fill(b, taker, taker_side, tick, lots, taker_fee, False)
    order.reserved -= worth(maker_side, tick, lots)

    b.last_trade_id += 1
    b.last_tick = tick
    b.last_trade_ns = b.now_ns
    b.traded_lots += lots
    b.traded_units += units
    trade = b.trades[b.trades_done % TRADE_SLOTS]
    trade.time_ns = b.now_ns
    trade.tick = tick
    trade.lots = lots
    trade.maker = maker
    trade.taker = taker
    trade.side = taker_side
    b.trades_done += 1
    if maker != taker:
        band_traded(b, tick)
    _fold(b, b.now_ns)
    _fold(b, tick)
    _fold(b, lots)
    _fold(b, ACCOUNT_SLOTS * maker + taker)
    _fold(b, maker_fee)
    _fold(b, taker_fee)

    order_id = order.id
    tape_trade(b, taker_side, tick, lots, order_id, taker_order, maker, taker, maker_fee, taker_fee)
    notice_fill(b, taker, taker_side, tick, lots, taker_order, taker_client, taker_fee, maker, taker)
    notice_fill(b, maker, maker_side, tick, lots, order_id, order.client_id, maker_fee, maker, taker)
    _touch_maker(b, maker, maker_side)
    reduce_order(b, slot, lots)
    if order.lots == 0:
        _erase(b, slot)
        if b.keeps_ghosts:
            leave_ghost(b, maker, maker_side, tick)


@kernel
def _meet_own(b: Record, slot: int, lots: int, stp: int) -> int:
    """Self-trade prevention; what is left of the incoming order."""
    if stp == STP_NEWEST:
        return 0
    order = b.orders[slot]
    taken = min(lots, order.lots) if stp == STP_DECREMENT else order.lots
    if b.self_trade_notices:
        notice_cancel(b, order.agent, order.id, 0 if taken == order.lots else taken, True, b.now_ns)
    withdraw(b, slot, taken)
    if stp == STP_BOTH:
        return 0
    return lots - taken if stp == STP_DECREMENT else lots


@kernel
def match(
    b: Record, agent: int, side: int, limit: int, lots: int, stp: int, order_id: int, client_id: int
) -> int:
    """Trade an incoming order while it crosses `limit`; what is left of it."""
    b.filled_lots = 0
    while lots > 0:
        slot = best_order(b, 1 - side)
        if slot == 0:
            break
        order = b.orders[slot]
        if not crosses(side, limit, order.tick):
            break
        if order.agent == agent and stp != STP_NONE:
            lots = _meet_own(b, slot, lots, stp)
            continue
        if not in_band(b, order.tick):
            b.band_refused = 1
            break
        traded = min(lots, order.lots)
        _trade(b, slot, agent, traded, order_id, client_id)
        b.filled_lots += traded
        lots -= traded
    return lots
