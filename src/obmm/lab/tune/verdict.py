"""Whether to believe what a search found: held-out seeds decide, and luck is told beside."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np

from obmm.lab.compare.statistics import Interval, bootstrap, detectable, holm, sign_flip
from obmm.lab.trials.overfitting import Overfit, deflated_sharpe, overfit, probabilistic_sharpe
from obmm.lab.tune.words import sentence, trust
from obmm.market import FloatArray

#: Chance that a search of nothing is believed, which a two-sided sign-flip test on held-out seeds keeps.
LEVEL = 0.02


@attrs.frozen(kw_only=True)
class Check:
    """One configuration against the one before the search, in one metric, on held-out seeds.

    Attributes:
        config_hash: The configuration.
        metric: The metric.
        difference: Mean difference and its 95 % interval, signed so that more is better.
        p: Sign-flip p, raised for the number of figures and configurations that are checked (Holm), and by
            the number of times that the study has come to a check.
        searched: The mean difference on the tuning seeds, signed alike: what the search promised.
        seeds: Held-out seeds.
        could_show: The true difference that so many seeds show in four of five studies.
    """

    config_hash: str
    metric: str
    difference: Interval
    p: float
    searched: float
    seeds: int
    could_show: float

    @property
    def better(self) -> bool:
        """Whether it is better, and luck would rarely show it."""
        return self.p <= LEVEL and self.difference.mean > 0.0

    @property
    def worse(self) -> bool:
        """Whether it is worse, and luck would rarely show it."""
        return self.p <= LEVEL and self.difference.mean < 0.0


@attrs.frozen(kw_only=True)
class Luck:
    """What the tuning seeds say of the search itself.

    Attributes:
        tried: Different configurations that were played at all.
        full: Those that were played in full.
        sharpe: Of the best: mean over deviation of the difference per seed.
        psr: Probability that its true value is above zero, if it had been the only one.
        dsr: The same for the best of so many: the deflated Sharpe ratio; NaN where too few were tried.
        overfit: Probability of backtest overfitting; None where too little is known.
    """

    tried: int
    full: int
    sharpe: float
    psr: float
    dsr: float
    overfit: Overfit | None


@attrs.frozen(kw_only=True)
class Verdict:
    """What a study comes to.

    Attributes:
        found: Hashes of the configurations that are better, best first.
        sentence: The verdict in a sentence.
        trust: What speaks for it and against it, in sentences.
        checks: The held-out check, of each configuration and metric.
        luck: What the tuning seeds say.
    """

    found: tuple[str, ...]
    sentence: str
    trust: tuple[str, ...]
    checks: tuple[Check, ...]
    luck: Luck


def checked(
    hashes: Sequence[str],
    metrics: Sequence[str],
    held_out: Sequence[FloatArray],
    searched: Sequence[FloatArray],
    looks: int = 1,
) -> tuple[Check, ...]:
    """The held-out check of several configurations.

    Args:
        hashes: The configurations.
        metrics: The M metrics.
        held_out: Of each configuration (S, M) differences from the one before the search, more is better.
        searched: The same on the tuning seeds.
        looks: Number of this check among those of the study: who looks again and again pays for it.
    """
    found = []
    for name, new, old in zip(hashes, held_out, searched, strict=True):
        for metric, fresh, seen in zip(metrics, new.T, old.T, strict=True):
            known = bool(np.isfinite(fresh).all())
            found.append(
                Check(
                    config_hash=name,
                    metric=metric,
                    difference=bootstrap(fresh) if known else Interval(math.nan, math.nan, math.nan),
                    # What is not known of every seed is no evidence.
                    p=sign_flip(fresh) if known else 1.0,
                    searched=float(seen.mean()),
                    seeds=fresh.size,
                    could_show=detectable(float(fresh.std(ddof=1)), fresh.size, alpha=LEVEL),
                )
            )
    raised = holm([check.p for check in found])
    return tuple(attrs.evolve(check, p=min(1.0, looks * p)) for check, p in zip(found, raised, strict=True))


def luck_of(best: FloatArray, all_full: FloatArray, tried: int) -> Luck:
    """What the tuning seeds say of a search.

    Args:
        best: (S,) differences of the best configuration from the one before the search, more is better.
        all_full: (S, N) those of every configuration that was played in full.
        tried: Different configurations that were played at all: those that were out early count as trials.
    """
    n = best.size
    ratios = np.array([_sharpe(column) for column in all_full.T])
    sharpe = _sharpe(best)
    psr = dsr = math.nan
    if n >= 3 and math.isfinite(sharpe) and best.std() > 0.0:
        z = (best - best.mean()) / best.std()
        # Of a handful of seeds the higher moments are mere noise: they may warn, but not reassure.
        shape = {"skewness": min(float((z**3).mean()), 0.0), "kurtosis": max(float((z**4).mean()), 3.0)}
        psr = probabilistic_sharpe(sharpe, n, **shape)
        known = ratios[np.isfinite(ratios)]
        if known.size >= 2:
            # Those that were left early do not show how far ratios spread by chance: at least so far.
            variance = max(float(known.var(ddof=1)), 1.0 / n)
            dsr = deflated_sharpe(sharpe, n, trials=max(tried, 2), variance=variance, **shape)
    return Luck(
        tried=tried,
        full=all_full.shape[1],
        sharpe=sharpe,
        psr=psr,
        dsr=dsr,
        overfit=overfit(all_full),
    )


def _sharpe(differences: FloatArray) -> float:
    spread = float(differences.std(ddof=1)) if differences.size > 1 else 0.0
    mean = float(differences.mean())
    if spread == 0.0:
        return 0.0 if mean == 0.0 else math.copysign(math.inf, mean)
    return mean / spread


def judged(checks: Sequence[Check], luck: Luck, *, promising: bool) -> Verdict:
    """The verdict.

    Args:
        checks: The held-out checks; none if nothing was worth one.
        luck: What the tuning seeds say.
        promising: Whether any configuration was better than the one before the search on the tuning seeds.
    """
    by_config: dict[str, list[Check]] = {}
    for check in checks:
        by_config.setdefault(check.config_hash, []).append(check)
    found = tuple(
        name
        for name, own in by_config.items()
        if any(check.better for check in own) and not any(check.worse for check in own)
    )
    return Verdict(
        found=found,
        sentence=sentence(found, by_config, luck, promising),
        trust=tuple(trust(found, by_config, luck)),
        checks=tuple(checks),
        luck=luck,
    )
