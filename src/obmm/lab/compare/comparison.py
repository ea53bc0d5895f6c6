"""What a comparison came to: means, differences with all that is known of them, and where they come from."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np

from obmm.lab.attribution import PARTS
from obmm.lab.compare.markets import Market
from obmm.lab.compare.question import Question
from obmm.lab.compare.statistics import (
    ALPHA,
    Interval,
    always_valid,
    bootstrap,
    detectable,
    e_value,
    holm,
    paired_t,
    seeds_needed,
    sign_flip,
    wilcoxon,
)
from obmm.lab.trials import Metric, Outcome
from obmm.market import FloatArray

#: (arm, market, seed) → outcome.
Outcomes: TypeAlias = Mapping[tuple[str, str, int], Outcome]
#: Name of all markets together: each seed counts once, with its mean over them.
ALL = ""


@attrs.frozen(kw_only=True, eq=False)
class Difference:
    """What arm `b` has more of than arm `a`, seed by seed.

    Attributes:
        a: The arm that others are held against.
        b: The challenger.
        metric: What is compared.
        market: Where; `ALL` for all markets together.
        seeds: Seeds on which both are known.
        values: (S,) differences b - a by seed.
        interval: Mean and interval; the one that decides.
        p: Two-sided p that decides, raised for the number of challengers: of the sign flips, or, if the
            interval may be looked at after every seed, the inverse of the largest evidence so far.
        missing: Why nothing is known; empty if something is.
    """

    a: str
    b: str
    metric: Metric
    market: str
    seeds: tuple[int, ...]
    values: FloatArray
    interval: Interval
    p: float
    missing: str = ""

    @property
    def student(self) -> tuple[float, float]:
        """Student's t and its p."""
        return paired_t(self.values)

    @property
    def p_flip(self) -> float:
        """Two-sided p of the sign flips."""
        return sign_flip(self.values)

    @property
    def p_wilcoxon(self) -> float:
        """Two-sided p of the signed ranks."""
        return wilcoxon(self.values)

    @property
    def spread(self) -> float:
        """Standard deviation over seeds."""
        return float(self.values.std(ddof=1)) if self.values.size > 1 else math.nan

    @property
    def detectable(self) -> float:
        """Smallest mean difference that so many seeds show four times in five."""
        return detectable(self.spread, self.values.size)

    @property
    def needed(self) -> float:
        """Seeds that show a difference as large as this one four times in five."""
        return seeds_needed(self.interval.mean, self.spread) if self.values.size > 1 else math.nan

    @property
    def nothing(self) -> bool:
        """Whether the two are exactly the same on every seed."""
        return bool(self.values.size) and not self.values.any()

    @property
    def settled(self) -> bool:
        """Whether it is known on which side of zero the mean lies."""
        return self.interval.settled and self.p <= ALPHA

    @property
    def better(self) -> bool | None:
        """Whether b is better than a; None while nobody can tell, and of what is neither good nor bad."""
        if not self.settled or self.metric.neutral:
            return None
        return (self.interval.mean > 0.0) is not self.metric.less_is_better


@attrs.frozen(kw_only=True, eq=False)
class Comparison:
    """A question and the outcomes that answer it so far.

    Attributes:
        question: What was asked.
        seeds: Seeds that were asked for.
        outcomes: What was played.
        peeking: Whether intervals may be looked at after every seed.
        ended: Why it ended early; empty if it did not.
        wall_s: Real seconds it took.
        book_seconds: Simulated seconds of all books that were played in that time.
    """

    question: Question
    seeds: tuple[int, ...]
    outcomes: Outcomes
    peeking: bool = False
    ended: str = ""
    wall_s: float = 0.0
    book_seconds: float = 0.0

    @property
    def challengers(self) -> tuple[str, ...]:
        """Names of all arms but the first."""
        return tuple(arm.name for arm in self.question.arms[1:])

    @property
    def markets(self) -> tuple[str, ...]:
        """Names of the markets, and of all together where there are several."""
        names = tuple(market.name for market in self.question.markets)
        return (ALL, *names) if len(names) > 1 else (ALL,)

    def done(self, arm: str, market: str = ALL) -> tuple[int, ...]:
        """Seeds on which an arm was played, on one market or on all."""
        names = self._markets(market)
        return tuple(seed for seed in self.seeds if all((arm, m, seed) in self.outcomes for m in names))

    def played(self, arm: str, market: str = ALL, seeds: Sequence[int] | None = None) -> list[list[Outcome]]:
        """Outcomes of an arm: for each seed those of the markets."""
        chosen = self.done(arm, market) if seeds is None else seeds
        return [[self.outcomes[arm, m, seed] for m in self._markets(market)] for seed in chosen]

    def figures(
        self, arm: str, of: Callable[[Outcome], float], market: str = ALL, seeds: Sequence[int] | None = None
    ) -> FloatArray:
        """(S,) a figure of an arm by seed, its mean over markets; NaN where one of them has none."""
        rows = self.played(arm, market, seeds)
        return np.array([np.mean([of(outcome) for outcome in row]) for row in rows], dtype=np.float64)

    def values(
        self, arm: str, metric: Metric, market: str = ALL, seeds: Sequence[int] | None = None
    ) -> FloatArray:
        """(S,) a metric of an arm by seed, its mean over the markets whose eras tell it."""
        rows = self.played(arm, market, seeds)
        there = [self.follows(name, metric) for name in self._markets(market)]
        if not any(there):
            return np.full(len(rows), np.nan)
        kept = [[outcome for outcome, yes in zip(row, there, strict=True) if yes] for row in rows]
        return np.array([np.mean([o.metric(metric.name) for o in row]) for row in kept], dtype=np.float64)

    def follows(self, market: str, metric: Metric) -> bool:
        """Whether a metric is told on a market: the figures of an era are where it is followed."""
        return not metric.era or metric.era in self._market(market).eras

    def mean(self, arm: str, metric: Metric, market: str = ALL) -> Interval:
        """Mean and interval of a metric of one arm."""
        values = self.values(arm, metric, market)
        return bootstrap(values[np.isfinite(values)])

    def common(self, a: str, b: str, market: str = ALL) -> tuple[int, ...]:
        """Seeds on which both arms were played."""
        return tuple(seed for seed in self.done(a, market) if seed in set(self.done(b, market)))

    def differences(self, metric: Metric, market: str = ALL) -> list[Difference]:
        """Each challenger against the first arm."""
        base = self.question.arms[0].name
        found = [self._difference(base, b, metric, market) for b in self.challengers]
        if self.peeking:
            return found
        raised = holm([difference.p_flip for difference in found])
        return [attrs.evolve(difference, p=p) for difference, p in zip(found, raised, strict=True)]

    def tested(self, d: FloatArray, share: int = 1) -> tuple[Interval, float]:
        """Mean of differences by seed (S,) with its interval, and its p.

        Args:
            d: The differences.
            share: Number of comparisons that a look after every seed must be paid for; otherwise Holm's rule
                does that afterwards.
        """
        if not self.peeking:
            return bootstrap(d), sign_flip(d)
        evidence = max((e_value(d[:n]) for n in range(2, d.size + 1)), default=1.0)
        return always_valid(d, ALPHA / share), min(1.0, share / evidence)

    def attribution(
        self, arm: str, asset: int | None = None, market: str = ALL, seeds: Sequence[int] | None = None
    ) -> dict[str, FloatArray]:
        """Part of the P&L → (S,) what it came to per book and hour, on all books or those of one class."""

        def per_book_hour(outcome: Outcome, part: str) -> float:
            rows = slice(None) if asset is None else outcome.books["asset"] == asset
            return float(outcome.books[part][rows].mean()) / outcome.hours if outcome.hours else math.nan

        return {
            part: self.figures(arm, functools.partial(per_book_hour, part=part), market, seeds)
            for part in PARTS
        }

    @property
    def classes(self) -> dict[str, int]:
        """Class of books → its index; none where all books are of one, or scenarios differ in them."""
        sets = [self.classes_on(market.name) for market in self.question.markets]
        return sets[0] if all(one == sets[0] for one in sets) else {}

    def classes_on(self, market: str) -> dict[str, int]:
        """Class of books of one market → its index; none where all books are of one."""
        scenario = self._market(market).scenario
        there = set(scenario.asset_of_book(self.question.books).tolist())
        named = {asset.name: i for i, asset in enumerate(scenario.assets) if i in there}
        return named if len(named) > 1 else {}

    def failed(self) -> dict[str, tuple[int, int, str]]:
        """Arm → states on which it failed, states in all, what was wrong first; sound arms are left out."""
        told = {}
        for arm in self.question.arms:
            mine = [outcome for (name, _, _), outcome in self.outcomes.items() if name == arm.name]
            if failed := sum(outcome.failed for outcome in mine):
                fault = next(outcome.fault for outcome in mine if outcome.failed)
                told[arm.name] = failed, sum(outcome.states for outcome in mine), fault
        return told

    def _market(self, name: str) -> Market:
        return next(m for m in self.question.markets if name in (m.name, ALL))

    def _markets(self, market: str) -> tuple[str, ...]:
        return (market,) if market else tuple(m.name for m in self.question.markets)

    def _difference(self, a: str, b: str, metric: Metric, market: str) -> Difference:
        seeds = self.common(a, b, market)

        values = self.values(b, metric, market, seeds) - self.values(a, metric, market, seeds)
        known = np.isfinite(values)
        d = values[known]
        # So many challengers, so many chances to be fooled.
        interval, p = self.tested(d, len(self.challengers))
        return Difference(
            a=a,
            b=b,
            metric=metric,
            market=market,
            seeds=tuple(seed for seed, there in zip(seeds, known.tolist(), strict=True) if there),
            values=d,
            interval=interval,
            p=p,
            missing="" if d.size else self._missing(a, b, metric, market, seeds),
        )

    def _missing(self, a: str, b: str, metric: Metric, market: str, seeds: Sequence[int]) -> str:
        if not seeds:
            return f"{a} and {b} were not played on a common seed"
        for arm in (a, b):
            for row in self.played(arm, market, seeds):
                for outcome in row:
                    if math.isnan(outcome.metric(metric.name)):
                        return outcome.why_unknown(metric.name)
        return ""
