"""Queue and depth imbalance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import MarketState, Signals, Venue
from obmm.signals import Imbalance
from obmm.testing import random_state
from strategies import market_states

BIDS = [(100.00, 30.0), (99.99, 20.0), (99.98, 50.0)]
ASKS = [(100.02, 10.0), (100.03, 40.0), (100.04, 30.0)]


def imbalance(bids: list[tuple[float, float]], asks: list[tuple[float, float]], **options: Any) -> float:
    """The signal on one book."""
    state = MarketState.of_books(Venue.of(1), [bids], [asks])
    return float(Imbalance(**options)(state, Signals(n_books=1))[0])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"depths": [1]}, 0.5),
        ({"depths": [3]}, 0.1111111111111111),
        ({"depths": [3], "decay": "exponential", "decay_per_level": 0.5}, 0.1438920790383405),
        ({"depths": [3], "decay": "distance", "decay_per_tick": 0.25}, 0.12239952948104611),
    ],
    ids=["queue", "flat", "exponential", "distance"],
)
def test_worked_examples(options: dict[str, Any], expected: float) -> None:
    """Queue imbalance of Gould & Bonart; three levels flat, by level and by distance."""
    assert pytest.approx(expected, abs=1e-9) == imbalance(BIDS, ASKS, **options)


def test_default_weighs_four_depths() -> None:
    """Depths 1, 3, 5, 10 with weights 1, 1.2, 1.5, 2; beyond three levels the book shows no more."""
    three = 0.1111111111111111
    expected = (1.0 * 0.5 + (1.2 + 1.5 + 2.0) * three) / (1.0 + 1.2 + 1.5 + 2.0)
    assert pytest.approx(expected, abs=1e-12) == imbalance(BIDS, ASKS)


def test_any_number_of_depths_works() -> None:
    """More depths than default weights: the further ones weigh like the last."""
    seven = imbalance(BIDS, ASKS, depths=[1, 2, 3, 4, 5, 6, 7])
    assert (
        pytest.approx(imbalance(BIDS, ASKS, depths=range(1, 8), weights=[1, 1.2, 1.5, 2, 2, 2, 2])) == seven
    )


def test_fewer_depths_take_the_first_weights() -> None:
    """Three depths weigh 1, 1.2, 1.5."""
    assert imbalance(BIDS, ASKS, depths=[1, 2, 3], weights=[1, 1.2, 1.5]) == imbalance(
        BIDS, ASKS, depths=[1, 2, 3]
    )


def test_thin_books_count_the_levels_they_have() -> None:
    """One level on either side is enough for every depth, whichever side is the thin one."""
    assert pytest.approx(imbalance(BIDS[:1], ASKS[:1], depths=[1])) == imbalance(BIDS[:1], ASKS[:1])
    assert pytest.approx((30 - 80) / 110) == imbalance(BIDS[:1], ASKS, depths=[3])
    assert pytest.approx((100 - 10) / 110) == imbalance(BIDS, ASKS[:1], depths=[3])


def test_wide_spread_does_not_underflow_distance_weights() -> None:
    """Thousands of ticks between the sides leave the imbalance of their touches."""
    wide = imbalance([(50.0, 3.0)], [(550.0, 1.0)], depths=[1], decay="distance", decay_per_tick=1.0)
    assert wide == 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depths": []}, "depths must be"),
        ({"depths": [0, 1]}, "depths must be"),
        ({"depths": [1, 2], "weights": [1.0]}, "1 weights given for 2 depths"),
        ({"depths": [1], "weights": [-1.0]}, "weights must not be negative"),
        ({"depths": [1], "weights": [0.0]}, "nor all zero"),
        ({"decay": "linear"}, "'decay' must be in"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    """Mistakes show when the signal is made, not in the middle of a book."""
    with pytest.raises(ValueError, match=message):
        Imbalance(**options)


def naive(state: MarketState, book: int, depths: list[int], weights: list[float], stage: Imbalance) -> float:
    """The definition, one book and one level at a time."""
    if not state.sound[book]:
        return math.nan
    tick = state.venue.grid.tick[book]
    parts = []
    for depth in depths:
        totals = []
        for prices, sizes in ((state.bid_price, state.bid_size), (state.ask_price, state.ask_size)):
            total = 0.0
            for level in range(min(depth, state.n_levels)):
                price, size = prices[book, level], sizes[book, level]
                if size > 0.0 and stage.decay == "flat":
                    total += size
                elif size > 0.0 and stage.decay == "exponential":
                    total += size * math.exp(-stage.decay_per_level * level)
                elif size > 0.0:
                    total += size * math.exp(-stage.decay_per_tick * abs(price - state.mid[book]) / tick)
            totals.append(total)
        parts.append((totals[0] - totals[1]) / (totals[0] + totals[1]))
    return sum(w * part for w, part in zip(weights, parts, strict=True)) / sum(weights)


@given(
    market_states(),
    st.lists(st.tuples(st.integers(1, 8), st.floats(0.1, 3.0)), min_size=1, max_size=6),
    st.sampled_from(["flat", "exponential", "distance"]),
)
def test_equals_the_definition(state: MarketState, parts: list[tuple[int, float]], decay: str) -> None:
    """All books at once give what a plain loop gives."""
    depths, weights = [depth for depth, _ in parts], [weight for _, weight in parts]
    stage = Imbalance(depths=depths, weights=weights, decay=decay, decay_per_tick=0.03)
    expected = [naive(state, book, depths, weights, stage) for book in range(state.n_books)]
    np.testing.assert_allclose(expected, stage(state, Signals(n_books=state.n_books)), rtol=1e-9, atol=1e-12)


@given(market_states())
def test_is_bounded_and_antisymmetric(state: MarketState) -> None:
    """Values lie in [-1, 1]; mirroring the sides turns the sign."""
    stage, signals = Imbalance(), Signals(n_books=state.n_books)
    value = stage(state, signals)
    assert np.all(np.isnan(value) | (np.abs(value) <= 1.0 + 1e-12))
    mirrored = MarketState(
        venue=state.venue,
        time_ns=state.time_ns,
        bid_price=1000.0 - state.ask_price,
        bid_size=state.ask_size,
        ask_price=1000.0 - state.bid_price,
        ask_size=state.bid_size,
        maker_ratio=state.maker_ratio,
        accounts=state.accounts,
        open_orders=state.open_orders,
    )
    both = state.sound & mirrored.sound
    np.testing.assert_allclose(-value[both], stage(mirrored, signals)[both], atol=1e-12)


def test_bids_and_asks_beyond_the_visible_levels_do_not_matter() -> None:
    """A depth of 100 on 21 levels is the depth of 21."""
    state = random_state(5)
    signals = Signals(n_books=state.n_books)
    np.testing.assert_array_equal(
        Imbalance(depths=[21])(state, signals), Imbalance(depths=[100])(state, signals)
    )
