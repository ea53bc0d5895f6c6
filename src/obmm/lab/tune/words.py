"""The verdict on a search in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obmm.lab.tune.verdict import Check, Luck

#: Ratios and shares from which words reassure, and below which they warn.
SURE, SURE_ENOUGH, DOUBT = 0.95, 0.8, 0.5


def sentence(
    found: Sequence[str], by_config: Mapping[str, Sequence[Check]], luck: Luck, promising: bool
) -> str:
    """The verdict in a sentence; what it begins with is the verdict itself."""
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
    for name, own in by_config.items():
        gains, costs = [c for c in own if c.better], [c for c in own if c.worse]
        if gains and costs:
            # Of a front that is all there is to expect.
            return (
                f"A choice, not a gain: on {own[0].seeds} seeds that the search had not seen {name} is "
                f"better in {gains[0].metric} by {_interval(gains[0])} and worse in {costs[0].metric} by "
                f"{_interval(costs[0])}; none is better in one figure and worse in no other."
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


def trust(found: Sequence[str], by_config: Mapping[str, Sequence[Check]], luck: Luck) -> Iterator[str]:
    """What speaks for what was found, and against it."""
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
