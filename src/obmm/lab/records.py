"""A run on disk: one folder, a description in JSON and columnar tables.

    run.json         configuration and its hash, seed, versions, venue, summary
    states.parquet   per state, book and account: the touch, inventory, value, fees, own quotes, reasons
    orders.parquet   instructions sent
    fills.parquet    own fills with fees
    trades.parquet   every trade of the market, with both accounts
    rejects.parquet  what the venue refused, and why
    answers.parquet  response time of each answer
scores.parquet   every scoring of every era, one figure a row
"""

from __future__ import annotations

import errno
import json
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from obmm._version import __version__
from obmm.agent import Decision
from obmm.market import BUY, SELL, EventKind, MarketState, NoticeKind, Venue

#: States gathered in memory before they are written.
FLUSH_STATES = 300

Table = dict[str, npt.NDArray[Any]]

COLUMNS: dict[str, dict[str, str]] = {
    "states": {
        "uid": "i4", "time_ns": "i8", "book": "i4", "bid": "f8", "ask": "f8", "bid_size": "f8",
        "ask_size": "f8",
        "maker_ratio": "f8", "maker_rate": "f8", "taker_rate": "f8", "base": "f8", "quote": "f8",
        "position": "f8", "value": "f8", "own_bid": "f8", "own_ask": "f8", "open_orders": "i4",
        "bid_reason": "i2", "ask_reason": "i2", "position_limit": "f8",
    },
    "orders": {
        "uid": "i4", "time_ns": "i8", "book": "i4", "kind": "i1", "side": "i1", "price": "f8", "size": "f8",
        "time_in_force": "i1", "expiry_ns": "i8", "post_only": "?", "order_id": "i8", "client_id": "i8",
    },
    "fills": {
        "uid": "i4", "time_ns": "i8", "book": "i4", "side": "i1", "maker": "?", "price": "f8", "size": "f8",
        "fee": "f8", "other": "i4", "order_id": "i8", "client_id": "i8", "trade_id": "i8",
    },
    "trades": {
        "time_ns": "i8", "book": "i4", "side": "i1", "price": "f8", "size": "f8", "maker_id": "i4",
        "taker_id": "i4", "maker_fee": "f8", "taker_fee": "f8",
    },
    "rejects": {
        "uid": "i4", "time_ns": "i8", "book": "i4", "side": "i1", "price": "f8", "size": "f8",
        "client_id": "i8", "reason": "U",
    },
    "scores": {"era": "U", "uid": "i4", "time_ns": "i8", "name": "U", "value": "f8"},
    "answers": {"uid": "i4", "time_ns": "i8", "respond_ms": "f8"},
}  # fmt: skip


def describe_venue(venue: Venue) -> dict[str, Any]:
    """What a reader of a run must know of its venue, as plain values."""
    return {
        "book_ids": venue.book_ids.tolist(),
        "price_decimals": venue.price_decimals.tolist(),
        "volume_decimals": venue.volume_decimals.tolist(),
        "min_size_base": venue.min_size_base.tolist(),
        "wealth_quote": venue.wealth_quote.tolist(),
        "initial_price": venue.initial_price.tolist(),
        "turnover_cap_quote": venue.turnover_cap_quote.tolist(),
        "publish_interval_ns": venue.publish_interval_ns,
        "grace_period_ns": venue.grace_period_ns,
        "simulation_id": venue.simulation_id,
        "fees": attrs.asdict(venue.fees),
    }


def versions() -> dict[str, str]:
    """Versions that a result depends on."""
    return {"obmm": __version__, "python": platform.python_version(), "numpy": np.__version__}


@attrs.define
class RunWriter:
    """Writes a run while it happens; leaving the context completes it, also after an interrupt.

    Attributes:
        folder: The run's folder; made if it is not there, and a run that lies there is replaced.
        about: What `run.json` will say, completed by `finish`.

    Raises:
        FileExistsError: On entering, when the folder holds files but no run.
    """

    folder: Path
    about: dict[str, Any]
    _parts: dict[str, list[Table]] = attrs.field(init=False, factory=lambda: {name: [] for name in COLUMNS})
    _writers: dict[str, Any] = attrs.field(init=False, factory=dict)
    _waiting: int = attrs.field(init=False, default=0)

    def __enter__(self) -> RunWriter:
        self.folder.mkdir(parents=True, exist_ok=True)
        if any(self.folder.iterdir()) and not (self.folder / "run.json").is_file():
            what = "holds files that are no run; name a new folder"
            raise FileExistsError(errno.EEXIST, what, str(self.folder))
        for name in COLUMNS:
            (self.folder / f"{name}.parquet").unlink(missing_ok=True)
        self.about = {"created": datetime.now(timezone.utc).isoformat(timespec="seconds"), **self.about}
        self.about |= {"versions": versions(), "completed": False}
        self._describe()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush()
        for writer in self._writers.values():
            writer.close()
        self._describe()

    def finish(self, **more: Any) -> None:
        """Add what is only known at the end to `run.json`."""
        self.about |= more

    def market(self, state: MarketState) -> None:
        """Take in the trades of a state; once per state, whoever's it is. Needs the tape."""
        tape = state.tape
        if tape is None:
            return
        rows = np.flatnonzero(tape.kind == int(EventKind.TRADE))
        if rows.size:
            columns = {name: getattr(tape, name)[rows] for name in COLUMNS["trades"] if name != "book"}
            self._add("trades", {"book": state.venue.book_ids[tape.book[rows]], **columns})

    def account(self, state: MarketState, decision: Decision | None = None) -> None:
        """Take in one account's side of a state: inventory, fills, rejects, and its decision."""
        self._add("states", _states(state, decision))
        notices, ids = state.notices, state.venue.book_ids
        fills = np.flatnonzero((notices.kind == int(NoticeKind.FILL)) & (notices.book >= 0))
        if fills.size:
            maker = notices.maker_id[fills] == state.uid
            other = np.where(maker, notices.taker_id[fills], notices.maker_id[fills])
            columns = {
                name: getattr(notices, name)[fills]
                for name in ("time_ns", "side", "price", "size", "fee", "order_id", "client_id", "trade_id")
            }
            book = ids[notices.book[fills]]
            self._add(
                "fills",
                {"uid": _all(state.uid, fills.size), "book": book, "maker": maker, "other": other, **columns},
            )
        rejects = np.flatnonzero((notices.kind == int(NoticeKind.REJECTED)) & (notices.book >= 0))
        if rejects.size:
            columns = {
                name: getattr(notices, name)[rejects]
                for name in ("time_ns", "side", "price", "size", "client_id")
            }
            reason = np.array([notices.message[row] for row in rejects])
            book = ids[notices.book[rejects]]
            self._add(
                "rejects", {"uid": _all(state.uid, rejects.size), "book": book, "reason": reason, **columns}
            )
        if decision is not None:
            self._decision(state, decision)
        self._waiting += 1
        if self._waiting >= FLUSH_STATES:
            self._flush()

    def scores(self, rows: Mapping[str, Sequence[Any]]) -> None:
        """Take in scorings as long rows: era, uid, time_ns, name, value."""
        if rows["era"]:
            self._add("scores", {name: np.array(values) for name, values in rows.items()})

    def _decision(self, state: MarketState, decision: Decision) -> None:
        orders = decision.orders
        n = len(orders)
        if n:
            columns = {
                name: getattr(orders, name)
                for name in COLUMNS["orders"]
                if name not in ("uid", "time_ns", "book")
            }
            book = state.venue.book_ids[orders.book]
            self._add(
                "orders",
                {"uid": _all(state.uid, n), "time_ns": _all(state.time_ns, n), "book": book, **columns},
            )
        ms = np.array([decision.elapsed_ms])
        self._add("answers", {"uid": _all(state.uid, 1), "time_ns": _all(state.time_ns, 1), "respond_ms": ms})

    def _add(self, table: str, columns: Table) -> None:
        self._parts[table].append(columns)

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        for name, parts in self._parts.items():
            schema = pa.schema([(column, _arrow(kind)) for column, kind in COLUMNS[name].items()])
            if name not in self._writers:
                self._writers[name] = pq.ParquetWriter(
                    self.folder / f"{name}.parquet", schema, compression="zstd"
                )
            if parts:
                columns = {c: np.concatenate([part[c] for part in parts]) for c in COLUMNS[name]}
                arrays = [pa.array(_cast(columns[c], kind)) for c, kind in COLUMNS[name].items()]
                self._writers[name].write_table(pa.Table.from_arrays(arrays, schema=schema))
                parts.clear()
        self._waiting = 0

    def _describe(self) -> None:
        (self.folder / "run.json").write_text(json.dumps(self.about, indent=2) + "\n", encoding="utf-8")


@attrs.define
class Run:
    """A run read back; tables are loaded when they are asked for.

    Attributes:
        folder: Where it lies.
        about: The content of `run.json`.

    Raises:
        FileNotFoundError: The folder holds no run.
    """

    folder: Path
    about: Mapping[str, Any] = attrs.field(init=False)
    _tables: dict[str, Table] = attrs.field(init=False, factory=dict, repr=False)

    def __attrs_post_init__(self) -> None:
        path = self.folder / "run.json"
        if not path.is_file():
            raise FileNotFoundError(f"{self.folder} holds no run: {path.name} is missing")
        self.about = json.loads(path.read_text(encoding="utf-8"))

    def table(self, name: str) -> Table:
        """One table as numpy columns.

        Raises:
            OSError: The file is not there, or has no end because the run was killed.
        """
        if name not in self._tables:
            import pyarrow as pa
            import pyarrow.parquet as pq

            path = self.folder / f"{name}.parquet"
            try:
                read = pq.read_table(path)
            except pa.ArrowInvalid as error:
                what = "has no end: the run was killed before its records were complete"
                raise OSError(errno.EIO, what, str(path)) from error
            self._tables[name] = {c: read.column(c).to_numpy(zero_copy_only=False) for c in read.column_names}
        return self._tables[name]

    def of(self, name: str, uid: int) -> Table:
        """The rows of one account."""
        columns = self.table(name)
        rows = columns["uid"] == uid
        return {column: values[rows] for column, values in columns.items()}

    def grid(self, uid: int, *names: str) -> tuple[npt.NDArray[np.int64], list[npt.NDArray[np.float64]]]:
        """Columns of `states` of one account as (T, B) arrays, and the times (T,) in nanoseconds."""
        states = self.of("states", uid)
        books = len(self.about["venue"]["book_ids"])
        times = states["time_ns"].reshape(-1, books)[:, 0].astype(np.int64)
        return times, [states[name].reshape(-1, books).astype(np.float64) for name in names]


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


def _arrow(kind: str) -> Any:
    import pyarrow as pa

    return pa.string() if kind == "U" else pa.bool_() if kind == "?" else pa.from_numpy_dtype(np.dtype(kind))


def _cast(values: npt.NDArray[Any], kind: str) -> npt.NDArray[Any]:
    return values.astype(object) if kind == "U" else values.astype(kind)
