"""A comparison as plain values: what `--json` prints and what its folder keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from obmm.lab.attribution import PARTS
from obmm.lab.compare.comparison import ALL, Comparison, Difference
from obmm.lab.compare.markets import Market
from obmm.lab.compare.matrix import cell, rows
from obmm.lab.compare.standing import Standing
from obmm.lab.compare.statistics import Interval, bootstrap
from obmm.lab.compare.used import UsedBefore
from obmm.lab.compare.words import sentence, verdict


def told(comparison: Comparison, before: Sequence[UsedBefore] = ()) -> dict[str, Any]:
    """Everything about a comparison; NaN and infinities are None where it is printed.

    `arms`, `seeds`, `metric` (the one that decides), `means` (arm → mean, low, high of it), `differences` (b
    less a: mean, low, high, p, number of seeds, and more), `fields` (market by market: who trades there,
    means, better, p, books above zero, drawdown, turnover), `standings` (by metric, market and arm: `best` of
    the field, and what each kind of others came to), `verdict`, `wall_s`, `book_seconds_per_second`.
    """
    question = comparison.question
    metric = question.metrics[0]
    names = [arm.name for arm in question.arms]
    failed = comparison.failed()
    return {
        "arms": names,
        "seeds": list(comparison.seeds),
        "metric": metric.name,
        "means": {name: _interval(comparison.mean(name, metric)) for name in names},
        "differences": [
            _difference(d, comparison)
            for m in question.metrics
            for market in comparison.markets
            for d in comparison.differences(m, market)
        ],
        "verdict": verdict(comparison),
        "wall_s": comparison.wall_s,
        "book_seconds_per_second": comparison.book_seconds / max(comparison.wall_s, 1e-9),
        "completed": not comparison.ended,
        "ended": comparison.ended or "as planned",
        "always_valid": comparison.peeking,
        "books": question.books,
        "hours": question.hours,
        "eras": list(question.eras),
        "markets": [market.name for market in question.markets],
        "fields": [_field(market, comparison) for market in question.markets],
        "standings": [
            _standing(one.standing, market.name)
            for m in question.metrics
            for market, cells in rows(comparison, m)
            for one in cells
        ],
        "hashes": {arm.name: arm.config.hash for arm in question.arms},
        "attribution": {name: _attribution(comparison, name) for name in names},
        "seeds_used_before": [use.as_dict() for use in before],
        "failed": {
            name: {"states": states, "of": of, "fault": fault} for name, (states, of, fault) in failed.items()
        },
    }


def _field(market: Market, comparison: Comparison) -> dict[str, Any]:
    """A market by the metric that decides: the mean of each arm, and the verdict on the challengers."""
    metric = comparison.question.metrics[0]
    where = market.name if len(comparison.markets) > 1 else ALL
    found = comparison.differences(metric, where)
    cells = [cell(comparison, arm.name, market, metric) for arm in comparison.question.arms]
    return {
        "market": market.name,
        "scenario": market.scenario.name,
        "field": market.field.name if market.field else None,
        "version": market.field.version if market.field else None,
        "population": market.population,
        "means": {
            arm.name: _interval(comparison.mean(arm.name, metric, where)) for arm in comparison.question.arms
        },
        "better": {d.b: d.better for d in found},
        "p": {d.b: d.p for d in found},
        "best_of_field": {one.standing.arm: one.standing.best for one in cells},
        "books_above_zero": {one.standing.arm: one.above_zero for one in cells},
        "largest_book_drawdown": {one.standing.arm: one.drawdown for one in cells},
        "largest_book_drawdown_share": {one.standing.arm: one.drawdown_share for one in cells},
        "turnover_per_book_hour": {one.standing.arm: one.turnover for one in cells},
    }


def _standing(standing: Standing, market: str) -> dict[str, Any]:
    """An arm among the others of a market: what each kind came to, and what the arm is ahead of it."""
    return {
        "arm": standing.arm,
        "market": market,
        "metric": standing.metric.name,
        **_interval(standing.mean),
        "best": standing.best,
        "next": standing.next.name if standing.next else None,
        "best_single_other": _interval(standing.single),
        "others": [
            {
                "name": rival.name,
                "count": rival.count,
                "own": rival.own,
                **_interval(rival.mean),
                "ahead": _interval(rival.ahead) | {"p": rival.p},
                "classes": {name: _interval(of) for name, of in rival.by_class.items()},
            }
            for rival in standing.rivals
        ],
        "unknown": list(standing.unknown),
    }


def _interval(interval: Interval) -> dict[str, float]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


def _difference(d: Difference, comparison: Comparison) -> dict[str, Any]:
    return {
        "a": d.a,
        "b": d.b,
        "metric": d.metric.name,
        **({"market": d.market} if d.market != ALL else {}),
        **_interval(d.interval),
        "p": d.p,
        "seeds": len(d.seeds),
        "better": d.better,
        "by_seed": {str(seed): value for seed, value in zip(d.seeds, d.values.tolist(), strict=True)},
        "t": d.student[0],
        "p_t": d.student[1],
        "p_sign_flip": d.p_flip,
        "p_wilcoxon": d.p_wilcoxon,
        "detectable": d.detectable,
        "seeds_needed": d.needed,
        "words": sentence(d, comparison),
    }


def _attribution(comparison: Comparison, arm: str) -> dict[str, Any]:
    """Part → mean and interval per book and hour, and the same for each class of books."""
    parts = comparison.attribution(arm)
    told: dict[str, Any] = {part: _interval(bootstrap(parts[part])) for part in PARTS}
    if comparison.classes:
        told["classes"] = {
            name: {
                part: _interval(bootstrap(values)) for part, values in comparison.attribution(arm, i).items()
            }
            for name, i in comparison.classes.items()
        }
    return told
