"""Optimal distances, against the papers' own numbers and against plain linear algebra."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from obmm.execution.optimal import avellaneda_stoikov, cartea_jaimungal, glft, glft_exact


def test_avellaneda_and_stoikov_at_their_parameters() -> None:
    """Spread at the start, and the reservation price of one long and of three short, half way."""
    distance, shift = avellaneda_stoikov([0.0, 1.0], gamma=0.1, sigma=2.0, k=1.5, left_s=1.0)
    assert [1.6907704228] * 2 == pytest.approx(distance.sum(axis=0).tolist(), abs=1e-10)
    assert 99.6 == pytest.approx(100.0 + shift[1])
    assert 100.6 == pytest.approx(
        100.0 + avellaneda_stoikov(-3.0, gamma=0.1, sigma=2.0, k=1.5, left_s=0.5)[1]
    )


@pytest.mark.parametrize(
    ("leaning", "profit", "deviation", "inventory"),
    [(True, 64.8, 6.5, 2.95), (False, 68.2, 12.7, 8.5)],
    ids=["inventory strategy", "symmetric strategy"],
)
def test_the_table_of_the_paper(leaning: bool, profit: float, deviation: float, inventory: float) -> None:
    """Mean and deviation of the profit and deviation of the inventory, over 4,000 paths of the toy market.

    As in the paper the symmetric strategy quotes the same spread around the mid whatever it holds. Its profit
    has heavy tails: the deviation of 4,000 paths is known to 2 %, theirs of 1,000 to 4 %.
    """
    paths, steps, dt, rng = 4_000, 200, 0.005, np.random.default_rng(1)
    mid, q, cash = np.full(paths, 100.0), np.zeros(paths), np.zeros(paths)
    for step in range(steps):
        left = 1.0 - step * dt
        held = q if leaning else np.zeros(paths)
        bid, ask = avellaneda_stoikov(held, gamma=0.1, sigma=2.0, k=1.5, left_s=left)[0]
        bought, sold = (rng.random(paths) < 140.0 * dt * np.exp(-1.5 * d) for d in (bid, ask))
        cash += sold * (mid + ask) - bought * (mid - bid)
        q += bought.astype(float) - sold
        mid += np.where(rng.random(paths) < 0.5, 2.0, -2.0) * np.sqrt(dt)
    worth = cash + q * mid
    assert profit == pytest.approx(worth.mean(), abs=3 * deviation / paths**0.5 + 0.3)
    assert deviation == pytest.approx(worth.std(), rel=0.08)
    assert inventory == pytest.approx(q.std(), rel=0.08)


def test_glft_closed_and_exact_at_the_papers_parameters() -> None:
    """Sigma 0.3, A 0.9, k 0.3, gamma 0.01."""
    given = {"gamma": 0.01, "sigma": 0.3, "a": 0.9, "k": 0.3}
    closed = glft([0.0, 5.0, -5.0], **given)
    assert [3.3129151986, 3.6522443612, 2.9735860359] == pytest.approx(closed[0].tolist(), abs=1e-10)
    assert [3.3129151986, 2.9735860359, 3.6522443612] == pytest.approx(closed[1].tolist(), abs=1e-10)
    exact = glft_exact(**given, most=30, left_s=600.0)
    assert [3.3130454098, 3.6534794429, 2.9725217728] == pytest.approx(
        exact[0, [30, 35, 25]].tolist(), abs=1e-10
    )
    inner = glft(np.arange(-5, 6), **given)
    assert np.abs(inner - exact[:, 25:36]).max() < 0.002


def test_at_the_bounds_a_side_is_closed() -> None:
    """No bid at the largest inventory, no ask at the least."""
    exact = glft_exact(gamma=0.01, sigma=0.3, a=0.9, k=0.3, most=3, left_s=60.0)
    assert [np.inf, np.inf] == [exact[0, -1], exact[1, 0]]
    assert np.isfinite(exact[0, :-1]).all()
    assert np.isfinite(exact[1, 1:]).all()


def test_cartea_and_jaimungal_at_the_books_parameters() -> None:
    """Lambda 1, kappa 100, phi 1e-5, alpha 1e-4, 30 s, three orders."""
    bid, ask = cartea_jaimungal(
        buys=1.0, sells=1.0, k=100.0, running=1e-5, terminal=1e-4, most=3, left_s=30.0
    )
    assert [0.01082224, 0.00917776, 0.00375887] == pytest.approx(ask[[3, 4, 6]].tolist(), abs=1e-8)
    assert [0.01082224, 0.01275557, 0.00375887] == pytest.approx(bid[[3, 4, 0]].tolist(), abs=1e-8)


POSITIVE = st.floats(0.05, 5.0)


@settings(max_examples=40)
@given(buys=POSITIVE, sells=POSITIVE, k=POSITIVE, running=st.floats(1e-4, 0.5), left=st.floats(0.1, 20.0))
def test_it_is_the_exponential_of_the_matrix(
    buys: float, sells: float, k: float, running: float, left: float
) -> None:
    """Buyers and sellers that differ make the matrix unsymmetric; its exponential is taken as it stands."""
    most, terminal = 3, 0.05
    q = np.arange(-most, most + 1)
    matrix = np.diag(-running * k * q**2)
    matrix += np.diag(np.full(2 * most, buys / np.e), -1) + np.diag(np.full(2 * most, sells / np.e), 1)
    value = np.log(expm(matrix * left) @ np.exp(-terminal * k * q**2)) / k
    bid, ask = cartea_jaimungal(
        buys=buys, sells=sells, k=k, running=running, terminal=terminal, most=most, left_s=left, adverse=0.2
    )
    np.testing.assert_allclose(1.0 / k + 0.2 - np.diff(value), bid[:-1], rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(1.0 / k + 0.2 + np.diff(value), ask[1:], rtol=1e-7, atol=1e-7)


@settings(max_examples=40)
@given(gamma=st.floats(1e-3, 0.5), sigma=st.floats(0.05, 5.0), a=POSITIVE, k=POSITIVE)
def test_a_longer_inventory_bids_lower_and_asks_lower(gamma: float, sigma: float, a: float, k: float) -> None:
    """In the closed form, in the exact one, and far from overflow at a long horizon."""
    closed = glft(np.arange(-5, 6), gamma=gamma, sigma=sigma, a=a, k=k)
    exact = glft_exact(gamma=gamma, sigma=sigma, a=a, k=k, most=5, left_s=5e4)
    for bid, ask in (closed, (exact[0, :-1], exact[1, 1:])):
        assert (np.diff(bid) >= -1e-9).all()
        assert (np.diff(ask) <= 1e-9).all()


@settings(max_examples=25, deadline=None)
@given(
    risk=st.floats(1e-3, 0.1),
    sigma=st.floats(0.3, 6.0),
    a=st.floats(0.005, 1.0),
    k=st.floats(0.03, 1.0),
    left_s=st.sampled_from([10.0, 600.0, 3600.0]),
    most=st.sampled_from([2, 10, 30]),
)
def test_the_more_is_held_the_farther_stands_the_bid(
    risk: float, sigma: float, a: float, k: float, left_s: float, most: int
) -> None:
    """At every inventory of both tables, however deep; the ask mirrors it."""
    exact = glft_exact(gamma=risk, sigma=sigma, a=a, k=k, most=most, left_s=left_s)
    penalty = cartea_jaimungal(buys=a, sells=a, k=k, running=risk, terminal=0.01, most=most, left_s=left_s)
    for table in (exact, penalty):
        bid = table[0, :-1]
        assert np.all(np.diff(bid) >= -1e-6 * (1.0 + np.abs(bid[1:])))
        np.testing.assert_allclose(bid, table[1, :0:-1], rtol=1e-6, atol=1e-6)
