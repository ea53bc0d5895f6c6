"""Checks of builders: wishes that make sense. That limits are obeyed needs no check: the lock sees to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import attrs
import numpy as np

from obmm.market import Limits, Quotes
from obmm.testing._scenes import Step, describe, steps
from obmm.testing._trial import ContractError, Trial, expect_same, rows
from obmm.testing.variants import Flaw


def builder_checks(trial: Trial) -> Iterator[tuple[str, Callable[[], None]]]:
    """Names of the checks, each with what to call."""
    yield "quotes positive prices, finite sizes, best first", partial(_well_formed, trial)
    yield "keeps bids below asks", partial(_ordered, trial)
    yield "leaves size factors to the lock", partial(_size_factor, trial)


def _quotes(trial: Trial) -> Iterator[tuple[str, Step, Quotes]]:
    for flaw in (None, *Flaw):
        history = steps(trial.scene(flaw=flaw))
        for turn, (step, out) in enumerate(zip(history, trial.feed(trial.make(), history), strict=True)):
            if isinstance(out, Quotes):
                yield f"in state {turn}" + describe(flaw), step, out


def _well_formed(trial: Trial) -> None:
    """On sound books; what is quoted on the others never leaves the lock."""
    for when, step, quotes in _quotes(trial):
        sound = step.state.sound
        for side, sign in (("bid", -1.0), ("ask", 1.0)):
            price, size = getattr(quotes, f"{side}_price")[sound], getattr(quotes, f"{side}_size")[sound]
            if not np.all(np.isnan(price) | ((price > 0.0) & (price < np.inf))):
                raise ContractError(f"{side} prices must be positive or NaN {when}, got {price.tolist()}")
            if np.any((size < 0.0) | (size == np.inf)):
                raise ContractError(
                    f"{side} sizes must be finite and not negative {when}, got {size.tolist()}"
                )
            if np.any(sign * np.diff(price, axis=1) < 0.0):
                raise ContractError(f"{side} prices must run best first {when}, got {price.tolist()}")


def _ordered(trial: Trial) -> None:
    for when, step, quotes in _quotes(trial):
        bid = np.where(quotes.has_bid, quotes.bid_price, -np.inf).max(axis=1)
        ask = np.where(quotes.has_ask, quotes.ask_price, np.inf).min(axis=1)
        if np.any((bid > ask) & step.state.sound):
            raise ContractError(f"bids {bid.tolist()} pass asks {ask.tolist()} {when}")


def _size_factor(trial: Trial) -> None:
    """A builder that applies the factors itself would have them twice."""
    history = steps(trial.scene(limits_open=True))
    halved = [attrs.evolve(step, limits=_halved(step.limits)) for step in history]
    plain, small = trial.feed(trial.make(), history), trial.feed(trial.make(), halved)
    for turn, (one, two) in enumerate(zip(plain, small, strict=True)):
        expect_same(rows(one), rows(two), f"in state {turn} at half the size factor")


def _halved(limits: Limits) -> Limits:
    half = np.full(limits.n_books, 0.5)
    return attrs.evolve(limits, bid_size_factor=half, ask_size_factor=half)
