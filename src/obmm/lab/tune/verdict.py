"""Whether to believe what a search found: held-out seeds decide, and luck is told beside."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import attrs
import numpy as np

from obmm.lab.compare.statistics import Interval, bootstrap, detectable, holm, sign_flip
from obmm.lab.trials.overfitting import Overfit, deflated_sharpe, overfit, probabilistic_sharpe
from obmm.market import FloatArray

#: Chance that a search of nothing is believed, which a two-sided sign-flip test on held-out seeds keeps.
LEVEL = 0.02
#: Below these a deflated Sharpe ratio, and above what is left an overfitting probability, raise doubts.
DOUBT, SURE, SURE_ENOUGH = 0.5, 0.95, 0.8


@attrs.frozen(kw_only=True)
class Check:
    """One configuration against the one before the search, in one metric, on held-out seeds.

    Attributes:
        config_hash: The configuration.
        metric: The metric.
        difference: Mean difference and its 95 % interval, signed so that more is better.
        p: Sign-flip p, raised for the number of checks (Holm).
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
) -> tuple[Check, ...]:
    """The held-out check of several configurations.

    Args:
        hashes: The configurations.
        metrics: The M metrics.
        held_out: Of each configuration (S, M) differences from the one before the search, more is better.
        searched: The same on the tuning seeds.
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
    return tuple(attrs.evolve(check, p=p) for check, p in zip(found, raised, strict=True))


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
        sentence=_sentence(found, by_config, luck, promising),
        trust=tuple(_trust(found, by_config, luck)),
        checks=tuple(checks),
        luck=luck,
    )


def _sentence(
    found: Sequence[str], by_config: Mapping[str, Sequence[Check]], luck: Luck, promising: bool
) -> str:
    if not promising:
        return (
            f"Nothing found: of {luck.tried} configurations none was better than the one before the search, "
            "not even on the seeds that the search looked at."
        )
    if found:
        check = _told_of(by_config[found[0]])
        more = {0: "", 1: " So is one other."}.get(len(found) - 1, f" So are {len(found) - 1} others.")
        return (
            f"Found: {found[0]} is better in {check.metric} by {_interval(check)} on {check.seeds} seeds "
            f"that the search had not seen (p = {check.p:.2g}).{more}"
        )
    check = _told_of([check for own in by_config.values() for check in own])
    unseen = f"on {check.seeds} seeds that the search had not seen"
    if math.isnan(check.difference.mean):
        return f"Nothing found: {check.metric} is not known of every run {unseen}."
    if check.worse:
        return (
            f"Nothing found: the best of the search is worse in {check.metric} {unseen}: {_interval(check)}."
        )
    near = check.p <= 0.05 and check.difference.mean > 0.0
    return (
        f"Nothing found: {unseen}, the difference in {check.metric} is {_interval(check)}, "
        f"which luck shows too (p = {check.p:.2g})."
        + (" It may be more than luck: try again with more --confirm seeds." if near else "")
    )


def _told_of(checks: Sequence[Check]) -> Check:
    """The check that is told of several: the clearest."""
    return max(checks, key=lambda check: (check.better, -check.p))


def _interval(check: Check) -> str:
    d = check.difference
    return f"{d.mean:+.4g} [{d.low:+.4g}, {d.high:+.4g}]"


def _trust(found: Sequence[str], by_config: Mapping[str, Sequence[Check]], luck: Luck) -> Iterator[str]:
    if by_config:
        check = _told_of(by_config[found[0]] if found else [c for own in by_config.values() for c in own])
        if found:
            yield "The held-out seeds decide: nobody had looked at them, so no search could fit them."
        if found and check.difference.mean < DOUBT * check.searched:
            kept = check.difference.mean / check.searched
            yield f"Expect what they show, {kept:.0%} of the {check.searched:+.4g} that the search promised."
        if math.isfinite(check.could_show):
            yield f"So many seeds show a true difference of {check.could_show:.3g} in four of five studies."
    if not math.isnan(luck.dsr):
        says = f"the best of {luck.tried} worthless configurations would look as good"
        if luck.dsr >= DOUBT:
            says = "the tuning seeds alone would not prove it"
        if luck.dsr >= SURE:
            says = "luck would rarely look so good"
        yield (
            f"Deflated Sharpe ratio of the best on the tuning seeds {luck.dsr:.2f} "
            f"({luck.psr:.2f} if it had been the only one): {says}."
        )
    if luck.overfit is None:
        yield "Too few configurations were played in full to say how much the search overfits."
        return
    share = luck.overfit.probability
    says = "choosing by some seeds says nothing about others"
    if share < DOUBT:
        says = "choosing by some seeds says a little about others"
    if share < 1.0 - SURE_ENOUGH:
        says = "what is best on some seeds tends to be good on others"
    yield f"Probability of overfitting {share:.0%} over {luck.overfit.splits} halvings: {says}."
