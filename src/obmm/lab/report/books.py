"""What each book did to the score, under one era's rules."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

from obmm.lab.report.eras import EraScore
from obmm.market import BoolArray, FloatArray, IntArray
from obmm.scoring.eras import EraConstants
from obmm.scoring.pnl_score import pnl_score
from obmm.scoring.score_0_1_9 import score_books_0_1_9
from obmm.scoring.score_0_1_51 import score_books
from obmm.scoring.score_0_3_5 import score_kappa, trading_score


@attrs.frozen(kw_only=True, eq=False)
class BookAnalysis:
    """The books of one account under one era, by position.

    Attributes:
        era: Version of the rules.
        score: (B,) what each book scored; under 0.6 its share of the emission. NaN for a book without.
        effect: (B,) what the book did to the total: the total less what it would be without the book. Under
            0.6 shares add up, so it is the share itself.
        outlier: (B,) True for a book that the rules call an outlier.
        order: (B,) positions, best first; books without a score come last.
        quartiles: Lower quartile, median and upper quartile of the scores that count.
        fence: Scores below it are outliers; None where the rules know none.
        adds_up: Effects sum to the total.
    """

    era: str
    score: FloatArray
    effect: FloatArray
    outlier: BoolArray
    order: IntArray
    quartiles: tuple[float, float, float]
    fence: float | None
    adds_up: bool


def analyse_books(scored: EraScore, era: EraConstants, pnl: FloatArray) -> BookAnalysis | None:
    """Best and worst books, their spread, outliers, and what each did; None without a score.

    Args:
        scored: The account's score.
        era: Constants it was made with.
        pnl: (B,) P&L of trading, which orders books of equal score.
    """
    score = scored.books["score"]
    if scored.missing or not np.isfinite(score).any():
        return None
    outlier: BoolArray = np.zeros(score.size, dtype=np.bool_)
    counted = score[np.isfinite(score)]
    if scored.mechanism == "debeta":
        effect = score
    else:
        total = _total_of(scored, era)
        everything = np.arange(score.size)
        whole, outlier, counted = total(everything)
        rest = [total(np.delete(everything, b))[0] if score.size > 1 else 0.0 for b in everything]
        effect = whole - np.array(rest)
    low, median, high = np.percentile(counted, (25, 50, 75)).tolist()
    fences = {"sharpe": low - 1.5 * (high - low), "kappa": low - 1.5 * max(high - low, 0.01)}
    return BookAnalysis(
        era=scored.era,
        score=score,
        effect=effect,
        outlier=outlier,
        order=np.lexsort((-pnl, np.where(np.isfinite(score), -score, np.inf))),
        quartiles=(low, median, high),
        fence=fences.get(scored.mechanism),
        adds_up=scored.mechanism == "debeta",
    )


#: Positions of books → score of these alone, which of them are outliers, and the book scores that count.
_Total = Callable[[IntArray], tuple[float, BoolArray, FloatArray]]


def _total_of(scored: EraScore, era: EraConstants) -> _Total:
    books = scored.books

    def sharpe(rows: IntArray) -> tuple[float, BoolArray, FloatArray]:
        formula = score_books_0_1_9 if era.version == "0.1.9" else score_books
        weights = formula(books["sharpe"][rows], books["activity_factor"][rows], era)
        return weights.score, weights.outliers, weights.books

    def kappa(rows: IntArray) -> tuple[float, BoolArray, FloatArray]:
        factors = (books["activity_factor"] * books["pnl_factor"])[rows]
        weights = score_kappa(books["kappa"][rows], factors, era)
        total = trading_score(weights.score, pnl_score(books["realised_pnl_quote"][rows], era), era)
        counted = np.where(weights.idle_counted, 0.0, weights.books)[~weights.idle_free]
        return total, weights.outliers, counted

    return sharpe if era.mechanism == "sharpe" else kappa
