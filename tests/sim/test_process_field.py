"""The spin field: neighbours, single-site law, sweeps."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.sim._jit import kernel
from obmm.sim._random import seed_stream
from obmm.sim.background._process_field import (
    measure_magnetization,
    neighbour_sum,
    start_field,
    up_probability,
    update_field,
    update_site,
)
from sim.living import scenario, world

SIDE = 32


@kernel
def ups(backgrounds: np.ndarray, rng: np.ndarray, site: int, spin: int, n: int) -> int:
    """How often a site that holds `spin` comes out up."""
    g = backgrounds[0]
    count = 0
    for _ in range(n):
        g.spins[site // 32, site % 32] = spin
        update_site(g, rng, site)
        count += g.spins[site // 32, site % 32] == 1
    return count


def stream(seed: int = 1) -> np.ndarray:
    """A fresh random stream."""
    rng = np.zeros(4, np.uint64)
    seed_stream(rng, seed, 0, 0)
    return rng


def test_neighbours_are_the_eight_around_a_site_and_fewer_at_the_border() -> None:
    """Against a padded array."""
    _, backgrounds = world()
    g = backgrounds[0]
    spins = g["spins"][:SIDE, :SIDE].astype(int)
    padded = np.pad(spins, 1)
    expected = sum(padded[1 + i : 1 + i + SIDE, 1 + j : 1 + j + SIDE] for i in (-1, 0, 1) for j in (-1, 0, 1))
    found = [[neighbour_sum(g, i, j, SIDE) for j in range(SIDE)] for i in (0, 1, 17, SIDE - 1)]
    assert (expected - spins)[[0, 1, 17, SIDE - 1]].tolist() == found


@pytest.mark.parametrize("spin", [-1, 1])
@pytest.mark.parametrize("site", [0, 500])
def test_a_site_stands_up_as_often_as_the_glauber_law_says(spin: int, site: int) -> None:
    """Within three standard errors, at the border and inside."""
    _, backgrounds = world()
    g = backgrounds[0]
    g["magnetization"] = 0.04
    p = up_probability(neighbour_sum(g, site // SIDE, site % SIDE, SIDE), spin, 0.04, 20.0, 0.5)
    n = 20_000
    share = ups(backgrounds, stream(), site, spin, n) / n
    assert abs(share - p) <= 3.0 * math.sqrt(p * (1.0 - p) / n)


def test_the_majority_is_pulled_back_by_alpha() -> None:
    """With balanced neighbours a spin of the majority tends to turn, either way."""
    assert up_probability(0, 1, 0.2, 20.0, 0.5) < 0.5 < up_probability(0, -1, 0.2, 20.0, 0.5)


def test_fields_start_with_fair_spins() -> None:
    """Mean within three standard errors over 40 fields."""
    _, backgrounds = world()
    g = backgrounds[0]
    rng = stream()
    means = []
    for _ in range(40):
        start_field(g, rng)
        means.append(float(g["magnetization"]))
        assert means[-1] == measure_magnetization(g) == g["spins"][:SIDE, :SIDE].mean()
    assert abs(np.mean(means)) < 3.0 / math.sqrt(40 * SIDE * SIDE)


def test_a_sweep_reports_the_change_of_magnetization() -> None:
    """Old value plus return is the new value, which is the mean spin."""
    _, backgrounds = world()
    g = backgrounds[0]
    before = float(g["magnetization"])
    update_field(g, stream())
    assert g["magnetization"] == g["spins"][:SIDE, :SIDE].mean()
    assert g["magnetization"] == pytest.approx(before + g["magnetization_return"])


def test_without_coupling_a_field_forgets_its_order() -> None:
    """At infinite temperature full alignment decays to the fair mean."""
    _, backgrounds = world(scenario(field={"beta": 0.0}))
    g = backgrounds[0]
    g["spins"][:] = 1
    rng = stream()
    for _ in range(12):
        update_field(g, rng)
    assert abs(float(g["magnetization"])) < 4.0 / SIDE
