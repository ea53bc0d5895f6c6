"""`obmm alerts`, and a run that tells of what goes wrong."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from tests.cli.test_cli_run import ended, running, waited_for
from tests.live.recording import recorded
from tests.monitor.test_alerts import Hook, hook

from obmm.agent import resolve
from obmm.cli._alerted import Diagnosed, Machine
from obmm.settings.toml import parse_layer
from obmm.testing import random_states
from obmm.wire import encode_request

__all__ = ["hook"]


def test_the_rules_that_are_printed_are_a_file_of_rules(tmp_path, obmm):
    """Those of a file come as a table."""
    printed = obmm("alerts", "rules").out
    (tmp_path / "alerts.toml").write_text(printed)
    assert obmm("alerts", "rules", "--json").json == obmm("alerts", "rules", "alerts.toml", "--json").json
    assert 0.5 == parse_layer(printed, "printed").table["rules"]["sharpe"]["below"]
    assert "below 0.5" in obmm("alerts", "rules", "alerts.toml").out


def test_a_test_message_goes_to_every_channel(hook: Hook, tmp_path, obmm):
    """And a channel that does not take it is told, with status 1."""
    path = tmp_path / "alerts.toml"
    path.write_text(f'[[to]]\nkind = "webhook"\nurl = "{hook.url}"\n[[to]]\nkind = "log"\n')
    assert (0, "webhook: delivered\nlog: delivered\n") == (
        (said := obmm("alerts", "test", "alerts.toml")).status,
        said.out,
    )
    assert "Nothing is wrong" in hook.heard[0][1]["text"]
    hook.status = 500
    path.write_text(path.read_text() + f'[[to]]\nkind = "webhook"\nurl = "{hook.url}"\n')
    said = obmm("alerts", "test", "alerts.toml", "--json")
    assert (1, ["webhook", "log", "webhook 2"]) == (said.status, list(said.json["delivered"]))
    assert (2, True) == ((said := obmm("alerts", "test")).status, "say which file" in said.err)
    path.write_text("[rules.sharp]\nbelow = 1\n")
    said = obmm("alerts", "test", "alerts.toml")
    assert (2, True) == (said.status, "alerts.toml: rules.sharp: no rule is called so" in said.err)


def test_a_run_tells_that_nobody_asks_and_that_somebody_does(hook: Hook, tmp_path):
    """An incident, and its end; once each."""
    path = tmp_path / "alerts.toml"
    path.write_text(f'[rules.silence]\nabove = 1.0\n[[to]]\nkind = "webhook"\nurl = "{hook.url}"\n')
    words = ("--harness", "--port", "0", "--preset", "touch", "--alerts", str(path))
    with running(*words, says="answers the harness") as (process, line):
        waited_for(lambda: bool(hook.heard))
        assert "touch: silence" == hook.heard[0][1]["subject"]
        body = encode_request(next(iter(random_states(1, 1, n_books=2))), form="open")

        def asked_until_told() -> bool:
            httpx.post(line.split()[-1], content=body, timeout=30.0)
            return len(hook.heard) > 1

        waited_for(asked_until_told)
        took_s, _, _ = ended(process)
    assert (0, True) == (process.returncode, took_s < 2.0)
    assert ["touch: silence", "touch: well again: silence"] == [body["subject"] for _, body in hook.heard]


def test_faults_of_the_file_are_told_before_anything_runs(tmp_path, obmm):
    """With their place."""
    (tmp_path / "alerts.toml").write_text("[rules.sharpe]\nbelow = true\n")
    said = obmm("run", "--harness", "--port", "0", "--preset", "touch", "--alerts", "alerts.toml")
    assert (2, True) == (said.status, "rules.sharpe.below" in said.err)


def test_the_machine_says_how_much_room_there_is_and_how_far_its_clock_is_off(tmp_path):
    """And says nothing where it does not know."""

    def nobody() -> float:
        raise OSError

    machine = Machine(tmp_path, lambda: -3.0)
    waited_for(lambda: 3.0 == machine()["clock_off_s"])
    assert 0.0 < machine()["disk_free_gb"] < 1e7
    unknown = Machine(Path("no/such/folder"), nobody)
    assert [True, True] == [value != value for value in unknown().values()]


@pytest.mark.usefixtures("obmm")
def test_without_a_recording_a_diagnosis_says_why_there_is_none(tmp_path):
    """Once in half an hour, not at every message."""
    diagnosed = Diagnosed(tmp_path / "none")
    said = diagnosed()
    assert "No diagnosis" in said
    assert said is diagnosed()


def test_a_message_can_carry_what_a_diagnosis_of_the_recording_says(tmp_path):
    """Made by a process of its own."""
    states = random_states(1, 12, n_books=2, n_levels=5, events_per_book=10.0)
    stream = [("5F", encode_request(state)) for state in states]
    recorded(tmp_path / "rec", resolve("touch"), stream)
    assert "What the last 6h say (obmm diagnose " in Diagnosed(tmp_path / "rec")()
