"""What a book shows at the end of a publish interval, written into arrays shared by all books."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from obmm.market import FloatArray, IntArray
from obmm.sim._jit import Record, kernel
from obmm.sim.exchange._book import next_level, queue_of, snapshot
from obmm.sim.exchange._fees import MAKER, TAKER, fee_rate
from obmm.sim.exchange._layout import BUY, LOTS_PER_BASE, TICKS_PER_QUOTE, UNITS_PER_QUOTE

#: Columns of the accounts that `publish` fills, in this order.
ACCOUNT_COLUMNS = (
    "base_total",
    "base_free",
    "base_initial",
    "quote_total",
    "quote_free",
    "quote_initial",
    "maker_rate",
    "taker_rate",
    "turnover",
)


@kernel
def _account(b: Record, agent: int, out: FloatArray) -> None:
    account = b.accounts[agent]
    out[0] = (account.base_free + account.base_reserved) / LOTS_PER_BASE
    out[1] = account.base_free / LOTS_PER_BASE
    out[2] = account.base_initial / LOTS_PER_BASE
    out[3] = (account.quote_free + account.quote_reserved) / UNITS_PER_QUOTE
    out[4] = account.quote_free / UNITS_PER_QUOTE
    out[5] = account.quote_initial / UNITS_PER_QUOTE
    out[6] = fee_rate(b, agent, MAKER) / 1e16
    out[7] = fee_rate(b, agent, TAKER) / 1e16
    out[8] = account.turnover / UNITS_PER_QUOTE


@kernel
def _queue_ahead(b: Record, slot: int, worst: IntArray) -> float:
    """Base before an order at its price, NaN beyond the levels whose orders are published."""
    order = b.orders[slot]
    side = order.side
    hidden = order.tick < worst[side] if side == BUY else order.tick > worst[side]
    if hidden:
        return float(np.nan)
    ahead = 0
    other = b.levels[queue_of(side, order.tick)].head
    while other != slot:
        if b.orders[other].tick == order.tick:
            ahead += b.orders[other].lots
        other = b.orders[other].next
    return ahead / LOTS_PER_BASE


@kernel
def _open_orders(b: Record, agent: int, detail: int, ids: IntArray, numbers: FloatArray) -> int:
    worst = np.zeros(2, np.int64)
    for side in range(2):
        tick = 0
        for _ in range(detail):
            found = next_level(b, side, tick)
            if found == 0:
                break
            tick = found
        worst[side] = tick if detail else (1 << 62 if side == BUY else 0)
    # The list of an agent runs newest first; states list the oldest first.
    count = b.accounts[agent].open_orders
    row = count
    slot = b.accounts[agent].first_order
    while slot:
        row -= 1
        order = b.orders[slot]
        ids[row, 0] = order.id
        ids[row, 1] = order.client_id
        ids[row, 2] = order.side
        ids[row, 3] = order.time_ns
        numbers[row, 0] = order.tick / TICKS_PER_QUOTE
        numbers[row, 1] = order.lots / LOTS_PER_BASE
        numbers[row, 2] = _queue_ahead(b, slot, worst)
        slot = order.own_next
    return int(count)


@kernel
def publish(
    books: npt.NDArray[np.void],
    first_row: int,
    detail: int,
    prices: FloatArray,
    sizes: FloatArray,
    maker_ratio: FloatArray,
    accounts: FloatArray,
    order_counts: IntArray,
    order_ids: IntArray,
    order_numbers: FloatArray,
    counts: IntArray,
) -> None:
    """Show each of some books as one row of all arrays, from `first_row` on.

    Args:
        books: Records of dtype BOOK.
        first_row: Row of the first of them.
        detail: Best levels whose single orders are published; queue positions elsewhere stay NaN.
        prices: (2, B, L) by side, quote.
        sizes: (2, B, L) base.
        maker_ratio: (B,).
        accounts: (U, B, 9) of the miners 0 … U-1, columns `ACCOUNT_COLUMNS`.
        order_counts: (U, B) open orders.
        order_ids: (U, B, N, 4) id, client id, side, time.
        order_numbers: (U, B, N, 3) price, size, size ahead in the queue.
        counts: (B, 3) rows of tape and notices to collect, and the fault flags.
    """
    for i in range(books.size):
        b = books[i]
        row = first_row + i
        snapshot(b, prices, sizes, row)
        maker_ratio[row] = b.mtr
        for agent in range(accounts.shape[0]):
            _account(b, agent, accounts[agent, row])
            order_counts[agent, row] = _open_orders(
                b, agent, detail, order_ids[agent, row], order_numbers[agent, row]
            )
        counts[row, 0] = b.tape_count
        counts[row, 1] = b.notice_count
        counts[row, 2] = b.fault


@kernel
def drain(books: npt.NDArray[np.void], tape: npt.NDArray[np.void], notices: npt.NDArray[np.void]) -> None:
    """Move what waits to be collected into `tape` and `notices`, book after book; they have just the room."""
    t, n = 0, 0
    for i in range(books.size):
        b = books[i]
        for row in range(b.tape_count):
            tape[t] = b.tape[row]
            t += 1
        for row in range(b.notice_count):
            notices[n] = b.notices[row]
            n += 1
    collected(books)


@kernel
def collected(books: npt.NDArray[np.void]) -> None:
    """Tape and notices of all `books` have been copied: start them anew."""
    for i in range(books.size):
        books[i].tape_count = 0
        books[i].notice_count = 0
