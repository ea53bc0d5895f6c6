"""Many messages to the compiled exchange in one call, with what each of them left behind.

A call into a compiled kernel costs far more than the message itself, so the differential run sends its
messages in batches; nothing of the exchange is repeated here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from obmm.sim._jit import kernel
from obmm.sim.exchange._fees import roll_tiers
from obmm.sim.exchange._instructions import act, expire, submit
from obmm.sim.exchange._layout import EV_INSTRUCTION, INSTRUCTION
from obmm.sim.exchange._orders import cancel_order, end_step, limit_order, market_order, reset_agent
from obmm.sim.exchange._queue import next_event_ns, pop_event

LIMIT, MARKET, CANCEL, END_STEP, RESET, ROLL = range(6)

MESSAGE = np.dtype(
    [
        ("op", "i8"),
        ("now_ns", "i8"),
        ("agent", "i8"),
        ("side", "i8"),
        ("tick", "i8"),
        ("amount", "i8"),
        ("in_quote", "i8"),
        ("tif", "i8"),
        ("post_only", "i8"),
        ("stp", "i8"),
        ("expiry_ns", "i8"),
        ("slippage_e8", "i8"),
        ("order_id", "i8"),
    ]
)

#: Columns of an answer: code, id, accepted lots, tape rows so far, touches; then four balances per agent.
ANSWER = 6


@kernel
def _instruct(b, message, row) -> None:
    """A miner's message goes through the instruction queue."""
    row.kind = message.op
    row.agent = message.agent
    row.side = message.side
    row.time_in_force = message.tif
    row.post_only = message.post_only
    row.self_trade = message.stp
    row.in_quote = message.in_quote
    row.tick = message.tick
    row.amount = message.amount
    row.expiry_ns = message.expiry_ns
    row.order_id = message.order_id
    row.client_id = -1
    row.slippage_e8 = message.slippage_e8
    submit(b, row)


@kernel
def _deliver(b, until_ns) -> None:
    while next_event_ns(b) <= until_ns:
        b.now_ns = b.heap_time[0]
        event = b.events[pop_event(b)]
        kind, agent, tick, lots, data = event.kind, event.agent, event.tick, event.lots, event.data
        if kind == EV_INSTRUCTION:
            act(b, data)
        else:
            expire(b, agent, tick, data, lots)


@kernel
def _direct(b, m, slots) -> int:
    """A background agent's message reaches the exchange as it is."""
    if m.op == LIMIT:
        return limit_order(
            b, m.agent, m.side, m.tick, m.amount, m.in_quote != 0, m.tif, m.post_only != 0, m.stp, -1
        )
    if m.op == MARKET:
        return market_order(b, m.agent, m.side, m.amount, m.in_quote != 0, m.stp, m.slippage_e8, -1)
    slot = slots[m.order_id]
    own = b.orders[slot].agent == m.agent
    return 0 if own and cancel_order(b, slot, m.order_id, m.amount) > 0 else 1


@kernel
def send(books, messages, agents, slots, row, answers) -> None:
    """Let `messages` act one after the other and write an answer for each.

    `slots` maps order ids to where they rest; `row` is scratch; answers (n, ANSWER + 4 agents) int64.
    """
    b = books[0]
    for i in range(messages.size):
        m = messages[i]
        _deliver(b, m.now_ns)
        b.now_ns = m.now_ns
        notices = b.notice_count
        placed = b.last_order_id
        code = 0
        if m.op in (LIMIT, MARKET, CANCEL):
            if m.agent < b.n_miners:
                _instruct(b, m, row[0])
                _deliver(b, m.now_ns)
                # The answer is the last notice of the message but for the fills of others.
                for k in range(notices, b.notice_count):
                    notice = b.notices[k]
                    if notice.agent == m.agent and notice.kind <= 1:
                        code = notice.reason
                    if notice.agent == m.agent and m.op == CANCEL and notice.kind in (2, 3):
                        code = notice.kind - 2
            else:
                code = _direct(b, m, slots)
            if b.last_order_id > placed:
                slots[b.last_order_id] = b.placed_slot
        elif m.op == END_STEP:
            end_step(b)
        elif m.op == RESET:
            reset_agent(b, m.agent, m.tick, m.amount, False)
        else:
            roll_tiers(b)
        answer = answers[i]
        answer[0] = code
        answer[1] = b.last_order_id
        answer[2] = b.placed_lots if b.last_order_id > placed else 0
        answer[3] = b.tape_count
        answer[4] = b.touch[0]
        answer[5] = b.touch[1]
        for k in range(agents.size):
            account = b.accounts[agents[k]]
            answer[ANSWER + 4 * k] = account.base_free
            answer[ANSWER + 4 * k + 1] = account.base_reserved
            answer[ANSWER + 4 * k + 2] = account.quote_free
            answer[ANSWER + 4 * k + 3] = account.quote_reserved


def scratch() -> npt.NDArray[np.void]:
    """Room for one instruction."""
    return np.zeros(1, dtype=INSTRUCTION)
