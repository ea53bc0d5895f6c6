"""What positions cost that were held on to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from obmm.lab.attribution import attribute
from obmm.lab.diagnose import levers
from obmm.lab.diagnose.case import Case
from obmm.lab.diagnose.finding import Finding
from obmm.lab.diagnose.record import Altered
from obmm.lab.summary import filled_forward
from obmm.market import BUY


def held_positions(case: Case) -> Iterator[Finding]:
    """Positions that lose after the first minute: not fills that are picked off, but inventory held on to."""
    mid = filled_forward((case.states["bid"] + case.states["ask"]) / 2.0)
    pnl = np.array([row["pnl"] for row in case.summary["per_book"]])
    parts = attribute(case.fills, case.times_ns, mid, pnl)
    late = parts["one_to_five_minutes"] + parts["held_longer"]
    early = float((parts["spread"] + parts["first_minute"]).sum())
    lost = -float(late.sum())
    if not lost > case.thresholds.held_share * max(early, 0.0) or not lost > 0.0:
        return
    losing = late < 0.0
    notional = case.fills.price * case.fills.size
    traded = np.bincount(case.fills.book, weights=notional, minlength=case.n_books)
    share = np.divide(np.minimum(late, 0.0), traded, out=np.zeros(case.n_books), where=traded > 0.0)
    sign = np.where(case.fills.side == BUY, 1.0, -1.0)
    reached = case.summary["inventory"]["max_limit_share"] or 1.0
    books = case.local(losing)
    yield Finding(
        kind="held_positions",
        title=f"Positions lose {lost:,.2f} quote after their first minute",
        cost=case.cost(Altered(price=case.fills.price * (1.0 + sign * share[case.fills.book]))),
        cost_quote=lost,
        basis="the score if positions of these books had neither gained nor lost after a minute, "
        "given back by a better price of their fills",
        evidence={
            **{f"{name}_quote": float(values.sum()) for name, values in parts.items()},
            "mean_position_of_the_limit_pct": None
            if case.summary["inventory"]["mean_limit_share"] is None
            else 100.0 * case.summary["inventory"]["mean_limit_share"],
            "books_that_lose_so": int(losing.sum()),
        },
        books=case.ids(losing),
        changes=(
            *levers.stronger_skew(case, books),
            *levers.smaller_inventory(case, books, min(reached, 1.0)),
        ),
        advice="The direction of the market has its part in it in one run: compare on other seeds.",
    )
