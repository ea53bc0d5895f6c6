"""Counterfactual scores of the Sharpe eras."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.lab.diagnose.record import AS_IT_WAS, Altered, Record, Rescored, altered_value, like_the_others
from obmm.market import FloatArray
from obmm.scoring import (
    EraConstants,
    activity_factors,
    normalize_sharpe,
    sample_time_ns,
    score_books,
    score_books_0_1_9,
    sharpe_ratios,
    sharpe_ratios_0_1_9,
)
from obmm.scoring.eras import DAY_NS


@attrs.define(eq=False)
class SharpeRescorer:
    """Scores a record under 0.1.9 or 0.1.51, as it was or altered.

    Attributes:
        record: The account.
        era: Constants, wealth included.
    """

    record: Record
    era: EraConstants

    def rescored(self, altered: Altered = AS_IT_WAS) -> Rescored:
        """The last scoring, had things been as `altered` says."""
        era, record = self.era, self.record
        value, times = altered_value(record, altered), record.times_ns
        valued = times % era.publish_interval_ns == 0
        window = slice(-era.sharpe_lookback, None)
        of = sharpe_ratios_0_1_9 if era.version == "0.1.9" else sharpe_ratios
        ratios = of((value[valued][window] - era.wealth_quote).T, times[valued][window], era)
        nothing = np.zeros(record.n_books)
        if ratios is None:
            missing = np.full(record.n_books, np.nan)
            return Rescored(score=0.0, ratio=missing, factor=nothing, outliers=nothing > 0.0, complete=False)
        books = ratios.books if altered.least_ratio is None else np.fmax(ratios.books, altered.least_ratio)
        books = like_the_others(books, altered.typical)
        factor = like_the_others(self.factors(altered), altered.typical)
        if altered.busy is not None:
            wins = normalize_sharpe(books, era) > 0.5
            factor = np.where(altered.busy, np.where(wins, np.maximum(factor, self.even_pace), 1.0), factor)
        weigh = score_books_0_1_9 if era.version == "0.1.9" else score_books
        weights = weigh(books, factor, era)
        return Rescored(
            score=weights.score, ratio=books, factor=factor, outliers=weights.outliers, complete=True
        )

    @property
    def even_pace(self) -> float:
        """Activity factor of a book that spends the day's volume cap evenly, half a sample included."""
        lookback = self.era.sharpe_lookback * self.era.publish_interval_ns + self.era.volume_sample_ns / 2
        return 1.0 + lookback / DAY_NS

    def factors(self, altered: Altered = AS_IT_WAS) -> FloatArray:
        """(B,) activity factors after the last scoring."""
        record, era = self.record, self.era
        fills = record.fills
        price = fills.price if altered.price is None else altered.price
        # Rounded trade by trade, as the samples of these eras are.
        quote = np.array([round(value, era.volume_decimals) for value in (price * fills.size).tolist()])
        if altered.keep is not None:
            quote = np.where(altered.keep, quote, 0.0)
        traded = np.zeros_like(record.value)
        inside = record.state < record.times_ns.size
        np.add.at(traded, (record.state[inside], fills.book[inside]), quote[inside])
        traded = np.cumsum(traded, axis=0)
        times = record.times_ns
        sample = -(-times // era.volume_sample_ns)
        opens = np.flatnonzero(np.diff(sample, prepend=sample[0] - 1))
        first = min(era.sharpe_min_observations, era.sharpe_lookback) * era.publish_interval_ns
        factor: FloatArray = np.zeros(record.n_books)
        for row in np.flatnonzero(times % era.scoring_interval_ns == 0).tolist():
            if times[row] < times[0] + first - era.publish_interval_ns:
                continue
            since = int(times[row]) - era.sharpe_lookback * era.publish_interval_ns
            oldest = sample_time_ns(since, era.volume_sample_ns, end=True) // era.volume_sample_ns
            lookback = traded[row] - _before(traded, int(np.searchsorted(sample, oldest)))
            latest = traded[row] - _before(traded, int(opens[opens <= row][-1]))
            factor = activity_factors(factor, lookback, latest, era)
        return factor


def _before(traded: FloatArray, row: int) -> FloatArray:
    """(B,) quote traded before the state of `row`."""
    return traded[row - 1] if row > 0 else np.zeros(traded.shape[1])
