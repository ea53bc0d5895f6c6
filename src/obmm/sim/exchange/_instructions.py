"""Miners' instructions: how they wait, act, and are answered.

An instruction sent at T with a total delay d acts at T + d. Its acceptance, or the result of a cancel, is
delivered a further d later; a rejection at once. A good-till-time order that expires is reported one whole
expiry period late, and its timer is never withdrawn: where the order is gone, the report is a failed cancel.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from obmm.market import InstructionKind
from obmm.sim._jit import Record, kernel
from obmm.sim.exchange._layout import (
    EV_EXPIRY,
    EV_INSTRUCTION,
    FAULT_INSTRUCTIONS,
    GTT,
    INSTRUCTION_SLOTS,
    INVALID_LEVERAGE,
    IOC,
    NOT_SIMULATED,
    NOTICE_ACCEPTED,
    NOTICE_REJECTED,
    VALID,
)
from obmm.sim.exchange._orders import cancel_order, count_reject, find_order, limit_order, market_order
from obmm.sim.exchange._queue import schedule
from obmm.sim.exchange._records import notice_cancel, write_notice

_LIMIT = int(InstructionKind.LIMIT)
_MARKET = int(InstructionKind.MARKET)
_CANCEL = int(InstructionKind.CANCEL)
_DROPPED = -1
_MAX_LEVERAGE = 4.0


@kernel
def submit(b: Record, row: Record) -> None:
    """Queue a copy of the instruction `row` to act `row.delay_ns` from now."""
    slot = b.instruction_free
    if slot:
        b.instruction_free = b.instructions[slot].next
    elif b.instruction_top + 1 < INSTRUCTION_SLOTS:
        b.instruction_top += 1
        slot = b.instruction_top
    else:
        b.fault |= FAULT_INSTRUCTIONS
        return
    b.instructions[slot] = row
    schedule(b, b.now_ns + row.delay_ns, EV_INSTRUCTION, row.agent, 0, 0, 0, slot)


@kernel
def submit_rows(books: npt.NDArray[np.void], rows: npt.NDArray[np.void]) -> None:
    """Queue all `rows` (dtype INSTRUCTION) on one book."""
    for i in range(rows.size):
        submit(books[0], rows[i])


@kernel
def submit_each(
    books: npt.NDArray[np.void], book_of_row: npt.NDArray[np.int64], rows: npt.NDArray[np.void]
) -> None:
    """Queue all `rows` (dtype INSTRUCTION), each on its own one of `books`."""
    for i in range(rows.size):
        submit(books[book_of_row[i]], rows[i])


@kernel
def drop_instructions(b: Record, agent: int) -> None:
    """Let nothing that `agent` has under way act any more."""
    for slot in range(1, b.instruction_top + 1):
        if b.instructions[slot].agent == agent:
            b.instructions[slot].kind = _DROPPED


@kernel
def _place(b: Record, row: Record) -> int:
    if row.leverage < 0.0 or row.leverage > _MAX_LEVERAGE:
        return count_reject(b, row.agent, INVALID_LEVERAGE)
    if row.leverage > 0.0 or row.not_simulated:
        return count_reject(b, row.agent, NOT_SIMULATED)
    if row.kind == _MARKET:
        return market_order(
            b,
            row.agent,
            row.side,
            row.amount,
            row.in_quote != 0,
            row.self_trade,
            row.slippage_e8,
            row.client_id,
        )
    return limit_order(
        b,
        row.agent,
        row.side,
        row.tick,
        row.amount,
        row.in_quote != 0,
        row.time_in_force,
        row.post_only != 0,
        row.self_trade,
        row.client_id,
    )


@kernel
def _answer(b: Record, row: Record, code: int) -> None:
    accepted = code == VALID
    deliver_ns = b.now_ns + row.delay_ns if accepted else b.now_ns
    kind = NOTICE_ACCEPTED if accepted else NOTICE_REJECTED
    notice = b.notices[write_notice(b, kind, row.agent, deliver_ns, b.placed_id if accepted else -1)]
    notice.client_id = row.client_id
    notice.side = row.side
    notice.tick = row.tick
    cut = accepted and row.kind == _LIMIT and row.time_in_force == IOC
    notice.lots = b.placed_lots if cut else row.amount
    notice.reason = code
    notice.is_market = 1 if row.kind == _MARKET else 0
    notice.in_quote = row.in_quote


@kernel
def act(b: Record, slot: int) -> None:
    """Carry out the instruction in `slot`, whose time has come."""
    row = b.instructions[slot]
    agent = row.agent
    if row.kind == _CANCEL:
        done = cancel_order(b, find_order(b, agent, row.order_id), row.order_id, row.amount) > 0
        notice_cancel(b, agent, row.order_id, row.amount, done, b.now_ns + row.delay_ns)
    elif row.kind in (_LIMIT, _MARKET):
        code = _place(b, row)
        if code == VALID and row.kind == _LIMIT and row.time_in_force == GTT and row.expiry_ns > 0:
            schedule(
                b, b.now_ns + row.expiry_ns, EV_EXPIRY, agent, 0, b.placed_slot, row.expiry_ns, b.placed_id
            )
        if b.accounts[agent].watched:
            _answer(b, row, code)
    row.next = b.instruction_free
    row.agent = -1
    b.instruction_free = slot


@kernel
def expire(b: Record, agent: int, slot: int, order_id: int, expiry_ns: int) -> None:
    """The timer of a good-till-time order has run out."""
    done = cancel_order(b, slot, order_id, 0) > 0
    notice_cancel(b, agent, order_id, 0, done, b.now_ns + expiry_ns)
