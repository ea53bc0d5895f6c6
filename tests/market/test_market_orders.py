"""Instructions as columns: defaults, selection, and how the venue counts them."""

from __future__ import annotations

import numpy as np

from obmm.market import InstructionKind, Orders, SelfTrade, TimeInForce


def mixed() -> Orders:
    """Two cancels and a limit order on book 1, a market order on book 0."""
    cancels = Orders.cancels(n_books=3, book=[1, 1], order_id=[7, 8])
    limit = Orders.limits(n_books=3, book=[1], side=[1], price=[300.0], size=[0.5], client_id=4)
    market = Orders.of(3, InstructionKind.MARKET, [0], side=0, size=1.0)
    return cancels.joined(limit).joined(market)


def test_defaults_of_a_limit_order() -> None:
    """What is not given rests until cancelled, cancels the oldest at a self-trade, borrows nothing."""
    order = mixed().take([2])
    assert (TimeInForce.GTC, 0, False) == (
        order.time_in_force[0],
        order.expiry_ns[0],
        bool(order.post_only[0]),
    )
    assert (SelfTrade.CANCEL_OLDEST, 0.0, 4) == (order.self_trade[0], order.leverage[0], order.client_id[0])
    assert np.isnan(order.max_slippage[0])


def test_a_cancel_takes_the_whole_order_unless_told() -> None:
    """A cancel has no side, price or size."""
    cancel = mixed().take([0])
    assert (7, -1) == (cancel.order_id[0], cancel.side[0])
    assert np.isnan([cancel.size[0], cancel.price[0]]).all()


def test_all_cancels_of_a_book_count_as_one_instruction() -> None:
    """Two cancels and a limit order are two instructions."""
    assert [1, 2, 0] == mixed().instructions_per_book(3).tolist()


def test_rows_are_taken_in_the_given_order() -> None:
    """A mask or an index selects rows of all columns."""
    orders = mixed()
    assert [8, 7] == orders.take([1, 0]).order_id.tolist()
    assert 2 == len(orders.take(~orders.is_cancel))


def test_nothing_to_send() -> None:
    """No orders is no rows, for as many books as are asked about."""
    nothing = Orders.none(3)
    assert (0, 3, "Orders(0 placements, 0 cancels)") == (len(nothing), nothing.n_books, repr(nothing))
    assert nothing == nothing.take([])


def test_representation_counts_placements_and_cancels() -> None:
    """The repr tells how many of each."""
    assert "Orders(2 placements, 2 cancels)" == repr(mixed())
