"""Trials on a real dask cluster of two worker processes, one of which is killed while it works."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed")
pytest.importorskip("numba")

from obmm.agent import ConfigError, resolve
from obmm.lab.trials import LocalExecutor, Outcome, Trial, cluster
from obmm.lab.trials.cluster import DaskExecutor
from obmm.settings import travel
from obmm.sim import Scenario

SCENARIO = Scenario.load("taos-0.5.4")
OWN = """
import attrs, numpy as np
from obmm.market import Stage
from cluster_values import VALUE

@attrs.define
class Mine(Stage):
    def __call__(self, state, signals):
        return np.full(state.n_books, VALUE)
"""
TOML = """
extends = "touch"
[[signals]]
kind = "cluster_mine:Mine"
name = "mine"
"""


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a scheduler with two worker processes."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as local:
        yield f"{cluster.SCHEME}{local.scheduler_address.removeprefix('tcp://')}"


@pytest.fixture
def executor(scheduler: str) -> Iterator[DaskExecutor]:
    """An executor on that cluster."""
    told = DaskExecutor(scheduler)
    yield told
    told.close()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A configuration with a signal of the user's own, which lies where no worker looks."""
    (tmp_path / "cluster_mine.py").write_text(OWN)
    (tmp_path / "cluster_values.py").write_text("VALUE = 1.5\n")
    (tmp_path / "my.toml").write_text(TOML)
    return tmp_path / "my.toml"


def trial(source: Any, seed: int) -> Trial:
    """One book, half a simulated minute."""
    return Trial(config=resolve(source), scenario=SCENARIO, books=1, hours=1 / 120, seeds=(seed,))


def same(one: Outcome, other: Outcome) -> bool:
    """Whether two outcomes are the same to the last bit."""
    known = {name: value for name, value in one.metrics.items() if value == value}
    found = {name: value for name, value in other.metrics.items() if value == value}
    return (one.digest, one.config_hash, known) == (other.digest, other.config_hash, found)


def test_a_killed_worker_changes_nothing(executor: DaskExecutor, own: Path) -> None:
    """Its trials are played again; what is told is what this process makes of the same trials."""
    trials = [trial("touch", 1), trial(own, 1), trial("touch", 2)]
    assert executor.at_once == 2
    workers = executor._connected().run(os.getpid)
    told: dict[int, tuple[Outcome, ...]] = {}
    progress: list[float] = []
    executor.progress = progress.append

    def done(number: int, outcomes: tuple[Outcome, ...]) -> None:
        if not told:
            os.kill(next(iter(workers.values())), signal.SIGKILL)
        told[number] = outcomes

    executor.run(trials, done)

    here: dict[int, tuple[Outcome, ...]] = {}
    LocalExecutor(1).run(trials, here.__setitem__)
    assert [0, 1, 2] == sorted(told)
    assert all(same(here[i][0], told[i][0]) for i in here)
    assert here[0][0].config_hash != here[1][0].config_hash
    assert sum(t.book_seconds for t in trials) == pytest.approx(progress[-1])


def test_other_code_is_refused(executor: DaskExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose obmm says something else does not play: the message says what to do."""
    monkeypatch.setattr(travel, "installed_digest", lambda module: "0123456789abcdef")

    with pytest.raises(ConfigError, match=r"obmm is another one here .* install the same on both"):
        executor.run([trial("touch", 1)], lambda number, outcomes: None)


def test_what_a_trial_raises_comes_back(executor: DaskExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error on a worker is that error here, and nothing hangs."""
    monkeypatch.setattr(cluster.pickle, "dumps", lambda told: b"no trial")

    with pytest.raises(Exception, match="invalid load key"):
        executor.run([trial("touch", 1)], lambda number, outcomes: None)


def test_no_scheduler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing answers, one message says so and how to start one."""
    monkeypatch.setattr(cluster, "_CONNECT_S", 0.5)

    with pytest.raises(
        ConfigError, match=r"dask://127.0.0.1:9: no scheduler answers there .* dask scheduler"
    ):
        DaskExecutor("dask://127.0.0.1:9").run([trial("touch", 1)], lambda number, outcomes: None)


def test_a_process_of_this_machine_refuses_other_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources that were changed while a study went on are told of as such."""
    monkeypatch.setattr(travel, "installed_digest", lambda module: "0123456789abcdef")

    with pytest.raises(ConfigError, match="obmm is another one here"):
        LocalExecutor(2).run([trial("touch", 1), trial("touch", 2)], lambda number, outcomes: None)
