"""Several seeds as one market: each is what it would be alone, to the last bit."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.market import BUY, SELL, Feed, MarketState, Orders, Venue
from obmm.market.layout import columns_of
from obmm.sim import Scenario, SimulatedMarket
from obmm.testing import selected

SEEDS = (3, 1, 8)


def scenario(name: str, books_per_block: int, makers: int = 0) -> Scenario:
    """A scenario with small blocks, so that few books make several, and with synthetic rivals."""
    loaded = Scenario.load(name)
    venue = attrs.evolve(loaded.venue, books_per_block=books_per_block)
    return attrs.evolve(loaded, venue=venue, rivals=attrs.evolve(loaded.rivals, makers=makers, takers=makers))


def answer(state: MarketState, uid: int) -> Orders:
    """Quotes close to the middle, more of them than may pass on every third book, and a cancel of all."""
    orders = []
    for book in range(state.n_books):
        local = int(state.venue.book_ids[book])
        copies = 4 if (local + state.time_ns // 10**9) % 3 == 0 else 1
        mid, away = state.mid[book], 0.02 + 0.05 * uid + 0.01 * local
        price = np.round(np.tile([mid - away, mid + away], copies), 2)
        orders.append(
            Orders.limits(
                n_books=state.n_books,
                book=[book] * 2 * copies,
                side=[BUY, SELL] * copies,
                price=price,
                size=1.0 + local,
            )
        )
    own = state.open_orders
    joined = Orders.cancels(n_books=state.n_books, book=own.book, order_id=own.order_id)
    for one in orders:
        joined = joined.joined(one)
    return joined


def play(market: SimulatedMarket, seconds: int) -> list[dict[int, MarketState]]:
    """Every state of every miner; each answers every state."""
    seen = []
    with market:
        for states in market.states(seconds):
            seen.append(states)
            for uid, state in states.items():
                market.submit(uid, answer(state, uid), response_s=0.1 + 0.1 * uid)
    return seen


def of_group(state: MarketState, group: int, alone: Venue) -> MarketState:
    """What a wide state says of one group, as a state of the venue that the group has by itself."""
    return attrs.evolve(selected(state, state.venue.group_rows[group]), venue=alone)


@pytest.mark.parametrize(
    ("name", "books", "per_block", "makers", "miners", "threads"),
    [
        ("taos-0.5.4", 3, 2, 2, 2, 1),  # blocks that end before their time, rivals, two accounts
        ("taos-0.5.4", 1, 16, 0, 1, 2),  # a block of one book next to another
        ("taos-0.6.2", 3, 2, 1, 2, 2),
    ],
)
def test_each_seed_is_what_it_is_alone(
    name: str, books: int, per_block: int, makers: int, miners: int, threads: int
) -> None:
    """States, notices, tapes, open orders and fingerprint of three seeds, beside those of one at a time."""
    given: dict[str, Any] = {"books": books, "miners": miners, "feeds": (Feed.TAPE, Feed.QUEUE)}
    played = scenario(name, per_block, makers)
    wide = SimulatedMarket(played, seed=SEEDS, threads=threads, **given)
    together = play(wide, 25)
    fills = 0
    for group, seed in enumerate(SEEDS):
        narrow = SimulatedMarket(played, seed=seed, threads=1, **given)
        for both, one in zip(together, play(narrow, 25), strict=True):
            for uid, state in one.items():
                assert state == of_group(both[uid], group, state.venue)
                fills += len(state.notices)
        assert narrow.digest() == wide.digest(group)
    assert fills > 0


def test_the_same_seed_twice_is_the_same_market_twice() -> None:
    """So that two configurations can be played side by side."""
    market = SimulatedMarket(scenario("taos-0.5.4", 2), books=3, seed=(5, 5), threads=1)
    play(market, 5)
    assert market.digest(0) == market.digest(1)


def test_a_deregistered_miner_starts_anew_in_every_market() -> None:
    """As it does in each alone."""
    given: dict[str, Any] = {"books": 2, "threads": 1}
    wide = SimulatedMarket("taos-0.5.4", seed=SEEDS, **given)
    wide.run(605)
    wide.reset(0)
    after = wide.step()[0]
    for group, seed in enumerate(SEEDS):
        narrow = SimulatedMarket("taos-0.5.4", seed=seed, **given)
        narrow.run(605)
        narrow.reset(0)
        alone = narrow.step()[0]
        told = columns_of(of_group(after, group, alone.venue).accounts)
        expected = columns_of(alone.accounts)
        assert {name: x.tolist() for name, x in expected.items()} == {n: x.tolist() for n, x in told.items()}


def test_a_wide_market_of_no_seed_is_refused() -> None:
    """There is nothing to run."""
    with pytest.raises(ValueError, match="no seed is given"):
        SimulatedMarket(books=1, seed=())
