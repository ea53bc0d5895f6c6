"""Random limits and quotes, for tests of what stands downstream of risk and builders."""

from __future__ import annotations

import numpy as np

from obmm.market import Limits, MarketState, Quotes, Reason


def random_limits(rng: np.random.Generator, n_books: int) -> Limits:
    """Limits of which most allow something and some do not.

    >>> random_limits(np.random.default_rng(1), 3).n_books
    3
    """
    some = rng.random((5, n_books))
    return Limits.open(n_books).tightened(
        reason=Reason.CUSTOM,
        bid_allowed=some[0] > 0.1,
        ask_allowed=some[1] > 0.1,
        bid_size_factor=np.where(some[2] > 0.5, 1.0, 0.5),
        spread_factor=np.where(some[3] > 0.5, 1.0, 1.2),
        position_limit=rng.uniform(5.0, 60.0, n_books),
        position_soft=rng.uniform(5.0, 60.0, n_books),
        reduce_only=some[4] < 0.1,
    )


def random_quotes(rng: np.random.Generator, state: MarketState, n_levels: int = 2) -> Quotes:
    """Wishes around the touch, inside it or behind it, some of them too small or missing.

    >>> from obmm.testing.states import random_state
    >>> random_quotes(np.random.default_rng(1), random_state(1, n_books=3)).n_levels
    2
    """
    shape = (2, state.n_books, n_levels)
    tick = state.venue.grid.tick[:, None]
    behind = np.cumsum(rng.integers(1, 15, shape), axis=2) - 12
    size = rng.choice([0.0, 0.1, 0.3, 1.0, 2.5], shape, p=[0.1, 0.1, 0.3, 0.3, 0.2])
    none = np.zeros(state.n_books, dtype=np.int64)
    return Quotes(
        bid_price=np.where(size[0] > 0.0, state.best_bid[:, None] - behind[0] * tick, np.nan),
        bid_size=size[0],
        ask_price=np.where(size[1] > 0.0, state.best_ask[:, None] + behind[1] * tick, np.nan),
        ask_size=size[1],
        bid_reason=none,
        ask_reason=none,
    )
