"""Stoikov's micro-price."""

from __future__ import annotations

import numpy as np
import pytest

from obmm.market import MarketState, Signals, Venue
from obmm.signals import Stoikov, adjustment, fit_adjustment

# Three imbalance states; the mid moves by half a tick, down or up.
Q = np.array([[0.60, 0.20, 0.05], [0.15, 0.50, 0.15], [0.05, 0.20, 0.60]])
R = np.array([[0.12, 0.03], [0.10, 0.10], [0.03, 0.12]])
T = np.array([[0.04, 0.05, 0.06], [0.07, 0.06, 0.07], [0.06, 0.05, 0.04]])
K = np.array([-0.5, 0.5])


def test_worked_example() -> None:
    """G* of three states is ∓0.09574468 ticks, antisymmetric."""
    np.testing.assert_allclose([-0.09574468, 0.0, 0.09574468], adjustment(Q, T, R @ K), atol=1e-8)


def test_first_term_is_the_next_move() -> None:
    """Without transitions after a move the sum stops at G¹ = (-0.1, 0, 0.1)."""
    np.testing.assert_allclose([-0.1, 0.0, 0.1], adjustment(Q, np.zeros((3, 3)), R @ K), atol=1e-12)


def test_drift_does_not_converge() -> None:
    """A mid that rises on average has no finite long-run move."""
    with pytest.raises(ValueError, match="symmetrise"):
        adjustment(Q, T, R @ K + 0.01)


def chain(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A long path of the worked example's chain: imbalance in [-1, 1] and mid in ticks."""
    rng = np.random.default_rng(seed)
    up = R[:, 1] / R.sum(axis=1)
    both = np.concatenate([Q, T], axis=1)
    edges = np.cumsum(both / both.sum(axis=1, keepdims=True), axis=1)
    state, mid = 1, 0.0
    imbalances, mids = [], []
    for jump, side in zip(rng.random(n), rng.random(n), strict=True):
        imbalances.append((state - 1) * 0.8)
        mids.append(mid)
        to = int(np.searchsorted(edges[state], jump))
        if to >= 3:
            mid += 0.5 if side < up[state] else -0.5
        state = to % 3
    return np.array(imbalances), np.array(mids)


def test_fit_recovers_the_chain() -> None:
    """Counting a long path gives back the adjustment it was made from."""
    fitted = fit_adjustment(*chain(60_000, seed=1), n_bins=3)
    np.testing.assert_allclose([-0.0957, 0.0, 0.0957], fitted, atol=0.01)


def test_fit_is_antisymmetric() -> None:
    """Each transition counts with its mirror image."""
    fitted = fit_adjustment(*chain(500, seed=2), n_bins=3)
    np.testing.assert_allclose(-fitted[::-1], fitted, atol=1e-12)


def test_fit_leaves_out_missing_states() -> None:
    """A NaN in the series takes its two transitions away and nothing else."""
    imbalance, mid = chain(5_000, seed=3)
    holes = np.append(imbalance, np.nan), np.append(mid, 7.0)
    np.testing.assert_array_equal(fit_adjustment(imbalance, mid, 3), fit_adjustment(*holes, n_bins=3))


def test_fit_needs_every_slice() -> None:
    """Slices without data are named."""
    with pytest.raises(ValueError, match=r"slices \[1, 2, 3\]; use fewer"):
        fit_adjustment([0.9, 0.9, 0.9], [0.0, 1.0, 0.0], n_bins=5)


def test_fit_needs_moves() -> None:
    """A mid that never moves tells nothing."""
    with pytest.raises(ValueError, match="Singular"):
        fit_adjustment([0.5, -0.5, 0.5], [1.0, 1.0, 1.0], n_bins=2)


def state_of(bid_size: float, ask_size: float) -> MarketState:
    """One book with a spread of two ticks."""
    return MarketState.of_books(Venue.of(1), [[(100.0, bid_size)]], [[(100.02, ask_size)]])


@pytest.mark.parametrize(
    ("bid_size", "ask_size", "expected"),
    [(99.0, 1.0, 100.013), (50.0, 50.0, 100.01), (1.0, 99.0, 100.007)],
)
def test_table_moves_the_mid(bid_size: float, ask_size: float, expected: float) -> None:
    """The slice of the queue imbalance says by how many ticks."""
    stage = Stoikov(adjustment_ticks=[-0.3, 0.0, 0.3])
    value = stage(state_of(bid_size, ask_size), Signals(n_books=1))
    assert pytest.approx(expected, abs=1e-9) == value[0]


@pytest.mark.parametrize("table", [[-0.5, 0.5], [-0.5, -0.1, 0.1, 0.5], [-0.4, 0.0, 0.4]])
@pytest.mark.parametrize("bid_size", [1.0, 12.5, 25.0, 37.5, 50.0, 62.5, 99.0])
def test_an_antisymmetric_table_moves_mirrored_books_alike(table: list[float], bid_size: float) -> None:
    """A balanced book gives the mid, 100.01, and bids and asks exchanged the opposite move."""
    stage = Stoikov(adjustment_ticks=table)
    one, other = (
        stage(state, Signals(n_books=1))[0] - 100.01
        for state in (state_of(bid_size, 100.0 - bid_size), state_of(100.0 - bid_size, bid_size))
    )
    assert one == pytest.approx(-other, abs=1e-9)
    if bid_size == 50.0:
        assert one == pytest.approx(0.0, abs=1e-9)


def test_without_a_table_it_is_the_mid() -> None:
    """Nothing fitted, nothing added."""
    assert pytest.approx(100.01) == Stoikov()(state_of(99.0, 1.0), Signals(n_books=1))[0]
