"""How long a study takes: what is planned is what is played, and more cores are not slower."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("numba")
pytest.importorskip("optuna")
pytest.importorskip("scipy")

from lab.tune_synthetic import Drawn, design, noise, space, studied
from obmm.lab.tune.estimate import Speed, estimated, rounds_of

SPEED = Speed(start_s=1.0, state_s=0.001, seed_s=0.0005, memory_bytes=400_000_000, seed_bytes=1_000_000)


def test_no_more_is_played_than_was_planned(tmp_path: Path) -> None:
    """Book-seconds of a study, and of its plan."""
    of = design(space(tmp_path), trials=20)
    executor = Drawn(noise(1))
    studied(tmp_path / "study", of, executor)

    played = sum(trial.book_seconds for trial in executor.asked)
    planned = estimated(of, SPEED, [1])[0].book_seconds

    assert 0.5 * planned < played <= planned


def test_more_cores_take_less_time_and_more_memory(tmp_path: Path) -> None:
    """Until there is nothing more to cut."""
    of = design(space(tmp_path), trials=40)

    told = estimated(of, SPEED, [1, 2, 8, 64, 1024])

    walls = [one.wall_s for one in told]
    wide = estimated(design(space(tmp_path), trials=40, batch=40), SPEED, [1024])
    assert wide[0].wall_s < walls[-1] / 2.0
    assert walls == sorted(walls, reverse=True)
    assert walls[0] > 4.0 * walls[-1]
    assert all(4.0e8 < one.memory_bytes / one.cores < 6.0e8 for one in told)


SECONDS = {1.0: 3600.0, 3.0: 10_800.0}


def test_candidates_that_go_together_take_one_market_a_round(tmp_path: Path) -> None:
    """On one core a study lasts as long as its rounds one after the other, each no wider than pays."""
    of = design(space(tmp_path), trials=8)
    walls = [SPEED.wall_s(r.trials * r.seeds, SECONDS[r.hours], 128 // 4) for r in rounds_of(of)]
    assert estimated(of, SPEED, [1])[0].wall_s == pytest.approx(sum(walls), abs=1.0)


def test_others_are_played_one_by_one(tmp_path: Path) -> None:
    """Where a stage may be another one."""
    of = design(space(tmp_path, "builder=touch,skewed", "all"), trials=8)
    walls = [r.trials * SPEED.wall_s(r.seeds, SECONDS[r.hours]) for r in rounds_of(of) if r.seeds]
    assert estimated(of, SPEED, [1])[0].wall_s == pytest.approx(sum(walls), abs=1.0)


def test_more_seeds_than_a_market_takes_are_several() -> None:
    """Each starts, and takes its own time."""
    assert 2 * SPEED.wall_s(4, 100.0) == pytest.approx(SPEED.wall_s(8, 100.0, 4))
