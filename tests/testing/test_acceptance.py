"""Instructions that are carried out change open orders and free balances, nothing else."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from obmm.market import OpenOrders, Orders
from obmm.testing import accepted, random_state


def test_nothing_to_do_changes_nothing() -> None:
    """Without instructions the state stays."""
    state = random_state(3)
    assert state == accepted(state, Orders.none(state.n_books))


def test_placed_orders_rest_and_bind_funds() -> None:
    """A bid binds quote, an ask base, on their books."""
    state = attrs.evolve(random_state(3, n_books=3), open_orders=OpenOrders.empty(3))
    orders = Orders.limits(n_books=3, book=[2, 0], side=[0, 1], price=[299.0, 303.0], size=[2.0, 0.5])
    after = accepted(state, orders)
    assert [1, 0, 1] == after.open_orders.count.tolist()
    np.testing.assert_allclose([0, 0, 598], state.accounts.quote_free - after.accounts.quote_free)
    np.testing.assert_allclose([0.5, 0, 0], state.accounts.base_free - after.accounts.base_free)


def test_cancelled_orders_go_and_free_their_funds() -> None:
    """Cancelling everything frees what was reserved."""
    state = random_state(3, n_books=6)
    own = state.open_orders
    after = accepted(state, Orders.cancels(n_books=6, book=own.book, order_id=own.order_id))
    assert len(after.open_orders) == 0
    np.testing.assert_allclose(after.accounts.base_total, after.accounts.base_free)
    np.testing.assert_allclose(after.accounts.quote_total, after.accounts.quote_free)


def test_partial_cancel_leaves_the_rest_in_place() -> None:
    """A cancel with a size takes only that away."""
    state = random_state(3, n_books=6)
    own = state.open_orders
    cancel = Orders.cancels(n_books=6, book=own.book[:1], order_id=own.order_id[:1])
    after = accepted(state, attrs.evolve(cancel, size=own.size[:1] / 2.0))
    np.testing.assert_allclose(own.size[:1] / 2.0, after.open_orders.size[:1])
    assert own.order_id.tolist() == after.open_orders.order_id.tolist()


def test_cancelling_what_is_not_open_is_an_error() -> None:
    """An unknown order is the placer's mistake."""
    state = random_state(3)
    with pytest.raises(KeyError):
        accepted(state, Orders.cancels(n_books=8, book=[0], order_id=[12345]))
