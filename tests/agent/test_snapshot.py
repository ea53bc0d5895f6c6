"""What survives a restart: everything that stages remember, or nothing and a reason why."""

from __future__ import annotations

import contextlib
import functools
import threading
import zlib
from collections import deque
from pathlib import Path
from typing import Any

import attrs
import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from obmm.agent import Config, Decision, Keeper, MarketMaker, preset_names, resolve
from obmm.agent import keeper as keepers
from obmm.agent import snapshot as snapshots
from obmm.agent.memory import Misfit, NotKept, give_back, plain, told_of, value_of
from obmm.agent.sessions import Session
from obmm.agent.snapshot import Snapshot, SnapshotRefused, name_of, restored
from obmm.market import FloatArray, MarketState, NoticeKind, Notices, Signals, Stage, memory, option
from obmm.market.venue import SECOND_NS
from obmm.settings.registry import registered
from obmm.settings.toml import Layer
from obmm.testing import random_states

N_STATES = 40
#: What a configuration says of every builder that ships, those with parts with more than their names.
BUILDERS: dict[str, dict[str, Any]] = {
    kind: {"kind": kind} for kind, cls in registered("builders").items() if cls.__module__.startswith("obmm.")
} | {"ladder": {"kind": "ladder", "around": {"kind": "skewed", "controller": {"interval_s": 5.0}}}}


def everything(builder: str) -> Config:
    """A configuration with every signal and gate that ships and one of the builders, with its parts."""
    here = {
        group: [k for k, c in registered(group).items() if c.__module__.startswith("obmm.")]
        for group in ("signals", "gates")
    }
    options: dict[str, dict[str, Any]] = {
        "ensemble": {"weights": {"imbalance": -0.2, "momentum": 0.1}},
        "drawdown": {"threshold": 0.0001, "cooldown_s": 20.0},
    }
    table: dict[str, Any] = {
        group: [{"kind": kind, **options.get(kind, {})} for kind in kinds] for group, kinds in here.items()
    }
    table["signals"].append({"kind": "mid", "name": "fair"})
    table["builder"] = BUILDERS[builder]
    table["placer"] = {"kind": "amend"}
    return resolve(Layer("everything", table))


@functools.cache
def config_of(name: str) -> Config:
    """A preset, or all stages at once around a builder."""
    kind, _, builder = name.partition(" ")
    return everything(kind) if builder else resolve(name)


@functools.cache
def states() -> tuple[MarketState, ...]:
    """States three seconds apart, with fills of our own in every third."""
    told = []
    for i, state in enumerate(random_states(1, N_STATES, n_books=3, events_per_book=60.0)):
        time_ns = state.time_ns + 2 * i * SECOND_NS
        notices = state.notices if i % 3 else fill(state, i % 2)
        told.append(attrs.evolve(state, time_ns=time_ns, notices=notices))
    return tuple(told)


def fill(state: MarketState, side: int) -> Notices:
    """A fill on the first book."""
    one = np.array([1])
    return Notices(
        kind=one * int(NoticeKind.FILL), time_ns=one * (state.time_ns - 1), book=one * 0, side=one * side,
        price=state.mid[:1], size=one * 40.0, fee=one * 0.1, order_id=one, client_id=one, trade_id=one,
        maker_id=one * state.uid, taker_id=one * -1, message=("",),
    )  # fmt: skip


def session_of(maker: MarketMaker) -> Session:
    """The only session."""
    (session,) = maker._sessions.values()
    return session


def answers(maker: MarketMaker, told: tuple[MarketState, ...]) -> list[Decision]:
    """What an agent decides on each state."""
    return [maker.decide(state) for state in told]


def same(a: Decision, b: Decision) -> bool:
    """Whether two decisions are the same in all that they say, and in the signals they were made by."""
    signals = [
        np.array_equal(value, b.steps[i].signals[name], equal_nan=True)
        for i, step in enumerate(a.steps)
        for name, value in step.signals.items()
    ]
    return a.digest == b.digest and a.orders == b.orders and all(signals) and a.error == b.error == ""


@functools.cache
def uninterrupted(name: str) -> list[Decision]:
    """The answers of a process that is never restarted."""
    return answers(MarketMaker(config_of(name)), states())


@pytest.mark.parametrize("name", [*preset_names(), *(f"{kind} builder" for kind in BUILDERS)])
@settings(max_examples=3)
@given(at=st.integers(1, N_STATES - 1))
def test_a_restart_changes_no_answer(name, at):
    """Law: save and restore at any state, and the answers are those without interruption."""
    config = config_of(name)
    before = MarketMaker(config)
    answers(before, states()[:at])
    data = Snapshot.of(session_of(before), config.hash).encode()

    after = MarketMaker(config)
    session = restored(data, config, states()[at])
    after._sessions[states()[at].venue.validator, states()[at].venue.simulation_id] = session
    assert all(map(same, uninterrupted(name)[at:], answers(after, states()[at:])))


def test_the_law_is_about_every_placer_that_ships():
    """A new one must be in it, as new signals, gates and builders are by themselves."""
    assert ["amend"] == [k for k, c in registered("placers").items() if c.__module__.startswith("obmm.")]


def test_the_stages_of_the_law_remember_something():
    """A law about nothing would hold as well: stops, pace and warm-up are there, and the stop is not over."""
    maker = MarketMaker(config_of("ladder builder"))
    answers(maker, states())
    told, silent = session_of(maker).memory()
    stages = told["pipelines"][0]["stages"]
    assert {} == silent
    assert np.any(value_of(stages["gates.drawdown"]["_since_ns"], "") > 0)
    assert np.any(value_of(stages["gates.turnover"]["_bucket"], "") > 0)
    assert 60.0 < value_of(told["pipelines"][0]["age_s"], "").min()
    assert value_of(stages["builder"]["around"][1]["controller"][1]["_factor"], "") is not None


def saved(folder: Path, at: int, config: Config | None = None, every: int = 10) -> None:
    """A process answers `at` states and is killed."""
    maker = MarketMaker(config or config_of("balanced"), keeper=Keeper(folder, every))
    answers(maker, states()[:at])
    assert maker.keeper is not None
    assert maker.keeper.close(10.0)


def test_a_process_that_starts_goes_on_from_the_last_snapshot(tmp_path):
    """As if it had not seen the states after that, and without warming up again."""
    saved(tmp_path, 25)
    maker = MarketMaker(config_of("balanced"), keeper=Keeper(tmp_path))
    with capture_logs() as logs:
        decisions = answers(maker, states()[20:])
    assert all(map(same, uninterrupted("balanced")[20:], decisions))
    assert ["the agent goes on where it was"] == [log["event"] for log in logs if "agent" in log["event"]]


def test_what_is_remembered_is_saved_at_the_end(tmp_path):
    """Whatever the number of states."""
    maker = MarketMaker(config_of("touch"), keeper=Keeper(tmp_path, every=1000))
    answers(maker, states()[:7])
    maker.save()
    assert maker.keeper is not None
    assert maker.keeper.close(10.0)
    after = MarketMaker(config_of("touch"), keeper=Keeper(tmp_path))
    assert all(map(same, uninterrupted("touch")[7:], answers(after, states()[7:])))
    MarketMaker(config_of("touch")).save()


def test_a_clock_that_is_back_starts_anew_whatever_was_saved(tmp_path):
    """The simulation was started again under its old name."""
    saved(tmp_path, 25)
    maker = MarketMaker(config_of("balanced"), keeper=Keeper(tmp_path))
    young = attrs.evolve(states()[0], time_ns=SECOND_NS)
    maker.decide(young)
    assert [0.0] * 3 == session_of(maker).pipelines[0]._age_s.tolist()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda told: told.update(obmm="0.0.9"), "another version of obmm"),
        (lambda told: told.update(config_hash="0"), "another configuration"),
        (lambda told: told.update(validator="5F"), "another validator"),
        (lambda told: told.update(simulation_id="x"), "another simulation"),
        (lambda told: told.pop("venue"), "does not tell what it must"),
        (lambda told: told.pop("pipelines"), "does not tell what it must"),
        (lambda told: told["fees"].update(strange=1), "does not tell what it must"),
        (lambda told: told["venue"].update(publish_interval_ns=7), "another venue"),
        (
            lambda told: told["venue"].update(book_ids=plain(np.array([1, 2]), "")),
            "does not tell what it must",
        ),
        (lambda told: told["pipelines"].append({}), "2 pipelines; there are 1"),
        (lambda told: told["pipelines"][0]["stages"].pop("placer"), "other stages than"),
        (
            lambda told: told["pipelines"][0].update(age_s=plain(np.zeros(2), "")),
            "another number of books than 3",
        ),
        (lambda told: told["pipelines"][0].update(last_ns="x"), "another number of books than 3"),
        (lambda told: told["pipelines"][0].update(age_s=["a", "O", [3], b""]), "array of object"),
        (lambda told: told["pipelines"][0]["stages"]["gates.turnover"].pop("_slot"), "other attributes"),
        (lambda told: told["pipelines"][0]["stages"].update(placer=7), "no table of attributes"),
    ],
)
def test_a_snapshot_that_does_not_fit_is_refused_with_a_reason(tmp_path, change, problem):
    """And nothing of it is taken up."""
    maker = MarketMaker(config_of("balanced"))
    answers(maker, states()[:20])
    snapshot = Snapshot.of(session_of(maker), maker.config_hash)
    change(snapshot._told)
    tmp_path.joinpath(snapshot.name).write_bytes(snapshot.encode())
    after = MarketMaker(config_of("balanced"), keeper=Keeper(tmp_path))
    with capture_logs() as logs:
        decisions = answers(after, states()[20:])
    (told,) = [log for log in logs if log["event"].startswith("a snapshot is refused")]
    assert problem in told["problem"]
    assert all(map(same, answers(MarketMaker(config_of("balanced")), states()[20:]), decisions))


@given(st.binary(max_size=200), st.integers(0, 10**6), st.booleans())
@settings(max_examples=100)
def test_damaged_snapshots_are_refused(noise, at, sealed):
    """Whatever the bytes; where the checksum is right they are data, and nothing worse is raised."""
    data = bytearray(whole_snapshot())
    place = at % len(data)
    data[place : place + len(noise)] = noise
    if bytes(data) == whole_snapshot():
        return
    if not sealed:
        with pytest.raises(SnapshotRefused):
            restored(bytes(data), config_of("balanced"), states()[20])
        return
    with contextlib.suppress(SnapshotRefused):
        restored(snapshots._MAGIC + _crc(data[18:]) + data[18:], config_of("balanced"), states()[20])


def test_a_key_that_is_a_table_is_refused():
    """Such a thing is MessagePack, and no table that Python can hold."""
    inner = b"\x81\xa1k\x81\x81\xa1a\x01\x02"
    data = zstandard.compress(inner)
    with pytest.raises(SnapshotRefused, match="damaged"):
        restored(snapshots._MAGIC + _crc(data) + data, config_of("balanced"), states()[20])


def _crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")


@functools.cache
def whole_snapshot() -> bytes:
    """One that would be taken up."""
    maker = MarketMaker(config_of("balanced"))
    answers(maker, states()[:20])
    return Snapshot.of(session_of(maker), maker.config_hash).encode()


def test_a_snapshot_that_unpacks_to_too_much_is_refused(monkeypatch):
    """A small file may ask for any amount of memory."""
    packed = zstandard.compress(msgspec.msgpack.encode({"x": bytes(10**6)}))
    monkeypatch.setattr(snapshots, "_MAX_BYTES", 10**5)
    with pytest.raises(SnapshotRefused, match="more than 100000 bytes"):
        restored(snapshots._MAGIC + _crc(packed) + packed, config_of("balanced"), states()[0])


@attrs.define
class Remembers(Stage):
    """A signal that keeps all that can be kept."""

    seen: list[float] = option(factory=list, help="not an option, by mistake")
    horizon: int = option(3, help="states")
    _things: dict[str, Any] = memory(dict)

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        self.seen.append(state.time_s)
        self._things |= {
            "queue": deque(self.seen, self.horizon),
            "pair": (1, 2.5, True, None, b"x", "text"),
            "sets": ({3, 1}, frozenset({2})),
            "large": 10**30,
            "scalar": np.float32(2.5),
            "bytes": bytearray(b"ab"),
            "array": np.arange(6).reshape(2, 3),
            "by number": {7: [1]},
        }
        return np.full(state.n_books, sum(self._things["queue"]))


@attrs.define(slots=False)
class Plainly:
    """A signal with attributes that are no fields: one comes late, one is computed."""

    _hidden: int = attrs.field(default=0, init=False)

    @functools.cached_property
    def two(self) -> object:
        return object()

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        assert self.two
        self._hidden += 1
        self.last = state.mid.copy()
        return np.full(state.n_books, float(self._hidden))


@attrs.define
class Locks(Stage):
    """A signal that keeps what no file can hold, and needs time to settle."""

    _lock: object = memory(threading.Lock)
    _count: int = memory(int)

    @property
    def warmup_s(self) -> float:
        return 10.0

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        self._count += 1
        return np.full(state.n_books, float(self._count))


def with_signal(cls: type) -> Config:
    """`touch` with a signal of one's own."""
    kind = f"{cls.__module__}:{cls.__name__}"
    return resolve(Layer("own", {"extends": "touch", "signals": [{"kind": kind, "name": "own"}]}))


@pytest.mark.parametrize("cls", [Remembers, Plainly])
def test_stages_of_the_users_own_are_saved(tmp_path, cls):
    """Attributes of known types, wherever a class has them."""
    config = with_signal(cls)
    saved(tmp_path, 20, config)
    after = answers(MarketMaker(config, keeper=Keeper(tmp_path)), states()[20:])
    alone = answers(MarketMaker(config), states())[20:]
    assert all(map(same, alone, after))


def test_a_stage_that_cannot_be_saved_is_told_once_and_warms_up_again(tmp_path):
    """The others go on where they were."""
    config = with_signal(Locks)
    with capture_logs() as logs:
        saved(tmp_path, 25, config, every=5)
    (told,) = [log for log in logs if "is not saved" in log["event"]]
    assert ("signals.own", "_lock holds a lock") == (told["stage"], told["problem"])
    maker = MarketMaker(config, keeper=Keeper(tmp_path))
    first = maker.decide(states()[25])
    assert 1.0 == first.steps[0].signals["own"][0]
    assert [3.0] * 3 == first.steps[0].signals.age_s.tolist()


def test_what_a_person_ordered_is_no_memory(tmp_path):
    """An override that was lifted while the process was down is lifted."""
    maker = MarketMaker.of(config_of("touch"), tmp_path / "o.toml")
    maker.keeper = Keeper(tmp_path, every=5)
    (tmp_path / "o.toml").write_text('all = "off"')
    with capture_logs() as logs:
        answers(maker, states()[:20])
        maker.save()
    assert maker.keeper.close(10.0)
    assert not [log for log in logs if "not saved" in log["event"]]
    after = answers(MarketMaker(config_of("touch"), keeper=Keeper(tmp_path)), states()[20:])
    assert after[-1].digest == uninterrupted("touch")[-1].digest


def test_values_that_are_no_data_are_not_kept():
    """Each with its place."""
    endless: list[Any] = []
    endless.append(endless)
    for value, problem in [
        ({"a": [object()]}, "x holds a object"),
        (np.array([None]), "x holds a ndarray"),
        (endless, "nests too deeply"),
        (type("Mine", (int,), {})(3), "x holds a Mine"),
    ]:
        with pytest.raises(NotKept, match=problem):
            plain(value, "x")


@pytest.mark.parametrize(
    "told",
    [
        {"a": 1},
        ["z", 1],
        [],
        ["a", "f8", [3], b""],
        ["a", "O", [1], b"12345678"],
        ["s", [["l", []]]],
        [3],
        ["i", "x"],
    ],
)
def test_what_tells_of_no_value_is_refused(told):
    """A file may hold anything."""
    with pytest.raises(Misfit, match="x"):
        value_of(told, "x")


def test_parts_come_back_into_parts():
    """A builder within a builder, a controller within that; and nothing else in their place."""
    config = config_of("ladder builder")
    told = told_of(config.builder.build())
    give_back(config.builder.build(), told)
    with pytest.raises(Misfit, match="around is no stage there"):
        give_back(config.builder.build(), told | {"around": None})


def test_a_disk_that_takes_nothing_is_told_once_and_tried_again(tmp_path):
    """The answers go on; when there is room again, so do the snapshots."""
    (tmp_path / "memory").write_text("in the way")
    keeper = Keeper(tmp_path / "memory", every=1)
    maker = MarketMaker(config_of("touch"), keeper=keeper)
    with capture_logs() as logs:
        for state in states()[:3]:
            maker.decide(state)
            assert keeper.close(10.0)
    assert ["a snapshot could not be written"] == [
        log["event"] for log in logs if log["log_level"] == "error"
    ]
    assert keeper.problem.startswith("FileExistsError")
    (tmp_path / "memory").unlink()
    maker.decide(states()[3])
    assert keeper.close(10.0)
    assert "" == keeper.problem
    assert 1 == len(list((tmp_path / "memory").iterdir()))


def test_files_of_old_simulations_go(tmp_path, monkeypatch):
    """The newest stay."""
    monkeypatch.setattr(keepers, "MAX_FILES", 2)
    keeper = Keeper(tmp_path, every=1)
    for run in "abc":
        venue = attrs.evolve(states()[0].venue, simulation_id=run)
        MarketMaker(config_of("touch"), keeper=keeper).decide(attrs.evolve(states()[0], venue=venue))
        assert keeper.close(10.0)
    names = {path.name for path in tmp_path.iterdir()}
    assert 2 == len(names)
    assert name_of(states()[0].venue.validator, "c") in names
    (tmp_path / "gone.memory").symlink_to(tmp_path / "nowhere")
    assert float("inf") == keepers._age(tmp_path / "gone.memory")


def test_listeners_hear_of_each_snapshot_before_its_answer(tmp_path):
    """Also of the one that is taken up; one that raises keeps nothing back."""
    heard: list[tuple[int, bool]] = []
    keeper = Keeper(tmp_path, 10, [lambda snapshot, up: heard.append((snapshot.time_ns, up))])
    answers(MarketMaker(config_of("touch"), keeper=keeper), states()[:15])
    assert keeper.close(10.0)
    answers(MarketMaker(config_of("touch"), keeper=keeper), states()[12:14])
    assert [(states()[9].time_ns, False), (states()[9].time_ns, True)] == heard

    def fails(snapshot: Snapshot, up: bool) -> None:
        raise ValueError("no")

    keeper.listeners[:] = [fails]
    with capture_logs() as logs:
        answers(MarketMaker(config_of("touch"), keeper=keeper), states()[12:13])
    assert "ValueError: no" in [log.get("what") for log in logs]


def test_without_a_folder_only_the_listeners_are_told(tmp_path):
    """As for a recording whose agent is to warm up after a restart."""
    heard: list[int] = []
    keeper = Keeper(None, 2, [lambda snapshot, up: heard.append(snapshot.time_ns)])
    answers(MarketMaker(config_of("touch"), keeper=keeper), states()[:5])
    assert [states()[1].time_ns, states()[3].time_ns] == heard
    assert keeper.close()
    assert keeper._thread is None


def test_its_thread_ends_with_it_and_begins_anew(tmp_path):
    """Nothing is left running by a keeper that is closed; one that is used again works."""
    keeper = Keeper(tmp_path, every=1)
    maker = MarketMaker(config_of("touch"), keeper=keeper)
    for i in range(2):
        maker.decide(states()[i])
        thread = keeper._thread
        assert thread is not None
        assert keeper.close(30.0)
        thread.join(30.0)
        assert not thread.is_alive()
    assert keeper._thread is None


def test_a_time_that_comes_twice_takes_no_snapshot(tmp_path):
    """What follows a snapshot is told by the time it was taken at."""
    keeper = Keeper(tmp_path, every=2)
    heard: list[int] = []
    keeper.listeners.append(lambda snapshot, up: heard.append(snapshot.time_ns))
    maker = MarketMaker(config_of("touch"), keeper=keeper)
    answers(maker, (states()[0], states()[0], states()[1]))
    assert [states()[1].time_ns] == heard
    assert keeper.close(10.0)
