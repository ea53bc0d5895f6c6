"""Laws of the placer on crowded books, short money and any order of execution."""

from __future__ import annotations

import random

import attrs
import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from execution.naive_placer import as_naive
from execution.quote_scenes import Draw, carried_out, drawn
from execution.venue_model import BookModel, exposed
from obmm.execution import AmendPlacer
from obmm.market import MarketState, Orders

SEEDS = st.integers(0, 2**32 - 1)
TOLERANCES = st.integers(0, 5)
MANY = settings(max_examples=150)


def settled(placer: AmendPlacer, draw: Draw) -> MarketState:
    """The state after as many rounds as it takes until nothing is said any more."""
    state = draw.state
    for _ in range(20):
        orders = placer(state, draw.quotes, draw.limits)
        if not len(orders):
            return state
        state = carried_out(state, orders)
    raise AssertionError("the placer does not come to rest")


@MANY
@given(SEEDS, TOLERANCES, st.randoms(use_true_random=False))
def test_no_instruction_is_ever_refused(seed: int, tolerance: int, shuffle: random.Random) -> None:
    """Room, money, minimum size, the others' touch and our own orders: every order of execution is fine."""
    draw = drawn(seed)
    orders = AmendPlacer(tolerance_ticks=float(tolerance))(draw.state, draw.quotes, draw.limits)
    for book, said in enumerate(as_naive(orders, draw.state.n_books)):
        BookModel(draw.state, book).carry_out(said, shuffle)


@MANY
@given(SEEDS, TOLERANCES)
def test_it_comes_to_rest_and_then_says_nothing(seed: int, tolerance: int) -> None:
    """Idempotent: what has been carried out is not asked for again."""
    placer = AmendPlacer(tolerance_ticks=float(tolerance))
    draw = drawn(seed, fresh=True)
    after = settled(placer, draw)
    assert len(placer(after, draw.quotes, draw.limits)) == 0


@MANY
@given(SEEDS, TOLERANCES)
def test_with_room_and_money_one_round_is_enough(seed: int, tolerance: int) -> None:
    """Where no cap binds, the second look finds nothing to do."""
    draw = drawn(seed, scarce=False, fresh=True)
    roomy = attrs.evolve(draw.state, venue=attrs.evolve(draw.state.venue, max_instructions=10))
    placer = AmendPlacer(tolerance_ticks=float(tolerance))
    after = carried_out(roomy, placer(roomy, draw.quotes, draw.limits))
    assert len(placer(after, draw.quotes, draw.limits)) == 0


@MANY
@given(SEEDS)
def test_what_already_stands_is_left_alone(seed: int) -> None:
    """An order at its wanted price, of its wanted size and young is neither cancelled nor repeated."""
    draw = drawn(seed, scarce=False, fresh=True)
    placer = AmendPlacer()
    state = settled(placer, draw)
    shifted = attrs.evolve(state, time_ns=state.time_ns + 30 * 10**9)
    assert len(placer(shifted, draw.quotes, draw.limits)) == 0


@MANY
@given(SEEDS, TOLERANCES)
def test_books_do_not_disturb_each_other(seed: int, tolerance: int) -> None:
    """Each book gets the same instructions whatever is wanted on the others."""
    draw = drawn(seed)
    placer = AmendPlacer(tolerance_ticks=float(tolerance))
    together = as_naive(placer(draw.state, draw.quotes, draw.limits), draw.state.n_books)
    nothing = attrs.evolve(
        draw.quotes,
        bid_size=draw.quotes.bid_size * [[1.0], [0.0], [0.0]],
        ask_size=draw.quotes.ask_size * [[1.0], [0.0], [0.0]],
    )
    alone = as_naive(placer(draw.state, nothing, draw.limits), draw.state.n_books)
    assert together[0] == alone[0]


@MANY
@given(SEEDS)
def test_closed_sides_are_cleared(seed: int) -> None:
    """Where risk forbids a side, everything on it goes, and at once."""
    draw = drawn(seed)
    orders = AmendPlacer()(draw.state, draw.quotes, draw.limits)
    own = draw.state.open_orders
    for book in range(draw.state.n_books):
        gone = set(orders.order_id[orders.is_cancel & (orders.book == book)].tolist())
        for side, allowed in ((0, draw.limits.bid_allowed[book]), (1, draw.limits.ask_allowed[book])):
            rows = (own.book == book) & (own.side == side)
            assert allowed or gone.issuperset(own.order_id[rows].tolist())


@MANY
@given(SEEDS)
def test_reducing_never_offers_more_than_wanted(seed: int) -> None:
    """On a reduce-only book what rests is at most what is wanted: it may not pass zero."""
    draw = drawn(seed, scarce=False)
    after = carried_out(draw.state, AmendPlacer()(draw.state, draw.quotes, draw.limits))
    for book in np.flatnonzero(draw.limits.reduce_only):
        wanted = [np.nansum(size[book]) for size in (draw.quotes.bid_size, draw.quotes.ask_size)]
        assert all(np.array(exposed(after, book)) / 1e4 <= np.array(wanted) + 1e-9)


@MANY
@given(SEEDS)
def test_the_cancel_comes_first_where_it_protects(seed: int) -> None:
    """An order ahead of every wanted one goes before anything is placed."""
    draw = drawn(seed)
    orders = AmendPlacer()(draw.state, draw.quotes, draw.limits)
    own, quotes = draw.state.open_orders, draw.quotes
    for book in range(draw.state.n_books):
        said = np.flatnonzero(orders.book == book)
        gone = set(orders.order_id[said][orders.is_cancel[said]].tolist())
        for i in range(*own.rows(book).indices(len(own))):
            price = (quotes.bid_price, quotes.ask_price)[int(own.side[i])][book]
            best = np.nanmax(price, initial=-np.inf) if own.side[i] == 0 else np.nanmin(price, initial=np.inf)
            ahead = own.price[i] > best + 1e-9 if own.side[i] == 0 else own.price[i] < best - 1e-9
            if ahead and own.order_id[i] in gone:
                assert orders.is_cancel[said[0]]


@MANY
@given(st.lists(SEEDS, min_size=2, max_size=6, unique=True))
def test_client_ids_do_not_repeat(seeds: list[int]) -> None:
    """Over books, ranks and states of one simulation each placement has a number of its own."""
    seen: list[int] = []
    for step, seed in enumerate(seeds):
        draw = drawn(seed)
        venue = attrs.evolve(draw.state.venue, max_instructions=5)
        state = attrs.evolve(draw.state, venue=venue, time_ns=(600 + step) * 10**9)
        orders = AmendPlacer()(state, draw.quotes, draw.limits)
        seen += orders.client_id[~orders.is_cancel].tolist()
    assume(seen)
    assert len(set(seen)) == len(seen)
    assert min(seen) >= 0
    assert max(seen) < 2**32


@MANY
@given(SEEDS)
def test_it_is_a_pure_function(seed: int) -> None:
    """Used before or new, the same placer gives the same orders."""
    draw, other = drawn(seed), drawn(seed + 1)
    used = AmendPlacer()
    used(other.state, other.quotes, other.limits)
    expected: Orders = AmendPlacer()(draw.state, draw.quotes, draw.limits)
    assert expected == used(draw.state, draw.quotes, draw.limits)
