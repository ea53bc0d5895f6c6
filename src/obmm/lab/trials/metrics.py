"""The figures by which trials are compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import attrs

from obmm.agent import ConfigError, Problem
from obmm.lab.first_hour import LATER
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
        neutral: True where neither more nor less of it is better by itself.
        era: The era whose figure it is; empty for others.
    """

    name: str
    words: str
    less_is_better: bool = False
    neutral: bool = False
    era: str = ""


#: The figures of every outcome; those of `era_metrics` are there besides for the eras that were followed.
METRICS = {
    metric.name: metric
    for metric in (
        Metric("pnl_per_book_hour", "P&L per book and hour, quote"),
        Metric(LATER, "P&L per book and hour after the first hour, quote"),
        Metric("pnl_bps", "P&L per unit of turnover, bp"),
        Metric("max_drawdown", "largest drawdown, quote", less_is_better=True),
        Metric("turnover_per_book_hour", "turnover per book and hour, quote", neutral=True),
        Metric("fees_per_book_hour", "fees per book and hour, quote", less_is_better=True),
        Metric("fills_per_book_hour", "fills per book and hour", neutral=True),
        Metric("win_rate", "share of fills won (60 s markout)"),
        Metric("maker_share", "maker share of own volume", neutral=True),
        Metric("inventory_quote", "mean size of the position per book, quote", less_is_better=True),
        Metric("spread_per_book_hour", "spread captured at the fill per book and hour, quote"),
        Metric("first_minute_per_book_hour", "first minute after the fill per book and hour, quote"),
        Metric("one_to_five_minutes_per_book_hour", "one to five minutes per book and hour, quote"),
        Metric("held_longer_per_book_hour", "held longer than five minutes per book and hour, quote"),
    )
}


#: Figures of an era besides its score that trials can be compared by, by the kind of its rules.
_FIGURES: Mapping[str, Mapping[str, str]] = {
    "kappa": {"kappa_score": "Kappa part of {}"},
    "debeta": {
        "making": "making of {}, quote",
        "making_rank": "rank in making of {}",
        "making_share": "share of the making half of {}",
        "skill": "skill of {}",
        "skill_rank": "rank in skill of {}",
        "skill_share": "share of the skill half of {}",
        "skill_books": "books over the hurdle of {}",
        "quality": "share of the captured spread kept, {}",
    },
}


def era_metrics(era: str) -> dict[str, Metric]:
    """The figures of an era by the names of their metrics, its score first.

    >>> list(era_metrics("0.5.4"))
    ['score_0.5.4', 'kappa_score_0.5.4']
    """
    figures = {"score": "score of {}", **_FIGURES.get(ERAS[era].mechanism, {})}
    named = {f"{figure}_{era}": words.format(era) for figure, words in figures.items()}
    return {name: Metric(name, words, era=era) for name, words in named.items()}


def figures_of_era(era: str, figures: Mapping[str, float], minutes: float) -> dict[str, float]:
    """What the metrics of an era are, from the newest figures of an account; NaN while it has no score.

    Args:
        era: The era.
        figures: Its figures, NaN for what does not exist.
        minutes: Simulated minutes that were scored.
    """
    missing = bool(why_unscored(ERAS[era], figures, minutes))
    return {
        name: math.nan if missing else figures.get(name.removesuffix(f"_{era}"), math.nan)
        for name in era_metrics(era)
    }


def with_later(names: Sequence[str], hours: float) -> list[str]:
    """What is shown of metrics: P&L after the first hour follows P&L per hour where runs last longer.

    >>> with_later(["pnl_per_book_hour", "score_0.6.3"], hours=3.0)
    ['pnl_per_book_hour', 'pnl_after_first_hour', 'score_0.6.3']
    >>> with_later(["pnl_per_book_hour"], hours=1.0)
    ['pnl_per_book_hour']
    """
    shown = list(names)
    if hours > 1.0 and "pnl_per_book_hour" in shown and LATER not in shown:
        shown.insert(shown.index("pnl_per_book_hour") + 1, LATER)
    return shown


def metric_named(name: str, eras: tuple[str, ...] = ()) -> Metric:
    """The metric of that name; figures of `eras` are known besides `METRICS`.

    Raises:
        ConfigError: There is none, with the one that may have been meant.

    >>> metric_named("max_drawdown").less_is_better, metric_named("score_0.5.4", ("0.5.4",)).words
    (True, 'score of 0.5.4')
    """
    known = METRICS | {key: metric for era in eras for key, metric in era_metrics(era).items()}
    if name not in known:
        raise ConfigError([Problem(f"metric {name}", f"is none; {did_you_mean(name, list(known))}")])
    return known[name]
