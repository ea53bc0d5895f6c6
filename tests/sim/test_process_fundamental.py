"""The fundamental price: exact fractional noise, variance, mean, jumps."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.sim._jit import kernel
from obmm.sim._random import normal, seed_stream
from obmm.sim.background._process_fundamental import fgn_autocovariance, next_fgn, update_fundamental
from sim.living import scenario, world


@kernel
def noise_path(backgrounds: np.ndarray, rng: np.ndarray, hurst: float, out: np.ndarray) -> None:
    """One path of fractional Gaussian noise."""
    g = backgrounds[0]
    g.updates = 0
    for i in range(out.size):
        out[i] = next_fgn(g, rng, hurst)


@kernel
def normals(rng: np.ndarray, out: np.ndarray) -> None:
    """Standard normals."""
    for i in range(out.size):
        out[i] = normal(rng)


@kernel
def log_prices(backgrounds: np.ndarray, rng: np.ndarray, updates: int, out: np.ndarray) -> None:
    """The log of the relative fundamental price after some updates, path by path."""
    g = backgrounds[0]
    for i in range(out.size):
        g.updates = 0
        g.brownian = 0.0
        g.fractional = 0.0
        g.jumps = 0.0
        for _ in range(updates):
            update_fundamental(g, rng)
        out[i] = math.log(g.fundamental / (0.01 * g.initial_tick))


def stream(seed: int) -> np.ndarray:
    """A fresh random stream."""
    rng = np.zeros(4, np.uint64)
    seed_stream(rng, seed, 0, 0)
    return rng


@pytest.mark.parametrize("hurst", [0.3, 0.5, 0.75, 0.9])
def test_noise_is_the_cholesky_factor_of_its_covariance_times_white_noise(hurst: float) -> None:
    """The step-by-step law is the law of the whole path."""
    _, backgrounds = world()
    n = 64
    path, white = np.zeros(n), np.zeros(n)
    noise_path(backgrounds, stream(1), hurst, path)
    normals(stream(1), white)
    covariance = [[fgn_autocovariance(hurst, i - j) for j in range(n)] for i in range(n)]
    np.testing.assert_allclose(np.linalg.cholesky(np.array(covariance)) @ white, path, atol=1e-10)


@pytest.mark.parametrize(
    "table",
    [
        {"jumps_per_update": 0.0},
        {"jumps_per_update": 0.0, "sigma_per_sqrt_day": 0.0, "fractional_weight": 0.2},
        {"jumps_per_update": 0.3, "fractional_weight": 0.0, "sigma_per_sqrt_day": 0.0},
    ],
)
def test_variance_and_mean_are_those_of_the_model(table: dict[str, float]) -> None:
    """Brownian, fractional and jump part, each within three standard errors."""
    market = scenario(fundamental=table)
    _, backgrounds = world(market)
    n_paths, updates = 4000, 40
    log_price = np.zeros(n_paths)
    log_prices(backgrounds, stream(2), updates, log_price)
    p = market.assets[0].fundamental
    t = updates * p.update_s / 86_400.0
    gaussian = p.sigma_per_sqrt_day**2 * t + p.fractional_weight**2 * t ** (2 * p.hurst)
    variance = gaussian + updates * p.jumps_per_update * p.jump_sd**2
    fourth = log_price.var() ** 2 * 6.0  # a generous kurtosis, that of rare jumps
    assert abs(log_price.var() - variance) < 3.0 * math.sqrt(fourth / n_paths)
    assert abs(log_price.mean() + 0.5 * gaussian) < 3.0 * math.sqrt(variance / n_paths)


def test_each_book_has_a_fundamental_of_its_own() -> None:
    """The same run, two books."""
    prices = [world(book=book, until_s=61)[1][0]["fundamental"] for book in (0, 1)]
    assert prices[0] != prices[1]


def test_the_price_stays_between_updates() -> None:
    """Thirty seconds apart."""
    prices = [world(until_s=t)[1][0]["fundamental"] for t in (29, 31, 59, 61)]
    assert 300.0 == prices[0]
    assert prices[0] != prices[1]
    assert prices[1] == prices[2]
    assert prices[2] != prices[3]
