"""Recorded runs that several tests read."""

from __future__ import annotations

from pathlib import Path

import pytest

#: Long enough for every era to score, Kappa wants an hour and a half; the last state is scored.
SMALL_RUN_HOURS = 5581 / 3600


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of the balanced preset on four books, scored under every era; about 15 s of CPU.

    Five synthetic makers make the field large enough for the rules of 0.6. Read only.
    """
    pytest.importorskip("numba")
    pytest.importorskip("pyarrow")
    from obmm.agent import resolve
    from obmm.lab.simulate import Plan, parse_rivals, simulate
    from obmm.scoring import ERAS
    from obmm.sim import Scenario

    scenario, _ = parse_rivals(["makers=5"], Scenario.load("taos-0.5.4"))
    folder = tmp_path_factory.mktemp("runs") / "small"
    plan = Plan(
        config=resolve("balanced"),
        scenario=scenario,
        books=4,
        hours=SMALL_RUN_HOURS,
        seed=3,
        threads=1,
        eras=tuple(ERAS),
    )
    simulate(plan, folder)
    return folder
