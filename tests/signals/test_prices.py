"""Mid and spread."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given

from obmm.market import MarketState, OpenOrders, Signals, Stage, Venue
from obmm.signals import Mid, Spread
from strategies import market_states


def value_of(stage: Stage, bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> float:
    """A signal's value on one book."""
    state = MarketState.of_books(Venue.of(1), [bids], [asks])
    return float(stage(state, Signals(n_books=1))[0])


def test_mid_is_the_middle_of_the_touch() -> None:
    """Only best prices count."""
    assert value_of(Mid(), [(100.0, 30.0), (90.0, 1.0)], [(100.5, 1.0)]) == 100.25


def test_spread_is_in_basis_points_of_the_mid() -> None:
    """The market's mean of 101 ticks at 300 is 33.7 bps."""
    assert pytest.approx(33.667, abs=1e-3) == value_of(Spread(), [(299.495, 1.0)], [(300.505, 1.0)])


@pytest.mark.parametrize("stage", [Mid(), Spread()])
@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        ([], [(100.0, 1.0)]),
        ([(100.0, 1.0)], []),
        ([], []),
        ([(101.0, 1.0)], [(100.0, 1.0)]),
        ([(100.0, 1.0)], [(100.0, 1.0)]),
    ],
    ids=["no bids", "no asks", "empty", "crossed", "locked"],
)
def test_no_price_without_a_sound_touch(
    stage: Stage, bids: list[tuple[float, float]], asks: list[tuple[float, float]]
) -> None:
    """A missing side or a crossed book has neither mid nor spread."""
    assert np.isnan(value_of(stage, bids, asks))


def test_mid_of_the_others_leaves_out_own_orders() -> None:
    """An own bid that stands alone in front does not move the fair value."""
    own = attrs.evolve(
        OpenOrders.empty(1),
        offset=[0, 1],
        order_id=[7],
        client_id=[-1],
        side=[0],
        price=[299.6],
        size=[1.0],
        time_ns=[0],
        queue_ahead=[0.0],
    )
    bids, asks = [(299.6, 1.0), (299.5, 2.0)], [(300.5, 1.0)]
    state = MarketState.of_books(Venue.of(1), [bids], [asks], open_orders=own)
    signals = Signals(n_books=1)
    assert pytest.approx(300.05) == Mid()(state, signals)[0]
    assert pytest.approx(300.0) == Mid(own=False)(state, signals)[0]


@given(market_states())
def test_mid_lies_inside_the_touch(state: MarketState) -> None:
    """On sound books the mid is above the bid and below the ask, elsewhere it is NaN."""
    mid = Mid()(state, Signals(n_books=state.n_books))
    assert state.sound.tolist() == (~np.isnan(mid)).tolist()
    assert np.all((mid > state.best_bid)[state.sound] & (mid < state.best_ask)[state.sound])
