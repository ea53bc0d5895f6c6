"""A reference run of each scenario stays what it was, trade for trade and balance for balance.

Whoever changes the market on purpose changes these fingerprints with it and says why in the commit.
"""

from __future__ import annotations

import platform

import numpy as np
import pytest

from obmm.market import BUY, SELL, MarketState, Orders
from obmm.sim import SimulatedMarket

GOLDEN = {
    "taos-0.5.4": "3e57d618683ba091",
    "taos-0.1.51": "560ca622c8921cfa",
    "taos-0.6.2": "65e7b831e7068eb3",
}

# The mathematical functions of other systems differ in the last bit now and then.
pytestmark = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="recorded on Linux x86-64"
)


def quotes(state: MarketState) -> Orders:
    """A bid and an ask 0.1 % from the middle of every book, for three seconds."""
    n = state.n_books
    price = np.round(np.repeat(state.mid, 2) * np.tile([0.999, 1.001], n), 2)
    return Orders.limits(
        n_books=n,
        book=np.repeat(np.arange(n), 2),
        side=np.tile([BUY, SELL], n),
        price=price,
        size=np.repeat(2.0 * state.venue.min_size_base, 2),
        time_in_force=1,
        expiry_ns=3_000_000_000,
    )


@pytest.mark.parametrize("scenario", GOLDEN)
def test_the_reference_run_is_unchanged(scenario: str) -> None:
    """Five simulated minutes of four books with a quoting miner."""
    with SimulatedMarket(scenario, books=4, seed=20, threads=1) as market:
        for states in market.states(seconds=300):
            market.submit(0, quotes(states[0]), response_s=0.1)
        assert GOLDEN[scenario] == market.digest()
