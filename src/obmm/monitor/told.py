"""What the dashboard's page is told: the figures of a snapshot as plain values."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from obmm.market import Reason
from obmm.monitor.snapshot import MARKOUT_S, RESPOND_MS, Fills, Score, Simulation, Snapshot, Validator

#: Fills, and news, of which the page is told.
FILLS, NEWS = 40, 60
_PER_BOOK = (
    *("pnl", "pnl_endowment", "fees", "fills", "traded_quote", "drawdown", "max_drawdown"),
    *("bid", "ask", "mid", "own_bid", "own_ask", "open_orders", "position", "position_limit", "limit_share"),
    *("maker_ratio", "maker_rate", "taker_rate", "day_quote", "cap_quote", "pace_quote", "rejects"),
)
_TOTALS = (
    *("uid", "config_hash", "states", "missed", "late", "hours", "win_rate", "fill_rate", "maker_share"),
    *("total_drawdown", "total_max_drawdown", "last_fault"),
)


def about(snapshot: Snapshot, simulation: Simulation | None) -> dict[str, Any]:
    """The figures of all validators and of one simulation; what is not known, or endless, is None."""
    told: dict[str, Any] = finite(
        {
            "at_ms": time.time_ns() // 1_000_000,
            "untold": snapshot.untold,
            "validators": [_validator(one, snapshot) for one in snapshot.validators],
            "simulations": [list(one.key) for one in snapshot.simulations],
            "simulation": None if simulation is None else _simulation(simulation),
        }
    )
    return told


def score(known: Score) -> dict[str, Any]:
    """The score of the era and the field; not finite yet, see `finite`."""
    missing = f" {known.missing.rstrip('.')}." if known.missing else ""
    rules = f"By the rules of {known.era}, from {_clock(known.since_ns)} to {_clock(known.time_ns)}"
    return {
        "era": known.era,
        "uid": known.uid,
        "total": known.total,
        "place": known.place,
        "missing": known.missing,
        "lede": f"{rules}, as far as the states of one miner tell it.{missing}",
        "own": [[name, value] for name, value in known.own.items()],
        "columns": list(known.columns),
        "uids": known.uids,
        "values": known.values,
        "notes": list(known.notes),
    }


def _clock(time_ns: int) -> str:
    seconds = time_ns // 10**9
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def finite(value: Any) -> Any:
    """`value` as JSON can hold it: arrays as lists, and None for numbers that are not finite."""
    if isinstance(value, dict):
        return {str(name): finite(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        if value.dtype.kind != "f":
            return value.tolist()
        told = value.astype(object)
        told[~np.isfinite(value)] = None
        return told.tolist()
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _validator(one: Validator, snapshot: Snapshot) -> dict[str, Any]:
    its = [other for other in snapshot.simulations if other.validator == one.sender]
    return {
        "missed": sum(other.missed for other in its),
        "sender": one.sender,
        "heard_ms": one.heard_ns // 1_000_000,
        "answered": one.answered,
        "without_orders": one.without_orders,
        "bounds_ms": list(RESPOND_MS),
        "counts": one.respond_counts,
        "p50": one.quantile_ms(0.5),
        "p99": one.quantile_ms(0.99),
        "max": one.quantile_ms(1.0),
    }


def _simulation(one: Simulation) -> dict[str, Any]:
    names = list(dict.fromkeys(one.pipeline))
    return {
        **{name: getattr(one, name) for name in _TOTALS},
        "key": list(one.key),
        "time_s": one.time_ns / 1e9,
        "interval_s": one.interval_ns / 1e9,
        "heard_ms": one.heard_ns // 1_000_000,
        "pnl_total": one.pnl.sum(),
        "pnl_endowment_total": one.pnl_endowment.sum(),
        "fees_total": one.fees.sum(),
        "fills_total": one.fills.sum(),
        "rejects_total": one.rejects.sum(),
        "capital_total": np.nansum(one.capital),
        "parts": {name: float(values.sum()) for name, values in one.parts.items()},
        "markout_s": list(MARKOUT_S),
        "markout_bps": one.markout_bps,
        "books": one.book_ids,
        "per_book": {name: getattr(one, name) for name in _PER_BOOK},
        "reasons": [_reasons(one.bid_reason), _reasons(one.ask_reason)],
        "pipelines": names,
        "pipeline": [names.index(name) for name in one.pipeline],
        "quiet_because": one.quiet_because,
        "sides": 2 * one.states * one.n_books,
        "rejects_because": one.rejects_because,
        "faults": one.faults,
        "news": [
            [n.time_s, n.level, n.pipeline, n.event, list(n.books[:8]), len(n.books), n.details]
            for n in one.news[-NEWS:]
        ],
        "news_count": [[pipeline, event, n] for (pipeline, event), n in one.news_count.items()],
        "recent": fills(one.recent),
    }


def _reasons(codes: Any) -> list[str]:
    return [Reason(code).name.lower() if code else "" for code in codes.tolist()]


def fills(newest: Fills, most: int = FILLS) -> dict[str, Any]:
    """The newest own fills by column, oldest first; not finite yet, see `finite`."""
    rows = slice(-most, None)
    return {
        "book": newest.book[rows],
        "side": newest.side[rows],
        "maker": newest.maker[rows],
        "price": newest.price[rows],
        "size": newest.size[rows],
        "fee": newest.fee[rows],
        "time_s": newest.time_ns[rows] / 1e9,
        "markout_bps": newest.markout_bps[rows],
    }
