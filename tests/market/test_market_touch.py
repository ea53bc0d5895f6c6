"""The touch without our own orders, against a walk through the levels by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from obmm.market import MarketState, OpenOrders, Venue
from obmm.testing import Flaw, random_state, spoiled


def own(*orders: tuple[int, float, float]) -> OpenOrders:
    """Open orders of one book as (side, price, size)."""
    n = len(orders)
    return OpenOrders(
        offset=[0, n],
        order_id=range(1, n + 1),
        client_id=[-1] * n,
        side=[side for side, _, _ in orders],
        price=[price for _, price, _ in orders],
        size=[size for _, _, size in orders],
        time_ns=[0] * n,
        queue_ahead=[0.0] * n,
    )


def touch(bids: list[tuple[float, float]], *orders: tuple[int, float, float]) -> float:
    """Best competing bid."""
    state = MarketState.of_books(Venue.of(1), [bids], [[(301.0, 1.0)]], open_orders=own(*orders))
    return float(state.competing_touch[0, 0])


def test_levels_of_ours_alone_are_passed_over() -> None:
    """Several of them, one after the other."""
    bids = [(300.0, 0.5), (299.9, 0.75), (299.8, 2.0)]
    assert 299.8 == touch(bids, (0, 300.0, 0.5), (0, 299.9, 0.25), (0, 299.9, 0.5))


def test_the_other_sides_orders_do_not_count() -> None:
    """An ask of ours takes nothing from a bid level."""
    assert 300.0 == touch([(300.0, 0.5)], (1, 300.0, 0.5))


def test_a_level_that_is_larger_than_ours_has_somebody_else() -> None:
    """One lot is enough."""
    assert 300.0 == touch([(300.0, 0.5001)], (0, 300.0, 0.5))


def test_when_all_visible_levels_are_ours_there_is_none() -> None:
    """NaN, not our own price."""
    assert np.isnan(touch([(300.0, 0.5)], (0, 300.0, 0.5)))


@settings(max_examples=80)
@given(
    seed=st.integers(0, 10_000),
    flaws=st.dictionaries(st.integers(0, 3), st.sampled_from(list(Flaw)), max_size=2),
    levels=st.integers(1, 6),
)
def test_agrees_with_a_walk_by_hand(seed: int, flaws: dict[int, Flaw], levels: int) -> None:
    """On random markets, spoiled ones too."""
    state = spoiled(random_state(seed, n_books=4, n_levels=levels, events_per_book=0.0), flaws)
    for side, (prices, sizes) in enumerate(
        ((state.bid_price, state.bid_size), (state.ask_price, state.ask_size))
    ):
        for book in range(4):
            mine = state.open_orders.rows(book)
            expected = np.nan
            for price, size in zip(prices[book], sizes[book], strict=True):
                if not np.isfinite(price):
                    break
                ours = (state.open_orders.side[mine] == side) & (
                    np.abs(state.open_orders.price[mine] - price) < 0.005
                )
                # A size that is no number is taken as somebody's.
                if not size - state.open_orders.size[mine][ours].sum() < 0.00005:
                    expected = price
                    break
            actual = state.competing_touch[side, book]
            assert np.array_equal(expected, actual, equal_nan=True)
