"""Whatever a builder wants, the lock lets through what risk and the venue allow, and nothing else."""

from __future__ import annotations

import random
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.naive_placer import as_naive, room_of
from execution.quote_scenes import drawn, scene
from execution.venue_model import BookModel
from obmm.execution import AmendPlacer, lock
from obmm.market import FloatArray, Limits, MarketState, Quotes, Reason, Venue

SEEDS = st.integers(0, 2**32 - 1)
#: What no builder should say: none, infinite, negative, off the grid, beyond every float that is exact.
WILD = st.sampled_from(
    [
        np.nan,
        np.inf,
        -np.inf,
        0.0,
        -0.0,
        -5.0,
        -1e300,
        1e-300,
        1e-5,
        0.25,
        0.26,
        40.0,
        299.999,
        300.0,
        1e17,
        1e300,
    ]
) | st.floats(0.0, 400.0)


@st.composite
def wild_quotes(draw: st.DrawFn, n_books: int) -> Quotes:
    """A wish of any number of levels, prices and sizes anything at all."""
    shape = (n_books, draw(st.integers(0, 4)))
    size = shape[0] * shape[1]

    def numbers() -> FloatArray:
        return np.array(draw(st.lists(WILD, min_size=size, max_size=size))).reshape(shape)

    codes = st.sampled_from([0, 30, 20])
    reasons = np.array(draw(st.lists(codes, min_size=n_books, max_size=n_books)), dtype=np.int64)
    columns = {name: numbers() for name in ("bid_price", "ask_price", "bid_size", "ask_size")}
    return Quotes(**columns, bid_reason=reasons, ask_reason=reasons)


@st.composite
def allowed(draw: st.DrawFn, state: MarketState) -> Limits:
    """Limits of every kind, enforced at the state's position."""
    n = state.n_books

    def each(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=n, max_size=n))

    return Limits.of(
        n,
        bid_allowed=each(st.sampled_from([True, True, False])),
        ask_allowed=each(st.sampled_from([True, True, False])),
        bid_size_factor=each(st.sampled_from([1.0, 0.5, 0.0])),
        ask_size_factor=each(st.sampled_from([1.0, 0.5, 0.0])),
        position_limit=each(st.sampled_from([0.0, 0.5, 1.0, 3.0, np.inf])),
        reduce_only=each(st.sampled_from([False, False, True])),
        reason=Reason.CUSTOM,
    ).enforced(state.accounts.position)


@settings(max_examples=300)
@given(st.data(), SEEDS)
def test_what_comes_out_can_be_sent(data: st.DataObject, seed: int) -> None:
    """On the grid, at least the minimum, on open sides only, bids below asks, within the room."""
    state = drawn(seed).state
    limits = data.draw(allowed(state))
    wish = data.draw(wild_quotes(state.n_books))
    with np.errstate(all="ignore"):
        quotes = lock(wish, limits, state)
    for side, sign in (("bid", 1.0), ("ask", -1.0)):
        price, size = getattr(quotes, f"{side}_price"), getattr(quotes, f"{side}_size")
        has = getattr(quotes, f"has_{side}")
        assert np.array_equal(has, np.isfinite(price))
        assert np.array_equal(has, size > 0.0)
        assert not has[~getattr(limits, f"{side}_allowed")].any()
        assert np.all(size[has] >= 0.25)
        assert np.all(np.abs(price[has] * 100 - np.rint(price[has] * 100)) < 1e-3 + 1e-9 * price[has])
        lean = sign * state.accounts.position
        room = np.fmax(np.where(limits.reduce_only, np.fmin(-lean, limits.position_bound - lean),
                                limits.position_bound - lean), 0.0)  # fmt: skip
        assert np.all(size.sum(axis=1) <= room + 1e-9)
    best = np.where(quotes.has_bid, quotes.bid_price, -np.inf).max(axis=1, initial=-np.inf)
    assert np.all(best < np.where(quotes.has_ask, quotes.ask_price, np.inf).min(axis=1, initial=np.inf))


@settings(max_examples=300)
@given(st.data(), SEEDS)
def test_it_takes_away_and_never_adds(data: st.DataObject, seed: int) -> None:
    """No order is larger than wished times its factor, or nearer to the other side than wished."""
    state = drawn(seed).state
    limits, wish = data.draw(allowed(state)), data.draw(wild_quotes(state.n_books))
    with np.errstate(all="ignore"):
        quotes = lock(wish, limits, state)
    k = min(wish.n_levels, quotes.n_levels)
    for side, sign in (("bid", 1.0), ("ask", -1.0)):
        has = getattr(quotes, f"has_{side}")
        assert not has[:, k:].any()
        has = has[:, :k]
        size, wished = getattr(quotes, f"{side}_size")[:, :k][has], getattr(wish, f"{side}_size")[:, :k]
        factor = getattr(limits, f"{side}_size_factor")[:, None]
        most = wished[has] * np.broadcast_to(factor, has.shape)[has]
        assert np.all(size <= most * (1 + 1e-8) + 1e-8)
        price = getattr(quotes, f"{side}_price")[:, :k][has]
        asked = getattr(wish, f"{side}_price")[:, :k][has]
        assert np.all(sign * price <= sign * asked + 1e-8 * np.abs(asked) + 1e-8)


@settings(max_examples=200)
@given(st.data(), SEEDS)
def test_locked_twice_is_locked_once(data: st.DataObject, seed: int) -> None:
    """What may be sent may still be sent; factors apart, which multiply."""
    state = drawn(seed).state
    limits = data.draw(allowed(state))
    with np.errstate(all="ignore"):
        once = lock(data.draw(wild_quotes(state.n_books)), limits, state)
        ones = np.ones(state.n_books)
        twice = lock(once, attrs.evolve(limits, bid_size_factor=ones, ask_size_factor=ones), state)
    assert once == twice


@settings(max_examples=400)
@given(st.data(), SEEDS, st.randoms(use_true_random=False))
def test_nothing_that_fills_passes_the_bound(data: st.DataObject, seed: int, shuffle: random.Random) -> None:
    """A hostile wish through lock and placer: all that rests after any instruction may fill at once.

    The venue takes every instruction, in any order in which the later ones can arrive.
    """
    state = drawn(seed).state
    limits = data.draw(allowed(state))
    with np.errstate(all="ignore"):
        orders = AmendPlacer()(state, lock(data.draw(wild_quotes(state.n_books)), limits, state), limits)
    for book, instructions in enumerate(as_naive(orders, state.n_books)):
        rooms = [room_of(state, limits, book, side) for side in (0, 1)]

        def holds(model: BookModel, rooms: list[float] = rooms) -> None:
            assert all(lots <= room for lots, room in zip(model.at_stake(), rooms, strict=True))

        model = BookModel(state, book)
        model.carry_out(instructions, shuffle, after_each=holds)
        holds(model)


def locked(state: MarketState, limits: Limits | None = None, **wish: Any) -> Quotes:
    """What is left of a wish."""
    return lock(Quotes.of(**wish), limits or Limits.open(state.n_books), state)


def test_forty_base_at_a_limit_of_one() -> None:
    """One is left; at a position of 0.9 nothing that the venue would take is."""
    limits = Limits.of(2, position_limit=1.0, reason=Reason.NEAR_LIMIT)
    quotes = locked(
        scene(2, position=[0.0, 0.9]), limits, bid_price=[299.0] * 2, ask_price=[301.0] * 2, size=40.0
    )
    assert [1.0, 0.0] == quotes.bid_size[:, 0].tolist()
    assert [1.0, 1.9] == quotes.ask_size[:, 0].tolist()
    assert [0, Reason.SIZE_TOO_SMALL] == quotes.bid_reason.tolist()


def test_reducing_stops_at_zero() -> None:
    """Long 0.4: sell 0.4 and buy nothing, whatever is wanted."""
    limits = Limits.of(1, reduce_only=True, reason=Reason.DRAWDOWN).enforced(np.array([0.4]))
    quotes = locked(scene(position=0.4), limits, bid_price=[299.0], ask_price=[301.0], size=40.0)
    assert (0.0, 0.4) == (quotes.bid_size[0, 0], quotes.ask_size[0, 0])


def test_levels_are_cut_from_the_far_end() -> None:
    """Room for 0.9: 0.5 and 0.4."""
    limits = Limits.of(1, position_limit=0.9, reason=Reason.NEAR_LIMIT)
    bids = [[299.0, 298.0, 297.0]]
    quotes = locked(scene(), limits, bid_price=bids, ask_price=[[np.nan] * 3], size=0.5)
    assert [0.5, 0.4, 0.0] == quotes.bid_size[0].tolist()
    assert [299.0, 298.0] == quotes.bid_price[0, :2].tolist()


def test_prices_are_rounded_outward() -> None:
    """A bid down, an ask up; what lies on the grid stays."""
    quotes = locked(scene(2), bid_price=[299.009, 299.01], ask_price=[301.001, 301.0], size=0.5)
    assert [299.0, 299.01] == quotes.bid_price[:, 0].tolist()
    assert [301.01, 301.0] == quotes.ask_price[:, 0].tolist()


def test_bids_that_reach_asks_move_down_together() -> None:
    """The steps between levels stay."""
    quotes = locked(scene(), bid_price=[[301.0, 300.9]], ask_price=[[300.0, 300.2]], size=0.5)
    assert [299.99, 299.89] == quotes.bid_price[0].tolist()
    assert [300.0, 300.2] == quotes.ask_price[0].tolist()


def test_an_order_without_size_pushes_nothing() -> None:
    """An ask of no size does not move the bids."""
    quotes = locked(scene(), bid_price=[300.2], ask_price=[300.0], bid_size=0.5, ask_size=0.0)
    assert 300.2 == quotes.bid_price[0, 0]


def test_reasons_tell_what_is_missing() -> None:
    """No price, a price below the first tick, too little; the builder's own word wins on an empty side.

    A side on which no size was wished says nothing.
    """
    state, n = scene(6), 6
    quotes = locked(
        state,
        bid_price=[np.nan, -3.0, 299.0, np.nan, 299.0, np.nan],
        ask_price=[301.0] * n,
        bid_size=[0.5, 0.5, 0.1, 0.5, 0.5, 0.0],
        ask_size=0.5,
        bid_reason=[0, 0, 0, Reason.CUSTOM, Reason.CUSTOM, 0],
    )
    expected = [Reason.NO_FAIR_PRICE, Reason.NO_EDGE, Reason.SIZE_TOO_SMALL, Reason.CUSTOM, 0, 0]
    assert expected == quotes.bid_reason.tolist()
    assert [0] * n == quotes.ask_reason.tolist()


def test_a_closed_side_is_empty_and_leaves_the_word_to_risk() -> None:
    """Its reason is in the limits."""
    limits = Limits.of(1, bid_allowed=False, reason=Reason.DRAWDOWN)
    quotes = locked(scene(), limits, bid_price=[299.0], ask_price=[301.0], size=0.5)
    assert (False, True, 0) == (quotes.has_bid[0, 0], quotes.has_ask[0, 0], quotes.bid_reason[0])


@pytest.mark.parametrize("n_levels", [0, 101, 5_000])
def test_no_levels_and_too_many(n_levels: int) -> None:
    """Without levels nothing is wanted; more than may be open are not looked at."""
    shape = (1, n_levels)
    quotes = locked(scene(), bid_price=np.full(shape, 299.0), ask_price=np.full(shape, 301.0), size=0.5)
    assert (min(max(n_levels, 1), 100), n_levels > 0) == (quotes.n_levels, bool(quotes.has_bid.any()))


def test_the_minimum_is_that_of_the_grid() -> None:
    """A minimum between two lots is the upper one."""
    state = scene(venue=Venue.of(1, min_size_base=0.255, volume_decimals=2))
    assert [0.26] == state.venue.least_base.tolist()
    for size, sent in ((0.255, 0.0), (0.26, 0.26)):
        assert sent == locked(state, bid_price=[299.0], ask_price=[301.0], size=size).bid_size[0, 0]


def test_a_price_beyond_all_grids_is_no_price() -> None:
    """Else the distance by which bids move below the asks would itself be rounded, and they would cross."""
    state = MarketState.of_books(Venue.of(1), [[(299.5, 9.0)]], [[(300.5, 9.0)]])
    wish = Quotes.of(bid_price=[1e17], ask_price=[40.0], size=1.0)
    quotes = lock(wish, Limits.open(1), state)
    assert (False, 40.0) == (bool(quotes.has_bid.any()), float(quotes.ask_price[0, 0]))
