"""The recorder: all that was said, off the path of the answers, whatever becomes of disk and process."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import attrs
import pytest
from structlog.testing import capture_logs
from tests.live.agents import bodies, quoting
from tests.live.recording import exchanges, interleaved, recorded

from obmm.agent import MarketMaker, resolve
from obmm.live import recorder as recorders
from obmm.live._files import Bounds, RecordingFiles
from obmm.live.recorder import Recorder
from obmm.live.session import Exchange, Session
from obmm.settings.lock import InUse
from obmm.wire import WireError
from obmm.wire import frames as wire_frames
from obmm.wire.frames import Frame, Lost, Setup, encode_frame
from obmm.wire.recording import INDEX, Recording, read_index

ASKED = [("one", body) for body in bodies(1, 6)]
OTHER = [("two", body) for body in bodies(2, 6, n_books=3)]


def setups(folder: Path) -> list[Setup]:
    """The configurations that a recording tells of."""
    return [frame.about for frame in Recording(folder).frames() if isinstance(frame.about, Setup)]


def said(maker: MarketMaker, number: int = 0) -> Exchange:
    """An exchange that a session might tell of."""
    return Exchange(
        number=number,
        received_ns=10 + number,
        sender="v",
        request=b"request" * 40,
        reply=b"reply",
        elapsed_ms=1.0,
        decision=None,
        config_hash=maker.config_hash,
    )


def test_what_was_said_is_read_back(tmp_path):
    """Requests, replies, senders and the decisions' digests, those of two validators interleaved."""
    asked = [*interleaved(ASKED, OTHER), ("one", b"no message")]
    replies = recorded(tmp_path, quoting(), asked)
    # Those of a sender come in order; of two senders either may be told first.
    found = sorted(exchanges(tmp_path), key=lambda frame: frame.about.number)
    assert [(sender, body) for sender, body in asked] == [(f.about.sender, f.first) for f in found]
    assert replies == [frame.second for frame in found]
    assert list(range(13)) == [frame.about.number for frame in found]
    assert [quoting().hash] * 12 == [frame.about.config_hash for frame in found[:12]]
    decided = MarketMaker(quoting())
    assert all(len(frame.about.digest) == 16 for frame in found[:12])
    assert ("", True) == (found[12].about.digest, found[12].about.note.startswith("undecodable"))
    assert 0 == decided.states
    index = read_index(tmp_path)
    assert index is not None
    (file,) = index.files
    assert (13, 14, True) == (file.exchanges, file.frames, file.closed)
    assert file.last_ns in {frame.about.received_ns for frame in found[11:]}


def test_the_configuration_stands_at_the_beginning(tmp_path):
    """With everything that decides, the code of one's own stages, and the versions."""
    config = resolve("touch", ["size_base=0.5"])
    recorded(tmp_path, config, ASKED[:1], harness=True, uid=7)
    (setup,) = setups(tmp_path)
    assert ("start", config.hash, config.as_table(), True, 7, {}) == (
        setup.why,
        setup.config_hash,
        setup.table,
        setup.harness,
        setup.uid,
        setup.sources,
    )
    assert {"obmm", "python", "numpy", "lz4", "zstandard", "msgspec"} == set(setup.versions)


def test_the_code_of_ones_own_stages_is_recorded(tmp_path):
    """By the name of its module."""
    code = "import attrs\nfrom obmm.market import Limits, Stage\n@attrs.define\nclass G(Stage):\n"
    code += "    def __call__(self, state, signals):\n        return Limits.open(state.n_books)\n"
    (tmp_path / "recorded_gate.py").write_text(code)
    (tmp_path / "my.toml").write_text('extends = "touch"\n[[gates]]\nkind = "recorded_gate:G"\nname = "g"')
    recorded(tmp_path / "rec", resolve(tmp_path / "my.toml"), ASKED[:1])
    assert {"recorded_gate": code} == setups(tmp_path / "rec")[0].sources


def test_a_changed_configuration_is_recorded_before_its_first_answer(tmp_path):
    """And the files after it begin with that one."""
    maker = MarketMaker(quoting())
    recorder = Recorder(tmp_path, maker, bounds=Bounds(file_bytes=1))
    session = Session(maker, budget_s=60.0)
    session.listeners.append(recorder)
    session.answer(ASKED[0][1], sender="one")
    maker.reconfigure(resolve("touch"))
    for _, body in ASKED[1:3]:
        session.answer(body, sender="one")
    session.close(30.0)
    recorder.close(30.0)
    before, after = quoting().hash, resolve("touch").hash
    told = [
        (frame.about.why if isinstance(frame.about, Setup) else "said", frame.about.config_hash)
        for frame in Recording(tmp_path).frames()
    ]
    assert [
        *[("start", before), ("file", before), ("said", before)],
        *[("file", before), ("change", after), ("said", after), ("file", after), ("said", after)],
    ] == told


def test_a_process_adds_to_what_was_recorded_before(tmp_path):
    """In a file of its own."""
    recorded(tmp_path, quoting(), ASKED[:2])
    recorded(tmp_path, quoting(), ASKED[2:3])
    assert ["00000001.obmf", "00000002.obmf"] == [file.name for file in Recording(tmp_path).index.files]
    assert ["start", "start"] == [setup.why for setup in setups(tmp_path)]
    assert 3 == len(exchanges(tmp_path))


def test_one_process_at_a_time_records(tmp_path):
    """The folder is free again when it is closed, or could not be opened."""
    maker = MarketMaker(quoting())
    recorder = Recorder(tmp_path, maker)
    with pytest.raises(InUse):
        Recorder(tmp_path, maker)
    recorder.close(30.0)
    (tmp_path / INDEX).write_text("{")
    for _ in range(2):
        with pytest.raises(WireError, match="is damaged"):
            Recorder(tmp_path, maker)


def test_the_oldest_files_go_when_there_is_no_room(tmp_path):
    """Never more on the disk than was asked for; the index tells what is gone, and numbers go on."""
    bounds = Bounds(total_bytes=40_000)
    recorded(tmp_path, quoting(), ASKED, bounds=bounds)
    recorded(tmp_path, quoting(), ASKED, bounds=bounds)
    index = Recording(tmp_path).index
    there = {path.name: path.stat().st_size for path in tmp_path.glob("*.obmf")}
    assert there == {file.name: file.size for file in index.files}
    assert sum(there.values()) <= 40_000
    assert 0 < len(there)
    assert 12 == index.removed.exchanges + sum(file.exchanges for file in index.files)
    assert index.files[0].name == f"{index.removed.files + 1:08}.obmf"
    assert 0 < index.removed.last_ns < index.files[-1].last_ns
    assert index.removed.exchanges + len(exchanges(tmp_path)) == 12


def test_a_file_that_a_killed_process_left_counts_with_its_size(tmp_path):
    """Its index is of the moment when it was begun."""
    recorded(tmp_path, quoting(), ASKED)
    index = read_index(tmp_path)
    assert index is not None
    size, index.files[0].size, index.files[0].closed = index.files[0].size, 0, False
    index.write(tmp_path)
    recorded(tmp_path, quoting(), ASKED[:1], bounds=Bounds(total_bytes=size))
    assert ["00000002.obmf"] == [path.name for path in tmp_path.glob("*.obmf")]


def test_a_file_ends_after_some_time(tmp_path):
    """However little is in it."""
    recorded(tmp_path, quoting(), ASKED[:3], bounds=Bounds(file_s=1e-9))
    assert 4 == len(list(tmp_path.glob("*.obmf")))


def test_bounds_must_be_positive():
    """Nothing can be kept in no room."""
    with pytest.raises(ValueError, match="total_bytes"):
        Bounds(total_bytes=0)


@attrs.define
class Disk:
    """A file on a disk that has so much room, and is as slow as it is told to be."""

    file: Any
    room: int
    gate: threading.Event = attrs.field(factory=threading.Event)
    writes: Any = attrs.field(factory=lambda: threading.Semaphore(0))

    def write(self, data: memoryview) -> int:
        self.writes.release()
        assert self.gate.wait(30.0)
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written: int = self.file.write(data[: min(self.room, 100)])
        self.room -= written
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def on(recorder: Recorder, room: int) -> Disk:
    """Let a recorder write to such a disk from now on."""
    disk = Disk(recorder._files._stream, room)
    recorder._files._stream = disk
    return disk


def test_a_full_disk_is_told_and_survived(tmp_path):
    """What does not fit is counted; the file stays whole, and goes on when there is room again."""
    maker = MarketMaker(quoting())
    recorder = Recorder(tmp_path, maker)
    size = len(encode_frame(recorders._exchange(said(maker))))
    disk = on(recorder, size + 40)
    disk.gate.set()
    with capture_logs() as logs:
        for number in range(3):
            recorder(said(maker, number))
        wait_for(lambda: recorder.lost == 2)
        assert "No space left on device" in recorder.problem
        disk.room = 10**6
        recorder(said(maker, 3))
        recorder.close(30.0)
    assert "" == recorder.problem
    events = Counter(log["event"] for log in logs)
    assert {"nothing can be recorded": 1, "an exchange is not recorded": 2, "recording goes on": 1} == events
    _, first, lost, last = Recording(tmp_path).frames()
    assert (0, 2, 3) == (first.about.number, lost.about.frames, last.about.number)
    assert {lost.about.why: 2} == Recording(tmp_path).index.lost


def wait_for(condition: Any) -> None:
    """Until something has happened in another thread."""
    ticks = threading.Event()
    for _ in range(3000):
        if condition():
            return
        ticks.wait(0.01)
    raise AssertionError("it never happened")


def test_a_slow_disk_keeps_no_answer_waiting(tmp_path, monkeypatch):
    """What it is too slow for is left out, counted, and told in the recording."""
    monkeypatch.setattr(recorders, "MAX_WAITING", 2)
    maker = MarketMaker(quoting())
    recorder = Recorder(tmp_path, maker)
    disk = on(recorder, 10**9)
    recorder(said(maker, 0))
    assert disk.writes.acquire(timeout=30.0)
    for number in range(1, 6):
        recorder(said(maker, number))
    assert 3 == recorder.lost
    disk.gate.set()
    recorder.close(30.0)
    about = [frame.about for frame in Recording(tmp_path).frames()]
    assert [0, 3, 1, 2] == [one.frames if isinstance(one, Lost) else one.number for one in about[1:]]
    assert {"the disk is too slow": 3} == Recording(tmp_path).index.lost


def test_what_waits_has_a_bound_in_bytes(tmp_path, monkeypatch):
    """Requests may be large."""
    monkeypatch.setattr(recorders, "MAX_WAITING_BYTES", 10)
    maker = MarketMaker(quoting())
    recorder = Recorder(tmp_path, maker)
    recorder(said(maker))
    recorder.close(30.0)
    recorder(said(maker))
    assert 2 == recorder.lost
    assert [] == exchanges(tmp_path)


def test_a_frame_that_cannot_be_written_ends_nothing(tmp_path, monkeypatch):
    """One that is too large is lost alone."""
    maker = MarketMaker(quoting())
    recorder = Recorder(tmp_path, maker)
    monkeypatch.setattr(wire_frames, "MAX_CONTENT", 10_000)
    recorder(attrs.evolve(said(maker, 0), request=bytes(20_000)))
    recorder(said(maker, 1))
    recorder.close(30.0)
    assert [1] == [frame.about.number for frame in exchanges(tmp_path)]
    (why,) = Recording(tmp_path).index.lost
    assert "ValueError" in why


def test_an_end_that_cannot_be_written_is_told(tmp_path):
    """The folder is gone: the process ends all the same."""
    recorder = Recorder(tmp_path / "rec", MarketMaker(quoting()))
    (tmp_path / "rec").rename(tmp_path / "gone")
    with capture_logs() as logs:
        recorder.close(30.0)
    assert ["the end of the recording could not be written"] == [log["event"] for log in logs]


def test_a_file_that_cannot_be_begun_leaves_nothing(tmp_path, monkeypatch):
    """And is begun again when the disk takes it."""
    files = RecordingFiles(tmp_path, Bounds())
    head = encode_frame(Frame(Lost(at_ns=1, frames=1, why="")))

    def full(index: object, folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(folder))

    with monkeypatch.context() as patch:
        patch.setattr("obmm.wire.recording.Index.write", full)
        with pytest.raises(OSError, match="No space"):
            files.begin(head, 1)
    assert [] == list(tmp_path.iterdir())
    assert files.due
    files.begin(head, 1)
    assert not files.due
    files.end()
    files.end()
    assert (tmp_path / "00000001.obmf").read_bytes() == head


_KILLED = """
import sys
from pathlib import Path
from obmm.agent import MarketMaker
from obmm.live.recorder import Recorder
from obmm.live.session import Session
from tests.live.agents import bodies, quoting
maker = MarketMaker(quoting())
recorder = Recorder(Path(sys.argv[1]), maker)
session = Session(maker, budget_s=60.0)
session.listeners.append(recorder)
for number, body in enumerate(bodies(1, 1) * 100_000):
    session.answer(body, sender="one")
    while recorder._files.index.files[-1].exchanges <= number:
        pass
    print(number, flush=True)
"""


def test_a_killed_process_loses_at_most_the_frame_being_written(tmp_path):
    """All before it is there, whole and in order, and the next process goes on."""
    process = subprocess.Popen([sys.executable, "-c", _KILLED, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    written = [int(process.stdout.readline()) for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    written += map(int, process.stdout.read().split())
    process.stdout.close()
    process.wait()
    recording = Recording(tmp_path)
    numbers = [frame.about.number for frame in exchanges(recording)]
    assert list(range(len(numbers))) == numbers
    assert len(numbers) > written[-1]
    assert len(recording.torn) <= 1
    recorded(tmp_path, quoting(), ASKED[:1])
    assert len(numbers) + 1 == len(exchanges(tmp_path))
