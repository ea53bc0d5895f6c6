"""The tables of a run: their columns, and the rows that a state and its decision make in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from obmm.agent import Decision
from obmm.lab.manual import MANUAL, SIGNAL_KIND
from obmm.market import BUY, SELL, EventKind, MarketState, NoticeKind

Table = dict[str, npt.NDArray[Any]]

#: Kinds of the columns of each table; a run adds a column for each signal of its pipelines.
COLUMNS: dict[str, dict[str, str]] = {
    table: {name: told.kind for name, told in manual.columns.items()} for table, manual in MANUAL.items()
}


def written_kind(table: str, column: str) -> str:
    """Kind of a column as `COLUMNS` writes it."""
    return COLUMNS[table].get(column, SIGNAL_KIND)


def kind_of(table: str, column: str) -> npt.DTypeLike:
    """Numpy's kind of a column; texts are objects."""
    kind = written_kind(table, column)
    return object if kind == "U" else kind


def arrow_kind(kind: str) -> Any:
    """Arrow's type of a kind of column."""
    import pyarrow as pa

    return pa.string() if kind == "U" else pa.bool_() if kind == "?" else pa.from_numpy_dtype(np.dtype(kind))


def signal_unit(about: Mapping[str, Any], column: str) -> str:
    """Unit of a signal's column, as the first account that has the signal tells it; else empty."""
    for account in about["accounts"].values():
        units = account.get("units", {})
        for name in (column, column.rpartition(".")[0]):
            if name in units:
                return str(units[name])
    return ""


def columns_of(table: str, names: Iterable[str]) -> list[str]:
    """The columns of a table in order: those it always has, then what else is among `names`.

    >>> columns_of("signals", ["book", "lean", "fair", "lean"])
    ['uid', 'time_ns', 'book', 'lean', 'fair']
    """
    return list(dict.fromkeys([*COLUMNS[table], *names]))


def empty(table: str) -> Table:
    """A table without a row."""
    return {column: np.empty(0, dtype=kind_of(table, column)) for column in COLUMNS[table]}


def joined(table: str, rows: Sequence[Table]) -> Table:
    """Rows one after the other, in the kinds of the columns; a signal that some rows lack is NaN there."""
    if not rows:
        return empty(table)
    columns = columns_of(table, (column for some in rows for column in some))
    return {
        c: np.concatenate([column_of(some, c) for some in rows]).astype(kind_of(table, c)) for c in columns
    }


def length(rows: Table) -> int:
    """How many rows there are."""
    return next(iter(rows.values())).size


def column_of(rows: Table, column: str) -> npt.NDArray[Any]:
    """A column; NaN throughout where it is a signal that nobody computed."""
    return rows[column] if column in rows else unknown(length(rows))


def unknown(n: int) -> npt.NDArray[Any]:
    """A signal's column (n,) that nobody computed."""
    return np.full(n, np.nan, dtype=SIGNAL_KIND)


def signal_columns(name: str, value: npt.NDArray[Any]) -> Table:
    """The columns of a signal (B,) or (B, K) in the table of signals: its name, or its name with a number.

    A signal that is called like a column the table always has is numbered, too.

    >>> sorted(signal_columns("lean", np.zeros(4))), sorted(signal_columns("pca", np.zeros((4, 2))))
    (['lean'], ['pca.0', 'pca.1'])
    >>> sorted(signal_columns("book", np.zeros(4)))
    ['book.0']
    """
    with np.errstate(over="ignore"):  # Beyond what the kind can hold is infinite.
        told = value.astype(SIGNAL_KIND)
    if told.ndim == 1 and name not in COLUMNS["signals"]:
        return {name: told}
    return {f"{name}.{k}": column for k, column in enumerate(told.reshape(told.shape[0], -1).T)}


def market_rows(state: MarketState) -> dict[str, Table]:
    """Table → rows of what everybody sees in a state: the trades of its tape, none without a tape."""
    tape = state.tape
    rows = np.flatnonzero(tape.kind == int(EventKind.TRADE)) if tape is not None else np.empty(0, np.int64)
    if tape is None or not rows.size:
        return {}
    columns = {name: getattr(tape, name)[rows] for name in COLUMNS["trades"] if name != "book"}
    return {"trades": {"book": state.venue.book_ids[tape.book[rows]], **columns}}


def account_rows(state: MarketState, decision: Decision | None = None) -> dict[str, Table]:
    """Table → rows of one account's side of a state: inventory, fills, rejects, and its decision."""
    told = {"states": _states(state, decision)}
    notices, ids, uid = state.notices, state.venue.book_ids, state.uid
    fills = np.flatnonzero((notices.kind == int(NoticeKind.FILL)) & (notices.book >= 0))
    if fills.size:
        maker = notices.maker_id[fills] == uid
        told["fills"] = {
            "uid": _all(uid, fills.size),
            "book": ids[notices.book[fills]],
            "maker": maker,
            "other": np.where(maker, notices.taker_id[fills], notices.maker_id[fills]),
            **{
                name: getattr(notices, name)[fills]
                for name in ("time_ns", "side", "price", "size", "fee", "order_id", "client_id", "trade_id")
            },
        }
    rejects = np.flatnonzero((notices.kind == int(NoticeKind.REJECTED)) & (notices.book >= 0))
    if rejects.size:
        told["rejects"] = {
            "uid": _all(uid, rejects.size),
            "book": ids[notices.book[rejects]],
            "reason": np.array([notices.message[row] for row in rejects]),
            **{
                name: getattr(notices, name)[rejects]
                for name in ("time_ns", "side", "price", "size", "client_id")
            },
        }
    if decision is not None:
        ms = np.array([decision.elapsed_ms])
        told["answers"] = {"uid": _all(uid, 1), "time_ns": _all(state.time_ns, 1), "respond_ms": ms}
        orders = decision.orders
        if n := len(orders):
            own = ("uid", "time_ns", "book")
            told["orders"] = {
                "uid": _all(uid, n),
                "time_ns": _all(state.time_ns, n),
                "book": ids[orders.book],
                **{name: getattr(orders, name) for name in COLUMNS["orders"] if name not in own},
            }
        if signals := _signals(decision):
            who = {"uid": _all(uid, state.n_books), "time_ns": _all(state.time_ns, state.n_books)}
            told["signals"] = {**who, "book": ids, **signals}
    return told


def _signals(decision: Decision) -> Table:
    """Each signal on the books of the pipelines that have it, NaN on others."""
    told: Table = {}
    for step in decision.steps:
        for name, value in step.signals.items():
            for column, values in signal_columns(name, value).items():
                others = told.get(column, np.float32(np.nan))
                told[column] = np.where(step.books, values, others)
    return told


def _states(state: MarketState, decision: Decision | None) -> Table:
    n, accounts, orders = state.n_books, state.accounts, state.open_orders
    own = np.full((2, n), np.nan)
    book = orders.book
    for side, best in ((BUY, np.fmax), (SELL, np.fmin)):
        rows = orders.side == side
        best.at(own[side], book[rows], orders.price[rows])
    limit: npt.NDArray[np.float64] = np.full(n, np.inf)
    if decision is not None:
        for step in decision.steps:
            limit = np.where(step.books, step.limits.position_limit * step.limits.position_factor, limit)
    none = np.zeros(n, dtype=np.int64)
    return {
        "uid": _all(state.uid, n),
        "time_ns": _all(state.time_ns, n),
        "book": state.venue.book_ids,
        "bid": state.best_bid,
        "ask": state.best_ask,
        "bid_size": state.bid_size[:, 0],
        "ask_size": state.ask_size[:, 0],
        "maker_ratio": state.maker_ratio,
        "maker_rate": accounts.maker_rate,
        "taker_rate": accounts.taker_rate,
        "base": accounts.base_own,
        "quote": accounts.quote_own,
        "position": accounts.position,
        "value": accounts.value(state.mid),
        "own_bid": own[BUY],
        "own_ask": own[SELL],
        "open_orders": orders.count,
        "bid_reason": none if decision is None else decision.bid_reason,
        "ask_reason": none if decision is None else decision.ask_reason,
        "position_limit": limit,
    }


def _all(value: int, n: int) -> npt.NDArray[np.int64]:
    return np.full(n, value, dtype=np.int64)
