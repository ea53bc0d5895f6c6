"""The venue's rules: each broken once, by hand."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from obmm.market import Accounts, InstructionKind, MarketState, OpenOrders, Orders, TimeInForce, Venue
from obmm.testing.rules import violations

#: An order of ours that stands on book 0: a bid of 1 base at 298.
OWN_ID = 41


def state(**changes) -> MarketState:
    """Books 10 and 20: 299 x 301, 5 base each side; 10 base and 2,000 quote free on each."""
    own = OpenOrders(
        offset=np.array([0, 1, 1]),
        order_id=np.array([OWN_ID]),
        client_id=np.array([1]),
        side=np.array([0]),
        price=np.array([298.0]),
        size=np.array([1.0]),
        time_ns=np.array([0]),
        queue_ahead=np.array([np.nan]),
    )
    venue = attrs.evolve(Venue.of(2), book_ids=np.array([10, 20]))
    sound = MarketState.of_books(
        venue,
        [[(299.0, 5.0), (298.0, 1.0)], [(299.0, 5.0)]],
        [[(301.0, 5.0)]] * 2,
        time_ns=600_000_000_000,
        accounts=Accounts.of(2, base=10.0, quote=2_000.0),
        open_orders=own,
    )
    return attrs.evolve(sound, **changes)


def limit(**columns) -> Orders:
    """One valid bid on book 0, with changes."""
    row = {"book": [0], "side": [0], "price": [299.5], "size": [0.5], "post_only": True}
    return Orders.limits(n_books=2, **{**row, **columns})


def test_a_valid_answer_breaks_nothing():
    """Placements on both sides, a cancel, and an order for some time."""
    orders = (
        limit(client_id=[3], time_in_force=int(TimeInForce.GTT), expiry_ns=60_000_000_000)
        .joined(limit(book=[1], side=[1], price=[300.5], client_id=[4]))
        .joined(Orders.cancels(n_books=2, book=[0], order_id=[OWN_ID]))
    )
    assert [] == violations(state(), orders)


def test_nothing_breaks_nothing():
    """Silence is always allowed."""
    assert [] == violations(state(), Orders.none(2))


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        (limit(book=[2]), "row 0, book 2: there is no such book"),
        (limit(book=[-1]), "row 0, book -1: there is no such book"),
        (limit(price=[299.505]), "row 0, book 10: price 299.505 is not on the grid"),
        (limit(size=[0.30001]), "row 0, book 10: size 0.30001 is not on the grid"),
        (limit(size=[0.2499]), "row 0, book 10: size 0.2499 is below the minimum 0.25"),
        (limit(price=[301.0]), "row 0, book 10: post-only at 301 would trade with 301"),
        (limit(side=[1], price=[299.0]), "row 0, book 10: post-only at 299 would trade with 299"),
        (limit(time_in_force=int(TimeInForce.GTT)), "row 0, book 10: expires without an expiry"),
        (
            limit(client_id=[5]).joined(limit(book=[1], client_id=[5])),
            "row 1, book 20: client id 5 is used twice",
        ),
        (
            Orders.cancels(n_books=2, book=[0], order_id=[99]),
            "row 0, book 10: cancels order 99, which is not open",
        ),
        (
            Orders.cancels(n_books=2, book=[1], order_id=[OWN_ID]),
            f"row 0, book 20: cancels order {OWN_ID}, which is not open",
        ),
        (
            limit(side=[1], price=[298.0], post_only=False),
            f"row 0, book 10: would meet our own order {OWN_ID}, which is not being cancelled",
        ),
        (limit(size=[7.0]), "book 10: bids need 2096.5, 2000 is free"),
        (limit(book=[1], side=[1], price=[300.0], size=[10.5]), "book 20: asks need 10.5, 10 is free"),
        (
            limit(book=[0] * 6, side=[0] * 6, price=[299.5] * 6, size=[0.25] * 6),
            "book 10: 6 instructions, 5 are allowed",
        ),
    ],
)
def test_each_rule_broken_once_is_told_once(orders, expected):
    """In words, with row and book, by the book's own id."""
    assert [expected] == violations(state(), orders)


def test_all_cancels_of_a_book_are_one_instruction():
    """Five placements and two cancels are six."""
    own = attrs.evolve(
        state().open_orders,
        offset=np.array([0, 2, 2]),
        **{
            name: np.repeat(getattr(state().open_orders, name), 2)
            for name in ("client_id", "side", "price", "size", "time_ns", "queue_ahead")
        },
        order_id=np.array([41, 42]),
    )
    five = limit(book=[0] * 5, side=[0] * 5, price=[299.5] * 5, size=[0.25] * 5)
    cancels = Orders.cancels(n_books=2, book=[0, 0], order_id=[41, 42])
    assert ["book 10: 6 instructions, 5 are allowed"] == violations(
        state(open_orders=own), five.joined(cancels)
    )
    four = five.take([0, 1, 2, 3])
    assert [] == violations(state(open_orders=own), four.joined(cancels))


def test_what_stands_counts_toward_the_orders_that_may():
    """One stands already; the venue allows one."""
    few = attrs.evolve(state().venue, max_open_orders=1)
    assert ["book 10: 2 open orders, 1 are allowed"] == violations(state(venue=few), limit())


def test_a_cancelled_order_of_ours_is_no_counterparty():
    """The venue carries the cancel out first where it is sent first."""
    ask = limit(side=[1], price=[298.0], post_only=False)
    cancel = Orders.cancels(n_books=2, book=[0], order_id=[OWN_ID])
    assert [] == violations(state(), cancel.joined(ask))


def test_own_size_at_the_touch_is_nobody_to_trade_with():
    """Post-only is held against the best price of the others."""
    mine = attrs.evolve(state().open_orders, price=np.array([299.0]), size=np.array([5.0]))
    ask = limit(side=[1], price=[299.0])
    found = violations(state(open_orders=mine), ask)
    assert [f"row 0, book 10: would meet our own order {OWN_ID}, which is not being cancelled"] == found


def test_market_orders_have_a_size_and_no_price():
    """They need no grid price and reserve nothing here."""
    assert [] == violations(state(), Orders.of(2, InstructionKind.MARKET, [0], side=0, size=[1.0]))
    assert ["row 0, book 10: size 0.1 is below the minimum 0.25"] == violations(
        state(), Orders.of(2, InstructionKind.MARKET, [0], side=0, size=[0.1])
    )


def test_an_empty_side_has_nobody_to_trade_with():
    """A post-only bid on a book without asks stands."""
    bare = MarketState.of_books(
        Venue.of(1), [[(299.0, 5.0)]], [[]], accounts=Accounts.of(1, base=1.0, quote=1_000.0)
    )
    order = Orders.limits(n_books=1, book=[0], side=[0], price=[900.0], size=[1.0], post_only=True)
    assert [] == violations(bare, order)
