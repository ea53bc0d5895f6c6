"""The external price: one direction for all books, its persistence, its feed; the maker share's process."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.sim._jit import kernel
from obmm.sim._random import seed_stream
from obmm.sim.background._process_external import start_external, update_external
from obmm.sim.background._process_mtr import next_ratio
from sim.living import SECOND, scenario, world


@kernel
def read_feed(backgrounds: np.ndarray, seed: int, period_ns: int, out: np.ndarray) -> None:
    """The log return that a book sees at each look."""
    g = backgrounds[0]
    start_external(g, seed)
    for i in range(out.size):
        update_external(g, (i + 1) * period_ns)
        out[i] = g.external_return


def feed(looks: int, seed: int = 1, **table: float) -> np.ndarray:
    """What the looks of one book show."""
    _, backgrounds = world(scenario(external=table))
    out = np.zeros(looks)
    read_feed(backgrounds, seed, 10 * SECOND, out)
    return out


def test_a_direction_lasts_its_persistence() -> None:
    """Looks every 10 s at samples every 30 s: a sample is seen one look late and then three times."""
    seen = feed(30)
    changes = np.flatnonzero(np.diff(seen)) + 1
    assert [3 * k for k in range(1, 10)] == [int(i) - 1 + 1 for i in changes]
    assert np.unique(seen).size == 10


def test_a_feed_that_is_faster_than_the_looks_shows_its_newest_sample() -> None:
    """Every look then has a direction of its own."""
    assert 20 == np.unique(feed(20, persistence_s=5.0)).size


def test_directions_are_fair_and_independent() -> None:
    """Share of ups and of repetitions within three standard errors; steps of 10 bps."""
    seen = feed(30_000)[2::3]
    up = seen > 0.0
    bound = 1.5 / math.sqrt(up.size)
    assert abs(up.mean() - 0.5) < bound
    assert abs((up[1:] == up[:-1]).mean() - 0.5) < bound
    assert abs(seen.std() / 1e-3 - 1.0) < 3.0 / math.sqrt(2.0 * seen.size)


def test_all_books_of_a_run_see_the_same_direction() -> None:
    """Different books, different blocks, one feed; another run has another one."""
    runs = [world(book=book, seed=seed, until_s=95)[1][0] for book, seed in ((0, 1), (17, 1), (0, 2))]
    returns = [float(g["external_return"]) for g in runs]
    assert returns[0] == returns[1] != 0.0
    assert returns[0] != returns[2]


def test_the_volume_factor_fades_where_the_version_says_so() -> None:
    """By a fixed rate per look in 0.1.51, not at all later."""
    fading = float(world(scenario("taos-0.1.51"), until_s=601)[1][0]["external_volume_factor"])
    steady = float(world(until_s=601)[1][0]["external_volume_factor"])
    assert fading == pytest.approx(math.exp(-0.001155 * 60), abs=2e-3)
    assert 1.0 <= steady < 1.01


@kernel
def ratios(backgrounds: np.ndarray, rng: np.ndarray, out: np.ndarray) -> None:
    """A path of the maker share's process."""
    x = backgrounds[0].p.rivals.mtr_mean
    for i in range(out.size):
        x = next_ratio(rng, backgrounds[0].p.rivals, x)
        out[i] = x


def test_the_maker_share_reverts_to_its_mean() -> None:
    """Mean, deviation and memory of an Ornstein-Uhlenbeck process of time scale ten minutes."""
    _, backgrounds = world()
    rng = np.zeros(4, np.uint64)
    seed_stream(rng, 3, 0, 0)
    path = np.zeros(200_000)
    ratios(backgrounds, rng, path)
    independent = path.size / 120.0  # two time scales of sixty updates each
    assert abs(path.mean() - 0.45) < 3.0 * 0.05 / math.sqrt(independent)
    assert abs(path.std() / 0.05 - 1.0) < 3.0 / math.sqrt(independent)
    memory = np.corrcoef(path[60:], path[:-60])[0, 1]
    assert abs(memory - math.exp(-1.0)) < 3.0 / math.sqrt(independent)


def test_an_exogenous_share_moves_the_fees_within_its_bounds() -> None:
    """Trades leave it alone; the process is shown to the exchange."""
    rivals = {"exogenous_mtr": True, "mtr_mean": 0.7, "mtr_sd": 0.3, "mtr_max": 0.75, "mtr_min": 0.5}
    seen = {float(world(scenario(rivals=rivals), book=book, until_s=30)[0][0]["mtr"]) for book in range(12)}
    assert 0.75 in seen
    assert all(0.5 <= x <= 0.75 for x in seen)
    assert len(seen) > 2
