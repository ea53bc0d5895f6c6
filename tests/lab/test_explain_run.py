"""A decision of a run: made again, held against the records, or told from them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import attrs
import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("pyarrow")

from lab import tiny_run
from obmm.agent import ConfigError, resolve
from obmm.lab.bench import sample_path
from obmm.lab.explain_run import explained_run, recorded_story
from obmm.lab.rebuild import config_of_account
from obmm.lab.recorded import Run
from obmm.lab.replay import Plan as ReplayPlan
from obmm.lab.replay import replay
from obmm.lab.scenario_table import described_scenario, scenario_of
from obmm.lab.simulate import Plan, parse_rivals, simulate
from obmm.sim import Scenario

STAGE = """
import attrs
from helping import half
from obmm.market import Stage

@attrs.define
class Mine(Stage):
    unit = "share"
    def __call__(self, state, signals):
        return state.bid_size[:, 0] * half / (state.bid_size[:, 0] + state.ask_size[:, 0])
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Path:
    """A configuration with a stage of its own, which imports another file, and other books for `touch`."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "mine.py").write_text(STAGE)
    (folder / "helping.py").write_text("half = 0.5\n")
    (folder / "mine.toml").write_text(
        'extends = "balanced"\nsignals = [{ kind = "mine:Mine", name = "lean" }]\n'
        '[[assign]]\nbooks = [1]\npipeline = "touch"\n'
    )
    return folder


@pytest.fixture(scope="module")
def run(own, tmp_path_factory) -> Path:
    """Two minutes of two books on a scenario of one's own, with a rival; afterwards the stage is edited."""
    shipped = Scenario.load("taos-0.5.4")
    scenario, _ = parse_rivals(["makers=2", "takers=3"], attrs.evolve(shipped, name="my market"))
    plan = Plan(
        config=resolve(own / "mine.toml"),
        rivals=(resolve("touch"),),
        scenario=scenario,
        books=2,
        hours=120 / 3600,
        seed=4,
    )
    folder = tmp_path_factory.mktemp("runs") / "own"
    simulate(plan, folder)
    (own / "helping.py").write_text("half = 0.7\n")
    return folder


def test_a_run_keeps_what_it_was_made_of(run, own):
    """The stages of its agents with what they import, as they were, and a scenario that does not ship."""
    assert "half = 0.5\n" == (run / "stages" / "0" / "helping.py").read_text()
    assert STAGE == (run / "stages" / "0" / "mine.py").read_text()
    about = Run(run).about
    config = config_of_account(Run(run), 0)
    assert (about["config_hash"], 1) == (config.hash, len(config.assign))
    assert resolve(own / "mine.toml").hash != config.hash
    assert {"my market"} == {about["scenario"], about["scenario_table"]["name"]}
    assert (2, 3) == (scenario_of(about).rivals.makers, scenario_of(about).rivals.takers)


@pytest.mark.parametrize("name", ["taos-0.1.51", "taos-0.5.4", "taos-0.6.2"])
def test_a_scenario_comes_back_from_its_description(name):
    """To the last field; of one that ships the name is enough."""
    shipped = Scenario.load(name)
    rivals = {"synthetic_rivals": attrs.asdict(shipped.rivals)}
    assert {} == described_scenario(shipped)
    assert shipped == scenario_of({"scenario": name, **rivals})
    changed = attrs.evolve(shipped, delay=attrs.evolve(shipped.delay, max_ms=1234.0))
    told = json.loads(json.dumps(described_scenario(changed)))
    assert changed == scenario_of({"scenario": name, **told, **rivals})


@pytest.mark.parametrize(("book", "pipeline", "signal"), [(0, "mine", "lean"), (1, "touch", "volatility")])
def test_a_decision_is_made_again_and_agrees(run, book, pipeline, signal):
    """Gates, quotes and resting orders, which no record holds; the pipeline of the book."""
    story = explained_run(run, book=book, at_s=679.5)
    assert {"repeated": True, "differences": [], "note": ""} == story["records"]
    assert (book, 680.0) == (story["book"], story["time_s"])
    values = {told["name"]: told["value"] for told in story["signals"]}
    recorded = Run(run).of("signals", 0)
    at = (recorded["time_ns"] == 680 * 10**9) & (recorded["book"] == book)
    assert values[signal] == pytest.approx(recorded[signal][at][0], rel=1e-6)
    assert "all together" == story["gates"][-1]["name"]
    assert {"bid", "ask"} == {quote["side"] for quote in story["quotes"]}


def test_records_tell_the_same_as_the_run_made_again(run):
    """What both know, of the agent and of its rival."""
    for uid in (0, 1):
        again = explained_run(run, book=1, at_s=700.0, uid=uid)
        told = explained_run(run, book=1, at_s=700.0, uid=uid, again=False)
        assert again["records"]["repeated"]
        assert (None, None, None) == (told["gates"], told["quotes"], told["resting"])
        for key in ("book", "time_s", "hash", "orders", "reasons"):
            assert again[key] == told[key]
        common = set(again["market"]) & set(told["market"])
        assert {"best bid", "position, base", "open orders"} <= common
        for name in common:
            assert again["market"][name] == pytest.approx(told["market"][name])
        signals = {s["name"]: (s["value"], s["unit"]) for s in told["signals"]}
        for signal in again["signals"]:
            value, unit = signals[signal["name"]]
            assert (signal["value"], signal["unit"]) == (pytest.approx(value, rel=1e-6), unit)


def test_another_way_is_noticed(run, tmp_path):
    """A run whose seed is not what it was is told from its records, with the first difference."""
    other = tmp_path / "other"
    shutil.copytree(run, other)
    about = json.loads((other / "run.json").read_text())
    (other / "run.json").write_text(json.dumps(about | {"seed": 5}))
    story = explained_run(other, book=0, at_s=680.0)
    assert not story["records"]["repeated"]
    assert story["records"]["differences"][0].startswith("states.bid")
    assert "run again it goes another way (states.bid" in story["records"]["note"]
    assert recorded_story(Run(run), 0, 0, 680 * 10**9) == {
        key: value for key, value in story.items() if key != "records"
    }


def test_a_stage_that_is_lost_leaves_the_records(run, tmp_path):
    """And says which."""
    other = tmp_path / "other"
    shutil.copytree(run, other)
    shutil.rmtree(other / "stages")
    story = explained_run(other, book=0, at_s=680.0)
    assert "cannot be run again" in story["records"]["note"]
    assert "mine" in story["records"]["note"]
    assert story["signals"]


def test_a_replay_is_made_again_from_its_recording(tmp_path):
    """And told from its records where that is gone."""
    capture = tmp_path / "capture.msgpack.zst"
    shutil.copy(sample_path(), capture)
    replay(
        ReplayPlan(config=resolve("touch"), capture=capture, from_s=610.0, until_s=660.0), tmp_path / "run"
    )
    story = explained_run(tmp_path / "run", book=3, at_s=650.0)
    assert (650.0, True) == (story["time_s"], story["records"]["repeated"])
    capture.unlink()
    assert "is not there any more" in explained_run(tmp_path / "run", book=3, at_s=650.0)["records"]["note"]


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        ({"book": 7, "at_s": 700.0}, "has no book 7; it has 3, 9"),
        ({"book": 3, "at_s": 5000.0}, "ends before 5000 s, at 900 s"),
        ({"book": 3, "at_s": 700.0, "uid": 2}, "has no account 2; there are 5"),
    ],
)
def test_what_is_not_there_is_told(asked, what, tmp_path):
    """Books, moments, accounts."""
    tiny_run.write(tmp_path / "tiny")
    with pytest.raises(ConfigError, match=what):
        explained_run(tmp_path / "tiny", **({"uid": tiny_run.UID} | asked))


def test_a_moment_between_two_states_is_that_of_the_next(tmp_path):
    """Also where signals were never recorded."""
    tiny_run.write(tmp_path / "tiny")
    story = explained_run(tmp_path / "tiny", book=9, at_s=611.0, uid=tiny_run.UID, again=False)
    assert (630.0, [], []) == (story["time_s"], story["signals"], story["orders"])
    assert {"bid": "volatility", "ask": None} == story["reasons"]
    assert np.isfinite(story["market"]["base"])
