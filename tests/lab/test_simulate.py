"""Runs of an agent and its rivals on the embedded market."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("pyarrow")

from obmm.agent import ConfigError, resolve
from obmm.lab.interrupt import ASKING, interruptible
from obmm.lab.recorded import Run
from obmm.lab.simulate import Plan, parse_rivals, results, simulate
from obmm.settings.toml import parse_layer
from obmm.sim import Scenario

SCENARIO = Scenario.load("taos-0.5.4")


def plan(*rivals: str, source: Any = "touch", **changes: Any) -> Plan:
    """Two books, two simulated minutes, one thread."""
    scenario, pipelines = parse_rivals(rivals, SCENARIO)
    given = {"books": 2, "hours": 120 / 3600, "threads": 1, "scenario": scenario, "rivals": pipelines}
    return Plan(config=resolve(source), **{**given, **changes})


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run of touch against balanced, and nobody else."""
    return simulate(plan("none", "balanced"), tmp_path_factory.mktemp("simulate") / "run")


def test_a_run_is_what_its_records_say(told):
    """The same figures from the folder alone."""
    again = results(Run(Path(told["run"])))
    assert json.dumps(told, sort_keys=True) == json.dumps(again | {"unwritten": None}, sort_keys=True)


def test_rivals_have_accounts_of_their_own(told):
    """Each with its own configuration and result."""
    assert ("preset touch", ["preset balanced"]) == (
        told["config"],
        [rival["name"] for rival in told["rivals"].values()],
    )
    states = Run(Path(told["run"])).table("states")
    assert [0, 1] == sorted(set(states["uid"].tolist()))
    assert resolve("balanced").hash == told["rivals"]["1"]["config_hash"]


def test_every_published_second_is_recorded(told):
    """A hundred and twenty, one apart."""
    times, _ = Run(Path(told["run"])).grid(0, "bid")
    assert (120, [10**9]) == (told["seconds"], sorted(set(np.diff(times).tolist())))


def test_progress_is_told_in_simulated_seconds(tmp_path):
    """From nought on."""
    done: list[float] = []
    simulate(plan(hours=4 / 3600), tmp_path / "run", progress=done.append)
    assert [0.0, 1.0, 2.0, 3.0] == done


def test_drawdown_stops_are_counted(tmp_path):
    """A threshold that the first loss passes: on each book one in thirty seconds at most."""
    text = 'extends = "balanced"\ngates = [{ kind = "drawdown", threshold = 1e-9, cooldown_s = 30 }]'
    told = simulate(plan(source=parse_layer(text, "nervous.toml")), tmp_path / "run")
    assert 1 <= told["drawdown_stops"] <= 2 * 120 / 30


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"books": 0}, "books: must be at least 1, got 0"),
        ({"hours": 0.0}, "hours: must be above 0 and at most 10,000, got 0.0"),
        ({"hours": 1e300}, "hours: must be above 0 and at most 10,000, got 1e+300"),
        ({"hours": float("inf")}, "hours: must be above 0 and at most 10,000, got inf"),
        ({"hours": float("nan")}, "hours: must be above 0 and at most 10,000, got nan"),
        ({"response_ms": -1.0}, "response_ms: must be at least 0, got -1.0"),
        ({"threads": 0}, "threads: must be at least 1, got 0"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(changes, what):
    """With the name of the value."""
    with pytest.raises(ConfigError) as refused:
        plan(**changes)
    assert [what] == [str(problem) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("words", "makers", "takers", "pipelines"),
    [
        ([], SCENARIO.rivals.makers, SCENARIO.rivals.takers, []),
        (["none"], 0, 0, []),
        (["makers=7"], 7, SCENARIO.rivals.takers, []),
        (["none", "takers=3", "touch", "calm"], 0, 3, ["preset touch", "preset calm"]),
        (["makers=1", "none"], 0, 0, []),
    ],
)
def test_rivals_are_a_population_and_pipelines(words, makers, takers, pipelines):
    """Words from left to right, the later one wins."""
    scenario, configs = parse_rivals(words, SCENARIO)
    assert (makers, takers) == (scenario.rivals.makers, scenario.rivals.takers)
    assert pipelines == [config.name for config in configs]


def test_any_number_of_the_population_can_be_changed():
    """By its name, as a number or a flag."""
    rivals = parse_rivals(["half_spread_max_bps=3.5", "exogenous_mtr=true"], SCENARIO)[0].rivals
    assert (3.5, True) == (rivals.half_spread_max_bps, rivals.exogenous_mtr)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["wolves"], ["--rivals wolves: is no word of it"]),
        (["balancd"], ["--rivals balancd: is no word of it; did you mean 'balanced'?"]),
        (
            ["makers=2.5", "wolf", "dog"],
            ["--rivals wolf", "--rivals dog", "--rivals makers=2.5: must be a whole"],
        ),
        (["makr=2"], ["--rivals makr=2.0: unknown option; did you mean 'makers'?"]),
        (["quote_size_min=0"], ["--rivals quote_size_min=0.0: "]),
    ],
)
def test_wrong_words_are_told_all_at_once(words, what):
    """Each with its place."""
    with pytest.raises(ConfigError) as refused:
        parse_rivals(words, SCENARIO)
    found = [str(problem) for problem in refused.value.problems]
    assert len(what) == len(found)
    assert all(line.startswith(start) for line, start in zip(found, what, strict=True))


@pytest.mark.parametrize("number", ASKING)
def test_an_interrupt_ends_the_run_after_the_state_it_met(number, tmp_path):
    """All accounts have answered it; what is done is summarised."""

    def press(done_s: float) -> None:
        if done_s == 20.0:
            os.kill(os.getpid(), number)

    told = simulate(plan("none", "balanced"), tmp_path / "run", progress=press)
    states = Run(tmp_path / "run").table("states")
    assert (False, 21, number.name) == (told["completed"], told["seconds"], told["ended"])
    assert (20 / 3600, 120 / 3600) == pytest.approx((told["hours"], told["hours_planned"]))
    assert [42, 42] == [int((states["uid"] == uid).sum()) for uid in (0, 1)]


def test_whoever_presses_twice_does_not_want_to_wait(tmp_path):
    """The records are closed, but nothing is summarised."""

    def press(_: float) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        simulate(plan(), tmp_path / "run", progress=press)
    run = Run(tmp_path / "run")
    assert (False, 2) == (run.about["completed"], run.table("states")["bid"].size)


def test_the_handlers_of_before_are_put_back():
    """Also after an error."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    def fail() -> None:
        with interruptible():
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert before == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))


def test_elsewhere_than_in_the_main_thread_nobody_asks():
    """Python lets only the main thread listen."""
    said: list[str] = []

    def look() -> None:
        with interruptible() as asked:
            said.append(asked())

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert [""] == said
