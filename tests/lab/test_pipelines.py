"""Runs with several pipelines: which ran what, and whether one did better."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.lab.pipelines import randomised


def test_a_difference_is_within_classes() -> None:
    """Books of a dear asset earn more whoever quotes them: that is no difference of pipelines."""
    figure = np.array([100.0, 101.0, 1.0, 2.0, 100.0, 1.0])
    treated = np.array([True, True, False, False, False, True])
    classes = np.array([300.0, 300.0, 30.0, 30.0, 300.0, 30.0])
    difference, p = randomised(figure, treated, classes)
    assert pytest.approx(0.0) == difference
    assert 1.0 == p


@given(st.lists(st.integers(-20, 20), min_size=2, max_size=7), st.data())
def test_every_way_is_counted(figure: list[int], data: st.DataObject) -> None:
    """Against the definition, in one class."""
    values = np.array(figure, dtype=float)
    k = data.draw(st.integers(1, values.size - 1))
    treated = np.zeros(values.size, dtype=bool)
    treated[data.draw(st.permutations(range(values.size)))[:k]] = True
    difference, p = randomised(values, treated, np.zeros(values.size))
    assert pytest.approx(values[treated].mean() - values[~treated].mean()) == difference
    ways = []
    for way in itertools.combinations(range(values.size), k):
        mine = np.isin(np.arange(values.size), way)
        ways.append(abs(values[mine].mean() - values[~mine].mean()) >= abs(difference) - 1e-9)
    assert pytest.approx(np.mean(ways)) == p


def test_many_ways_are_drawn() -> None:
    """Near what the normal distribution says, and never 0; nothing where a class has but one pipeline."""
    rng = np.random.default_rng(3)
    treated = np.arange(40) % 2 == 0
    noise = rng.normal(size=40)
    assert randomised(noise + 5.0 * treated, treated, np.zeros(40))[1] < 1e-3
    assert 0.05 < randomised(noise, treated, np.zeros(40))[1] <= 1.0
    assert all(map(np.isnan, randomised(noise[:2], np.array([True, False]), np.array([1.0, 2.0]))))


def test_a_run_says_which_book_ran_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In its summary, its report and its diagnosis; figures of pipelines add up to those of the run."""
    for package in ("numba", "pyarrow", "plotly"):
        pytest.importorskip(package)
    from obmm.agent import resolve
    from obmm.cli.report import report as command
    from obmm.lab.diagnose import diagnose
    from obmm.lab.recorded import Run
    from obmm.lab.report import report_on
    from obmm.lab.report.page import page
    from obmm.lab.simulate import Plan, simulate
    from obmm.sim import Scenario

    own = tmp_path / "both.toml"
    own.write_text('extends = "touch"\n[[assign]]\nbooks = "odd"\npipeline = "balanced"\n')
    plan = Plan(
        config=resolve(own), scenario=Scenario.load("taos-0.5.4"), books=4, hours=0.05, threads=1, eras=()
    )
    told = simulate(plan, tmp_path / "run")
    first, second = told["pipelines"]
    assert [[0, 2], [1, 3]] == [first["books"], second["books"]]
    assert (str(own), "preset balanced") == (first["name"], second["name"])
    assert resolve("balanced").hash == second["config_hash"]
    assert pytest.approx(told["pnl"]) == first["pnl"] + second["pnl"]
    assert told["fills"] == first["fills"] + second["fills"]
    assert pytest.approx(second["pnl_per_book_hour"] - first["pnl_per_book_hour"]) == second["difference"]
    assert second["p"] in (pytest.approx(2 / 6), pytest.approx(4 / 6), 1.0)
    command(tmp_path / "run", out=tmp_path / "page.html")
    printed = " ".join(capsys.readouterr().out.split())
    assert "preset balanced 1, 3 " in printed
    assert "preset balanced" in page(report_on([tmp_path / "run"])).partition("<script")[0]
    (note,) = [n for n in diagnose(Run(tmp_path / "run")).notes if n.startswith("Several pipelines ran")]
    assert "preset balanced on books 1, 3" in note


def test_the_configuration_alone_tells_the_pipelines(tmp_path: Path) -> None:
    """As of a live recording: by their books, with the hash that each would have by itself."""
    from obmm.agent import resolve
    from obmm.lab.pipelines import pipelines_of

    own = tmp_path / "both.toml"
    own.write_text('extends = "touch"\n[[assign]]\nbooks = "odd"\npipeline = "balanced"\n')
    config = resolve(own)
    account = {
        "name": config.name,
        "config_hash": config.hash,
        "config": json.loads(json.dumps(config.as_table())),
    }
    told, ran = pipelines_of(account, np.array([4, 5, 7]), np.zeros(3, np.int64))
    assert [0, 1, 1] == ran.tolist()
    assert [config.hash, resolve("balanced").hash] == [pipeline["config_hash"] for pipeline in told]
    assert "pipeline of odd" == told[1]["name"]


def test_a_run_of_one_pipeline_tells_none(small_run: Path) -> None:
    """There is nothing to tell apart."""
    from obmm.lab.recorded import Run
    from obmm.lab.summary import summarise

    assert [] == summarise(Run(small_run))["pipelines"]
