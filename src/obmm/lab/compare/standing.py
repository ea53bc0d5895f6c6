"""How a configuration stands in its field: is it the best of all who trade there?"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import attrs
import numpy as np

from obmm.lab.compare.comparison import Comparison
from obmm.lab.compare.statistics import ALPHA, Interval, bootstrap, holm
from obmm.lab.first_hour import LATER
from obmm.lab.trials import Metric, Other, Outcome
from obmm.market import BoolArray, FloatArray


@attrs.frozen(kw_only=True, eq=False)
class Rivalry:
    """A configuration beside the mean of one kind of others, on the books that both traded.

    Attributes:
        name: The kind.
        count: How many they are.
        own: Whether they run the configuration itself.
        mean: What the kind came to, mean over seeds.
        ahead: What the configuration is ahead of it, seed by seed.
        p: Two-sided p of that.
        by_class: Class of books → mean of the kind there; none where all books are of one.
    """

    name: str
    count: int
    own: bool
    mean: Interval
    ahead: Interval
    p: float
    by_class: dict[str, Interval]


@attrs.frozen(kw_only=True, eq=False)
class Standing:
    """A configuration in the field of one market.

    Attributes:
        arm: The configuration.
        market: The market; `ALL` where there is but one.
        metric: By what.
        mean: What it came to itself.
        rivals: Everybody else whose figure is known.
        unknown: Kinds whose figure is not known.
        single: The best single other of each seed by P&L per book and hour, mean over seeds: of many equals
            one is always lucky. NaN for other metrics.
    """

    arm: str
    market: str
    metric: Metric
    mean: Interval
    rivals: tuple[Rivalry, ...]
    unknown: tuple[str, ...]
    single: Interval

    @property
    def others(self) -> tuple[Rivalry, ...]:
        """The rivals that do something else than it does."""
        return tuple(rival for rival in self.rivals if not rival.own)

    @property
    def told(self) -> bool:
        """Whether there is anything to say: the figure is known of somebody, or there is nobody."""
        return not self.metric.neutral and bool(self.rivals or not self.unknown)

    @property
    def next(self) -> Rivalry | None:
        """The strongest of the others; nobody where neither more nor less is better."""
        if self.metric.neutral:
            return None
        sign = -1.0 if self.metric.less_is_better else 1.0
        return max(self.others, key=lambda rival: sign * rival.mean.mean, default=None)

    @property
    def best(self) -> bool | None:
        """Whether it is ahead of every other kind; None while nobody can tell, or there is nobody.

        That it is ahead of all of them needs no correction for their number: each has to be shown (Berger
        1982). That one of them is ahead of it does (Holm).
        """
        if self.next is None:
            return None
        sign = -1.0 if self.metric.less_is_better else 1.0
        others = self.others
        certain = not self.unknown and all(_side(r.ahead) == sign and r.p <= ALPHA for r in others)
        raised = holm([r.p for r in others])
        if any(_side(r.ahead) == -sign and p <= ALPHA for r, p in zip(others, raised, strict=True)):
            return False
        return certain or None


def standing(comparison: Comparison, arm: str, metric: Metric, market: str) -> Standing:
    """How an arm stands on one market.

    Args:
        comparison: What was played.
        arm: The configuration.
        metric: By what.
        market: The market; `ALL` where there is but one.
    """
    seeds = comparison.done(arm, market)
    outcomes = [row[0] for row in comparison.played(arm, market, seeds)]
    configs = {one.name: one.config.hash for one in comparison.question.arms}
    rivals: list[Rivalry] = []
    unknown: list[str] = []
    classes = comparison.classes_on(market)
    mine = np.array([outcome.metric(metric.name) for outcome in outcomes])
    for kind in outcomes[0].others if outcomes else ():
        found = _rivalry(
            comparison, outcomes, kind, metric, mine, classes, own=kind.config_hash == configs[arm]
        )
        if found is None:
            unknown.append(kind.name)
        else:
            rivals.append(found)
    return Standing(
        arm=arm,
        market=market,
        metric=metric,
        mean=comparison.mean(arm, metric, market),
        rivals=tuple(rivals),
        unknown=tuple(unknown),
        single=_single(outcomes, configs[arm]) if metric.name == "pnl_per_book_hour" else _NONE,
    )


_NONE = Interval(math.nan, math.nan, math.nan)


def _rivalry(
    comparison: Comparison,
    outcomes: Sequence[Outcome],
    kind: Other,
    metric: Metric,
    mine: FloatArray,
    classes: dict[str, int],
    *,
    own: bool,
) -> Rivalry | None:
    """One kind of others; None where its figure is known on no seed."""

    def figure(outcome: Outcome, rows: BoolArray | None = None) -> float:
        same = next(o for o in outcome.others if (o.name, o.config_hash) == (kind.name, kind.config_hash))
        return same.metric(metric.name, outcome.hours, rows)

    theirs = np.array([figure(outcome) for outcome in outcomes])
    if not np.isfinite(theirs).any():
        return None
    known = np.isfinite(theirs) & np.isfinite(mine)
    ahead, p = comparison.tested((mine - theirs)[known])
    by_class = {}
    hourly = metric.name.endswith("_per_book_hour") or metric.name == LATER
    for name, i in classes.items() if hourly else ():
        of_class = functools.partial(lambda i, outcome: figure(outcome, outcome.books["asset"] == i), i)
        by_class[name] = bootstrap(np.array(list(map(of_class, outcomes))))
    return Rivalry(
        name=kind.name,
        count=kind.pnl.size,
        own=own,
        mean=bootstrap(theirs[np.isfinite(theirs)]),
        ahead=ahead,
        p=p,
        by_class=by_class,
    )


def _single(outcomes: Sequence[Outcome], config_hash: str) -> Interval:
    """The best single other of each seed, per book and hour."""
    best = []
    for outcome in outcomes:
        pnl = [other.pnl for other in outcome.others if other.config_hash != config_hash]
        if pnl and outcome.hours:
            best.append(float(np.concatenate(pnl).max()) / outcome.books["pnl"].size / outcome.hours)
    return bootstrap(np.array(best)) if best else _NONE


def _side(interval: Interval) -> float:
    """On which side of zero an interval lies; 0 where it holds zero."""
    return 1.0 if interval.low > 0.0 else -1.0 if interval.high < 0.0 else 0.0
