"""A market for tests of the monitor: random states with own fills and rejects, and who answers them."""

from __future__ import annotations

import functools

import attrs
import numpy as np

from obmm.agent import Config, resolve
from obmm.market import MarketState, NoticeKind, Notices
from obmm.settings.toml import parse_layer
from obmm.testing import random_states

OURS = 7

_QUOTING = """
[[gates]]
kind = "inventory"

[builder]
kind = "touch"
size_base = 1.0
min_edge_bps = -1000

[placer]
kind = "amend"
"""


def quoting() -> Config:
    """A configuration that quotes from the first state on."""
    return resolve(parse_layer(_QUOTING, "quoting.toml"))


def notices(state: MarketState, i: int) -> Notices:
    """Fills of the state before, as maker and as taker, and a reject."""
    rng = np.random.default_rng(i)
    n = state.n_books
    book = np.array([i % n, (i + 1) % n, 0])
    maker = i % 3 > 0
    return Notices(
        kind=np.array([int(NoticeKind.FILL), int(NoticeKind.FILL), int(NoticeKind.REJECTED)]),
        time_ns=state.time_ns - np.array([500_000_000, 1, 1]),
        book=book,
        side=np.array([i % 2, (i // 2) % 2, 0]),
        price=state.mid[book] * (1.0 + 1e-4 * rng.normal(size=3)),
        size=rng.uniform(0.5, 2.0, 3),
        order_id=np.array([5 + i // 2, 1000 + i, -1]),
        client_id=np.array([1, 2, 3]),
        trade_id=np.array([2 * i, 2 * i + 1, -1]),
        maker_id=np.array([OURS if maker else 9, OURS, -1]),
        taker_id=np.array([9 if maker else OURS, 9, -1]),
        fee=np.array([*rng.normal(size=2), np.nan]),
        message=("", "", "INVALID_PRICE" if i % 2 else "INSUFFICIENT_BASE"),
    )


@functools.cache
def market(seed: int, n_states: int, n_books: int = 3) -> tuple[MarketState, ...]:
    """States as our account sees them, filled four times in five."""
    return tuple(
        attrs.evolve(state, uid=OURS, notices=notices(state, i) if i % 5 else Notices.none())
        for i, state in enumerate(
            random_states(seed, n_states, n_books=n_books, n_levels=5, events_per_book=5.0)
        )
    )
