"""Recorded runs with something done to their records."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from obmm.lab.recorded import Run
from obmm.lab.tables import COLUMNS

Tables = dict[str, dict[str, np.ndarray]]
#: Changes tables and the content of `run.json` in place.
Treatment = Callable[[Tables, dict[str, Any]], None]
#: Nobody of the field: a background account of its own.
SOMEBODY = -(10**9)


def doctored(source: Path, target: Path, *treatments: Treatment) -> Run:
    """The run `source`, treated and written to `target`."""
    about = json.loads((source / "run.json").read_text(encoding="utf-8"))
    tables: Tables = {}
    for name in COLUMNS:
        read = pa.concat_tables(map(pq.read_table, sorted((source / name).iterdir())))
        tables[name] = {c: read.column(c).to_numpy(zero_copy_only=False).copy() for c in read.column_names}
    for treat in treatments:
        treat(tables, about)
    target.mkdir(parents=True, exist_ok=True)
    about |= {"parts": 1, "rows": {name: columns["time_ns"].size for name, columns in tables.items()}}
    (target / "run.json").write_text(json.dumps(about), encoding="utf-8")
    for name, columns in tables.items():
        (target / name).mkdir(exist_ok=True)
        pq.write_table(pa.table(columns), target / name / "0000.parquet")
    return Run(target)


def rows(table: dict[str, np.ndarray], keep: np.ndarray) -> None:
    """Keep some rows of a table."""
    for name in list(table):
        table[name] = table[name][keep]


def first_states(n: int) -> Treatment:
    """Only the first `n` states, and what happened up to the last of them."""

    def treat(tables: Tables, about: dict[str, Any]) -> None:
        end = np.unique(tables["states"]["time_ns"])[n - 1]
        for table in tables.values():
            rows(table, table["time_ns"] <= end)

    return treat


def settled(side: int, size: float, price: float, fee: float) -> tuple[float, float]:
    """Base and quote that a fill brings; a buyer pays a fee in whole lots of base, and gets change."""
    if side == 1:
        return -size, size * price - fee
    fee_base = math.ceil(fee / price * 1e4 - 1e-6) / 1e4 if fee > 0.0 else 0.0
    return size - fee_base, -size * price + fee_base * price - fee


def other_fills(keep: np.ndarray, price: np.ndarray, fee: np.ndarray) -> Treatment:
    """Account 0 made only the fills of `keep`, at these prices and fees; its balances follow.

    What it did not make, somebody else did.
    """

    def treat(tables: Tables, about: dict[str, Any]) -> None:
        states, fills, trades = tables["states"], tables["fills"], tables["trades"]
        mine = fills["uid"] == 0
        names = ("time_ns", "book", "side", "size", "price", "fee")
        for i, (time, book, side, size, *was) in enumerate(
            zip(*(fills[name][mine].tolist() for name in names), strict=True)
        ):
            old = settled(side, size, *was)
            new = settled(side, size, price[i], fee[i]) if keep[i] else (0.0, 0.0)
            after = (states["uid"] == 0) & (states["book"] == book) & (states["time_ns"] > time)
            states["base"][after] += new[0] - old[0]
            states["position"][after] += new[0] - old[0]
            states["quote"][after] += new[1] - old[1]
        own = np.flatnonzero((trades["maker_id"] == 0) | (trades["taker_id"] == 0))
        place = {
            tuple(trades[c][row].item() for c in ("time_ns", "book", "price", "size")): row for row in own
        }
        names = ("time_ns", "book", "price", "size")
        keys = zip(*(fills[c][mine].tolist() for c in names), strict=True)
        for key, kept, at in zip(keys, keep, price, strict=True):
            row = place[key]
            trades["price"][row] = at
            if not kept:
                for side in ("maker_id", "taker_id"):
                    trades[side][row] = SOMEBODY if trades[side][row] == 0 else trades[side][row]
        chosen = np.ones(mine.size, dtype=np.bool_)
        chosen[mine] = keep
        fills["price"][mine], fills["fee"][mine] = price, fee
        rows(fills, chosen)

    return treat
