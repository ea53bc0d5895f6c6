"""The verdict on a search in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from obmm.lab.compare.words import held, signed
from obmm.lab.trials import metric_named
from obmm.scoring import ERAS

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
            f"Found: {found[0]} is better in {_name(check)} by {_interval(check)} on {check.seeds} seeds "
            f"that the search had not seen (p = {check.p:.2g}).{more}"
        )
    for name, own in by_config.items():
        gains, costs = [c for c in own if c.better], [c for c in own if c.worse]
        if gains and costs:
            # Of a front that is all there is to expect.
            return (
                f"A choice, not a gain: on {own[0].seeds} seeds that the search had not seen {name} is "
                f"better in {_name(gains[0])} by {_interval(gains[0])} and worse in {_name(costs[0])} by "
                f"{_interval(costs[0])}; none is better in one figure and worse in no other."
            )
    check = _told_of([check for own in by_config.values() for check in own])
    unseen = f"on {check.seeds} seeds that the search had not seen"
    if math.isnan(check.difference.mean):
        return f"Nothing found: {_name(check)} is not known of every run {unseen}."
    if check.worse:
        return (
            f"Nothing found: the best of the search is worse in {_name(check)} {unseen}: {_interval(check)}."
        )
    near = check.p <= 0.05 and check.difference.mean > 0.0
    return (
        f"Nothing found: {unseen}, the difference in {_name(check)} is {_interval(check)}, "
        f"which luck shows too (p = {check.p:.2g})."
        + (" It may be more than luck: try again with more --confirm seeds." if near else "")
    )


def _told_of(checks: Sequence[Check]) -> Check:
    """The check that is told of several: the clearest."""
    return max(checks, key=lambda check: (check.better, -check.p))


def _name(check: Check) -> str:
    """What is compared, without its unit."""
    return _words(check)[0]


def _interval(check: Check) -> str:
    """How much it is, with its unit and how sure that is."""
    unit = _words(check)[1]
    amount = f"{signed(check.difference.mean)} {unit}".rstrip()
    return f"{amount} (95% interval {held(check.difference)})"


def _words(check: Check) -> tuple[str, str]:
    words = metric_named(check.metric, tuple(ERAS)).words
    name, _, unit = words.rpartition(", ")
    return (name, unit) if name else (words, "")


def trust(found: Sequence[str], by_config: Mapping[str, Sequence[Check]], luck: Luck) -> Iterator[str]:
    """What speaks for what was found, and against it."""
    if by_config:
        check = _told_of(by_config[found[0]] if found else [c for own in by_config.values() for c in own])
        if found:
            yield "The held-out seeds decide: nobody had looked at them, so no search could fit them."
        if found and check.difference.mean < DOUBT * check.searched:
            kept = check.difference.mean / check.searched
            promised = f"the {signed(check.searched)} that the search promised"
            yield f"Expect what they show, {kept:.0%} of {promised}."
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
