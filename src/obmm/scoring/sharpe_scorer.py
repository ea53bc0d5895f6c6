"""Live scorers of the Sharpe eras."""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs
import numpy as np

from obmm.market import FloatArray, MarketState, Venue
from obmm.scoring.eras import EraConstants
from obmm.scoring.inventory import InventoryHistory
from obmm.scoring.score_0_1_9 import score_books_0_1_9
from obmm.scoring.score_0_1_51 import BookWeights, activity_factors, score_books
from obmm.scoring.scorer import Scorer, own_fills
from obmm.scoring.sharpe import SharpeRatios, normalize_sharpe, sharpe_ratios, sharpe_ratios_0_1_9
from obmm.scoring.valuation import midquote_value
from obmm.scoring.volumes import VolumeSamples


@attrs.frozen(kw_only=True, eq=False)
class SharpeScore:
    """One scoring of one miner in a Sharpe era.

    Attributes:
        time_ns: When it was made.
        total: Raw score before any ranking, 0…2: 0 while the history is too short; None in 0.1.9, which then
            leaves the miner's average as it is.
        era: Constants it was made with.
        ratios: Sharpe ratios, None while the history is too short.
        activity_factors: (B,) after the scoring.
        lookback_volume: (B,) volume that the factors are made of, quote.
        weights: How the books make up the score, None without `ratios`.
    """

    time_ns: int
    total: float | None
    era: EraConstants
    ratios: SharpeRatios | None
    activity_factors: FloatArray
    lookback_volume: FloatArray
    weights: BookWeights | None

    @property
    def columns(self) -> Mapping[str, FloatArray]:
        """Per-book figures (B,): score, sharpe, normalized_sharpe, activity_factor, lookback_volume_quote."""
        missing = np.full(self.activity_factors.size, np.nan)
        sharpe = missing if self.ratios is None else self.ratios.books
        return {
            "score": missing if self.weights is None else self.weights.books,
            "sharpe": sharpe,
            "normalized_sharpe": normalize_sharpe(sharpe, self.era),
            "activity_factor": self.activity_factors,
            "lookback_volume_quote": self.lookback_volume,
        }

    @property
    def figures(self) -> Mapping[str, float]:
        """Figures of the whole miner: score, median, penalty and the reported Sharpe ratios."""
        ratios, weights = self.ratios, self.weights
        return {
            "score": math.nan if self.total is None else self.total,
            "median": math.nan if weights is None else weights.median,
            "penalty": math.nan if weights is None else weights.penalty,
            "sharpe_total": math.nan if ratios is None else ratios.total,
            "sharpe_average": math.nan if ratios is None else ratios.average,
            "sharpe_median": math.nan if ratios is None else ratios.median,
        }


class SharpeScorer(Scorer[SharpeScore]):
    """Scores a run as 0.1.51 does: value every second, score every fifth, over the newest 3600 values.

    Each scoring works on the whole window, so it equals the formula applied to the history: rolling sums of
    changes and squares would drift and could not tell a flat book from a nearly flat one. That costs about
    2 ms for 128 books every five states.

    >>> from obmm.scoring import ERAS
    >>> scorer = SharpeScorer(ERAS["0.1.51"])
    >>> venue = Venue.of(1, wealth_quote=100_000.0)
    >>> state = MarketState.of_books(venue, [[(299.0, 1.0)]], [[(301.0, 1.0)]], time_ns=600 * 10**9)
    >>> scorer.observe(state).total
    0.0
    """

    _factors: FloatArray
    _history: InventoryHistory
    _volumes: VolumeSamples

    def _reset(self) -> None:
        self._history.clear()
        self._volumes.clear()
        self._factors = np.zeros_like(self._factors)

    def _start(self, venue: Venue) -> None:
        n_books, wealth = venue.n_books, np.copy(venue.wealth_quote)
        self._factors = np.zeros(n_books)
        self._history = InventoryHistory(n_books=n_books, era=self.era, initial_quote=wealth)
        self._volumes = VolumeSamples(n_books=n_books, era=self.era)

    def _restart(self, old_end_ns: int) -> None:
        self._volumes.shift(-old_end_ns)
        self._history.shift(-old_end_ns)
        self._history.initial_quote = np.full(self._history.n_books, self.era.wealth_quote)

    def _follow(self, state: MarketState) -> None:
        self._volumes.begin(state.time_ns)
        for fill in own_fills(state):
            self._volumes.add(fill.book, fill.size_base * fill.price, fill.role)
        self._volumes.finish()
        if state.time_ns % self.era.publish_interval_ns == 0:
            value = np.where(state.accounts.known, self._value(state), np.nan)
            self._history.append(state.time_ns, value)

    def _value(self, state: MarketState) -> FloatArray:
        accounts = state.accounts
        return midquote_value(accounts.quote_own, accounts.base_own, state.best_bid, state.best_ask)

    def _score(self, state: MarketState) -> SharpeScore:
        ratios = sharpe_ratios(self._history.values, self._history.times_ns, self.era)
        volume = self._lookback_volume(state.time_ns)
        if ratios is None:
            return self._result(state.time_ns, 0.0, volume)
        self._factors = activity_factors(self._factors, volume, self._volumes.latest(), self.era)
        weights = score_books(ratios.books, self._factors, self.era)
        return self._result(state.time_ns, weights.score, volume, ratios, weights)

    def _lookback_volume(self, time_ns: int) -> FloatArray:
        return self._volumes.since(time_ns - self.era.sharpe_lookback * self.era.publish_interval_ns)

    def _result(
        self,
        time_ns: int,
        total: float | None,
        volume: FloatArray,
        ratios: SharpeRatios | None = None,
        weights: BookWeights | None = None,
    ) -> SharpeScore:
        return SharpeScore(
            time_ns=time_ns,
            total=total,
            era=self.era,
            ratios=ratios,
            activity_factors=self._factors,
            lookback_volume=volume,
            weights=weights,
        )


class EarlySharpeScorer(SharpeScorer):
    """Scores a run as 0.1.9 does: value and score every five seconds, over the newest 720 values.

    Of a run that publishes every second only each fifth state is valued; the others add their fills. Loans
    do not enter the value, and the value series keeps its times over a restart.
    """

    def _restart(self, old_end_ns: int) -> None:
        self._volumes.shift(-old_end_ns)

    def _value(self, state: MarketState) -> FloatArray:
        accounts = state.accounts
        return midquote_value(accounts.quote_total, accounts.base_total, state.best_bid, state.best_ask)

    def _score(self, state: MarketState) -> SharpeScore:
        ratios = sharpe_ratios_0_1_9(self._history.values, self._history.times_ns, self.era)
        decimals = self.era.volume_decimals
        volume = np.array([round(v, decimals) for v in self._lookback_volume(state.time_ns).tolist()])
        if ratios is None:
            return self._result(state.time_ns, None, volume)
        self._factors = activity_factors(self._factors, volume, self._volumes.latest(), self.era)
        weights = score_books_0_1_9(ratios.books, self._factors, self.era)
        return self._result(state.time_ns, weights.score, volume, ratios, weights)
