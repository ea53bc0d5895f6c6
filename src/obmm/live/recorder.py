"""Records what was asked and answered, off the path of the answers: a listener of the session.

    recorder = Recorder(Path("recordings"), maker)
    session.listeners.append(recorder)
    if maker.keeper is not None:
        maker.keeper.listeners.append(recorder.remember)
    ...
    maker.save()
    session.close()
    recorder.close()

With the second listener a recording can be replayed from its middle, and across restarts.
"""

from __future__ import annotations

import contextlib
import logging
import platform
import threading
import time
from collections import deque
from importlib import metadata
from pathlib import Path

import attrs
import msgspec
import structlog

from obmm._version import __version__
from obmm.agent import Config, MarketMaker
from obmm.agent.faults import told
from obmm.agent.snapshot import Snapshot
from obmm.agent.telling import tell, worth_telling
from obmm.live import session
from obmm.live._files import Bounds, RecordingFiles
from obmm.settings.lock import FolderLock
from obmm.settings.modules import source_files
from obmm.wire.frames import Act, Exchange, Frame, Lost, Memory, Setup, encode_frame

#: What may wait to be written: so many frames, of so many bytes together.
MAX_WAITING, MAX_WAITING_BYTES = 64, 2**27

_TOO_SLOW, _TOO_LATE = "the disk is too slow", "the recording has ended"
_PACKAGES = ("numpy", "msgspec", "lz4", "zstandard")

_log = structlog.get_logger("obmm.recorder")


@attrs.frozen
class _Taken:
    """A snapshot, and whether it was taken up rather than saved."""

    snapshot: Snapshot
    taken_up: bool


class Recorder:
    """Writes a recording as `obmm.wire.recording` describes it; thread-safe, and never raises once made.

    What the disk is too slow for, or does not take, is counted and told, in the recording as well; no answer
    waits for it. A process that is killed loses what waits, as a rule nothing, and the frame being written.

    Args:
        folder: Where the files go; what was recorded there before is added to.
        maker: The agent whose answers are recorded.
        uid: Our number, as the session was told it.
        harness: Whether the session answers as the harness wants it.
        bounds: How much is kept.

    Attributes:
        lost: Exchanges that could not be recorded.
        problem: Why nothing can be written at present, "" if it can.

    Raises:
        InUse: Another process records there.
        OSError: The folder cannot be made or written to.
        WireError: It holds the damaged index of a recording.
    """

    def __init__(
        self,
        folder: Path,
        maker: MarketMaker,
        *,
        uid: int | None = None,
        harness: bool = False,
        bounds: Bounds | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.lost, self.problem = 0, ""
        self._maker, self._uid, self._harness = maker, uid, harness
        self._waiting: deque[session.Exchange | _Taken | Act] = deque()
        self._waiting_bytes = 0
        self._untold: dict[str, int] = {}
        self._closed = False
        self._change = threading.Condition()
        self._lock = FolderLock(folder)
        self._lock.acquire()
        try:
            self._files = RecordingFiles(folder, Bounds() if bounds is None else bounds)
            self._setup = self._described(maker.config_hash, "start")
            self._files.begin(encode_frame(Frame(self._setup)), self._setup.at_ns)
        except BaseException:
            self._lock.release()
            raise
        self._thread = threading.Thread(target=self._run, name="obmm-recorder", daemon=True)
        self._thread.start()

    def __call__(self, exchange: session.Exchange) -> None:
        """Record an exchange, soon."""
        size = len(exchange.request) + len(exchange.reply)
        with self._change:
            full = len(self._waiting) >= MAX_WAITING or self._waiting_bytes + size > MAX_WAITING_BYTES
            if full or self._closed:
                self._lose(_TOO_SLOW if full else _TOO_LATE)
                return
            self._waiting.append(exchange)
            self._waiting_bytes += size
            self._change.notify()

    def remember(self, snapshot: Snapshot, taken_up: bool) -> None:
        """Record what the agent remembers: a listener of its keeper."""
        with self._change:
            if len(self._waiting) < 2 * MAX_WAITING and not self._closed:
                self._waiting.append(_Taken(snapshot, taken_up))
                self._change.notify()

    def note(self, act: Act) -> None:
        """Record what somebody did to the agent."""
        with self._change:
            if not self._closed:
                self._waiting.append(act)
                self._change.notify()

    def close(self, within_s: float = 0.5) -> None:
        """Write what waits, as far as it can be done in time, and end the file."""
        with self._change:
            self._closed = True
            self._change.notify()
        self._thread.join(within_s)

    def _run(self) -> None:
        while (item := self._next()) is not None:
            try:
                self._record(item)
            except OSError as error:
                self._fail(item, f"{error.filename or 'the disk'}: {error.strerror or error}")
            except Exception as error:  # Nothing that one frame does may end the recording.
                self._fail(item, told(error))
            del item
        try:
            self._say_lost()
            self._files.end()
        except OSError as error:
            tell(_log, logging.ERROR, "the end of the recording could not be written", what=told(error))
        finally:
            self._lock.release()

    def _next(self) -> session.Exchange | _Taken | Act | None:
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            item = self._waiting.popleft()
            if isinstance(item, session.Exchange):
                self._waiting_bytes -= len(item.request) + len(item.reply)
            return item

    def _record(self, item: session.Exchange | _Taken | Act) -> None:
        if self._files.due:
            again = msgspec.structs.replace(self._setup, at_ns=time.time_ns(), why="file")
            self._files.begin(encode_frame(Frame(again)), again.at_ns)
        self._say_lost()
        if isinstance(item, Act):
            self._files.append(encode_frame(Frame(item)))
        elif isinstance(item, _Taken):
            self._files.append(encode_frame(_memory(item)))
        else:
            if item.decision is not None and item.config_hash != self._setup.config_hash:
                changed = self._described(item.config_hash, "change")
                self._files.append(encode_frame(Frame(changed)))
                self._setup = changed
            self._files.append(encode_frame(_exchange(item)), item.received_ns)
        if self.problem:
            self.problem = ""
            tell(_log, logging.WARNING, "recording goes on", lost=self.lost)

    def _say_lost(self) -> None:
        """Tell in the recording what is not in it."""
        while self._untold:
            why, count = next(iter(self._untold.items()))
            self._files.append(encode_frame(Frame(Lost(at_ns=time.time_ns(), frames=count, why=why))))
            lost = self._files.index.lost
            lost[why] = lost.get(why, 0) + count
            with self._change:
                if self._untold[why] == count:
                    del self._untold[why]
                else:
                    self._untold[why] -= count

    def _lose(self, why: str) -> None:
        """Count an exchange that is not recorded; the caller holds the lock."""
        self.lost += 1
        self._untold[why] = self._untold.get(why, 0) + 1
        if worth_telling(self.lost):
            tell(_log, logging.WARNING, "an exchange is not recorded", why=why, count=self.lost)

    def _fail(self, item: session.Exchange | _Taken | Act, problem: str) -> None:
        if problem != self.problem:
            tell(_log, logging.ERROR, "nothing can be recorded", what=problem)
        self.problem = problem
        if isinstance(item, session.Exchange):
            with self._change:
                self._lose(problem)

    def _described(self, config_hash: str, why: str) -> Setup:
        config = self._maker.config_of(config_hash) or self._maker.config
        return Setup(
            at_ns=time.time_ns(),
            why=why,
            name=config.name,
            config_hash=config_hash,
            table=config.as_table(),
            sources=_sources(config),
            versions=_versions(),
            harness=self._harness,
            uid=self._uid,
        )


def _exchange(told: session.Exchange) -> Frame:
    about = Exchange(
        number=told.number,
        received_ns=told.received_ns,
        sender=told.sender,
        elapsed_ms=told.elapsed_ms,
        config_hash=told.config_hash,
        digest="" if told.decision is None else told.decision.digest,
        note=told.note,
        overrides={} if told.decision is None else dict(told.decision.overrides),
    )
    return Frame(about, told.request, told.reply)


def _memory(taken: _Taken) -> Frame:
    snapshot = taken.snapshot
    about = Memory(
        at_ns=time.time_ns(),
        validator=snapshot.validator,
        simulation_id=snapshot.simulation_id,
        time_ns=snapshot.time_ns,
        restored=taken.taken_up,
    )
    return Frame(about, snapshot.encode())


def _sources(config: Config) -> dict[str, str]:
    """The code of the user's own stages, by module."""
    configs = (config, *(assignment.config for assignment in config.assign))
    found = {}
    for spec in (spec for one in configs for spec in one.all_specs):
        for module, file in source_files(spec.cls).items():
            with contextlib.suppress(OSError):  # It is gone since it was run.
                found[module] = Path(file).read_text(encoding="utf-8", errors="replace")
    return found


def _versions() -> dict[str, str]:
    """Versions on which the bytes of an answer depend."""
    return {"obmm": __version__, "python": platform.python_version()} | {
        name: metadata.version(name) for name in _PACKAGES
    }
