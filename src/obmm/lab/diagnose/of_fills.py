"""Findings that own fills show: adverse selection, a wrong lean, too few fills, fees."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from obmm.lab.diagnose import levers
from obmm.lab.diagnose.case import Case
from obmm.lab.diagnose.finding import Figure, Finding
from obmm.lab.diagnose.lean import Lean, lean_of
from obmm.lab.diagnose.record import Altered
from obmm.market import BUY, SELL, BoolArray, FloatArray

SIDES = ((BUY, "buys"), (SELL, "sells"))


def adverse_selection(case: Case) -> Iterator[Finding]:
    """Fills after which the price moved against them."""
    bps = case.markout_bps
    loss = _losing_groups(case, bps)
    losing = loss < 0.0
    if not losing.any():
        return
    books = np.bincount(case.fills.book[losing], minlength=case.n_books) > 0
    sign = np.where(case.fills.side == BUY, 1.0, -1.0)
    notional = case.fills.price * case.fills.size
    evidence: dict[str, Figure] = {}
    half = np.median(case.times_ns)
    for side, name in SIDES:
        mine = case.fills.side == side
        evidence[f"markout_60s_of_{name}_bps"] = _mean(bps[mine])
        for when, part in (("first", case.fills.time_ns < half), ("second", case.fills.time_ns >= half)):
            evidence[f"markout_60s_of_{name}_in_the_{when}_half_bps"] = _mean(bps[mine & part])
    evidence["fills_that_lose"] = int(losing.sum())
    evidence["fills"] = int(losing.size)
    worst = float(-loss.min())
    yield Finding(
        kind="adverse_selection",
        title=f"Fills on {books.sum()} of {case.n_books} books lose within 60 s",
        cost=case.cost(Altered(price=case.fills.price * (1.0 + sign * loss / 1e4))),
        cost_quote=float(-(loss / 1e4 * notional).sum()),
        basis="the score if these books and sides had broken even at 60 s on average, by a better price",
        evidence=evidence,
        books=case.ids(books),
        changes=tuple(levers.wider(case, case.local(books), by_bps=2.0 * worst)),
        advice="What informed the other side is not in the records: it is inferred from side and time alone.",
    )


def wrong_lean(case: Case) -> Iterator[Finding]:
    """Quotes that lean the way the price does not go."""
    lean = lean_of(case)
    if lean is None or not lean.t_statistic < -case.thresholds.t_statistic:
        return
    yield Finding(
        kind="wrong_lean",
        title="Quotes lean against the next minute's move",
        cost=None,
        cost_quote=lean.cost_quote,
        basis="not computable: what quotes shifted the other way would have traded is not in the records"
        if lean.cost_quote is None
        else "money only: what sizes tilted the other way would have gained on the same fills, "
        "2 × slope × tilt × mean lean² × notional",
        evidence=_lean_evidence(lean),
        changes=tuple(levers.other_sign(case)),
        advice="A signal may have the wrong sign in one run by chance: try both signs on other seeds.",
        certain=lean.cost_quote is None,
    )


def too_few_fills(case: Case) -> Iterator[Finding]:
    """Orders that hardly trade, or books that hardly do."""
    t, rate = case.thresholds, case.summary["fill_rate"]
    per_hour = np.bincount(case.fills.book, minlength=case.n_books) / max(case.hours, 1e-9)
    starved = per_hour < t.fills_per_hour
    low = rate is not None and rate < t.fill_rate
    if not low and not starved.any():
        return
    net = _mean(case.gained - case.fills.fee)
    missing = case.fills.size.size * (t.fill_rate_wanted / rate - 1.0) if low and rate else 0.0
    loses = net is not None and net <= 0.0
    books = () if low else case.local(starved)
    yield Finding(
        kind="too_few_fills",
        title=f"{rate:.0%} of the posted orders trade"
        if low
        else f"{starved.sum()} of {case.n_books} books hardly trade",
        cost=None,
        cost_quote=None if net is None or loses else missing * net,
        basis="money only: the missing fills at what a fill gained on average, fees taken off; "
        "what other prices would have traded is not in the records",
        evidence={
            "fill_rate_pct": None if rate is None else 100.0 * rate,
            "fills_per_book_hour": float(per_hour.mean()),
            "fewest_fills_per_book_hour": float(per_hour.min()),
            "net_gain_per_fill_60s_quote": net,
        },
        books=case.ids(starved),
        changes=() if loses else (*levers.tighter(case, books), *levers.smaller_edge(case, books)),
        advice="A fill loses on average: more of them would cost more." if loses else "",
        certain=net is None,
    )


def fees(case: Case) -> Iterator[Finding]:
    """Fees that eat what fills gain."""
    paid = np.maximum(case.fills.fee, 0.0)
    gained = float(np.nansum(case.gained))
    total = float(case.fills.fee.sum())
    if not total > case.thresholds.fee_share * max(gained, 0.0) or not total > 0.0:
        return
    notional = case.fills.price * case.fills.size
    charged = paid > 0.0
    mean_bps = 1e4 * float(paid.sum() / notional[charged].sum())
    short_bps = 1e4 * (total - gained) / float(notional.sum())
    books = np.bincount(case.fills.book, weights=case.fills.fee, minlength=case.n_books) > 0.0
    yield Finding(
        kind="fees",
        title=f"Fees take {total:,.2f} quote, fills had gained {gained:,.2f}",
        cost=case.cost(Altered(fee=np.minimum(case.fills.fee, 0.0))),
        cost_quote=total,
        basis="the score if no fill had been charged"
        if case.era.mechanism != "debeta"
        else "fees do not enter the score of this era, only the money",
        evidence={
            "fees_quote": float(paid.sum()),
            "rebates_quote": float(np.maximum(-case.fills.fee, 0.0).sum()),
            "gain_at_60s_quote": gained,
            "fee_of_charged_fills_bps": mean_bps,
            "net_gain_of_all_fills_bps": -short_bps,
            "maker_share_of_own_volume_pct": None
            if case.summary["maker_share"] is None
            else 100.0 * case.summary["maker_share"],
            "maker_ratio_of_the_books": case.summary["maker_ratio_mean"],
        },
        books=case.ids(books),
        changes=tuple(
            levers.larger_edge(case, case.local(books), by_bps=max(short_bps, case.thresholds.edge_step_bps))
        ),
        advice="A maker alone at the touch is passive in most of the miners' trades and raises its own fee.",
    )


def _losing_groups(case: Case, bps: FloatArray) -> FloatArray:
    """(N,) mean 60 s markout of each fill's book and side where it is surely below 0, else 0, bp.

    Where no single book and side is sure to lose but a side of all books together is, that side counts.
    """
    fills, loss = case.fills, np.zeros(bps.size)
    for side, _ in SIDES:
        for b in range(case.n_books):
            group = (fills.book == b) & (fills.side == side)
            loss[group] = _sure_loss(case, bps, group, case.thresholds.book_t_statistic)
    if not loss.any():
        for side, _ in SIDES:
            group = fills.side == side
            loss[group] = _sure_loss(case, bps, group, case.thresholds.t_statistic)
    return loss


def _sure_loss(case: Case, bps: FloatArray, group: BoolArray, t_statistic: float) -> float:
    known = bps[group & np.isfinite(bps)]
    if known.size < case.thresholds.least_fills:
        return 0.0
    mean, error = float(known.mean()), float(known.std(ddof=1) / np.sqrt(known.size))
    return mean if mean < -t_statistic * error else 0.0


def _lean_evidence(lean: Lean) -> dict[str, Figure]:
    return {
        "samples": lean.n,
        "move_in_60s_per_unit_of_lean_bps": lean.slope_bps,
        "t_statistic": lean.t_statistic,
        "mean_square_of_lean": lean.mean_square,
    }


def _mean(values: FloatArray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None
