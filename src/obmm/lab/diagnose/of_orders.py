"""Findings that states, orders and answers show: stuck positions, closed sides, rejects, slow answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from obmm.lab.diagnose import levers
from obmm.lab.diagnose.case import Case
from obmm.lab.diagnose.finding import Change, Figure, Finding
from obmm.lab.diagnose.of_score import share_closed
from obmm.lab.diagnose.record import Altered
from obmm.market import InstructionKind, Reason, response_delay_ns
from obmm.scoring import EraConstants

#: What to change where a reason keeps sides closed; reasons that no option reaches are not here.
_OPENS: dict[Reason, tuple[Callable[[Case], list[Change]], ...]] = {
    Reason.FEES: (levers.dearer_fees,),
    Reason.TURNOVER: (levers.smaller_size, levers.wider),
    Reason.TURNOVER_PACE: (levers.smaller_size, levers.wider),
    Reason.DRAWDOWN: (levers.smaller_inventory,),
    Reason.NEAR_LIMIT: (levers.stronger_skew,),
    Reason.POSITION_LIMIT: (levers.stronger_skew,),
    Reason.REDUCE_ONLY: (levers.stronger_skew,),
    Reason.NO_EDGE: (levers.smaller_edge,),
    Reason.SIZE_TOO_SMALL: (levers.least_size,),
    Reason.NO_FUNDS: (levers.smaller_inventory, levers.smaller_size),
}
#: What to change where the venue refuses, by a part of its reason.
_ADMITS: dict[str, tuple[Callable[[Case], list[Change]], ...]] = {
    "MINIMUM_ORDER_SIZE": (levers.least_size,),
    "CONTRACT_VIOLATION": (levers.wider, levers.larger_edge),
    "INSUFFICIENT": (levers.smaller_size, levers.smaller_inventory),
}
#: Before signals have settled nobody is meant to quote.
_MEANT = (Reason.OPEN, Reason.WARMING_UP)


def stuck_at_limit(case: Case) -> Iterator[Finding]:
    """Books whose position stays at its limit."""
    t = case.thresholds
    limit = case.states["position_limit"]
    usable = np.isfinite(limit) & (limit > 0.0)
    share = np.abs(case.states["position"]) / np.where(usable, limit, np.inf)
    time_at = (share >= t.near_limit).mean(axis=0)
    stuck = time_at > t.time_at_limit
    if not stuck.any():
        return
    local = case.local(stuck)
    evidence: dict[str, Figure] = {
        "longest_time_at_the_limit_pct": 100.0 * float(time_at.max()),
        "mean_inventory_of_the_limit_pct": 100.0 * float(share[:, stuck].mean()),
        "pnl_of_these_books_quote": sum(case.summary["per_book"][b]["pnl"] for b in np.flatnonzero(stuck)),
    }
    yield Finding(
        kind="stuck_at_limit",
        title=f"{stuck.sum()} of {case.n_books} books spend more than {t.time_at_limit:.0%} of the time "
        f"above {t.near_limit:.0%} of their inventory limit",
        cost=None if stuck.all() else case.cost(Altered(typical=stuck)),
        basis="the score if these books were like the median of the others"
        if not stuck.all()
        else "every book is stuck, so there is none to compare with",
        evidence=evidence,
        books=case.ids(stuck),
        changes=tuple(levers.stronger_skew(case, local)),
    )


def closed_sides(case: Case) -> Iterator[Finding]:
    """Sides that a gate, the builder or the placer keeps without a quote, one finding per reason."""
    quiet, pnl = case.summary["quiet"], lasting(case.summary)
    for reason in Reason:
        share = share_closed(case, reason)
        pace = reason is Reason.TURNOVER_PACE
        if reason in _MEANT or not (reason.closes or pace) or share <= case.thresholds.quiet_share:
            continue
        open_share = 1.0 - quiet
        worth = pnl * share / open_share if pnl > 0.0 and open_share > 0.0 and not pace else None
        sides = np.stack([case.states["bid_reason"], case.states["ask_reason"]])
        by_book = (sides == reason).mean(axis=(0, 1))
        why = reason.name.lower().replace("_", " ")
        yield Finding(
            kind=f"quiet_{reason.name.lower()}",
            title=f"{share:.0%} of the time of all sides is "
            + (f"quoted smaller: {why}" if pace else f"without a quote: {why}"),
            cost=None,
            cost_quote=worth,
            basis="money only, and at most: what open sides earned, at no more than the rate after the first "
            "hour, for the time that others were closed"
            if worth is not None
            else "not computable: what such a side would have earned is not in the records",
            evidence={
                "share_of_the_time_of_all_sides_pct": 100.0 * share,
                "share_on_the_worst_book_pct": 100.0 * float(by_book.max()),
                "share_closed_for_any_reason_pct": 100.0 * quiet,
                "mean_maker_fee_bps": 1e4 * float(np.nanmean(case.states["maker_rate"])),
            },
            books=case.ids(by_book > case.thresholds.quiet_share),
            changes=_all(case, _OPENS.get(reason, ())) if worth is not None or pace else (),
            advice=""
            if pnl > 0.0 or pace
            else "What was quoted lost money, or did after the first hour, so more of it is not proposed.",
        )


def lasting(summary: Mapping[str, Any]) -> float:
    """P&L, but no more than at the rate after the first hour: an opening may pay what no later hour does.

    Of runs shorter than two hours the later ones say too little.

    >>> lasting({"pnl": 90.0, "pnl_after_first_hour": 0.5, "hours": 3.0, "per_book": [{}, {}]})
    3.0
    >>> lasting({"pnl": 90.0, "pnl_after_first_hour": 0.5, "hours": 1.5, "per_book": [{}, {}]})
    90.0
    """
    pnl, hours, later = summary["pnl"], summary["hours"], summary["pnl_after_first_hour"]
    if hours < 2.0:
        return float(pnl)
    return float(min(pnl, later * len(summary["per_book"]) * hours))


def rejects(case: Case) -> Iterator[Finding]:
    """Orders that the venue refused."""
    refused = {str(why): int(n) for why, n in case.run.about["refused"][str(case.uid)].items()}
    orders = case.run.of("orders", case.uid)
    placed = int((orders["kind"] == InstructionKind.LIMIT).sum())
    total = sum(refused.values())
    if not total > case.thresholds.reject_share * max(placed, 1):
        return
    gained = case.gained - case.fills.fee
    mean = float(np.nanmean(gained)) if np.isfinite(gained).any() else 0.0
    worth = total * (case.summary["fill_rate"] or 0.0) * mean
    main = max(refused, key=lambda why: refused[why])
    levered = next((pulls for part, pulls in _ADMITS.items() if part in main.upper()), ())
    table = case.run.of("rejects", case.uid)
    books = np.isin(case.run.about["venue"]["book_ids"], table["book"])
    yield Finding(
        kind="rejects",
        title=f"The venue refused {total:,} of {placed:,} orders, most of them for {main}",
        cost=None,
        cost_quote=worth if worth > 0.0 else None,
        basis="money only: these orders at the run's fill rate and mean gain of a fill, fees taken off",
        evidence={"orders": placed, **{f"refused_for_{why}": n for why, n in refused.items()}},
        books=case.ids(books),
        changes=_all(case, levered),
    )


def slow_answers(case: Case) -> Iterator[Finding]:
    """Answers that take so long that orders arrive late."""
    t, ms = case.thresholds, case.summary["respond_ms"]
    assumed = float(case.run.about.get("response_ms", 0.0))
    measured = ms["p99"] or 0.0
    if max(measured, assumed) <= t.response_ms:
        return
    slow = max(measured, assumed)
    yield Finding(
        kind="slow_answers",
        title=f"Answers take up to {slow:,.0f} ms, {t.response_ms:,.0f} ms are wanted",
        cost=None,
        basis="not computable: what earlier orders would have traded is not in the records",
        evidence={
            "measured_p50_ms": ms["p50"],
            "measured_p99_ms": ms["p99"],
            "assumed_in_this_run_ms": assumed,
            "delay_of_the_first_order_ms": _delay_ms(slow, case.era),
            "delay_if_answered_in_time_ms": _delay_ms(t.response_ms, case.era),
        },
        advice="`obmm bench` times each step on this machine; fewer signals and levels make answers faster.",
    )


def _delay_ms(response_ms: float, era: EraConstants) -> float:
    delay_ns = response_delay_ns(
        response_ms / 1e3,
        timeout_s=era.timeout_s,
        min_ns=era.min_delay_ns,
        max_ns=era.max_delay_ns,
        curve=era.delay_curve,
    )
    return delay_ns / 1e6


def _all(case: Case, pulls: Sequence[Callable[[Case], list[Change]]]) -> tuple[Change, ...]:
    return tuple(change for pull in pulls for change in pull(case))
