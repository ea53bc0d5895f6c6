"""Hypothesis strategies built on the vocabulary; every room's property tests may draw from them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from obmm.market import Limits, MarketState, Quotes, Reason
from obmm.testing import Flaw, random_quotes, random_states, spoiled

seeds = st.integers(0, 2**32 - 1)


@st.composite
def histories(
    draw: st.DrawFn,
    *,
    max_states: int = 6,
    max_books: int = 4,
    max_levels: int = 6,
    flaws: tuple[Flaw, ...] = tuple(Flaw),
) -> list[MarketState]:
    """Successive states of one small market, some books of some states suffering from a flaw."""
    states = random_states(
        draw(seeds),
        draw(st.integers(1, max_states)),
        n_books=draw(st.integers(1, max_books)),
        n_levels=draw(st.integers(1, max_levels)),
        events_per_book=draw(st.sampled_from([0.0, 5.0, 60.0])),
    )
    if not flaws:
        return states
    books = st.integers(0, states[0].n_books - 1)
    ills = st.dictionaries(books, st.sampled_from(flaws), max_size=2)
    return [spoiled(state, draw(ills)) for state in states]


@st.composite
def market_states(
    draw: st.DrawFn, *, max_books: int = 4, max_levels: int = 6, flaws: tuple[Flaw, ...] = tuple(Flaw)
) -> MarketState:
    """One state; see `histories`."""
    return draw(histories(max_states=1, max_books=max_books, max_levels=max_levels, flaws=flaws))[0]


@st.composite
def limits(draw: st.DrawFn, n_books: int) -> Limits:
    """Limits that allow some things and forbid others."""

    def each(values: st.SearchStrategy[float]) -> np.ndarray:
        return np.array(draw(st.lists(values, min_size=n_books, max_size=n_books)))

    flags = st.sampled_from([True, True, False])
    return Limits.open(n_books).tightened(
        reason=Reason.CUSTOM,
        bid_allowed=each(flags),
        ask_allowed=each(flags),
        bid_size_factor=each(st.floats(0.0, 1.0)),
        ask_size_factor=each(st.floats(0.0, 1.0)),
        spread_factor=each(st.floats(1.0, 3.0)),
        position_limit=each(st.floats(0.0, 100.0)),
        position_soft=each(st.floats(0.0, 100.0)),
        position_factor=each(st.floats(0.0, 1.0)),
        reduce_only=each(st.sampled_from([False, False, True])),
    )


@st.composite
def quotes(draw: st.DrawFn, state: MarketState, *, max_levels: int = 3) -> Quotes:
    """Wishes around the touch of `state`."""
    rng = np.random.default_rng(draw(seeds))
    return random_quotes(rng, state, draw(st.integers(1, max_levels)))
