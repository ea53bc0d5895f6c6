"""What own fills have been worth."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import BUY, SELL, FloatArray, MarketState, Signals, Venue
from obmm.signals import FillEdge
from obmm.testing import fills

#: Nothing is assumed, and fills are held against the mid of the same state.
PLAIN: dict[str, Any] = {"horizon_s": 0.0, "prior_quote": 0.0}


def state(
    time_s: float,
    mid: float = 300.0,
    rows: list[tuple[int, int, float, float, float]] | None = None,
    n: int = 1,
) -> MarketState:
    """Books around `mid`, with own fills (book, side, price, size, fee) of just now."""
    at = round(time_s * 1e9)
    bare = MarketState.of_books(Venue.of(n), [[(mid - 0.5, 9.0)]] * n, [[(mid + 0.5, 9.0)]] * n, time_ns=at)
    return attrs.evolve(bare, notices=fills(rows, time_ns=at)) if rows else bare


def told(edge: FillEdge, *args: Any, **more: Any) -> FloatArray:
    """The rows of all books."""
    given = state(*args, **more)
    return edge(given, Signals(n_books=given.n_books))


@pytest.mark.parametrize(("side", "expected"), [(BUY, 9.0), (SELL, -11.0)])
def test_it_is_the_markout_net_of_the_fee(side: int, expected: float) -> None:
    """At 300 against a mid of 300.30, with a fee of 1 bp."""
    value = told(FillEdge(**PLAIN), 1.0, 300.3, [(0, side, 300.0, 2.0, 0.06)])
    assert expected == pytest.approx(value[0, 0])
    assert 600.0 == value[0, 2]


def test_a_fill_counts_when_its_horizon_is_over() -> None:
    """Against the mid of then, not of the fill."""
    edge = FillEdge(horizon_s=10.0, prior_quote=0.0)
    seen = [told(edge, 0.0, 300.0, [(0, BUY, 300.0, 1.0, 0.0)])]
    seen += [told(edge, time_s, 300.0 + time_s / 10.0) for time_s in (9.0, 10.0, 11.0)]
    assert [0.0, 0.0, 300.0, 300.0] == pytest.approx([value[0, 2] for value in seen], rel=1e-3)
    assert 1e4 / 300.0 == pytest.approx(seen[-1][0, 0], rel=1e-3)


def test_a_book_without_fills_has_the_edge_of_the_others() -> None:
    """And one with few is near them."""
    edge = FillEdge(horizon_s=0.0, prior_quote=3000.0)
    rows = [(0, BUY, 300.0, 1000.0, 0.0), (1, BUY, 300.0, 1.0, 0.0)]
    value = told(edge, 1.0, 300.3, rows, n=3)
    assert 10.0 == pytest.approx(value[2, 0], rel=0.02)
    assert value[0, 0] > value[1, 0] > value[2, 0]
    assert value[0, 1] < value[1, 1] < value[2, 1]


@given(st.lists(st.tuples(st.floats(299.0, 301.0), st.integers(1, 9)), min_size=2, max_size=9))
def test_the_error_is_that_of_a_weighted_mean(rows: list[tuple[float, int]]) -> None:
    """With notionals as weights."""
    bought = [(0, BUY, price, float(size), 0.0) for price, size in rows]
    price, size = np.array(rows).T
    weight, each = price * size, (300.0 - price) / price
    mean = (weight * each).sum() / weight.sum()
    expected = 1e4 * np.sqrt((weight**2 * (each - mean) ** 2).sum()) / weight.sum()
    assert expected == pytest.approx(told(FillEdge(**PLAIN), 1.0, 300.0, bought)[0, 1], rel=1e-3, abs=1e-2)


def test_what_is_known_fades() -> None:
    """After one half-life a fill weighs half against what is assumed, and in the end nothing."""
    edge = FillEdge(horizon_s=0.0, halflife_s=100.0, prior_quote=300.0)
    told(edge, 0.0, 303.0, [(0, BUY, 300.0, 1.0, 0.0)])
    early, later, end = (told(edge, time_s, 303.0)[0] for time_s in (1.0, 101.0, 5000.0))
    assert early[0] > later[0] > end[0] == pytest.approx(0.0, abs=1e-6)
    assert 150.0 == pytest.approx(later[2], rel=0.01)
    assert 15.0 == pytest.approx(end[1])


def test_a_state_seen_twice_counts_once() -> None:
    """Its fills are the same fills."""
    edge, rows = FillEdge(**PLAIN), [(0, BUY, 300.0, 1.0, 0.0)]
    assert [300.0, 300.0] == [told(edge, 5.0, 300.0, rows)[0, 2] for _ in range(2)]
