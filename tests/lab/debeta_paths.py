"""Making, skill and their pay from a print stream: plain loops, then the formulas on what these summed."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from obmm.scoring import ERAS, apply_reward_floor, distribute_rewards
from obmm.scoring.debeta import DIALS_0_6_3, pools, skill
from obmm.scoring.debeta.combine import FieldScores, FieldSums, score_field
from obmm.scoring.debeta.making import quality
from scoring.debeta_naive import Naive, Print, Sums

ERA, DIALS = ERAS["0.6.3"], DIALS_0_6_3
SECOND = 10**9


@attrs.define
class Paid:
    """What one miner of a field was paid for.

    Attributes:
        times: Times of the scorings.
        series: Name → figure of each scoring.
        figures: Parts of the last scoring.
    """

    times: list[int] = attrs.field(factory=list)
    series: dict[str, list[float]] = attrs.field(factory=dict)
    figures: dict[str, float] = attrs.field(factory=dict)


def pay(states: list[dict[str, Any]], n_books: int, uid: int) -> Paid:
    """Pay a run of at most three hours, so that nothing leaves the window."""
    naive = Naive(DIALS.capture_half_window, DIALS.horizon_ns, DIALS.stale_ns, "last", 0)
    found, averages, field = Paid(), _Averages(), None
    traded = {uid}
    for state in states:
        trades = {int(book): [Print(*row) for row in rows] for book, rows in state["trades"].items()}
        traded |= {side for rows in trades.values() for row in rows for side in row[4:] if side >= 0}
        naive.add(state["timestamp"], trades)
        if state["timestamp"] % (5 * SECOND):
            continue
        everybody = sorted(traded)
        now = scored(naive, n_books)
        if np.count_nonzero(now.score > 0.0) >= DIALS.min_books:
            field = now
        figures = averages.pay(state["timestamp"], everybody, field)
        found.times.append(state["timestamp"])
        for name, values in figures.items():
            found.series.setdefault(name, []).append(values[everybody.index(uid)])
    if field is not None:
        (row,) = np.flatnonzero(field.uids == uid)
        names = ("making", "making_captured", "quality", "skill", "net_alpha", "skill_books", "making_rank")
        found.figures = {name: float(getattr(field, name)[row]) for name in names}
    return found


def scored(naive: Naive, n_books: int) -> FieldScores:
    """The field from the sums of the loops."""
    uids = sorted({uid for side in ("buy", "sell") for _, uid in naive.sums[f"captured_{side}"]})

    def table(sums: Sums) -> np.ndarray:
        return np.array([[sums.get((book, uid), 0.0) for uid in uids] for book in range(n_books)])

    def sides(name: str) -> np.ndarray:
        return np.stack([table(naive.sums[f"{name}_{side}"]) for side in ("buy", "sell")])

    captured, realised = sides("captured"), sides("realised")
    books = range(n_books)
    filled = np.array(
        [
            [any((b, uid) in naive.sums[f"captured_{side}"] for side in ("buy", "sell")) for uid in uids]
            for b in books
        ]
    ).reshape(n_books, len(uids))
    alpha = skill.drift_alpha(
        table(naive.sums["mtm"]),
        table(naive.sums["inventory_sum"]),
        np.array([naive.print_count[book] for book in books], dtype=np.float64),
        np.array([naive.drift[book] for book in books]),
    )
    alpha = np.where(filled, alpha, np.nan)
    takers = sorted({taker for _, taker in naive.flow if taker >= 0} | set(uids))
    makers = sorted({maker for maker, _ in naive.flow} | set(uids))
    flow = np.array([[naive.flow.get((m, t), 0.0) for t in (-1, *takers)] for m in makers])
    sums = FieldSums(
        uids=np.array(uids, dtype=np.int64),
        captured=captured,
        quality=quality(captured, realised),
        alpha=alpha,
        kept=skill.over_hurdle(alpha, table(naive.sums["notional"]), DIALS.skill_hurdle_bps),
        flow=flow.reshape(len(makers), 1 + len(takers)),
        maker_row=np.array([makers.index(uid) for uid in uids], dtype=np.int64),
        tether_flow=flow.reshape(len(makers), 1 + len(takers)),
    )
    bar = skill.skill_bar(DIALS.skill_min_books, DIALS.skill_min_books_share, n_books)
    return score_field(sums, DIALS, bar=bar, floor=skill.magnitude_floor(alpha, DIALS.floor_scale))


@attrs.define
class _Averages:
    """The track record: score, making term and making share of every uid."""

    last_ns: int | None = None
    counts: dict[int, int] = attrs.field(factory=dict)
    known: dict[int, list[float]] = attrs.field(factory=dict)

    def pay(self, time_ns: int, uids: list[int], field: FieldScores | None) -> dict[str, list[float]]:
        """One scoring; lists in the order of `uids`."""
        values = {uid: [0.0, 0.0, 0.0] for uid in uids}
        skilled = dict.fromkeys(uids, 0.0)
        if field is not None:
            everywhere = np.ones(field.uids.size, dtype=np.bool_)
            shares = pools.shares_of(field.making)
            credit = pools.shares_of(pools.skill_credit(field, everywhere))
            for i, uid in enumerate(field.uids.tolist()):
                term = DIALS.pool * float(field.making_rank[i])
                values[uid] = [float(field.score[i]), term, float(shares[i])]
                skilled[uid] = float(credit[i])
        elapsed = 1.0
        if self.last_ns is not None:
            elapsed = 1.0 - 0.5 ** ((time_ns - self.last_ns) / DIALS.halflife_ns)
        self.last_ns = time_ns
        smoothed = {uid: self._smooth(uid, values[uid], elapsed) for uid in uids}
        total, making, share = (np.array([smoothed[uid][k] for uid in uids]) for k in range(3))
        ladder = np.maximum(0.0, total - making)
        halves = pools.shares_of(share), np.array([skilled[uid] for uid in uids])
        other = halves[1]
        if not other.any():
            steps = distribute_rewards(apply_reward_floor(ladder, ERA), ERA).astype(np.float64)
            other = pools.shares_of(steps)
        emission = (1.0 - DIALS.pool) * other + DIALS.pool * halves[0] if halves[0].any() else other
        return {
            "score": [values[uid][0] for uid in uids],
            "smoothed": total.tolist(),
            "making_share": halves[0].tolist(),
            "skill_share": halves[1].tolist(),
            "emission": emission.tolist(),
        }

    def _smooth(self, uid: int, values: list[float], elapsed: float) -> list[float]:
        count = self.counts.get(uid, 0)
        weight = max(elapsed, 1.0 / (count + 1))
        if values[0] != 0.0 or count:
            self.counts[uid] = count + 1
        averages = self.known.setdefault(uid, [np.nan] * 3)
        for k, value in enumerate(values):
            if value != 0.0 or count:
                before = value if np.isnan(averages[k]) else averages[k]
                averages[k] = weight * value + (1.0 - weight) * before
        return [value if np.isnan(a) else a for a, value in zip(averages, values, strict=True)]
