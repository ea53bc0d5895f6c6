"""Live recordings replay to the same bytes, whatever happened in between; and if not, it is said where."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest
from tests.live.agents import quoting
from tests.live.recording import Asked, exchanges, interleaved, let_record, recorded

from obmm.agent import ConfigError, MarketMaker, resolve
from obmm.lab.relive import config_of, missing_numbers, relive
from obmm.lab.verify import instructions_in, verify
from obmm.live._files import Bounds
from obmm.live.recorder import Recorder
from obmm.live.session import Session
from obmm.market import MarketState
from obmm.settings.toml import Layer
from obmm.testing import random_states
from obmm.wire import encode_request
from obmm.wire.frames import Frame, Lost, Setup, encode_frame
from obmm.wire.recording import Recording

N = 45
UNKNOWN = "what was remembered is not in the recording"


@functools.cache
def market(seed: int, simulation: str) -> tuple[MarketState, ...]:
    """A simulation: states of two books, with own orders and trades."""
    states = random_states(seed, N, n_books=2, n_levels=8, events_per_book=10.0)
    venue = attrs.evolve(states[0].venue, simulation_id=simulation)
    return tuple(attrs.evolve(state, venue=venue) for state in states)


@functools.cache
def asked(seed: int, sender: str, simulation: str = "run", version: int = 54) -> tuple[Asked, ...]:
    """What a validator asks."""
    return tuple((sender, encode_request(state, version=version)) for state in market(seed, simulation))


def all_same(told: dict[str, Any], n: int | None = None) -> bool:
    """Whether every exchange was compared, and was the same."""
    n = told["exchanges"] if n is None else n
    return (n, n, 0, {}) == (told["exchanges"], told["same"], told["different"], told["not_compared"])


@pytest.mark.parametrize("preset", ["balanced", "touch"])
def test_a_preset_replays_to_the_same_bytes(tmp_path, preset):
    """After the warm-up as before it."""
    recorded(tmp_path, resolve(preset), asked(1, "one"))
    assert all_same(verify(Recording(tmp_path)), N)


def test_validators_and_simulations_interleaved_replay_to_the_same_bytes(tmp_path):
    """Two validators, one of which runs two simulations, with late, repeated and damaged requests between."""
    one, two, other = asked(1, "one"), asked(2, "two", version=45), asked(3, "two", "other", version=35)
    stream = interleaved(one[:20], two, other)
    stream[30:30] = [one[3], two[2], ("one", b"{"), ("three", b""), ("two", one[4][1][:-20]), two[4], two[4]]
    stream += [*one[10:12], *one[15:40]]
    recorded(tmp_path, resolve("balanced"), stream)
    assert all_same(verify(Recording(tmp_path)), len(stream))


@pytest.mark.parametrize("killed", [False, True])
def test_restarts_replay_to_the_same_bytes(tmp_path, killed):
    """The second process goes on from the last snapshot, the third has none and warms up."""
    config, one, two = resolve("balanced"), asked(1, "one"), asked(2, "two")
    rec, memory = tmp_path / "rec", tmp_path / "memory"
    recorded(rec, config, interleaved(one[:18], two[:18]), memory=memory, killed=killed)
    recorded(rec, config, interleaved(one[18:32], two[18:32]), memory=memory, killed=killed)
    recorded(rec, config, interleaved(one[32:], two[32:]))
    told = verify(Recording(rec))
    assert all_same(told, 2 * N)
    assert [] == told["torn"]
    setups = [frame.about for frame in Recording(rec).frames() if isinstance(frame.about, Setup)]
    assert ["start"] * 3 == [setup.why for setup in setups]


_PROCESS = """
import sys
from pathlib import Path
from obmm.agent import Keeper, MarketMaker, resolve
from obmm.live.recorder import Recorder
from obmm.live.session import Session
from tests.live.agents import bodies
folder, begin, end = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
maker = MarketMaker(resolve("balanced"), keeper=Keeper(folder / "memory", 7))
recorder = Recorder(folder / "recording", maker)
maker.keeper.listeners.append(recorder.remember)
session = Session(maker, budget_s=60.0)
session.listeners.append(recorder)
for number, body in enumerate(bodies(1, end)[begin:]):
    session.answer(body, sender="one")
    while recorder._files.index.files[-1].exchanges <= number:
        pass
    print(number, flush=True)
maker.save()
session.close(30.0)
maker.keeper.close(30.0)
recorder.close(30.0)
"""


def test_processes_one_of_which_is_killed_replay_to_the_same_bytes(tmp_path):
    """The second goes on from what the first had saved, and is warm."""
    words = [sys.executable, "-c", _PROCESS, str(tmp_path)]
    killed = subprocess.Popen([*words, "0", "600"], stdout=subprocess.PIPE)
    assert killed.stdout is not None
    for _ in range(45):
        killed.stdout.readline()
    os.kill(killed.pid, signal.SIGKILL)
    killed.stdout.close()
    killed.wait()
    answered = len(exchanges(tmp_path / "recording"))
    subprocess.run([*words, str(answered), str(answered + 20)], stdout=subprocess.DEVNULL, check=True)
    recording = Recording(tmp_path / "recording")
    told = list(relive(recording))
    assert answered + 20 == len(told)
    assert all(one.same and not one.unknown for one in told)
    first = told[answered].decision
    assert first is not None
    assert first.steps[0].signals.age_s[0] > 40.0


def test_a_harness_replays_to_the_same_bytes(tmp_path):
    """Its replies are bare, its sender is what the body says, and our number is given."""
    stream = [("", encode_request(state, form="open")) for state in market(1, "run")]
    recorded(tmp_path, resolve("touch"), [*stream[:10], ("", b"{}"), *stream[10:]], harness=True, uid=0)
    assert all_same(verify(Recording(tmp_path)), N + 1)


def test_changes_of_the_configuration_replay_to_the_same_bytes(tmp_path, monkeypatch):
    """Those with another feed, too; and what a person orders meanwhile. Nothing is written in between."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    first, second = resolve("fast"), resolve("balanced")
    maker = MarketMaker.of(first, tmp_path / "o.toml")
    recorder = Recorder(tmp_path / "rec", maker)
    session = Session(maker, budget_s=60.0)
    session.listeners.append(recorder)
    for i, (sender, body) in enumerate(interleaved(asked(1, "one"), asked(2, "two"))):
        if i in (31, 61):
            maker.reconfigure(second if i == 31 else first)
        if i == 45:
            (tmp_path / "o.toml").write_text('[books]\n1 = "off"')
            assert maker.overrides is not None
            while not maker.overrides.poll(0.0):
                pass
        session.answer(body, sender=sender)
        let_record(session, recorder)
    session.close(30.0)
    recorder.close(30.0)
    assert all_same(verify(Recording(tmp_path / "rec")), 2 * N)
    assert {"1": "off"} == exchanges(tmp_path / "rec")[-1].about.overrides
    assert [] == list((tmp_path / "here").iterdir())


def test_an_end_with_cancels_replays_to_the_same_bytes(tmp_path):
    """Those answers touch no memory."""
    maker = MarketMaker(resolve("touch"))
    recorder = Recorder(tmp_path, maker)
    session = Session(maker, budget_s=60.0)
    session.listeners.append(recorder)
    for i, (sender, body) in enumerate(asked(1, "one")):
        if i == N - 3:
            session.cancel_all()
        session.answer(body, sender=sender)
        let_record(session, recorder)
    session.close(30.0)
    recorder.close(30.0)
    assert all_same(verify(Recording(tmp_path)), N)
    assert "leaving" == exchanges(tmp_path)[-1].about.note


def test_answers_that_came_too_late_are_compared_by_their_decisions(tmp_path):
    """What was sent holds no orders, and the agent remembers the state all the same."""
    maker = MarketMaker(resolve("touch"))
    recorder = Recorder(tmp_path, maker)
    session = Session(maker, budget_s=60.0)
    session.listeners.append(recorder)
    gate = threading.Event()
    maker.listeners.append(lambda decision: bool(gate.wait(30.0)))
    for i, (sender, body) in enumerate(asked(1, "one")):
        (gate.clear if i == 40 else gate.set)()
        session.answer(body, sender=sender, budget_s=0.01 if i == 40 else None)
        gate.set()
        wait_until_told(session)
        let_record(session, recorder)
    session.close(30.0)
    recorder.close(30.0)
    assert all_same(verify(Recording(tmp_path)), N)
    assert "deadline" == exchanges(tmp_path)[40].about.note


def wait_until_told(session: Session) -> None:
    """Until the lanes of a session have nothing to do."""
    while not all(lane.idle for lane in session._lanes.values()):
        pass


def test_the_middle_of_a_recording_replays_from_the_first_snapshot_on(tmp_path):
    """Its oldest files are gone; what is before the first snapshot cannot be compared, and that is said."""
    bounds = Bounds(total_bytes=100_000)
    stream = interleaved(asked(1, "one"), asked(2, "two"))
    recorded(tmp_path / "r", resolve("balanced"), stream, memory=tmp_path / "m", every=4, bounds=bounds)
    told = verify(Recording(tmp_path / "r"))
    assert 0 < told["exchanges"] < 2 * N
    assert 0 == told["different"]
    assert 5 < told["same"]
    assert {UNKNOWN: told["exchanges"] - told["same"]} == told["not_compared"]


def without(folder: Path, numbers: set[int]) -> None:
    """Take exchanges out of a recording of one file, as if they had been lost."""
    (path,) = folder.glob("*.obmf")
    frames = [f for f in Recording(folder).frames() if getattr(f.about, "number", -1) not in numbers]
    frames.append(Frame(Lost(at_ns=1, frames=len(numbers), why="the disk is too slow")))
    path.write_bytes(b"".join(map(encode_frame, frames)))
    (folder / "index.json").unlink()


def test_after_a_gap_it_goes_on_from_the_next_snapshot(tmp_path):
    """What was lost may have changed what is remembered of either validator."""
    stream = interleaved(asked(1, "one"), asked(2, "two"))
    recorded(tmp_path / "r", resolve("balanced"), stream, memory=tmp_path / "m", every=5)
    without(tmp_path / "r", {50, 51})
    recording = Recording(tmp_path / "r")
    assert [[50, 51]] == missing_numbers(recording)
    told = verify(recording)
    assert 0 == told["different"]
    unknown = [one.about.number for one in relive(recording) if one.unknown]
    assert 52 == min(unknown)
    assert 65 > max(unknown)


def test_without_a_snapshot_nothing_after_a_gap_is_compared(tmp_path):
    """Rather than told to be different."""
    recorded(tmp_path, resolve("balanced"), asked(1, "one"))
    without(tmp_path, {20})
    told = verify(Recording(tmp_path))
    assert (20, {UNKNOWN: 24}, 0) == (told["same"], told["not_compared"], told["different"])


def changed(folder: Path, number: int, **about: Any) -> None:
    """Let a recording of one file tell something else of an exchange."""
    (path,) = folder.glob("*.obmf")
    frames = list(Recording(folder).frames())
    for i, frame in enumerate(frames):
        if getattr(frame.about, "number", -1) == number:
            reply = about.pop("reply", frame.second)
            frames[i] = Frame(msgspec.structs.replace(frame.about, **about), frame.first, reply)
    path.write_bytes(b"".join(map(encode_frame, frames)))
    (folder / "index.json").unlink()


def test_the_first_difference_is_told(tmp_path):
    """Which instruction, of which request, and when."""
    config = resolve("touch")
    stream = [("v", encode_request(state, form="open")) for state in market(1, "run")]
    replies = recorded(tmp_path, config, stream)
    message = msgspec.json.decode(replies[40])
    message["response"]["instructions"][0]["bookId"] = 999
    changed(tmp_path, 40, reply=msgspec.json.encode(message))
    told = verify(Recording(tmp_path))
    first = told["first_difference"]
    assert (1, 40, "v", market(1, "run")[40].time_s) == (
        told["different"], first["number"], first["sender"], first["time_s"],
    )  # fmt: skip
    assert first["what"].startswith("instruction 1 of ")
    assert '"bookId":999' in first["what"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"digest": "0" * 16}, "the same instructions for other reasons"),
        ({"digest": "0" * 16, "note": "deadline"}, "another decision, which was too late to be sent"),
        ({"reply": b"{}"}, "the same instructions in other bytes, from byte 1 on"),
    ],
)
def test_other_differences_are_told_as_what_they_are(tmp_path, change, what):
    """Reasons, decisions that nobody was told, bytes."""
    recorded(tmp_path, resolve("touch"), asked(1, "one")[:3])
    changed(tmp_path, 1, **change)
    assert what == verify(Recording(tmp_path))["first_difference"]["what"]


def test_instructions_are_found_in_every_kind_of_reply(tmp_path):
    """In the open, in blobs of either codec, and in the harness's."""
    state = market(1, "run")[-1]
    forms = [encode_request(state), encode_request(state, version=35), encode_request(state, form="open")]
    found = [
        instructions_in(recorded(tmp_path / f"{harness}{i}", quoting(), [("v", body)], harness=harness)[0])
        for i, body in enumerate(forms)
        for harness in (False, True)
    ]
    assert 0 < len(found[0])
    assert [found[0]] * 6 == found


def test_a_configuration_is_made_again(tmp_path):
    """Books assigned to others, books of their own, parts that are stages."""
    table = {
        "extends": "balanced",
        "builder": {"kind": "ladder", "around": {"kind": "touch"}},
        "books": {"1": {"gates": {"inventory": {"max_inventory_pct": 0.1}}}},
        "assign": [{"books": "0", "pipeline": "calm"}],
    }
    config = resolve(Layer("many", table))
    recorded(tmp_path, config, asked(1, "one"))
    setup = next(Recording(tmp_path).frames()).about
    assert isinstance(setup, Setup)
    assert config.hash == config_of(setup).hash
    assert all_same(verify(Recording(tmp_path)), N)


def test_code_that_is_another_now_is_told(tmp_path):
    """Unless it is given as it was."""
    code = (
        "import attrs, numpy as np\nfrom obmm.market import Limits, Stage\n@attrs.define\nclass G(Stage):\n"
    )
    code += "    def __call__(self, state, signals):\n        return Limits.open(state.n_books)\n"
    (tmp_path / "recorded_gate.py").write_text(code)
    (tmp_path / "my.toml").write_text('extends = "touch"\n[[gates]]\nkind = "recorded_gate:G"\nname = "g"')
    recorded(tmp_path / "rec", resolve(tmp_path / "my.toml"), asked(1, "one")[:5])
    recording = Recording(tmp_path / "rec")
    assert all_same(verify(recording), 5)
    (tmp_path / "recorded_gate.py").write_text(code + "# changed\n")
    with pytest.raises(ConfigError, match=r"the code of gates\.g is another now"):
        verify(recording)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "recorded_gate.py").write_text(code)
    assert all_same(verify(recording, code=tmp_path / "old"), 5)
