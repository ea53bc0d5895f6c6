"""One simulation of a day in figures, and several of them together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np

from obmm.lab.attribution import PARTS
from obmm.lab.diagnose import diagnose
from obmm.lab.recorded import Run
from obmm.lab.summary import filled_forward, summarise
from obmm.market import FloatArray

#: Figures of a simulation as plain values, as they are kept in `figures.json`.
Figures: TypeAlias = Mapping[str, Any]
#: Points of a curve that are kept of a day.
_POINTS = 288


@attrs.frozen(kw_only=True)
class Measure:
    """A figure that one day has more or less of than another.

    Attributes:
        words: What it is, with its unit.
        digits: Decimals.
        sense: 1 if more is better, -1 if less is, 0 if neither.
    """

    words: str
    digits: int = 2
    sense: int = 0


#: What is told of a day beside the parts of its P&L, in order.
MEASURES: Mapping[str, Measure] = {
    "pnl": Measure(words="P&L of trading, quote", sense=1),
    **{f"part_{name}": Measure(words=f"of it {words}, quote", sense=1) for name, words in PARTS.items()},
    "pnl_per_book_hour": Measure(words="P&L per book and simulated hour, quote", digits=3, sense=1),
    "pnl_bps": Measure(words="P&L per unit of turnover, bp", sense=1),
    "pnl_endowment": Measure(words="gained by the endowment itself, quote"),
    "turnover": Measure(words="turnover, quote", digits=0),
    "fills": Measure(words="fills", digits=0),
    "maker_share": Measure(words="maker share of the turnover, %", digits=1),
    "markout_1s_bps": Measure(words="markout after 1 s, bp", sense=1),
    "markout_60s_bps": Measure(words="markout after 60 s, bp", sense=1),
    "win_rate": Measure(words="fills won after 60 s, %", digits=1, sense=1),
    "respond_p50_ms": Measure(words="time of an answer, median, ms", digits=1, sense=-1),
    "respond_p99_ms": Measure(words="time of an answer, 99 %, ms", digits=1, sense=-1),
    "lost": Measure(words="states that never came, %", sense=-1),
    "without_orders": Measure(words="answers without orders, %", sense=-1),
    "rejects": Measure(words="orders refused, %", sense=-1),
    "quiet": Measure(words="sides that were not quoted, %", digits=1),
    "stops": Measure(words="stops by a drawdown", digits=0, sense=-1),
    "failed": Measure(words="states on which a stage failed", digits=0, sense=-1),
    "score": Measure(words="score", digits=4, sense=1),
}


def figures_of(run: Run, era: str | None = None) -> dict[str, Any]:
    """The figures of one simulation, and what a diagnosis finds in it.

    Args:
        run: A run made of a live recording.
        era: Rules to score by; those of the recording's version if not given.

    Raises:
        EmptyRun: There is no state in it.
        ConfigError: Its configuration cannot be rebuilt.
    """
    about, summary, found = run.about, summarise(run), diagnose(run, era)
    times, (bid, ask, base, quote) = run.grid(0, "bid", "ask", "base", "quote")
    venue = about["venue"]
    expected = round((times[-1] - times[0]) / max(venue["publish_interval_ns"], 1)) + 1
    refused = sum(about.get("refused", {}).get("0", {}).values())
    return {
        "name": found.name,
        "config_hash": found.config_hash,
        "validator": about.get("validator", ""),
        "simulation": venue["simulation_id"],
        "began_ns": about["received_ns"],
        "hours": summary["hours"],
        "books": len(venue["book_ids"]),
        "states": int(times.size),
        "states_expected": max(expected, int(times.size)),
        "answers_without_orders": sum(about.get("without_orders", {}).values()),
        "pnl": summary["pnl"],
        "pnl_endowment": summary["pnl_endowment"],
        "parts": summary["attribution"],
        "turnover": summary["traded_quote"],
        "turnover_made": (summary["maker_share"] or 0.0) * summary["traded_quote"],
        "fills": summary["fills"],
        "markout_bps": {name: summary["markout_bps"][name] for name in ("1s", "60s")},
        "win_rate": summary["win_rate"],
        "respond_ms": summary["respond_ms"],
        "orders": summary["orders_posted"] + sum(summary["rejects"].values()),
        "refused": refused,
        "rejects": summary["rejects"],
        "quiet": summary["quiet"],
        "stops": summary["drawdown_stops"],
        "failed": about.get("stage_errors", {}).get("0", 0),
        "era": found.era,
        "score": found.score,
        "per_book": {str(row["book"]): row["pnl"] for row in summary["per_book"]},
        "curve": _curve(times, filled_forward((bid + ask) / 2.0), base, quote),
        "findings": [finding.as_table() for finding in found.findings],
        "notes": list(found.notes),
        "proposal": found.proposal.toml if found.proposal.changes else "",
    }


def together(simulations: Sequence[Figures]) -> dict[str, float | None]:
    """The figures of `MEASURES` of all simulations; None for what none of them knows.

    Money and counts are sums, shares are of all, times of an answer those of the slowest simulation, the
    score is the mean.
    """

    def total(of: Callable[[Figures], float]) -> float:
        return float(sum(of(one) for one in simulations))

    def part(name: str) -> float:
        return total(lambda one: one["parts"][name])

    turnover, states = total(lambda one: one["turnover"]), total(lambda one: one["states"])
    book_hours = total(lambda one: one["books"] * one["hours"])
    expected, orders = total(lambda one: one["states_expected"]), total(lambda one: one["orders"])

    def by_fills(of: Callable[[Figures], float | None]) -> float | None:
        known = [(one["fills"], value) for one in simulations if (value := of(one)) is not None]
        weight = sum(n for n, _ in known)
        return sum(n * value for n, value in known) / weight if weight else None

    pnl = total(lambda one: one["pnl"])
    return {
        "pnl": pnl,
        **{f"part_{name}": part(name) for name in PARTS},
        "pnl_per_book_hour": _ratio(pnl, book_hours),
        "pnl_bps": _ratio(1e4 * pnl, turnover),
        "pnl_endowment": total(lambda one: one["pnl_endowment"]),
        "turnover": turnover,
        "fills": total(lambda one: one["fills"]),
        "maker_share": _ratio(100.0 * total(lambda one: one["turnover_made"]), turnover),
        "markout_1s_bps": by_fills(lambda one: one["markout_bps"]["1s"]),
        "markout_60s_bps": by_fills(lambda one: one["markout_bps"]["60s"]),
        "win_rate": _percent(by_fills(lambda one: one["win_rate"])),
        "respond_p50_ms": _most(one["respond_ms"]["p50"] for one in simulations),
        "respond_p99_ms": _most(one["respond_ms"]["p99"] for one in simulations),
        "lost": _ratio(100.0 * (expected - states), expected),
        "without_orders": _ratio(100.0 * total(lambda one: one["answers_without_orders"]), states),
        "rejects": _ratio(100.0 * total(lambda one: one["refused"]), orders),
        "quiet": _ratio(100.0 * total(lambda one: one["quiet"] * one["states"]), states),
        "stops": total(lambda one: one["stops"]),
        "failed": total(lambda one: one["failed"]),
        "score": _mean(one["score"] for one in simulations),
    }


def _curve(times: Any, mid: FloatArray, base: FloatArray, quote: FloatArray) -> dict[str, list[float]]:
    """P&L of trading of all books against simulated hours, thinned out."""
    value = quote + base * mid - (quote[0] + base[0] * mid)
    rows = np.unique(np.linspace(0, times.size - 1, min(times.size, _POINTS)).round().astype(int))
    hours = (times[rows] - times[0]) / 3.6e12
    return {"hours": hours.tolist(), "pnl": np.nansum(value[rows], axis=1).tolist()}


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0.0 else None


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * share


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return sum(known) / len(known) if known else None
