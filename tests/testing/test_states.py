"""Random states are sound, reproducible and like the market they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from obmm.market import BUY, SELL, EventKind, Venue
from obmm.testing import random_state, random_states


def test_same_seed_gives_same_states() -> None:
    """A seed names one market."""
    assert random_states(3, 4) == random_states(3, 4)


def test_other_seed_gives_other_states() -> None:
    """Two seeds are two markets."""
    assert random_state(3) != random_state(4)


@pytest.mark.parametrize("n_books", [1, 3, 128])
@pytest.mark.parametrize("n_levels", [1, 2, 21])
def test_any_number_of_books_and_levels(n_books: int, n_levels: int) -> None:
    """Shapes are those that were asked for, and every book is sound."""
    state = random_state(5, n_books=n_books, n_levels=n_levels)
    assert (n_books, n_levels) == state.ask_price.shape
    assert state.sound.all()


def test_levels_fall_away_from_the_touch() -> None:
    """Bids fall and asks rise from level to level, in whole ticks."""
    for state in random_states(6, 5):
        ticks = state.venue.grid.ticks(state.bid_price), state.venue.grid.ticks(state.ask_price)
        assert (np.diff(ticks[BUY], axis=1) < 0).all()
        assert (np.diff(ticks[SELL], axis=1) > 0).all()
        assert (state.bid_size > 0.0).all()


def test_time_advances_by_the_publish_interval() -> None:
    """The first state comes at the end of the grace period, the others one interval apart."""
    assert [int(state.time_s) for state in random_states(1, 3)] == [600, 601, 602]


def test_events_fall_into_the_last_interval_in_order() -> None:
    """Each book's events are sorted and no older than one interval."""
    state = random_state(8, n_books=4)
    assert state.tape is not None
    for book in range(4):
        times = state.tape.time_ns[state.tape.rows(book)]
        assert (np.diff(times) >= 0).all()
        assert times.min() > state.time_ns - state.venue.publish_interval_ns
        assert times.max() <= state.time_ns


def test_buyers_trade_at_the_ask() -> None:
    """A trade prints at the best price of the side that its aggressor took from."""
    state = random_state(8, n_books=16)
    tape = state.tape
    assert tape is not None
    bought = (tape.kind == EventKind.TRADE) & (tape.side == BUY)
    assert bought.any()
    np.testing.assert_array_equal(state.best_ask[tape.book[bought]], tape.price[bought])


def test_accounts_can_pay_for_their_orders() -> None:
    """Nothing free is negative, and what is not free equals what open orders bind."""
    for state in random_states(9, 20):
        orders, accounts = state.open_orders, state.accounts
        assert (accounts.base_free >= 0.0).all()
        assert (accounts.quote_free >= 0.0).all()
        sells = orders.side == SELL
        bound = np.bincount(orders.book[sells], weights=orders.size[sells], minlength=state.n_books)
        np.testing.assert_allclose(accounts.base_reserved, bound, atol=1e-9)


def test_own_orders_stand_inside_visible_levels() -> None:
    """Each order's price is a level of its book with at least its size."""
    state = random_state(11, n_books=32)
    orders = state.open_orders
    for book, side, price, size in zip(orders.book, orders.side, orders.price, orders.size, strict=True):
        prices = (state.bid_price, state.ask_price)[side][book]
        sizes = (state.bid_size, state.ask_size)[side][book]
        assert sizes[prices == price].sum() >= size - 1e-9


def test_prices_scale_with_the_grid() -> None:
    """A coarser grid or a lower price still gives positive, ordered prices."""
    for decimals, price in ((0, 300.0), (1, 20.0), (4, 0.5)):
        venue = Venue.of(3, price_decimals=decimals, initial_price=price)
        state = random_state(2, venue=venue, n_levels=10)
        assert state.sound.all()
        assert (state.bid_price > 0.0).all()


def test_moves_are_about_one_basis_point_a_second() -> None:
    """The deviation of one-second mid returns and the share of zeros are the market's."""
    mid = np.array([state.mid for state in random_states(1, 300, events_per_book=1.0)])
    returns_bps = 1e4 * np.diff(np.log(mid), axis=0)
    assert 0.8 < returns_bps.std() < 2.0
    assert 0.15 < (returns_bps == 0.0).mean() < 0.35
