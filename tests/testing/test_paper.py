"""Orders that stand without trading."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import Accounts, InstructionKind, MarketState, Orders, TimeInForce, Venue
from obmm.testing import random_state
from obmm.testing.paper import PaperOrders


def state(time_s: float = 600.0) -> MarketState:
    """Two sound books and an account of 10 base and 10,000 quote on each."""
    accounts = Accounts.of(2, base=10.0, quote=10_000.0)
    return MarketState.of_books(
        Venue.of(2),
        [[(299.0, 5.0)]] * 2,
        [[(301.0, 5.0)]] * 2,
        time_ns=round(time_s * 1e9),
        accounts=accounts,
    )


def limits(**columns) -> Orders:
    """A bid on book 0 and an ask on book 1, of 2 base each."""
    rows = {"book": [0, 1], "side": [0, 1], "price": [299.5, 300.5], "size": [2.0, 2.0]}
    return Orders.limits(n_books=2, **{**rows, **columns})


def test_limit_orders_come_to_rest_with_their_funds_reserved():
    """A bid binds quote, an ask base, each on its own book."""
    paper = PaperOrders(2)
    paper.submit(state(), limits(client_id=[7, 8]))
    after = paper.dressed(state(601.0))
    own = after.open_orders
    assert ([299.5, 300.5], [7, 8], [1, 1]) == (
        own.price.tolist(),
        own.client_id.tolist(),
        own.count.tolist(),
    )
    assert [599.0, 0.0] == after.accounts.quote_reserved.tolist()
    assert [0.0, 2.0] == after.accounts.base_reserved.tolist()


def test_a_cancel_takes_an_order_away():
    """Of the book it names, not of another."""
    paper = PaperOrders(2)
    paper.submit(state(), limits())
    order_id = int(paper.dressed(state()).open_orders.order_id[0])
    paper.submit(state(), Orders.cancels(n_books=2, book=[1], order_id=[order_id]))
    assert [1, 1] == paper.dressed(state()).open_orders.count.tolist()
    paper.submit(state(), Orders.cancels(n_books=2, book=[0], order_id=[order_id]))
    assert [0, 1] == paper.dressed(state()).open_orders.count.tolist()


def test_a_cancel_of_a_part_leaves_the_rest_in_its_place():
    """The order keeps its number and its time."""
    paper = PaperOrders(2)
    paper.submit(state(), limits())
    before = paper.dressed(state()).open_orders
    paper.submit(
        state(601.0),
        Orders.of(2, InstructionKind.CANCEL, [0], order_id=before.order_id[:1], side=-1, size=[1.5]),
    )
    after = paper.dressed(state(602.0)).open_orders
    assert ([0.5, 2.0], before.order_id.tolist(), before.time_ns.tolist()) == (
        after.size.tolist(),
        after.order_id.tolist(),
        after.time_ns.tolist(),
    )


def test_an_order_for_some_time_is_gone_when_it_is_over():
    """Good till three seconds after it was sent."""
    paper = PaperOrders(2)
    paper.submit(state(600.0), limits(time_in_force=int(TimeInForce.GTT), expiry_ns=3_000_000_000))
    assert [2, 0] == [len(paper.dressed(state(t)).open_orders) for t in (602.9, 603.0)]


def test_market_orders_do_not_rest():
    """They would trade, which is not the business of this class."""
    paper = PaperOrders(2)
    paper.submit(state(), Orders.of(2, InstructionKind.MARKET, [0], side=0, size=[1.0]))
    assert 0 == len(paper.dressed(state()).open_orders)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.floats(0.25, 3.0)), max_size=12))
def test_nothing_is_lost_or_made(rows):
    """Free and reserved add up to what the account has, whatever rests."""
    bare = random_state(4, n_books=3)
    paper = PaperOrders(3)
    if rows:
        book, side, size = map(list, zip(*rows, strict=True))
        price = [250.0 if s == 0 else 350.0 for s in side]
        paper.submit(bare, Orders.limits(n_books=3, book=book, side=side, price=price, size=size))
    accounts = paper.dressed(bare).accounts
    assert len(rows) == len(paper.dressed(bare).open_orders)
    np.testing.assert_allclose(
        accounts.base_total, accounts.base_free + accounts.base_reserved, rtol=0, atol=1e-9
    )
    assert sum(size for _, side, size in rows if side == 1) == pytest.approx(accounts.base_reserved.sum())
