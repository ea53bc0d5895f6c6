"""Fields by configurations: what each earned where, how safely, and whether it is the best of the field."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np

from obmm.lab.compare.comparison import ALL, Comparison
from obmm.lab.compare.markets import Market
from obmm.lab.compare.standing import Standing, standing
from obmm.lab.compare.statistics import Interval
from obmm.lab.compare.words import held, plain, signed
from obmm.lab.trials import METRICS, Metric, Outcome
from obmm.market import FloatArray
from obmm.settings.books import ranges

#: What each answer to "best of the field?" is called.
BEST = {True: "yes", False: "no", None: "cannot tell"}


@attrs.frozen(kw_only=True, eq=False)
class Cell:
    """A configuration on one market, by one metric.

    Attributes:
        standing: Its mean over seeds, and the others'.
        above_zero: Share of books, of all seeds, that earned.
        drawdown: Largest drawdown of any book on any seed, quote.
        drawdown_share: The largest one in parts of the book's wealth.
        turnover: Quote per book and hour, mean over seeds.
    """

    standing: Standing
    above_zero: float
    drawdown: float
    drawdown_share: float
    turnover: float


def cell(comparison: Comparison, arm: str, market: Market, metric: Metric) -> Cell:
    """What is told of an arm on a market."""
    where = market.name if len(comparison.markets) > 1 else ALL
    outcomes = [row[0] for row in comparison.played(arm, where)]
    wealth = np.array([asset.miner_wealth_quote for asset in market.scenario.assets])
    falls = [outcome.books["max_drawdown"] for outcome in outcomes]
    shares = [
        fall / wealth[outcome.books["asset"].astype(np.int64)]
        for fall, outcome in zip(falls, outcomes, strict=True)
    ]
    turnover = comparison.mean(arm, METRICS["turnover_per_book_hour"], where)
    return Cell(
        standing=standing(comparison, arm, metric, where),
        above_zero=_share_above(outcomes),
        drawdown=_largest(falls),
        drawdown_share=_largest(shares),
        turnover=turnover.mean,
    )


def rows(comparison: Comparison, metric: Metric) -> list[tuple[Market, list[Cell]]]:
    """Every market that tells the metric, with a cell for each arm."""
    arms = [arm.name for arm in comparison.question.arms]
    return [
        (market, [cell(comparison, arm, market, metric) for arm in arms])
        for market in comparison.question.markets
        if comparison.follows(market.name, metric)
    ]


def standing_rows(comparison: Comparison, metric: Metric) -> list[tuple[Market, list[Cell]]]:
    """The rows by which somebody can be best: none of a metric that is known of no other miner."""
    found = rows(comparison, metric)
    return found if any(cell.standing.told for _, cells in found for cell in cells) else []


def markdown(comparison: Comparison) -> str:
    """The matrix as text for a document: a table of all arms for each metric, and one of each arm.

    Every table is of one scenario; a row is one of its populations.
    """
    question = comparison.question
    arms = [arm.name for arm in question.arms]
    size = f"{len(comparison.seeds)} seeds ({ranges(comparison.seeds)}), {question.books} books"
    interval = "always-valid interval" if comparison.peeking else "95 % interval"
    parts = [
        f"Means over {size}, {question.hours:g} simulated hours each, ± half of the {interval}; "
        "“best”: ahead of every other kind of miner of the field, takers included."
    ]
    scenarios = list(dict.fromkeys(market.scenario.name for market in question.markets))
    for metric in question.metrics:
        found = rows(comparison, metric)
        for scenario in scenarios:
            here = [(market, cells) for market, cells in found if market.scenario.name == scenario]
            if not here:
                continue
            title = f"{scenario}: {metric.words}"
            lines = [[_name(m), *(_value(c.standing) for c in cells)] for m, cells in here]
            parts.append(_table(title, ["field", *arms], lines))
            if metric.name != "pnl_per_book_hour":
                continue
            for i, arm in enumerate(arms):
                lines = [[_name(m), *_safety(cells[i])] for m, cells in here]
                heads = [metric.words, "books above zero", "largest drawdown of a book", "turnover per hour"]
                parts.append(
                    _table(f"{arm} on {scenario}", ["field", *heads, "best of the field", "next"], lines)
                )
    return "\n\n".join(parts) + "\n"


def best_words(standing: Standing) -> str:
    """Whether it is the best of its field, in a sentence."""
    unit = standing.metric.words
    if standing.next is None:
        who = "nobody else trades there" if not standing.rivals else "only its own copies trade there"
        return f"{standing.arm}: no best of the field, {who}."
    ahead = standing.next.ahead
    tail = (
        f"{plain(standing.mean.mean)} against {plain(standing.next.mean.mean)} of the next, "
        f"{counted(standing.next.name, standing.next.count)}; difference {signed(ahead.mean)}, "
        f"95% interval {held(ahead)}; {unit}"
    )
    if standing.unknown:
        tail += f"; nothing is known of {' and '.join(standing.unknown)}"
    head = {
        True: f"{standing.arm} is the best of the field",
        False: f"{standing.arm} is not the best of the field",
        None: f"Cannot tell yet whether {standing.arm} is the best of the field",
    }[standing.best]
    return f"{head}: {tail}."


def best(comparison: Comparison, metric: Metric) -> list[str]:
    """For each arm whether it is the best of the field; of several markets in how many it is."""
    found = standing_rows(comparison, metric)
    arms = [arm.name for arm in comparison.question.arms]
    told = [[cells[i].standing for _, cells in found] for i in range(len(arms))]
    if len(found) == 1:
        return [best_words(one) for (one,) in told]
    return [_counted_best(arm, of, metric) for arm, of in zip(arms, told, strict=True) if of]


def _counted_best(arm: str, standings: Sequence[Standing], metric: Metric) -> str:
    """In which of several fields an arm is the best."""
    held_against = [one for one in standings if one.next is not None]
    if not held_against:
        return f"{arm}: no best of any field by {metric.words}, nobody else's is known."
    named = {
        word: [one.market for one in held_against if one.best is answer] for answer, word in BEST.items()
    }
    parts = [f"{word} in {', '.join(where)}" for word, where in named.items() if where]
    won = len(named[BEST[True]])
    return f"{arm} is the best of {won} of {len(held_against)} fields by {metric.words}: {'; '.join(parts)}."


def counted(name: str, count: int) -> str:
    """A kind with its number.

    >>> counted("quoters", 20), counted("tight", 1)
    ('quoters × 20', 'tight')
    """
    return f"{name} × {count}" if count > 1 else name


def give_or_take(interval: Interval) -> str:
    """A mean with half of its interval.

    >>> give_or_take(Interval(15.9, 13.1, 18.7)), give_or_take(Interval(2.0, float("nan"), float("nan")))
    ('15.9 ± 2.80', '2.00')
    """
    half = (interval.high - interval.low) / 2.0
    return f"{plain(interval.mean)} ± {plain(half)}" if math.isfinite(half) else plain(interval.mean)


def percent(share: float, digits: int = 0) -> str:
    """A share as a percentage, a dash for one that is not known."""
    return "–" if math.isnan(share) else f"{share:.{digits}%}"


def _value(standing: Standing) -> str:
    return give_or_take(standing.mean) + (", best" if standing.best else "")


def _safety(cell: Cell) -> list[str]:
    beside = cell.standing.next
    return [
        give_or_take(cell.standing.mean),
        percent(cell.above_zero),
        f"{plain(cell.drawdown)} ({percent(cell.drawdown_share, 2)})",
        plain(cell.turnover),
        BEST[cell.standing.best] if beside else "–",
        f"{counted(beside.name, beside.count)}: {give_or_take(beside.mean)}" if beside else "nobody",
    ]


def _name(market: Market) -> str:
    """The population of a market, without the scenario that its table is of."""
    return market.name.removeprefix(f"{market.scenario.name}, ")


def _table(title: str, heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(heads) - 1)]
    body = "\n".join(f"| {' | '.join(line)} |" for line in [heads, rule, *lines])
    return f"**{title}**\n\n{body}"


def _share_above(outcomes: Sequence[Outcome]) -> float:
    earned = [outcome.books["pnl"] > 0.0 for outcome in outcomes]
    return float(np.concatenate(earned).mean()) if earned else math.nan


def _largest(values: Sequence[FloatArray]) -> float:
    return float(np.concatenate(values).max()) if values else math.nan
