"""Quotes from a model of inventory risk."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.quote_scenes import scene
from obmm.execution import ModelBuilder
from obmm.execution.optimal import cartea_jaimungal, glft, glft_exact
from obmm.market import FloatArray, Limits, MarketState, Signals

A, K, SIGMA = 0.05, 0.1, 1e-4


def distances(builder: ModelBuilder, state: MarketState, **values: Any) -> FloatArray:
    """(2, B) bp from the middle of 300."""
    signals = Signals(n_books=state.n_books)
    for name, value in (
        {"arrivals": [[A, K, 0.1, 0.1]] * state.n_books, "volatility": SIGMA} | values
    ).items():
        value = np.asarray(value)
        signals.add(name, np.broadcast_to(value, (state.n_books,)) if value.ndim == 0 else value)
    quotes = builder(state, signals, Limits.open(state.n_books))
    price = np.array([quotes.bid_price[:, 0], quotes.ask_price[:, 0]])
    return np.array([[1.0], [-1.0]]) * (300.0 - price) / 300.0 * 1e4


@pytest.mark.parametrize("position", [0.0, 2.0, -3.0])
def test_it_stands_where_the_closed_form_says(position: float) -> None:
    """In units of the size, volatility in bp."""
    expected = glft(position / 2.0, gamma=0.02, sigma=1.0, a=A, k=K)
    got = distances(ModelBuilder(size_base=2.0, risk=0.02), scene(position=position))
    np.testing.assert_allclose(expected, got[:, 0], rtol=1e-6)


@pytest.mark.parametrize("form", ["glft_exact", "cartea_jaimungal"])
def test_between_whole_inventories_it_stands_between(form: Any) -> None:
    """A position of one and a half orders is half way from one to two."""
    builder = ModelBuilder(form=form, size_base=1.0, most=4, horizon_s=300.0)
    if form == "glft_exact":
        table = glft_exact(gamma=0.01, sigma=1.0, a=A, k=K, most=4, left_s=300.0)
    else:
        table = cartea_jaimungal(buys=A, sells=A, k=K, running=0.01, terminal=0.0, most=4, left_s=300.0)
    got = distances(builder, scene(3, position=np.array([1.0, 1.5, 2.0])))
    np.testing.assert_allclose(table[:, [5, 6]], got[:, [0, 2]], rtol=1e-6)
    np.testing.assert_allclose(table[:, [5, 6]].mean(axis=1), got[:, 1], rtol=1e-6)


def test_at_the_largest_inventory_only_the_way_back_is_quoted() -> None:
    """Four orders long: no bid."""
    got = distances(ModelBuilder(form="glft_exact", size_base=1.0, most=4), scene(position=9.0))
    assert [True, False] == np.isnan(got[:, 0]).tolist()


def test_a_table_is_kept_until_its_parameters_move() -> None:
    """By less than a tenth nothing changes, by more it is that of the new parameters."""
    builder = ModelBuilder(form="glft_exact", size_base=1.0, most=4)
    first = distances(builder, scene())
    np.testing.assert_array_equal(first, distances(builder, scene(), arrivals=[[A, 1.05 * K, 0.1]]))
    fresh = distances(
        ModelBuilder(form="glft_exact", size_base=1.0, most=4), scene(), arrivals=[[A, 1.2 * K, 0.1]]
    )
    np.testing.assert_array_equal(fresh, distances(builder, scene(), arrivals=[[A, 1.2 * K, 0.1]]))


def test_a_leading_signal_moves_both_quotes() -> None:
    """By 3 bp at its end, and by nothing where it is not known."""
    builder = ModelBuilder(signal="lead", signal_bps=3.0)
    still, up = (distances(builder, scene(), lead=lead) for lead in (np.nan, 2.0))
    np.testing.assert_allclose([[-3.0], [3.0]], up - still, atol=5e-3)


def test_more_risk_aversion_brings_a_position_home_sooner() -> None:
    """The ask of a long position stands nearer, its bid farther."""
    low, high = (
        distances(ModelBuilder(risk=risk, size_base=1.0), scene(position=3.0)) for risk in (0.001, 0.02)
    )
    assert high[1, 0] < low[1, 0]
    assert high[0, 0] > low[0, 0]


@settings(max_examples=40, deadline=None)
@given(
    form=st.sampled_from(["glft", "glft_exact", "avellaneda_stoikov", "cartea_jaimungal"]),
    a=st.floats(2e-3, 10.0),
    k=st.floats(0.005, 3.0),
    sigma=st.floats(1e-6, 1e-3),
    share=st.floats(-1.0, 1.0),
)
def test_whatever_is_estimated_it_quotes(form: Any, a: float, k: float, sigma: float, share: float) -> None:
    """Without a position on both sides; with one, below the most it knows, on the side that reduces it."""
    builder = ModelBuilder(form=form, size_base=1.0, most=8)
    told = {"arrivals": np.array([[a, k, 0.5, 0.5]]), "volatility": sigma}
    assert np.isfinite(distances(builder, scene(), **told)).all()
    held = distances(builder, scene(position=8.0 * share), **told)
    assert np.isfinite(held[1 if share > 0.0 else 0, 0])
