"""Checks of builders: quotes that could be sent, and nothing where risk forbids."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import attrs
import numpy as np

from obmm.market import Limits, Quotes
from obmm.testing._scenes import Step, describe, steps
from obmm.testing._trial import ContractError, Trial
from obmm.testing.variants import Flaw


def builder_checks(trial: Trial) -> Iterator[tuple[str, Callable[[], None]]]:
    """Names of the checks, each with what to call."""
    yield "quotes positive prices, finite sizes, best first", partial(_well_formed, trial)
    yield "keeps bids below asks", partial(_ordered, trial)
    yield "leaves closed sides empty", partial(_respects_limits, trial)
    yield "never quotes more at a smaller size factor", partial(_size_factor, trial)


def _quotes(trial: Trial) -> Iterator[tuple[str, Step, Quotes]]:
    for flaw in (None, *Flaw):
        history = steps(trial.scene(flaw=flaw))
        for turn, (step, out) in enumerate(zip(history, trial.feed(trial.make(), history), strict=True)):
            if isinstance(out, Quotes):
                yield f"in state {turn}" + describe(flaw), step, out


def _well_formed(trial: Trial) -> None:
    for when, _, quotes in _quotes(trial):
        for side, sign in (("bid", -1.0), ("ask", 1.0)):
            price, size = getattr(quotes, f"{side}_price"), getattr(quotes, f"{side}_size")
            if not np.all(np.isnan(price) | ((price > 0.0) & (price < np.inf))):
                raise ContractError(f"{side} prices must be positive or NaN {when}, got {price.tolist()}")
            if not np.all((size >= 0.0) & (size < np.inf)):
                raise ContractError(
                    f"{side} sizes must be finite and not negative {when}, got {size.tolist()}"
                )
            if np.any(sign * np.diff(price, axis=1) < 0.0):
                raise ContractError(f"{side} prices must run best first {when}, got {price.tolist()}")


def _ordered(trial: Trial) -> None:
    for when, _, quotes in _quotes(trial):
        bid = np.where(quotes.has_bid, quotes.bid_price, -np.inf).max(axis=1)
        ask = np.where(quotes.has_ask, quotes.ask_price, np.inf).min(axis=1)
        if np.any(bid >= ask):
            raise ContractError(f"bids {bid.tolist()} reach asks {ask.tolist()} {when}")


def _respects_limits(trial: Trial) -> None:
    for when, step, quotes in _quotes(trial):
        limits = step.limits.enforced(step.state.accounts.position)
        for side in ("bid", "ask"):
            wanted = getattr(quotes, f"has_{side}").any(axis=1)
            books = np.flatnonzero(wanted & ~getattr(limits, f"{side}_allowed"))
            if books.size:
                raise ContractError(f"{side}s are quoted on books {books.tolist()} that forbid them {when}")


def _size_factor(trial: Trial) -> None:
    history = steps(trial.scene(limits_open=True))
    halved = [attrs.evolve(step, limits=_halved(step.limits)) for step in history]
    plain, small = trial.feed(trial.make(), history), trial.feed(trial.make(), halved)
    for turn, (one, two) in enumerate(zip(plain, small, strict=True)):
        if not isinstance(one, Quotes) or not isinstance(two, Quotes):
            continue
        for side in ("bid", "ask"):
            before, after = getattr(one, f"{side}_size"), getattr(two, f"{side}_size")
            if np.any(after.sum(axis=1) > before.sum(axis=1) + 1e-9):
                raise ContractError(f"half the size factor quotes more {side}s in state {turn}")


def _halved(limits: Limits) -> Limits:
    half = np.full(limits.n_books, 0.5)
    return attrs.evolve(limits, bid_size_factor=half, ask_size_factor=half)
