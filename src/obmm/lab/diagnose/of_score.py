"""Findings that the books' own figures show: low ratios, idle books, outliers, drift of the endowment."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from obmm.lab.diagnose import levers
from obmm.lab.diagnose.case import Case
from obmm.lab.diagnose.finding import Figure, Finding
from obmm.lab.diagnose.record import Altered, within_limit
from obmm.lab.diagnose.rescore_sharpe import SharpeRescorer
from obmm.market import BoolArray, Reason
from obmm.scoring import normalize_sharpe


def low_ratio(case: Case) -> Iterator[Finding]:
    """Books whose Sharpe, Kappa or alpha is below what is acceptable; outliers are told by themselves."""
    t, ratio = case.thresholds, case.base.ratio
    least = {"sharpe": t.sharpe, "kappa": t.kappa, "debeta": t.alpha_quote}[case.era.mechanism]
    low = (ratio < least) & ~case.base.outliers
    cost = case.cost(Altered(least_ratio=np.where(low, least, -np.inf)))
    if cost is None or not cost > t.least_cost:
        return
    held = np.abs(case.states["position"]).max(axis=0)
    reached = held / case.states["position_limit"].max(axis=0)
    halved = case.score(Altered(keep=within_limit(case.fills, held * t.inventory_step)))
    helps = halved is not None and halved > case.base.score
    share = float(np.nanmedian(reached[np.isfinite(reached)])) if np.isfinite(reached).any() else 1.0
    smaller = levers.smaller_inventory(case, reached=share) if helps else []
    yield Finding(
        kind="low_ratio",
        title=f"{case.ratio_name} below {least:g} on {low.sum()} of {case.n_books} books",
        cost=cost,
        basis=f"the score if none of them were below {least:g}",
        evidence={
            f"median_{case.ratio_name}": float(np.nanmedian(ratio)),
            f"lowest_{case.ratio_name}": float(np.nanmin(ratio)),
            "median_inventory_reached_pct": 100.0 * share,
            "score": case.base.score,
            f"score_at_{t.inventory_step:g}_of_the_inventory": halved,
        },
        books=case.ids(low),
        changes=(*smaller, *levers.larger_edge(case)),
        advice=""
        if helps
        else "The same fills kept to a smaller inventory would not have scored more, so the limit stays.",
    )


def idle_books(case: Case) -> Iterator[Finding]:
    """Books whose activity counts against the score."""
    mask = _idle(case)
    cost = case.cost(Altered(busy=mask))
    if cost is None or not cost > case.thresholds.least_cost:
        return
    pace = case.summary["traded_quote"] / case.n_books / max(case.hours, 1e-9)
    cap = case.era.volume_cap_quote / 24.0
    evidence: dict[str, Figure] = {
        "median_activity_factor": float(np.median(case.base.factor)),
        "books_without_a_ratio": int(np.isnan(case.base.ratio).sum()),
        "traded_quote_per_book_hour": pace,
        "even_pace_of_the_daily_cap_quote_per_hour": cap,
    }
    if isinstance(case.rescorer, SharpeRescorer):
        evidence["activity_factor_of_an_even_pace"] = case.rescorer.even_pace
    held_back = share_closed(case, Reason.TURNOVER) + share_closed(case, Reason.TURNOVER_PACE)
    capped = held_back > case.thresholds.quiet_share
    local = case.local(mask)
    changes = [] if capped else [*levers.larger_size(case, local), *levers.tighter(case, local)]
    yield Finding(
        kind="low_activity",
        title=f"{mask.sum()} of {case.n_books} books trade too little to count in full",
        cost=cost,
        basis="the score if these books traded as much as counts in full",
        evidence=evidence,
        books=case.ids(mask),
        changes=tuple(changes),
        advice="The turnover gate holds the volume to what the daily cap allows." if capped else "",
    )


def outliers(case: Case) -> Iterator[Finding]:
    """Books that lie far below the others."""
    mask = case.base.outliers
    cost = case.cost(Altered(typical=mask))
    if cost is None or not mask.any():
        return
    evidence: dict[str, Figure] = {f"median_{case.ratio_name}": float(np.nanmedian(case.base.ratio))}
    for b, book in zip(np.flatnonzero(mask).tolist(), case.ids(mask), strict=True):
        one = np.arange(case.n_books) == b
        evidence[f"{case.ratio_name}_of_book_{book}"] = float(case.base.ratio[b])
        evidence[f"cost_of_book_{book}"] = case.cost(Altered(typical=one))
    books = case.ids(mask)
    yield Finding(
        kind="outliers",
        title=f"{mask.sum()} of {case.n_books} books lie far below the others",
        cost=cost,
        cost_quote=-sum(min(case.summary["per_book"][b]["pnl"], 0.0) for b in np.flatnonzero(mask)),
        basis="the score if these books were like the median of the others",
        evidence=evidence,
        books=books,
        changes=(*levers.stronger_skew(case, books), *levers.smaller_inventory(case, books)),
    )


def endowment_drift(case: Case) -> Iterator[Finding]:
    """What the base that was given at the start did to the score by moving in price."""
    if case.era.mechanism != "sharpe":
        return
    cost = case.cost(Altered(still_endowment=True))
    if cost is None or not cost > case.thresholds.least_cost:
        return
    yield Finding(
        kind="endowment_drift",
        title="The base given at the start moved against the score",
        cost=cost,
        cost_quote=-float(case.summary["pnl_endowment"]),
        basis="the score if that base had kept its price",
        evidence={
            "pnl_of_the_endowment_quote": case.summary["pnl_endowment"],
            "pnl_of_trading_quote": case.summary["pnl"],
        },
        advice="No quote changes this, it is luck: compare agents on the same seeds, and over several.",
    )


def share_closed(case: Case, reason: Reason) -> float:
    """Share of the time of all sides for which a reason was given."""
    sides = np.stack([case.states["bid_reason"], case.states["ask_reason"]])
    return float((sides == reason).mean())


def _idle(case: Case) -> BoolArray:
    """(B,) books that would count for more if they traded more."""
    factor, ratio = case.base.factor, case.base.ratio
    if not isinstance(case.rescorer, SharpeRescorer):
        return np.isnan(ratio) | (factor < 1.0)
    wins = normalize_sharpe(ratio, case.era) > 0.5
    return (factor < 1.0) | (wins & (factor < case.rescorer.even_pace))
