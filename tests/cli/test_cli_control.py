"""`obmm control`: processes that run are steered, and it is on record."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from tests.cli.test_cli_run import QUOTING, ended, running, sizes
from tests.monitor.test_helm import HANGING, placed

from live.agents import instructions_of
from obmm.agent import MarketMaker, resolve
from obmm.lab.verify import verify
from obmm.settings.toml import parse_layer
from obmm.testing import PaperOrders, random_states
from obmm.wire import encode_request
from obmm.wire.frames import Act
from obmm.wire.recording import Recording


@pytest.fixture
def quoting(tmp_path: Path) -> Path:
    """A configuration that quotes from the first state on."""
    path = tmp_path / "quoting.toml"
    path.write_text(QUOTING)
    return path


def test_a_running_agent_is_steered_and_it_is_on_record(quoting, tmp_path, obmm):
    """Through its socket, by the command; and the recording replays to the same bytes."""
    other = tmp_path / "other.toml"
    other.write_text(QUOTING.replace("size_base = 1.0", "size_base = 2.0"))
    words = ("--harness", "--port", "0", "--preset", str(quoting), "--record", str(tmp_path / "record"))
    with running(*words, "--json", says="answers the harness") as (process, line):
        url = line.split()[-1]
        states = iter(random_states(1, 12, n_books=8))

        def ask() -> httpx.Response:
            return httpx.post(url, content=encode_request(next(states), form="open"), timeout=30.0)

        assert 1.0 in sizes(ask())
        assert quoting.name == Path(obmm("control", "--json").json["source"]).name
        obmm("control", "swap", str(other))
        assert 2.0 in sizes(ask())
        obmm("control", "back")
        assert 1.0 in sizes(ask())
        obmm("control", "off", "--books", "0")
        assert {*range(1, 8)} >= placed(instructions_of(ask().content)) != set()
        obmm("control", "ab", "start", str(other), "--books", "1-7")
        assert {2.0} == sizes(ask())
        said = obmm("control", "cancel-all")
        assert (0, True) == (said.status, "STOPPED" in said.out)
        assert set() == sizes(ask())
        obmm("control", "on")
        obmm("control", "ab", "end")
        assert {1.0} == sizes(ask())
        assert (2, True) == ((bad := obmm("control", "ab", "end")).status, "no A/B is going on" in bad.err)
        obmm("control", "snapshot")
        assert 0 == obmm("control", "stop").status
        out, _ = process.communicate(timeout=30)
    assert (0, "obmm control") == (process.returncode, json.loads(out)["ended"])
    recording = Recording(tmp_path / "record")
    acts = [frame.about for frame in recording.frames() if isinstance(frame.about, Act)]
    deeds = ["swap", "back", "off", "ab-start", "cancel-all", "on", "ab-end", "ab-end", "snapshot", "stop"]
    assert deeds == [act.what for act in acts]
    assert ["no A/B is going on"] == [act.problem for act in acts if act.problem]
    assert {"0"} == {act.about["books"] for act in acts if act.what == "off"}
    told = verify(recording)
    assert (7, 7, {}, None) == (
        told["exchanges"],
        told["same"],
        told["not_compared"],
        told["first_difference"],
    )
    assert (2, True) == ((gone := obmm("control")).status, "no agent that can be steered" in gone.err)
    assert "cancel-all" in obmm("record-info", "record").out


def test_an_agent_whose_stage_hangs_is_stopped_in_an_emergency(tmp_path, obmm):
    """A process of its own, whose gate never returns: orders are cancelled, and it ends when told to."""
    (tmp_path / "hanging.py").write_text(HANGING)
    hang = tmp_path / "hang"
    path = tmp_path / "hanging.toml"
    path.write_text(QUOTING + f'\n[[gates]]\nkind = "hanging:Hanging"\npath = "{hang}"\n')
    words = ("--harness", "--port", "0", "--preset", str(path), "--state", str(tmp_path / "state"))
    with running(*words, "--budget-ms", "500", says="answers the harness") as (process, line):
        url = line.split()[-1]
        first, second, third = random_states(1, 3, n_books=2)
        paper = PaperOrders(2)
        paper.submit(first, MarketMaker(resolve(parse_layer(QUOTING, "q.toml"))).respond(first))

        def ask(state) -> list[dict[str, object]]:
            body = encode_request(paper.dressed(state), form="open")
            return instructions_of(httpx.post(url, content=body, timeout=30.0).content)

        assert ask(first)
        hang.touch()
        assert [] == ask(second)
        assert 0 == obmm("control", "cancel-all").status
        assert {"CANCEL_ORDERS"} == {one["type"] for one in ask(third)}
        ended(process)
    assert 0 == process.returncode


def test_deeds_of_the_command_line_are_looked_at(obmm):
    """Before anything is asked for."""
    assert "did you mean 'cancel-all'" in obmm("control", "cancel").err
    assert "off takes no 'x'" in obmm("control", "off", "x").err
    assert "no agent listens there" in obmm("control", "--at", "none.sock").err
