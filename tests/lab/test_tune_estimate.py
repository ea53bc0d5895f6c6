"""How long a study takes: what is planned is what is played, and more cores are not slower."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("numba")
pytest.importorskip("optuna")
pytest.importorskip("scipy")

from lab.tune_synthetic import Drawn, design, noise, space, studied
from obmm.lab.tune.estimate import Speed, estimated, rounds_of

SPEED = Speed(start_s=1.0, state_s=0.001, seed_s=0.0005, memory_bytes=400_000_000)


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
    assert walls[0] > 5.0 * walls[-1]
    assert all(4.0e8 < one.memory_bytes / one.cores < 4.3e8 for one in told)


def test_one_core_takes_what_all_rounds_take(tmp_path: Path) -> None:
    """On one core a study lasts as long as its rounds one after the other."""
    of = design(space(tmp_path), trials=8)
    seconds = {1.0: 3600.0, 3.0: 10_800.0}

    walls = [r.trials * SPEED.wall_s(r.seeds, seconds[r.hours]) for r in rounds_of(of) if r.seeds]

    assert estimated(of, SPEED, [1])[0].wall_s == pytest.approx(sum(walls), abs=1.0)
