"""One decision of a run: from its records, and from the run made again up to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from obmm.agent import ConfigError, Problem
from obmm.lab.drive import Progress
from obmm.lab.explain import decision_of_book, known
from obmm.lab.rebuild import config_of_account
from obmm.lab.recorded import Run
from obmm.lab.rerun import decided_again, differences
from obmm.lab.tables import COLUMNS, Table, signal_unit
from obmm.market import BUY, InstructionKind, Reason


def explained_run(
    folder: Path,
    *,
    book: int,
    at_s: float,
    uid: int = 0,
    again: bool = True,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Tell the decision of an account of a run on the book with id `book`, at the first state from `at_s` on.

    The run is made again up to there, and what comes is held against its records: only where they agree are
    quotes, gates and resting orders told, which the records do not hold. Otherwise, or if not asked to run
    again, what the records hold is told.

    Returns:
        What `told` returns, with `records`: whether the run was made again (`repeated`), what differed
        (`differences`), and why something is not told (`note`). `gates`, `quotes` and `resting` are None
        where they are not known.

    Raises:
        RunError: The run cannot be read.
        ConfigError: It has no such account, book or state; or a stage failed there.
    """
    run = Run(folder)
    if str(uid) not in run.about["accounts"]:
        have = ", ".join(run.about["accounts"])
        raise ConfigError([Problem(str(folder), f"has no account {uid}; there are {have}")])
    ids = run.about["venue"]["book_ids"]
    if book not in ids:
        raise ConfigError([Problem(str(folder), f"has no book {book}; it has {', '.join(map(str, ids))}")])
    times, _ = run.grid(uid)
    row = int(np.searchsorted(times, round(at_s * 1e9)))
    if row == times.size:
        what = f"ends before {at_s:g} s, at {times[-1] / 1e9:g} s"
        raise ConfigError([Problem(str(folder), f"{what}; {run.early}" if run.early else what)])
    note, found = "it was not run again", []
    if again:
        try:
            decision = decided_again(run, uid, times[row] / 1e9, progress)
        except (ConfigError, OSError) as error:
            note = f"it cannot be run again: {error}"
        else:
            found = differences(run, uid, decision)
            if not found:
                story = decision_of_book(decision, config_of_account(run, uid), folder, book)
                return story | {"records": {"repeated": True, "differences": [], "note": ""}}
            charged = run.about.get("charged", {}).get(str(uid), {}).get("answers")
            why = "answers were charged the time they took" if charged else "run again it goes another way"
            note = f"{why} ({found[0]})"
    records = {"repeated": False, "differences": found, "note": note}
    return recorded_story(run, uid, book, int(times[row])) | {"records": records}


def recorded_story(run: Run, uid: int, book: int, time_ns: int) -> dict[str, Any]:
    """What the records hold of a decision, in the form of `told`."""
    at = {name: _rows(run.of(name, uid), time_ns, book) for name in ("states", "signals", "orders")}
    account = run.about["accounts"][str(uid)]
    position = run.about["venue"]["book_ids"].index(book)
    tick = 10.0 ** -run.about["venue"]["price_decimals"][position]
    state = {name: values[0] for name, values in at["states"].items()}
    bid, ask = float(state["bid"]), float(state["ask"])
    n_orders = at["orders"]["kind"].size
    return {
        "book": book,
        "time_s": time_ns / 1e9,
        "config": str(account["name"]),
        "pipeline": str(account["name"]),
        "hash": str(account["config_hash"]),
        "market": {
            "best bid": f"{bid:.10g}",
            "best ask": f"{ask:.10g}",
            "mid": f"{(bid + ask) / 2.0:.10g}",
            "spread, ticks": (ask - bid) / tick,
            "maker ratio": float(state["maker_ratio"]),
            "maker rate, bp": 1e4 * float(state["maker_rate"]),
            "position, base": float(state["position"]),
            "position limit, base": known(state["position_limit"]),
            "base": float(state["base"]),
            "quote": float(state["quote"]),
            "best own bid": known(state["own_bid"]),
            "best own ask": known(state["own_ask"]),
            "open orders": int(state["open_orders"]),
        },
        "signals": [
            {"name": name, "value": float(values[0]), "unit": signal_unit(run.about, name)}
            for name, values in at["signals"].items()
            if name not in COLUMNS["signals"] and values.size and _has(account, name)
        ],
        "gates": None,
        "quotes": None,
        "resting": None,
        "orders": [
            {
                "kind": InstructionKind(int(at["orders"]["kind"][i])).name.lower(),
                "side": {-1: "", BUY: "buy"}.get(int(at["orders"]["side"][i]), "sell"),
                "price": known(at["orders"]["price"][i]),
                "size": known(at["orders"]["size"][i]),
                "order_id": int(at["orders"]["order_id"][i]) if at["orders"]["order_id"][i] >= 0 else None,
            }
            for i in range(n_orders)
        ],
        "reasons": {
            side: Reason(int(state[f"{side}_reason"])).name.lower() if state[f"{side}_reason"] else None
            for side in ("bid", "ask")
        },
    }


def _has(account: Mapping[str, Any], column: str) -> bool:
    """Whether a column of signals is one of this account's own."""
    units = account.get("units")
    return units is None or column in units or column.rpartition(".")[0] in units


def _rows(table: Table, time_ns: int, book: int) -> Table:
    at = (table["time_ns"] == time_ns) & (table["book"] == book)
    return {name: values[at] for name, values in table.items()}
