"""What the presets send never races their own position limit, and a market without books is answered."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
import pytest

from obmm.agent import Decision, MarketMaker, preset_names, resolve
from obmm.market import Accounts, Lens, MarketState, Venue
from obmm.testing import random_states
from obmm.testing.paper import PaperOrders


def races(decision: Decision, lenses: Sequence[Lens] = ()) -> list[str]:
    """Sides on which what is placed, and what may still rest then, would carry a position past its bound.

    The position is what the stages see it as. Only what the first instruction of a book cancels is certainly
    gone when the others arrive.
    """
    state, orders, found = decision.state, decision.orders, []
    for lens in lenses:
        state = lens.through(state)
    bound, own = decision.steps[0].limits.position_bound, state.open_orders
    for book in np.unique(orders.book):
        rows = np.flatnonzero(orders.book == book)
        gone = orders.order_id[rows[orders.is_cancel[rows]]] if orders.is_cancel[rows[0]] else []
        there = own.rows(int(book))
        for side in (0, 1):
            stays = (own.side[there] == side) & ~np.isin(own.order_id[there], gone)
            resting = own.size[there][stays].sum()
            placed = orders.size[rows[orders.side[rows] == side]].sum()
            position = state.accounts.position[book] * (1 if side == 0 else -1)
            if placed and position + resting + placed > bound[book] + 1e-9:
                found.append(f"book {book}: {position:g} + {resting:g} + {placed:g} > {bound[book]:g}")
    return found


@pytest.mark.parametrize("wealth", [400.0, 1000.0])
@pytest.mark.parametrize("name", preset_names())
def test_presets_never_race_their_limit(name: str, wealth: float) -> None:
    """Two minutes with so little wealth that a few orders reach the bound."""
    maker, paper = MarketMaker(resolve(name)), PaperOrders(4)
    found: list[str] = []
    gates = [spec.build() for spec in maker.config.gates]
    lenses = [gate for gate in gates if isinstance(gate, Lens)]
    maker.listeners.append(lambda decision: found.extend(races(decision, lenses)))
    account = Accounts.of(4, base=wealth / 600.0, quote=wealth / 2.0)
    for bare in random_states(3, 150, n_books=4):
        state = paper.dressed(attrs.evolve(bare, accounts=account))
        paper.submit(state, maker.respond(state))
    assert [] == found


@pytest.mark.parametrize("name", preset_names())
def test_a_market_without_books_is_answered_with_nothing(name: str) -> None:
    """No stage fails on arrays without rows."""
    maker, venue = MarketMaker(resolve(name)), Venue.of(0)
    for second in range(90):
        decision = maker.decide(MarketState.of_books(venue, [], [], time_ns=(600 + second) * 10**9))
        assert ("", 0) == (decision.error, len(decision.orders))
