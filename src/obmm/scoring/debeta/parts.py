"""One miner's score under the 0.6 rules, book by book."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from obmm.market import BUY, SELL, BoolArray, FloatArray
from obmm.scoring.debeta import pools, skill
from obmm.scoring.debeta.accumulate import Accumulation
from obmm.scoring.debeta.rounds import Round
from obmm.scoring.debeta.subwindows import window_alpha
from obmm.scoring.debeta.verdict import Verdict


@attrs.frozen(kw_only=True, eq=False)
class BookParts:
    """What each book did for one uid in the window; arrays (B,), quote unless said otherwise.

    Attributes:
        captured_buy: Captured by buys.
        captured_sell: Captured by sells.
        realised_buy: Realised by buys as a maker.
        realised_sell: Realised by sells as a maker.
        alpha: Earned on inventory beyond the book's drift, NaN without a captured fill.
        counts: Whether the alpha is over the hurdle.
        notional: Filled.
        inventory: Base bought less base sold since the simulation began.
        making_share: The book's part of the uid's share of the making half, before smoothing.
        skill_share: The book's part of the uid's share of the skill half.
    """

    captured_buy: FloatArray
    captured_sell: FloatArray
    realised_buy: FloatArray
    realised_sell: FloatArray
    alpha: FloatArray
    counts: BoolArray
    notional: FloatArray
    inventory: FloatArray
    making_share: FloatArray
    skill_share: FloatArray


@attrs.frozen(kw_only=True, eq=False)
class DebetaScore:
    """One miner of a field, as `obmm.scoring.debeta.DebetaScorer` sees it.

    Attributes:
        time_ns: When its field was last scored.
        uid: The miner.
        pool: Share of the emission that the making half pays.
        parts: Its books.
        figures: Figures of the whole miner by name, in the units of `FieldScores` and `Round`; NaN for one
            that does not exist.
    """

    time_ns: int
    uid: int
    pool: float
    parts: BookParts
    figures: Mapping[str, float]

    @property
    def total(self) -> float:
        """Trading score of the last scoring, 0…1."""
        return self.figures["score"]

    @property
    def columns(self) -> Mapping[str, FloatArray]:
        """Per-book figures (B,); "score" is the share of the whole emission that a book earned."""
        parts = self.parts
        return {
            "score": self.pool * parts.making_share + (1.0 - self.pool) * parts.skill_share,
            "making_share": parts.making_share,
            "skill_share": parts.skill_share,
            "captured_buy_quote": parts.captured_buy,
            "captured_sell_quote": parts.captured_sell,
            "realised_buy_quote": parts.realised_buy,
            "realised_sell_quote": parts.realised_sell,
            "alpha_quote": parts.alpha,
            "alpha_counts": parts.counts.astype(np.float64),
            "notional_quote": parts.notional,
            "inventory_base": parts.inventory,
        }


def book_parts(sums: Accumulation, verdict: Verdict, column: int, group: int = 0) -> BookParts:
    """The books of one uid of a group.

    Args:
        sums: What was summed up.
        verdict: The field at the same time.
        column: Column of the uid.
        group: Which market's.
    """
    dials, books = sums.dials, sums.books_of(group)
    captured = sums.captured.total[:, books, column].copy()
    realised = sums.realised.total[:, books, column].copy()
    filled = np.logical_or(*sums.captured.present)
    alpha = window_alpha(sums.mtm, dials.skill_variant, filled)[books, column]
    notional = sums.mtm.notional.total[books, column].copy()
    kept = skill.over_hurdle(alpha, notional, dials.skill_hurdle_bps)
    making_share, skill_share = np.zeros(alpha.size), np.zeros(alpha.size)
    row = np.flatnonzero(verdict.field.uids == sums.columns.uids_of(group)[column])
    if row.size and verdict.present[row[0]]:
        u = int(row[0])
        paid_alpha = np.nan_to_num(kept if verdict.classes else alpha)
        making_rates = pools.rates(verdict.making_credits, verdict.weights)
        skill_rates = pools.rates(verdict.skill_credits, verdict.weights)
        for number, field in enumerate(verdict.fields):
            inside = sums.class_of_book == number if verdict.classes else np.ones(alpha.size, dtype=np.bool_)
            if field.making[u] > 0.0:
                per_book = np.where(inside, np.minimum(captured[BUY], captured[SELL]), 0.0)
                making_share += making_rates[number] * field.making[u] * per_book / per_book.sum()
            if verdict.skill_credits[number][u] > 0.0:
                per_book = np.where(inside, paid_alpha, 0.0) * field.skill_concentration_factor[u]
                skill_share += skill_rates[number] * per_book
    return BookParts(
        captured_buy=captured[BUY],
        captured_sell=captured[SELL],
        realised_buy=realised[BUY],
        realised_sell=realised[SELL],
        alpha=alpha,
        counts=~np.isnan(kept),
        notional=notional,
        inventory=sums.mtm.inventory[books, column].copy(),
        making_share=making_share,
        skill_share=skill_share,
    )


_OF_FIELD = (
    "making",
    "making_captured",
    "making_realised",
    "quality",
    "making_rank",
    "making_concentration_factor",
    "making_tether_factor",
    "background_share",
    "skill",
    "skill_rank",
    "skill_coverage_factor",
    "skill_concentration_factor",
    "net_alpha",
    "skill_books",
    "coverage_books",
)
_OF_ROUND = ("smoothed", "making_term", "making_share", "skill_share", "ladder_input", "emission")


def figures_of(uid: int, paid: Round) -> dict[str, float]:
    """Figures of one uid in a scoring, NaN where it is not part of the field.

    Args:
        uid: The miner.
        paid: The scoring.
    """
    place = int(np.searchsorted(paid.uids, uid))
    figures = {"score": float(paid.trading[place])}
    figures |= {name: float(getattr(paid, name)[place]) for name in _OF_ROUND}
    figures["field_size"] = float(paid.uids.size)
    field = None if paid.verdict is None else paid.verdict.field
    rows = [] if field is None else np.flatnonzero(field.uids == uid).tolist()
    for name in _OF_FIELD:
        figures[name] = float(getattr(field, name)[rows[0]]) if rows else float("nan")
    figures["bar"] = float("nan") if field is None else float(field.bar)
    return figures
