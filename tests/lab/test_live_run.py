"""Runs made of live recordings: the tables that a run of the same states and decisions would have."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import attrs
import numpy as np
import pytest
from tests.live.recording import Asked, interleaved, recorded

from obmm.agent import MarketMaker, resolve
from obmm.agent.sessions import YOUNG_NS
from obmm.lab.live_run import as_account_0, import_recording
from obmm.lab.recorded import Run
from obmm.lab.records import RunWriter, describe_venue
from obmm.lab.report import report_on
from obmm.lab.score import score_run
from obmm.lab.summary import summarise
from obmm.lab.tables import COLUMNS
from obmm.market import MarketState, NoticeKind, Notices
from obmm.market.venue import SECOND_NS
from obmm.testing import random_states, selected
from obmm.wire import encode_request
from obmm.wire.recording import Recording

N = 40
OURS = 7


def notices(state: MarketState, side: int) -> Notices:
    """A fill with account 0, and a reject."""
    two = np.array([1, 1])
    return Notices(
        kind=np.array([int(NoticeKind.FILL), int(NoticeKind.REJECTED)]), time_ns=two * (state.time_ns - 1),
        book=np.array([0, 1]), side=two * side, price=state.mid[:2].round(2), size=two * 1.0,
        order_id=np.array([5, -1]), client_id=two, trade_id=np.array([9, -1]), maker_id=np.array([OURS, -1]),
        taker_id=np.array([0, -1]), fee=np.array([0.1, np.nan]), message=("", "INVALID_PRICE"),
    )  # fmt: skip


@functools.cache
def market(seed: int, simulation: str = "run") -> tuple[MarketState, ...]:
    """States of two books as account 7 sees them, filled now and then."""
    states = random_states(seed, N, n_books=2, n_levels=8, events_per_book=30.0)
    venue = attrs.evolve(states[0].venue, simulation_id=simulation)
    return tuple(
        attrs.evolve(state, venue=venue, uid=OURS, notices=notices(state, i % 2) if i % 4 else Notices.none())
        for i, state in enumerate(states)
    )


@functools.cache
def asked(seed: int, sender: str, simulation: str = "run") -> tuple[Asked, ...]:
    """What a validator asks."""
    return tuple((sender, encode_request(state)) for state in market(seed, simulation))


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    """Two validators, with late and damaged requests between."""
    folder: Path = tmp_path_factory.mktemp("recordings") / "rec"
    stream = interleaved(asked(1, "5Fone"), asked(2, "5Ftwo"))
    stream[50:50] = [asked(1, "5Fone")[21], ("5Fone", b"{"), asked(2, "5Ftwo")[24]]
    recorded(folder, resolve("balanced", ["min_edge_bps=-100"]), stream)
    return folder


@pytest.fixture(scope="module")
def runs(recording: Path) -> list[Path]:
    """The runs made of it."""
    return import_recording(Recording(recording), recording.parent / "runs")


def test_each_simulation_of_each_validator_is_a_run(runs):
    """Called after both."""
    assert ["5Fone-run", "5Ftwo-run"] == [folder.name for folder in runs]
    for folder in runs:
        about = Run(folder).about
        assert ("live", N, True, OURS, 2) == (
            about["kind"], about["states"], about["completed"], about["uid_on_subnet"], about["books"],
        )  # fmt: skip
    assert 1 == Run(runs[0]).about["late"]


def test_the_tables_are_those_of_a_run(runs, tmp_path):
    """Of the same states and decisions, with our account as 0."""
    maker = MarketMaker(resolve("balanced", ["min_edge_bps=-100"]))
    with RunWriter(tmp_path / "direct") as writer:
        states = [
            attrs.evolve(state, venue=attrs.evolve(state.venue, validator="5Fone")) for state in market(1)
        ]
        writer.start({"accounts": {"0": {}}, "venue": describe_venue(states[0].venue)})
        for state in states:
            seen = as_account_0(state, OURS)
            writer.add({0: seen}, {0: attrs.evolve(maker.decide(state), state=seen)})
        writer.end("as planned")
    direct, made = Run(tmp_path / "direct"), Run(runs[0])
    assert 0 < direct.table("orders")["uid"].size
    assert 0 < direct.table("trades")["book"].size
    for name in COLUMNS:
        if name != "scores":
            expected, actual = direct.table(name), made.table(name)
            assert list(expected) == list(actual)
            for column in expected:
                if column != "respond_ms":
                    np.testing.assert_array_equal(expected[column], actual[column], f"{name}.{column}")
    assert {0, OURS} >= set(made.table("fills")["other"].tolist()) == {OURS}


def test_everything_that_reads_runs_reads_them(runs):
    """Summary, scores and report."""
    run = Run(runs[0])
    summary = summarise(run, 0)
    assert (N, 30) == (summary["seconds"], summary["fills"])
    assert "0.5.4" in score_run(run, ("0.5.4",)).told(0)
    assert 1 == len(report_on([runs[0]]).runs)
    assert {"INVALID_PRICE": 30} == run.about["refused"]["0"]


def test_what_was_made_is_kept_until_there_is_more(recording, runs):
    """The same folders without work; made anew when the recording has grown."""
    out = recording.parent / "runs"
    stamps = [(folder / "run.json").stat().st_mtime_ns for folder in runs]
    assert runs == import_recording(Recording(recording), out)
    assert stamps == [(folder / "run.json").stat().st_mtime_ns for folder in runs]
    (out / "other").mkdir()
    (out / "other" / "run.json").write_text("{}")
    assert runs == import_recording(Recording(recording), out)
    import_recording(Recording(recording), out, force=True)
    assert stamps[0] < (runs[0] / "run.json").stat().st_mtime_ns


def test_a_simulation_that_starts_again_is_another_run(tmp_path):
    """The same names, told apart by a number; and one whose names no folder may have."""
    young = [attrs.evolve(state, time_ns=state.time_ns - 500 * SECOND_NS) for state in market(1, "a/b")]
    stream = [("§!", encode_request(state)) for state in [*young[:20], *young[:15]]]
    assert young[-1].time_ns < YOUNG_NS
    recorded(tmp_path / "rec", resolve("touch"), stream)
    folders = import_recording(Recording(tmp_path / "rec"), tmp_path / "runs")
    assert ["validator-a-b", "validator-a-b-2"] == [folder.name for folder in folders]
    assert [20, 15] == [Run(folder).about["states"] for folder in folders]


def test_a_state_that_lacks_a_book_has_it_all_the_same(tmp_path):
    """Empty, as every table of states has every book; and another venue is another run."""
    states = list(market(1)[:10])
    states[5] = selected(states[5], np.array([1]))
    recorded(tmp_path / "rec", resolve("touch"), [("v", encode_request(state)) for state in states])
    (folder,) = import_recording(Recording(tmp_path / "rec"), tmp_path / "runs")
    _, (bid,) = Run(folder).grid(0, "bid")
    assert [[5, 0]] == np.argwhere(np.isnan(bid)).tolist()


def test_changes_of_the_configuration_are_told(tmp_path):
    """When, and to what."""
    recorded(tmp_path / "rec", resolve("touch"), asked(1, "v")[:5])
    recorded(tmp_path / "rec", resolve("calm"), asked(1, "v")[5:9])
    (folder,) = import_recording(Recording(tmp_path / "rec"), tmp_path / "runs")
    (change,) = Run(folder).about["config_changes"]
    assert (market(1)[5].time_s, resolve("calm").hash) == (change["time_s"], change["config_hash"])


def test_a_recording_whose_stages_are_gone_is_a_run_without_decisions(tmp_path):
    """With inventory, fills and scores; and the reason."""
    code = "import attrs\nfrom obmm.market import Limits, Stage\n@attrs.define\nclass G(Stage):\n"
    code += "    def __call__(self, state, signals):\n        return Limits.open(state.n_books)\n"
    (tmp_path / "gone_gate.py").write_text(code)
    (tmp_path / "my.toml").write_text('extends = "touch"\n[[gates]]\nkind = "gone_gate:G"\nname = "g"')
    recorded(tmp_path / "rec", resolve(tmp_path / "my.toml"), asked(1, "v")[:9])
    (tmp_path / "gone_gate.py").write_text(code + "# another\n")
    (folder,) = import_recording(Recording(tmp_path / "rec"), tmp_path / "runs")
    run = Run(folder)
    assert "the code of gates.g is another now" in run.about["not_decided"]
    assert 9 == run.about["undecided"]
    assert 0 == run.table("orders")["uid"].size
    assert 0 < run.table("fills")["uid"].size


def test_a_recording_without_a_state_is_no_run(tmp_path):
    """Said, rather than an empty folder made."""
    recorded(tmp_path / "rec", resolve("touch"), [("v", b"{}")])
    with pytest.raises(ValueError, match="holds no state"):
        import_recording(Recording(tmp_path / "rec"), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
    assert json.loads((tmp_path / "rec" / "index.json").read_text())["files"][0]["exchanges"] == 1
