"""Quotes at the best price of the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.quote_scenes import scene, signals
from obmm.execution import TouchBuilder, lock
from obmm.market import Limits, MarketState, Quotes, Reason
from obmm.testing import random_state


def quoted(builder: TouchBuilder, state: MarketState, limits: Limits | None = None, **values: Any) -> Quotes:
    """What may be sent of what the builder wants."""
    given = limits or Limits.open(state.n_books)
    return lock(builder(state, signals(state.n_books, **values), given), given, state)


def prices(quotes: Quotes, book: int = 0) -> tuple[float, float]:
    """Bid and ask of one book."""
    return float(quotes.bid_price[book, 0]), float(quotes.ask_price[book, 0])


def test_zero_joins_the_touch_and_n_stands_inside() -> None:
    """Positive ticks go toward the other side, negative ones behind."""
    quotes = quoted(TouchBuilder(inside_ticks=np.array([0.0, 3.0, -2.0])), scene(3))
    assert [(299.5, 300.5), (299.53, 300.47), (299.48, 300.52)] == [prices(quotes, i) for i in range(3)]


def test_it_does_not_follow_itself() -> None:
    """With our own order inside, the quote stays where it was."""
    levels = [(299.53, 0.5), (299.5, 10.0)]
    state = scene(bids=levels, own=[(0, 0, 299.53, 0.5)])
    assert 299.53 == quoted(TouchBuilder(inside_ticks=3.0), state).bid_price[0, 0]


def test_joining_others_at_our_price_is_seen() -> None:
    """Where more rests than ours, somebody else stands there."""
    state = scene(bids=[(299.53, 0.75), (299.5, 10.0)], own=[(0, 0, 299.53, 0.5)])
    assert 299.53 == quoted(TouchBuilder(), state).bid_price[0, 0]


def test_a_lone_lot_inside_is_not_followed() -> None:
    """With a depth of 5 base the bid joins the level at which others have that much, our own lots aside."""
    levels = [(299.8, 0.3), (299.7, 2.0), (299.5, 10.0)]
    state = scene(bids=levels, own=[(0, 0, 299.7, 2.0)])
    assert [299.8, 299.5, 299.5] == [
        quoted(TouchBuilder(depth_base=depth), state).bid_price[0, 0] for depth in (0.2, 0.5, 5.0)
    ]


def test_where_all_is_less_than_the_depth_the_last_level_is_joined() -> None:
    """The last one at which somebody else stands."""
    state = scene(bids=[(299.8, 0.3), (299.5, 1.0), (299.4, 2.0)], own=[(0, 0, 299.4, 2.0)])
    assert 299.5 == quoted(TouchBuilder(depth_base=50.0), state).bid_price[0, 0]


def test_without_a_competitor_no_quote() -> None:
    """A side on which only we stand has no touch to join, and no fair value in the middle."""
    state = scene(bids=[(299.5, 0.5)], own=[(0, 0, 299.5, 0.5)])
    quotes = quoted(TouchBuilder(), state)
    assert [Reason.NO_FAIR_PRICE] == quotes.bid_reason.tolist()
    with_fair = quoted(TouchBuilder(fair="fair"), state, fair=300.0)
    assert (False, True) == (with_fair.has_bid[0, 0], with_fair.has_ask[0, 0])


def test_the_edge_keeps_it_from_the_fair_value() -> None:
    """16.7 bp to the middle; with a fee of 18 bp and an edge of 2 the quote stands 20 bp out."""
    quotes = quoted(TouchBuilder(min_edge_bps=2.0), scene(maker_rate=0.0018))
    assert (299.4, 300.6) == prices(quotes)


def test_a_touch_beyond_the_fair_value_is_not_joined() -> None:
    """At a fair value below the best bid, the bid stands an edge below the fair value."""
    quotes = quoted(TouchBuilder(fair="fair", min_edge_bps=10.0), scene(), fair=299.0)
    assert (298.7, 300.5) == prices(quotes)


@pytest.mark.parametrize(("position", "expected"), [(5.0, (False, True)), (0.0, (True, True))])
def test_a_position_moves_the_fair_value_against_it(position: float, expected: tuple[bool, bool]) -> None:
    """16.7 bp to the middle; half the bound moves it by 5 bp, so the bid has 11.7 and the ask 21.7."""
    limits = Limits.of(1, position_limit=10.0, reason=Reason.CUSTOM)
    builder = TouchBuilder(skew_bps=10.0, min_edge_bps=15.0, back_off=False)
    quotes = quoted(builder, scene(position=position), limits)
    assert expected == (quotes.has_bid[0, 0], quotes.has_ask[0, 0])


@pytest.mark.parametrize(
    ("lean", "expected"), [(1.0, (True, False)), (-3.0, (False, True)), (np.nan, (True, True))]
)
def test_a_signal_moves_the_fair_value_with_it(lean: float, expected: tuple[bool, bool]) -> None:
    """A rising price leaves the ask without its edge; beyond ±1 it counts as ±1, unknown as nothing."""
    builder = TouchBuilder(signal="lean", signal_bps=5.0, min_edge_bps=15.0, back_off=False)
    quotes = quoted(builder, scene(), lean=lean)
    assert expected == (quotes.has_bid[0, 0], quotes.has_ask[0, 0])


def test_the_side_that_reduces_may_stand_further_inside() -> None:
    """Long: the ask. A position below the least order is none."""
    state = scene(3, position=np.array([1.0, -1.0, 0.1]))
    quotes = quoted(TouchBuilder(exit_ticks=2.0), state)
    assert [(299.5, 300.48), (299.52, 300.5), (299.5, 300.5)] == [prices(quotes, i) for i in range(3)]


def test_the_rate_of_a_signal_is_quoted_for_where_it_is_known() -> None:
    """20 bp of the signal, else the account's 18."""
    state = scene(2, maker_rate=0.0018)
    rate = np.array([0.0020, np.nan])
    quotes = quoted(TouchBuilder(maker_rate="rate", min_edge_bps=0.0, back_off=True), state, rate=rate)
    assert [(299.4, 300.6), (299.46, 300.54)] == [prices(quotes, i) for i in range(2)]


def test_a_spread_factor_stretches_the_distance() -> None:
    """Half a quote from the middle x 1.2."""
    limits = Limits.open(1).tightened(spread_factor=1.2, reason=Reason.VOLATILITY)
    assert (299.4, 300.6) == prices(quoted(TouchBuilder(), scene(), limits))


def test_far_inside_the_sides_stay_apart() -> None:
    """Ticks inside beyond the middle end at the middle, one tick apart."""
    assert (299.99, 300.0) == prices(quoted(TouchBuilder(inside_ticks=80.0, min_edge_bps=0.0), scene()))


@settings(max_examples=60)
@given(seed=st.integers(0, 500))
def test_a_depth_of_nothing_is_the_competing_touch(seed: int) -> None:
    """The price by depth 0 is the best price of somebody else, in every book."""
    state = random_state(seed, n_books=6)
    np.testing.assert_array_equal(state.competing_touch, state.competing_at(0.0))


@settings(max_examples=60)
@given(seed=st.integers(0, 500), inside=st.integers(-5, 30), edge=st.floats(0.0, 10.0))
def test_never_nearer_than_the_edge_nor_further_inside_than_asked(
    seed: int, inside: int, edge: float
) -> None:
    """On random markets: distance to the middle of the competing touch, and ticks inside it."""
    state = random_state(seed, n_books=4, events_per_book=1.0)
    quotes = quoted(TouchBuilder(inside_ticks=float(inside), min_edge_bps=edge), state)
    bid, ask = state.competing_touch
    fair = (bid + ask) / 2.0
    least = fair * np.maximum(edge + 1e4 * state.accounts.maker_rate, 0.0) / 1e4
    for sign, price, touch in ((1.0, quotes.bid_price[:, 0], bid), (-1.0, quotes.ask_price[:, 0], ask)):
        ok = np.isfinite(price)
        assert np.all(sign * (fair - price)[ok] >= least[ok] - 1e-6)
        assert np.all(sign * (price - touch)[ok] <= inside * 0.01 + 1e-6)


def test_a_touch_nearer_than_the_edge_may_be_left_empty() -> None:
    """16.7 bp to the middle earn a fee of 14 bp and an edge of 2, not one of 15; only the side concerned."""
    strict = TouchBuilder(back_off=False, fair="fair")
    quotes = quoted(strict, scene(3, maker_rate=[0.0014, 0.0015, 0.001]), fair=[300.0, 300.0, 299.8])
    assert [True, False, False] == quotes.has_bid[:, 0].tolist()
    assert [True, False, True] == quotes.has_ask[:, 0].tolist()
    assert [0, Reason.NO_EDGE, Reason.NO_EDGE] == quotes.bid_reason.tolist()
    backing = TouchBuilder(fair="fair")
    assert 299.49 == quoted(backing, scene(maker_rate=0.0015), fair=300.0).bid_price[0, 0]
