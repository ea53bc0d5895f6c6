"""Live scorer of the Kappa eras."""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs
import numpy as np

from obmm.market import FloatArray, MarketState, Venue
from obmm.scoring.activity_0_3_5 import activity_window_start_ns
from obmm.scoring.kappa import KappaCache
from obmm.scoring.pnl_score import pnl_since_ns
from obmm.scoring.realised import RealisedLedger
from obmm.scoring.score_0_3_5 import TradingScore, score_uid
from obmm.scoring.scorer import Scorer, own_fills


@attrs.frozen(kw_only=True, eq=False)
class KappaScore:
    """One scoring of one miner in a Kappa era.

    Attributes:
        time_ns: When it was made.
        trading: The score and its parts.
        pnl: (B,) realised P&L of the window, quote.
        roundtrip_volume: (B,) round-trip volume of the window, quote.
        n_realised: (B,) realisations in memory.
    """

    time_ns: int
    trading: TradingScore
    pnl: FloatArray
    roundtrip_volume: FloatArray
    n_realised: FloatArray

    @property
    def total(self) -> float:
        """Raw score before any ranking, 0…1."""
        return self.trading.total

    @property
    def columns(self) -> Mapping[str, FloatArray]:
        """Per-book figures (B,): score, kappa, factors, realised P&L and its number, round-trip volume."""
        trading, missing = self.trading, np.full(self.pnl.size, np.nan)
        return {
            "score": missing if trading.weights is None else trading.weights.books,
            "kappa": missing if trading.kappa is None else trading.kappa.books,
            "activity_factor": trading.activity_factors,
            "pnl_factor": trading.pnl_factors,
            "realised_pnl_quote": self.pnl,
            "n_realised": self.n_realised,
            "roundtrip_volume_quote": self.roundtrip_volume,
        }

    @property
    def figures(self) -> Mapping[str, float]:
        """Figures of the whole miner: score and its two halves, median, penalty, reported Kappa ratios."""
        trading, kappa, weights = self.trading, self.trading.kappa, self.trading.weights
        return {
            "score": self.total,
            "kappa_score": trading.kappa_score,
            "pnl_score": trading.pnl_score,
            "median": math.nan if weights is None else weights.median,
            "penalty": math.nan if weights is None else weights.penalty,
            "kappa_total": _number(None if kappa is None else kappa.total),
            "kappa_average": _number(None if kappa is None else kappa.average),
            "kappa_median": _number(None if kappa is None else kappa.median),
        }


class KappaScorer(Scorer[KappaScore]):
    """Scores a run as 0.3.5 to 0.5.5 do: realised P&L every state, Kappa-3 and P&L score every fifth.

    Only states and realisations are kept, three hours of them, and each scoring works on all of these, so it
    equals the formula applied to the history.

    >>> from obmm.scoring import ERAS
    >>> scorer = KappaScorer(ERAS["0.5.4"])
    >>> state = MarketState.of_books(Venue.of(1), [[(299.0, 1.0)]], [[(301.0, 1.0)]], time_ns=600 * 10**9)
    >>> scorer.observe(state).figures["score"]
    0.0
    """

    _resets_late = True
    _factors: FloatArray
    _ledger: RealisedLedger
    _cache: KappaCache

    def _reset(self) -> None:
        self._ledger.clear()
        self._factors = np.zeros_like(self._factors)

    def _start(self, venue: Venue) -> None:
        self._factors = np.zeros(venue.n_books)
        self._ledger = RealisedLedger(n_books=venue.n_books, era=self.era)
        self._cache = KappaCache()

    def _restart(self, old_end_ns: int) -> None:
        self._ledger.restart(-old_end_ns, 0)

    def _follow(self, state: MarketState) -> None:
        self._ledger.begin(state.time_ns)
        for fill in own_fills(state):
            self._ledger.fill(
                fill.book, fill.is_buy, fill.size_base, fill.price, fee=fill.fee_quote, role=fill.role
            )
        self._ledger.finish()

    def _score(self, state: MarketState) -> KappaScore:
        era, time_ns, n_books = self.era, state.time_ns, state.n_books
        history = self._ledger.history()
        pnl = history.since(pnl_since_ns(time_ns, era)).by_book(n_books)
        volume = self._ledger.roundtrip_volume(activity_window_start_ns(time_ns, era))
        trading = score_uid(
            self._cache.ratios(history, n_books, era),
            self._factors,
            pnl=pnl,
            roundtrip_volume=volume,
            last_roundtrip_ns=self._ledger.last_roundtrip_ns,
            time_ns=time_ns,
            era=era,
        )
        self._factors = trading.activity_factors
        return KappaScore(
            time_ns=time_ns,
            trading=trading,
            pnl=pnl,
            roundtrip_volume=volume,
            n_realised=np.bincount(history.book, minlength=n_books).astype(np.float64),
        )


def _number(value: float | None) -> float:
    return math.nan if value is None else value
