"""What became of a trial on one seed: small enough to be sent, kept and compared."""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs

from obmm.agent import ConfigError, Problem
from obmm.market import FloatArray
from obmm.scoring import ERAS
from obmm.scoring.unscored import why_unscored
from obmm.settings import did_you_mean


@attrs.frozen
class Metric:
    """A figure by which trials are compared.

    Attributes:
        name: Key of `Outcome.metrics`.
        words: What it is, with its unit.
        less_is_better: True for what costs.
    """

    name: str
    words: str
    less_is_better: bool = False


#: The figures of every outcome; scores, `score_<era>`, are there besides for the eras that were followed.
METRICS = {
    metric.name: metric
    for metric in (
        Metric("pnl_per_book_hour", "P&L per book and hour, quote"),
        Metric("pnl_bps", "P&L per unit of turnover, bp"),
        Metric("max_drawdown", "largest drawdown, quote", less_is_better=True),
        Metric("turnover_per_book_hour", "turnover per book and hour, quote"),
        Metric("fees_per_book_hour", "fees per book and hour, quote", less_is_better=True),
        Metric("fills_per_book_hour", "fills per book and hour"),
        Metric("win_rate", "share of fills won (60 s markout)"),
        Metric("maker_share", "maker share of own volume"),
        Metric("inventory_quote", "mean size of the position per book, quote", less_is_better=True),
        Metric("spread_per_book_hour", "spread captured at the fill per book and hour, quote"),
        Metric("first_minute_per_book_hour", "first minute after the fill per book and hour, quote"),
        Metric("one_to_five_minutes_per_book_hour", "one to five minutes per book and hour, quote"),
        Metric("held_longer_per_book_hour", "held longer than five minutes per book and hour, quote"),
    )
}


def metric_named(name: str, eras: tuple[str, ...] = ()) -> Metric:
    """The metric of that name; scores are known for `eras`.

    Raises:
        ConfigError: There is none, with the one that may have been meant.

    >>> metric_named("max_drawdown").less_is_better, metric_named("score_0.5.4", ("0.5.4",)).words
    (True, 'score of 0.5.4')
    """
    known = METRICS | {f"score_{era}": Metric(f"score_{era}", f"score of {era}") for era in eras}
    if name not in known:
        raise ConfigError([Problem(f"metric {name}", f"is none; {did_you_mean(name, list(known))}")])
    return known[name]


@attrs.frozen(kw_only=True, eq=False)
class Outcome:
    """What became of a trial on one seed.

    Attributes:
        seed: The seed.
        config_hash: The configuration.
        digest: Fingerprint of every trade and balance of its market.
        hours: Simulated hours between its first and its last state.
        states: States answered.
        failed: States on which a pipeline failed.
        fault: What was wrong first; empty if nothing was.
        metrics: Name → figure, NaN where it is not known; the names are those of `METRICS`, and
            `score_<era>` for each era that was followed.
        books: Name → figure per book (B,): `pnl`, `turnover`, `fees`, `fills`, `max_drawdown`, `asset` (index
            of the asset class), `pipeline` (0 for the main one, i for the i-th `[[assign]]`), and the parts
            of `obmm.lab.attribution.PARTS`.
        curves: Name → value at every full minute and at the end (M,): `time_s` since the first state, `pnl`
            of trading summed over books, `inventory_quote` the mean size of the position over books.
        markouts: `sum` and `count` (H,) over fills of the markout in bp at the horizons
            `obmm.lab.summary.MARKOUT_S`.
        scores: Era → newest figures, NaN where one does not exist.
    """

    seed: int
    config_hash: str
    digest: str
    hours: float
    states: int
    failed: int = 0
    fault: str = ""
    metrics: Mapping[str, float]
    books: Mapping[str, FloatArray]
    curves: Mapping[str, FloatArray]
    markouts: Mapping[str, FloatArray]
    scores: Mapping[str, Mapping[str, float]]

    def metric(self, name: str) -> float:
        """A figure by name; NaN where it is not known."""
        return self.metrics.get(name, math.nan)

    def why_unknown(self, name: str) -> str:
        """Why a figure is not known, in words."""
        era = name.removeprefix("score_")
        if era != name:
            minutes = self.states * self.hours * 60.0 / max(self.states - 1, 1)
            figures = self.scores.get(era)
            if figures is None:
                return f"{era} was not followed, or the run is too short for any scoring"
            return why_unscored(ERAS[era], figures, minutes)
        return (
            "nothing was traded"
            if self.metrics.get("fills_per_book_hour") == 0.0
            else "no fill is old enough"
        )
