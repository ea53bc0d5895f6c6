"""Laws that hold after any sequence of requests: nothing is lost, nothing is counted twice."""

from __future__ import annotations

import numpy as np
import pytest

from obmm.market import FeePolicy
from obmm.sim._jit import Record, kernel
from obmm.sim._random import integer_below, uniform
from obmm.sim.exchange._accounts import open_account
from obmm.sim.exchange._layout import BUY, FAR_TICK, SELL, UNITS_PER_TICK_LOT
from obmm.sim.exchange._matching import clear_touched
from obmm.sim.exchange._orders import (
    cancel_order,
    end_step,
    find_order,
    limit_order,
    market_order,
    reset_agent,
)
from obmm.sim.exchange._setup import make_book

AGENTS = 6
MINERS = 4
BASE = 1_000_0000
QUOTE = 300_000 * 10**10


@kernel
def request(b: Record, agent: int) -> None:
    """One random request of `agent`, around 300.00, far away now and then."""
    rng = b.rng[20]
    side = integer_below(rng, 2)
    stp = integer_below(rng, 5)
    lots = 1 + integer_below(rng, 200_000)
    what = uniform(rng)
    if what < 0.55:
        tick = 29_980 + integer_below(rng, 41)
        if uniform(rng) < 0.02:
            tick = 10 ** (1 + integer_below(rng, 7))
        amount = lots
        in_quote = uniform(rng) < 0.2
        if in_quote:
            amount = lots * tick * UNITS_PER_TICK_LOT + 17
        tif = integer_below(rng, 4)
        limit_order(b, agent, side, tick, amount, in_quote, tif, uniform(rng) < 0.2, stp, -1)
    elif what < 0.75:
        in_quote = uniform(rng) < 0.3
        amount = lots * 300_000_000 if in_quote else lots
        slippage = integer_below(rng, 100_000) if uniform(rng) < 0.3 else 0
        market_order(b, agent, side, amount, in_quote, stp, slippage, -1)
    elif what < 0.97:
        order_id = b.last_order_id - integer_below(rng, 60)
        cancel_order(b, find_order(b, agent, order_id), order_id, lots if uniform(rng) < 0.5 else 0)
    elif what < 0.972 and agent < b.n_miners:
        reset_agent(b, agent, 1_000_0000, 3_000_000_000_000_000, uniform(rng) < 0.5)
    else:
        b.now_ns += 10**9
        end_step(b)
        clear_touched(b)


@kernel
def play(books: np.ndarray, n: int) -> None:
    """`n` random requests of random agents."""
    b = books[0]
    for _ in range(n):
        request(b, integer_below(b.rng[21], 6))


def resting(b: Record) -> np.ndarray:
    """The rows of all live orders."""
    orders = b["orders"][: int(b["order_top"]) + 1]
    return orders[orders["id"] > 0]


def check_conservation(b: Record) -> None:
    """Balances, fees and what was brought in add up, and reserved funds are those of the orders."""
    accounts = b["accounts"]
    base = accounts["base_free"].sum() + accounts["base_reserved"].sum()
    quote = accounts["quote_free"].sum() + accounts["quote_reserved"].sum()
    assert b["brought_lots"] - b["burnt_lots"] == base
    assert b["brought_units"] - b["burnt_units"] == quote
    live = resting(b)
    for agent in range(AGENTS):
        own = live[live["agent"] == agent]
        buys, sells = own[own["side"] == BUY], own[own["side"] == SELL]
        worth = (buys["tick"] * buys["lots"]).sum() * UNITS_PER_TICK_LOT
        account = accounts[agent]
        assert worth == account["quote_reserved"] == buys["reserved"].sum()
        assert sells["lots"].sum() == account["base_reserved"] == sells["reserved"].sum()
        assert account["open_orders"] == len(own)
        assert min(account["base_free"], account["quote_free"]) >= 0


def check_structure(b: Record) -> None:
    """Levels hold what the orders say, the book is not crossed, own lists are complete."""
    live = resting(b)
    for side in (BUY, SELL):
        own = live[live["side"] == side]
        assert b["live"][side] == len(own)
        best = (own["tick"].max() if side == BUY else own["tick"].min()) if len(own) else 0
        assert best == b["touch"][side]
        near = own[own["tick"] < FAR_TICK]
        for tick in np.unique(near["tick"]):
            assert near["lots"][near["tick"] == tick].sum() == b["levels"][tick]["lots"]
    if b["touch"].all():
        assert b["touch"][BUY] < b["touch"][SELL]
    assert (live["lots"] > 0).all()
    for agent in range(MINERS):
        listed, slot = [], int(b["accounts"][agent]["first_order"])
        while slot:
            listed.append(int(b["orders"][slot]["id"]))
            slot = int(b["orders"][slot]["own_next"])
        assert sorted(live["id"][live["agent"] == agent].tolist()) == sorted(listed)


POLICIES = {
    "zero": {"fees": FeePolicy(kind="zero")},
    "dynamic": {"fees": FeePolicy(history_slots=5)},
    "rebates": {"fees": FeePolicy(maker_fee=-0.004, taker_fee=0.006)},
    "tiered": {
        "fees": FeePolicy(kind="tiered"),
        "tiers": [(0.0, 0.005, 0.01), (1e4, 0.001, -0.002), (1e6, 0.0, 0.0)],
        "tier_slots": 3,
        "tier_period_ns": 5 * 10**9,
    },
    "band": {"fees": FeePolicy(), "price_band": 0.0002},
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_requests_conserve_everything(policy: str, seed: int) -> None:
    """After each of many bursts of random requests the laws hold to the last unit."""
    books = make_book(seed=seed, n_miners=MINERS, min_lots=10, max_open_orders=30, **POLICIES[policy])
    b = books[0]
    for agent in range(AGENTS):
        open_account(b, agent, BASE, QUOTE)
    for burst in range(30):
        play(books, 5 if burst < 10 else 400)
        check_conservation(b)
        check_structure(b)
    assert b["trades_done"] > 50
    assert b["fault"] == 0


@pytest.mark.parametrize("policy", ["zero", "dynamic"])
def test_equal_seeds_give_equal_books(policy: str) -> None:
    """Two runs of one seed agree byte for byte, another seed differs."""

    def run(seed: int) -> bytes:
        books = make_book(seed=seed, n_miners=MINERS, min_lots=10, **POLICIES[policy])
        for agent in range(AGENTS):
            open_account(books[0], agent, BASE, QUOTE)
        play(books, 2000)
        return bytes(books[0]["accounts"].tobytes() + books[0]["trades"].tobytes())

    assert run(1) == run(1)
    assert run(1) != run(2)
