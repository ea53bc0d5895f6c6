"""No order of execution, and no fill of everything, carries a position past its bound."""

from __future__ import annotations

import itertools
import random

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.naive_placer import as_naive, room_of
from execution.quote_scenes import Draw, Own, drawn, own_orders, scene, wish
from execution.test_amend_placer import BOTH, reasons, said
from execution.venue_model import BookModel
from obmm.execution import AmendPlacer
from obmm.market import Accounts, Limits, MarketState, OpenOrders, Reason, Venue

SEEDS = st.integers(0, 2**32 - 1)


def bounded(limit: float, **more: object) -> Limits:
    """Limits of one book with a position bound, base."""
    return Limits.open(1).tightened(position_limit=limit, reason=Reason.NEAR_LIMIT, **more)


def never_past_the_bound(draw: Draw, placer: AmendPlacer, shuffle: random.Random) -> None:
    """From the first instruction on, whatever rests could fill at once; without any, what rests already."""
    orders = placer(draw.state, draw.quotes, draw.limits)
    for book, instructions in enumerate(as_naive(orders, draw.state.n_books)):
        rooms = [room_of(draw.state, draw.limits, book, side) for side in (0, 1)]

        def holds(model: BookModel, rooms: list[float] = rooms) -> None:
            assert all(lots <= room for lots, room in zip(model.at_stake(), rooms, strict=True))

        model = BookModel(draw.state, book)
        model.carry_out(instructions, shuffle, after_each=holds)
        holds(model)


@settings(max_examples=1_500)
@given(SEEDS, st.integers(0, 5), st.sampled_from([0.0, 0.25, 1.0]), st.randoms(use_true_random=False))
def test_nothing_that_fills_passes_the_bound(
    seed: int, tolerance: int, size_tolerance: float, shuffle: random.Random
) -> None:
    """Later instructions in any order, and after each of them everything that rests may fill.

    The wishes themselves pass the bound, and zero on reduce-only books, as often as not.
    """
    placer = AmendPlacer(tolerance_ticks=float(tolerance), size_tolerance=size_tolerance)
    never_past_the_bound(drawn(seed), placer, shuffle)


@pytest.mark.long
@settings(max_examples=10_000)
@given(SEEDS, st.integers(0, 5), st.sampled_from([0.0, 0.25, 1.0]), st.randoms(use_true_random=False))
def test_nothing_that_fills_passes_the_bound_for_long(
    seed: int, tolerance: int, size_tolerance: float, shuffle: random.Random
) -> None:
    """The same, many times."""
    placer = AmendPlacer(tolerance_ticks=float(tolerance), size_tolerance=size_tolerance)
    never_past_the_bound(drawn(seed), placer, shuffle)


def test_a_bid_and_its_replacement_that_pass_the_bound_do_not_race() -> None:
    """Flat at a bound of 1.5149, a bid of 1.0 is replaced by one of 1.0: the cancel goes first."""
    venue = Venue.of(1, price_decimals=3, initial_price=9900.0)
    orders = own_orders(1, [(0, 0, 9881.851, 1.0)], 600.0)
    state = MarketState.of_books(
        venue, [[(9881.852, 5.0)]], [[(9972.414, 5.0)]], time_ns=600 * 10**9, open_orders=orders
    )
    placed = AmendPlacer(tolerance_ticks=0.0)(
        state, wish((9881.852, 1.0), asks=((9972.414, 1.0),)), bounded(1.5148925487304734)
    )
    assert [True, False, False] == placed.is_cancel.tolist()
    assert [9881.852, 9972.414] == placed.price[1:].tolist()


@pytest.mark.parametrize(
    ("limit", "position", "kinds"),
    [
        (0.99, 0.0, ["cancel", "place"]),
        (1.0, 0.0, ["place", "cancel"]),
        (1.49, 0.5, ["cancel", "place"]),
        (1.5, 0.5, ["place", "cancel"]),
        (0.5, -0.5, ["place", "cancel"]),
    ],
)
def test_the_cancel_leads_only_where_both_would_pass(limit: float, position: float, kinds: list[str]) -> None:
    """0.5 rests and 0.5 comes: with room for both the better order goes first, as ever."""
    state = scene(own=[(0, 0, 299.5, 0.5)], position=position)
    assert kinds == [row[0] for row in said(state, wish((299.8, 0.5)), bounded(limit))]


def test_both_sides_are_cancelled_by_the_first_instruction() -> None:
    """One instruction takes the orders of both sides, so both replacements are safe."""
    own: list[Own] = [(0, 0, 299.4, 0.5), (0, 1, 300.6, 0.5)]
    instructions = said(scene(own=own), BOTH, bounded(0.9))
    assert ("cancel", {1: None, 2: None}) == instructions[0]
    assert {("place", 0, 29_960, 5_000), ("place", 1, 30_040, 5_000)} == set(instructions[1:])


def test_a_tolerated_surplus_goes_where_it_would_pass_the_bound() -> None:
    """0.6 stands for a wanted 0.5 and stays, unless 0.6 and the second level's 0.5 pass the bound."""
    state, quotes = scene(own=[(0, 0, 299.6, 0.6)]), wish((299.6, 0.5), (299.0, 0.5))
    assert [("place", 0, 29_900, 5_000)] == said(state, quotes, bounded(1.1))
    assert [("cancel", {1: 1_000}), ("place", 0, 29_900, 5_000)] == said(state, quotes, bounded(1.09))


def test_a_wish_past_the_bound_is_cut_to_it() -> None:
    """Whatever a builder wants, from the far end; below the minimum nothing is left."""
    quotes = wish((299.6, 0.5), (299.0, 0.5), asks=((300.4, 40.0),))
    placed = said(scene(position=1.0), quotes, bounded(1.8))
    assert {(0, 29_960, 5_000), (0, 29_900, 3_000), (1, 30_040, 28_000)} == {row[1:] for row in placed}
    assert (Reason.POSITION_LIMIT, Reason.OPEN) == reasons(scene(position=1.0), quotes, bounded(1.2))


def test_reducing_stops_at_zero_whatever_is_wanted() -> None:
    """A long of 0.5 that may only reduce sells 0.5 and buys nothing."""
    limits = Limits.open(1).tightened(reduce_only=True, reason=Reason.OVERRIDE)
    quotes = wish((299.6, 0.5), asks=((300.4, 40.0),))
    assert [("place", 1, 30_040, 5_000)] == said(scene(position=0.5), quotes, limits)


def test_every_order_of_the_later_instructions_is_safe() -> None:
    """Three levels move at once at the very bound; all orders in which they can arrive."""
    own: list[Own] = [(0, 0, 299.0 - k / 10, 0.5) for k in range(3)]
    state, limits = scene(own=own), bounded(1.5)
    instructions = said(state, wish((299.6, 0.5), (299.5, 0.5), (299.4, 0.5)), limits)
    assert ["cancel", "place", "place", "place"] == [row[0] for row in instructions]
    for order in itertools.permutations(instructions[1:]):
        model = BookModel(state, 0)
        model.carry_out(
            [instructions[0], *order],
            random.Random(0),
            after_each=lambda model: max(model.at_stake()) <= 15_000 or pytest.fail("past the bound"),
        )


@pytest.mark.parametrize("order_id", [2**32, 2**63 - 1, -1])
def test_beside_an_order_that_no_cancel_can_name_nothing_is_placed(order_id: int) -> None:
    """A cancel with such an id would cost the whole answer; a new order might trade with it."""
    state = scene(own=[(0, 1, 300.0, 0.5), (0, 0, 299.0, 0.5)])
    ids = np.where(state.open_orders.side == 1, order_id, 7)
    state = attrs.evolve(state, open_orders=attrs.evolve(state.open_orders, order_id=ids))
    assert [("cancel", {7: None})] == said(state, BOTH)
    assert (Reason.BAD_DATA, Reason.BAD_DATA) == reasons(state, BOTH)


def test_the_largest_id_can_be_cancelled() -> None:
    """2**32 - 1 is an id like any other."""
    state = scene(own=[(0, 0, 299.0, 0.5)])
    state = attrs.evolve(state, open_orders=attrs.evolve(state.open_orders, order_id=[2**32 - 1]))
    assert ("cancel", {2**32 - 1: None}) in said(state, BOTH)


def test_a_state_without_books_gets_an_empty_answer() -> None:
    """No book, no instruction, no error."""
    state = MarketState.of_books(
        Venue.of(0), [], [], accounts=Accounts.of(0, base=[], quote=[]), open_orders=OpenOrders.empty(0)
    )
    for levels in (1, 3):
        nothing = type(BOTH).none(0, levels)
        assert 0 == len(AmendPlacer()(state, nothing, Limits.open(0)))
