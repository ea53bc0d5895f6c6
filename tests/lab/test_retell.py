"""Runs and recordings told again, whole and while they grow: a watch sees what it would have seen."""

from __future__ import annotations

import threading
import time

import attrs
import numpy as np
import pytest

from live.recording import recorded
from monitor.markets import OURS, market, quoting
from obmm.agent import Decision, MarketMaker
from obmm.lab.growing import Growing
from obmm.lab.recorded import PLANNED, Run, RunError
from obmm.lab.records import RunWriter, describe_venue
from obmm.lab.relive import relive
from obmm.lab.retell import is_run, retold
from obmm.monitor import Simulation, Watch
from obmm.wire import encode_request

N = 120
#: What the records of a run do not tell, or tell with another name.
UNTOLD = {
    "heard_ns",
    "day_quote",
    "pipeline",
    "config_hash",
    "open_orders",
    "news",
    "news_count",
    "capital",
    "recent",
}


def seen(decisions: list[Decision]) -> Simulation:
    """What a watch makes of them."""
    watch = Watch(wait=True)
    for decision in decisions:
        watch.hear(decision)
    watch.close(30.0)
    (one,) = watch.snapshot().simulations
    return one


def write(writer: RunWriter, decisions: list[Decision], part: int) -> None:
    """Record them, and close a part now and then."""
    about = {"name": "quoting", "config_hash": decisions[0].config_hash}
    writer.start({"venue": describe_venue(decisions[0].state.venue), "accounts": {str(OURS): about}})
    for i, decision in enumerate(decisions, start=1):
        writer.add({OURS: decision.state}, {OURS: decision})
        if i % part == 0:
            writer.close_part()


@pytest.fixture(scope="module")
def decisions() -> list[Decision]:
    """What an agent decided."""
    maker = MarketMaker(quoting())
    return [maker.decide(state) for state in market(3, N)]


def test_a_run_shows_what_was_seen_live(decisions, tmp_path):
    """Every figure that its records hold, in parts as in one."""
    pytest.importorskip("pyarrow", reason="runs need pyarrow")
    with RunWriter(tmp_path / "run") as writer:
        write(writer, decisions, 50)
        writer.end(PLANNED)
    assert is_run(tmp_path / "run")
    again = seen(list(retold(Run(tmp_path / "run"), OURS)))
    live = seen(decisions)
    for name in (field.name for field in attrs.fields(Simulation) if field.name not in UNTOLD):
        one, two = getattr(live, name), getattr(again, name)
        if isinstance(one, np.ndarray):
            np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-9, err_msg=name)
        elif name != "parts":
            assert (name, one) == (name, pytest.approx(two))
    np.testing.assert_allclose(live.recent.markout_bps, again.recent.markout_bps, atol=1e-9)


def test_a_run_is_followed_while_it_grows(decisions, tmp_path, monkeypatch):
    """Until its writer is gone."""
    pytest.importorskip("pyarrow", reason="runs need pyarrow")
    monkeypatch.setattr("obmm.lab.retell.LOOK_S", 0.01)
    with RunWriter(tmp_path / "run") as writer:
        write(writer, decisions[:60], 20)
        told = retold(Run(tmp_path / "run"), OURS, lambda: True)
        first = [next(told).state.time_ns for _ in range(60)]
        for decision in decisions[60:]:
            writer.add({OURS: decision.state}, {OURS: decision})
        writer.end(PLANNED)
    rest = [decision.state.time_ns for decision in told]
    assert [decision.state.time_ns for decision in decisions] == first + rest


def test_an_account_that_a_run_has_not_is_told(decisions, tmp_path):
    """With those that there are."""
    pytest.importorskip("pyarrow", reason="runs need pyarrow")
    with RunWriter(tmp_path / "run") as writer:
        write(writer, decisions[:3], 3)
        writer.end(PLANNED)
    with pytest.raises(RunError, match="has no account 3; there are 7"):
        next(retold(Run(tmp_path / "run"), 3))


def test_a_recording_is_followed_while_it_grows(tmp_path, monkeypatch):
    """Over files and processes that come; the last reading ends when nobody wants more."""
    monkeypatch.setattr("obmm.lab.growing.LOOK_S", 0.01)
    asked = [("5F", encode_request(state)) for state in market(3, 30)]
    recorded(tmp_path, quoting(), asked[:10])
    going = threading.Event()
    got: list[int] = []

    def read() -> None:
        for told in relive(Growing(tmp_path, going=lambda: not going.is_set())):
            assert told.state is not None
            assert told.same
            got.append(told.state.time_ns)

    reader = threading.Thread(target=read)
    reader.start()
    for first in (10, 20):
        recorded(tmp_path, quoting(), asked[first : first + 10])
    until_s = time.monotonic() + 20.0
    while len(got) < 30 and time.monotonic() < until_s:
        time.sleep(0.01)
    going.set()
    reader.join(10.0)
    assert [state.time_ns for state in market(3, 30)] == got
