"""Taking where it is paid, and getting flat where that is cheap."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.quote_scenes import scene, signals
from obmm.execution import TakingBuilder, TouchBuilder
from obmm.market import FloatArray, Limits, MarketState, Quotes, Reason, Signals
from obmm.testing import random_state

#: Half a spread of 0.33 bp.
TIGHT: dict[str, Any] = {"bids": [(299.99, 10.0)], "asks": [(300.01, 10.0)]}


def wished(builder: TakingBuilder, state: MarketState, limits: Limits | None = None) -> Quotes:
    """What the builder wants."""
    return builder(state, signals(state.n_books), limits or Limits.open(state.n_books))


def takes(quotes: Quotes, state: MarketState, book: int = 0) -> tuple[bool, bool]:
    """Whether bid and ask reach the other side."""
    buys = quotes.has_bid[book, 0] and quotes.bid_price[book, 0] >= state.best_ask[book]
    sells = quotes.has_ask[book, 0] and quotes.ask_price[book, 0] <= state.best_bid[book]
    return bool(buys), bool(sells)


@pytest.mark.parametrize(
    ("rebate_bps", "expected"), [(2.32, False), (2.34, True)], ids=["too little", "enough"]
)
def test_it_takes_where_the_rebate_exceeds_half_the_spread_by_the_edge(
    rebate_bps: float, expected: bool
) -> None:
    """2 bp beyond the 0.33 bp of half the spread."""
    state = scene(**TIGHT, maker_rate=0.001, taker_rate=-rebate_bps / 1e4)
    assert expected == any(takes(wished(TakingBuilder(edge_bps=2.0), state), state))


@pytest.mark.parametrize(("position", "expected"), [(1.0, (False, True)), (-1.0, (True, False))])
def test_a_paid_take_brings_the_position_toward_zero(position: float, expected: tuple[bool, bool]) -> None:
    """Long sells, short buys."""
    state = scene(**TIGHT, position=position, maker_rate=0.001, taker_rate=-0.001)
    assert expected == takes(wished(TakingBuilder(), state), state)


@pytest.mark.parametrize("rate", [np.array([-0.001]), np.array([[0.0, -0.001]])])
def test_the_rate_may_be_that_of_a_signal(rate: FloatArray) -> None:
    """The second column of two; the account pays 2.3 bp."""
    state = scene(**TIGHT)
    told = Signals(n_books=1)
    told.add("margin", rate)
    quotes = TakingBuilder(taker_rate="margin")(state, told, Limits.open(1))
    assert any(takes(quotes, state))


def test_it_closes_no_more_than_there_is() -> None:
    """A size of 2 against a position of 0.7."""
    state = scene(**TIGHT, position=0.7, maker_rate=0.001, taker_rate=-0.001)
    assert 0.7 == pytest.approx(wished(TakingBuilder(size_base=2.0), state).ask_size[0, 0])


def test_flat_it_changes_sides_from_one_take_to_the_next() -> None:
    """Each take waits until the pause after the last one is over."""
    builder, sides = TakingBuilder(every_s=2.0), []
    for second in range(6):
        state = scene(**TIGHT, time_s=600.0 + second, maker_rate=0.001, taker_rate=-0.001)
        sides.append(takes(wished(builder, state), state))
    once, nothing = sides[0], (False, False)
    assert [once, nothing, once[::-1], nothing, once, nothing] == sides


def test_nothing_else_is_quoted_where_takers_are_paid() -> None:
    """Makers pay there."""
    state = scene(**TIGHT, maker_rate=0.001, taker_rate=-0.001)
    quotes = wished(TakingBuilder(around=TouchBuilder(min_edge_bps=-100.0)), state)
    assert 1 == int(quotes.has_bid.sum()) + int(quotes.has_ask.sum())


def test_where_nothing_is_paid_the_other_builder_is_heard() -> None:
    """Word for word."""
    state = scene()
    inner = TouchBuilder(inside_ticks=2.0)
    expected = inner(state, signals(1), Limits.open(1))
    told = wished(TakingBuilder(around=inner), state)
    for field in attrs.fields(Quotes):
        np.testing.assert_array_equal(getattr(expected, field.name), getattr(told, field.name))


@pytest.mark.parametrize(("cost_bps", "expected"), [(2.6, False), (2.7, True)])
def test_it_gets_flat_where_that_costs_little(cost_bps: float, expected: bool) -> None:
    """Half the spread of 0.33 bp and the taker rate of 2.3 bp; without a position there is nothing to do."""
    builder = TakingBuilder(flat_cost_bps=cost_bps, flat_from_base=0.5)
    held, flat = scene(**TIGHT, position=0.5), scene(**TIGHT)
    assert (expected, False) == (
        takes(wished(builder, held), held)[1],
        any(takes(wished(builder, flat), flat)),
    )


def test_a_closed_side_is_not_taken_and_costs_no_turn() -> None:
    """Where risk forbids the sell, nothing is sent and the next state may."""
    builder = TakingBuilder()
    state = scene(**TIGHT, position=1.0, maker_rate=0.001, taker_rate=-0.001)
    closed = Limits.of(1, ask_allowed=False, reason=Reason.CUSTOM)
    assert (False, False) == takes(wished(builder, state, closed), state)
    assert (False, True) == takes(wished(builder, state), state)


@settings(max_examples=60)
@given(seed=st.integers(0, 500), edge=st.floats(-30.0, 10.0), cost=st.floats(-5.0, 30.0))
def test_it_never_crosses_for_more_than_it_says(seed: int, edge: float, cost: float) -> None:
    """Every take either earns the edge, or closes at the stated cost; and it never adds to a position."""
    state = random_state(seed, n_books=6)
    builder = TakingBuilder(edge_bps=edge, flat_cost_bps=cost)
    quotes = wished(builder, state)
    touch = state.competing_touch
    paid = 1e4 * ((touch[1] - touch[0]) / 2.0 / touch.mean(axis=0) + state.accounts.taker_rate)
    position = state.accounts.position
    for book in range(state.n_books):
        buys, sells = takes(quotes, state, book)
        if not (buys or sells):
            continue
        closing = position[book] * (1 if buys else -1) < 0.0
        assert -paid[book] >= edge - 1e-9 or (closing and paid[book] <= cost + 1e-9)
        held = abs(position[book]) >= state.venue.least_base[book]
        assert closing or not held
        assert not (buys and sells)
