"""Fair prices from sizes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import MarketState, Signals, Venue
from obmm.signals import Microprice
from strategies import market_states

BIDS = [(100.00, 30.0), (99.99, 20.0), (99.98, 50.0)]
ASKS = [(100.02, 10.0), (100.03, 40.0), (100.04, 30.0)]


def microprice(bids: list[tuple[float, float]], asks: list[tuple[float, float]], **options: Any) -> float:
    """The signal on one book."""
    state = MarketState.of_books(Venue.of(1), [bids], [asks])
    return float(Microprice(**options)(state, Signals(n_books=1))[0])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 100.015),
        ({"depth": 3}, 100.01222222222222),
        ({"depth": 3, "form": "same_side"}, 100.00777777777779),
        ({"depth": 3, "form": "effective"}, 100.01272222222222),
    ],
    ids=["weighted mid", "vamp", "weighted depth", "effective"],
)
def test_worked_examples(options: dict[str, Any], expected: float) -> None:
    """Weighted mid and the three forms over three levels."""
    assert pytest.approx(expected, abs=1e-9) == microprice(BIDS, ASKS, **options)


def test_heavy_selling_pulls_toward_the_bid() -> None:
    """Ten bid at 100 against ninety offered at 101 is worth 100.10, not 100.90."""
    assert pytest.approx(100.10, abs=1e-12) == microprice([(100.0, 10.0)], [(101.0, 90.0)])


def test_levels_missing_on_one_side_do_not_drag_the_price() -> None:
    """A lone bid level against three asks is paired with the best ask only."""
    alone = microprice(BIDS[:1], ASKS, depth=3)
    assert pytest.approx(microprice(BIDS[:1], ASKS[:1])) == alone


@pytest.mark.parametrize("form", ["same_side", "effective"])
def test_one_sided_depth_keeps_its_weight_elsewhere(form: str) -> None:
    """Forms that average each side by itself use every level of the deeper side."""
    assert microprice(BIDS[:1], ASKS, depth=3, form=form) != microprice(BIDS[:1], ASKS[:1], form=form)


@pytest.mark.parametrize(
    ("options", "message"), [({"depth": 0}, "depth must be at least 1"), ({"form": "x"}, "'form' must be in")]
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    """Mistakes show when the signal is made."""
    with pytest.raises(ValueError, match=message):
        Microprice(**options)


def naive(state: MarketState, book: int, depth: int, form: str) -> float:
    """The definition, one book at a time."""
    if not state.sound[book]:
        return math.nan

    def levels(prices: np.ndarray, sizes: np.ndarray) -> list[tuple[float, float]]:
        found = zip(prices[book, :depth].tolist(), sizes[book, :depth].tolist(), strict=True)
        return [(p, q) for p, q in found if q > 0.0 and math.isfinite(p)]

    bids, asks = levels(state.bid_price, state.bid_size), levels(state.ask_price, state.ask_size)
    if form == "vamp":
        pairs = list(zip(bids, asks, strict=False))
        total = sum(bq + aq for (_, bq), (_, aq) in pairs)
        return sum(bp * aq + ap * bq for (bp, bq), (ap, aq) in pairs) / total
    bid_total, ask_total = sum(q for _, q in bids), sum(q for _, q in asks)
    bid_value, ask_value = sum(p * q for p, q in bids), sum(p * q for p, q in asks)
    if form == "same_side":
        return (bid_value + ask_value) / (bid_total + ask_total)
    bid_mean, ask_mean = bid_value / bid_total, ask_value / ask_total
    return (bid_mean * ask_total + ask_mean * bid_total) / (bid_total + ask_total)


@given(market_states(), st.integers(1, 8), st.sampled_from(["vamp", "same_side", "effective"]))
def test_equals_the_definition(state: MarketState, depth: int, form: str) -> None:
    """All books at once give what a plain loop gives."""
    value = Microprice(depth=depth, form=form)(state, Signals(n_books=state.n_books))
    expected = [naive(state, book, depth, form) for book in range(state.n_books)]
    np.testing.assert_allclose(expected, value, rtol=1e-12)


@given(market_states())
def test_weighted_mid_lies_inside_the_touch(state: MarketState) -> None:
    """With one level the price is between bid and ask."""
    value = Microprice()(state, Signals(n_books=state.n_books))
    sound = state.sound
    slack = 1e-12 * state.best_ask
    assert np.all((value >= state.best_bid - slack)[sound] & (value <= state.best_ask + slack)[sound])
