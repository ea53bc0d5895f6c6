"""From the arrays that books publish to the states that miners see."""

from __future__ import annotations

import functools
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market import Accounts, BoolArray, FloatArray, IntArray, NoticeKind, Notices, OpenOrders, Tape
from obmm.market.arrays import sealed
from obmm.sim.exchange._layout import LOTS_PER_BASE, REJECT_CODES, TICKS_PER_QUOTE, UNITS_PER_QUOTE
from obmm.sim.exchange._publish import ACCOUNT_COLUMNS

_REJECTED, _CANCEL_FAILED = int(NoticeKind.REJECTED), int(NoticeKind.CANCEL_FAILED)

Rows = npt.NDArray[np.void]


@attrs.frozen
class Board:
    """Arrays into which all books publish, allocated once; see `publish` for their shapes."""

    prices: FloatArray
    sizes: FloatArray
    maker_ratio: FloatArray
    accounts: FloatArray
    order_counts: IntArray
    order_ids: IntArray
    order_numbers: FloatArray
    counts: IntArray

    @classmethod
    def of(cls, n_books: int, n_levels: int, n_miners: int, max_open_orders: int) -> Board:
        """Room for `n_books` books with `n_levels` levels and the accounts of `n_miners` miners."""
        return cls(
            prices=np.zeros((2, n_books, n_levels)),
            sizes=np.zeros((2, n_books, n_levels)),
            maker_ratio=np.zeros(n_books),
            accounts=np.zeros((n_miners, n_books, len(ACCOUNT_COLUMNS))),
            order_counts=np.zeros((n_miners, n_books), dtype=np.int64),
            order_ids=np.zeros((n_miners, n_books, max_open_orders, 4), dtype=np.int64),
            order_numbers=np.zeros((n_miners, n_books, max_open_orders, 3)),
            counts=np.zeros((n_books, 3), dtype=np.int64),
        )

    def turnover(self) -> FloatArray:
        """(U, B) quote traded since the start."""
        return self.accounts[:, :, ACCOUNT_COLUMNS.index("turnover")]


def accounts_of(board: Board, uid: int, traded_quote: FloatArray) -> Accounts:
    """One miner's accounts; `traded_quote` (B,) is what counts against the turnover cap."""
    columns = dict(zip(ACCOUNT_COLUMNS[:-1], board.accounts[uid].T[:-1], strict=True))
    none, known = _constants(traded_quote.size)
    return Accounts(
        known=known,
        base_loan=none,
        quote_loan=none,
        base_collateral=none,
        quote_collateral=none,
        traded_quote=traded_quote,
        **columns,
    )


@functools.lru_cache(maxsize=16)
def _constants(n_books: int) -> tuple[FloatArray, BoolArray]:
    """Nothing, and an account, on every book; read-only, so that states share them."""
    return sealed(np.zeros(n_books)), sealed(np.ones(n_books, dtype=np.bool_))


def open_orders_of(board: Board, uid: int) -> OpenOrders:
    """One miner's resting orders, those of each book oldest first."""
    counts = board.order_counts[uid]
    offset = np.concatenate(([0], counts.cumsum()))
    # Of each book its first rows, looked up by number: a mask over all the room takes ten times as long.
    room = board.order_ids.shape[2]
    rows = np.arange(offset[-1]) + (np.arange(counts.size) * room - offset[:-1]).repeat(counts)
    ids, numbers = board.order_ids[uid].reshape(-1, 4)[rows], board.order_numbers[uid].reshape(-1, 3)[rows]
    return OpenOrders(
        offset=offset,
        order_id=ids[:, 0],
        client_id=ids[:, 1],
        side=ids[:, 2],
        price=numbers[:, 0],
        size=numbers[:, 1],
        time_ns=ids[:, 3],
        queue_ahead=numbers[:, 2],
    )


def tape_of(rows: Rows, counts: IntArray) -> Tape:
    """The rows that the books wrote, `counts` (B,) of them each, as one tape."""
    price = rows["tick"] / TICKS_PER_QUOTE
    price[rows["tick"] == 0] = np.nan
    return Tape(
        offset=np.concatenate(([0], np.cumsum(counts))),
        kind=rows["kind"],
        time_ns=rows["time_ns"],
        side=rows["side"],
        price=price,
        size=rows["lots"] / LOTS_PER_BASE,
        order_id=rows["order_id"],
        taker_order_id=rows["taker_order_id"],
        maker_id=rows["maker_id"],
        taker_id=rows["taker_id"],
        maker_fee=rows["maker_fee"] / UNITS_PER_QUOTE,
        taker_fee=rows["taker_fee"] / UNITS_PER_QUOTE,
        client_id=rows["client_id"],
    )


def notices_of(rows: Rows) -> Notices:
    """One miner's notices in order of their time."""
    if not len(rows):
        return Notices.none()
    rows = rows.take(np.argsort(rows["time_ns"], kind="stable"))
    price = rows["tick"] / TICKS_PER_QUOTE
    size = rows["lots"] / np.where(rows["in_quote"], UNITS_PER_QUOTE, LOTS_PER_BASE)
    columns: dict[str, Any] = {name: rows[name] for name in _SAME}
    message, kind = [""] * len(rows), rows["kind"]
    for row in np.flatnonzero((kind == _REJECTED) | (kind == _CANCEL_FAILED)).tolist():
        failed = kind[row] == _CANCEL_FAILED
        order_id, reason = int(rows["order_id"][row]), int(rows["reason"][row])
        message[row] = f"Order IDs {order_id} do not exist." if failed else REJECT_CODES[reason]
    columns["message"] = message
    return Notices(
        **columns,
        price=np.where(rows["tick"] == 0, np.nan, price),
        size=np.where(rows["lots"] == 0, np.nan, size),
        fee=rows["fee"] / UNITS_PER_QUOTE,
    )


_SAME = ("kind", "time_ns", "book", "order_id", "client_id", "side", "maker_id", "taker_id", "trade_id")
