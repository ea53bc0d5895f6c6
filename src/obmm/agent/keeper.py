"""Keeps snapshots on the disk, off the path of the answers, and finds them again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import attrs
import structlog

from obmm.agent.config import Config
from obmm.agent.faults import told
from obmm.agent.sessions import Session
from obmm.agent.snapshot import Snapshot, SnapshotRefused, name_of, restored
from obmm.agent.telling import tell, worth_telling
from obmm.market import MarketState
from obmm.settings.files import write_whole

#: Simulations whose snapshots are kept; of more the oldest files go.
MAX_FILES = 32

#: Told of each snapshot that was taken, or, with True, taken up, before the state it is for is answered.
Listener = Callable[[Snapshot, bool], None]

_log = structlog.get_logger("obmm.memory")


@attrs.define(eq=False)
class Keeper:
    """Saves what a `MarketMaker` remembers every so many states, and gives it back after a restart.

    Taking a snapshot copies some arrays; bringing it to the disk is the business of a thread. What the disk
    does not take is told, and tried again with the next snapshot.

    Attributes:
        folder: Where the files lie, made when the first is written; None only tells the listeners.
        every: States of a simulation between two snapshots.
        listeners: Told of every snapshot in the thread that answers: they must be quick.
        problem: Why the last one could not be written, "" if it was.
    """

    folder: Path | None
    every: int = 60
    listeners: list[Listener] = attrs.field(factory=list)
    problem: str = attrs.field(default="", init=False)
    _waiting: dict[str, Snapshot] = attrs.field(factory=dict, init=False, repr=False)
    _change: threading.Condition = attrs.field(factory=threading.Condition, init=False, repr=False)
    _thread: threading.Thread | None = attrs.field(default=None, init=False, repr=False)
    _busy: bool = attrs.field(default=False, init=False, repr=False)
    _closing: bool = attrs.field(default=False, init=False, repr=False)
    _silent: set[str] = attrs.field(factory=set, init=False, repr=False)
    _refusals: int = attrs.field(default=0, init=False, repr=False)

    def save(self, session: Session, config_hash: str) -> None:
        """Take a snapshot of a session; it is on the disk soon."""
        snapshot = Snapshot.of(session, config_hash)
        for path, why in snapshot.silent.items():
            if path not in self._silent:
                self._silent.add(path)
                what = (
                    "what a stage remembers is not saved; it starts anew after a restart, and books warm up"
                )
                tell(_log, logging.WARNING, what, stage=path, problem=why)
        self._hear(snapshot, False)
        if self.folder is None:
            return
        with self._change:
            self._waiting[snapshot.name] = snapshot
            self._closing = False
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="obmm-keeper", daemon=True)
                self._thread.start()
            self._change.notify_all()

    def load(self, config: Config, state: MarketState) -> Session | None:
        """A session that goes on where the last snapshot of the state's simulation was taken, if one fits.

        One that does not fit is refused, and that is told.
        """
        if self.folder is None:
            return None
        venue = state.venue
        path = self.folder / name_of(venue.validator, venue.simulation_id)
        try:
            session = restored(path.read_bytes(), config, state)
        except FileNotFoundError:
            return None
        except (SnapshotRefused, OSError) as error:
            self._refusals += 1
            if worth_telling(self._refusals):
                about = {"path": str(path), "problem": told(error)}
                tell(_log, logging.WARNING, "a snapshot is refused; the agent warms up", **about)
            return None
        snapshot = Snapshot.of(session, config.hash)
        behind_s = (state.time_ns - snapshot.time_ns) / 1e9
        who = {"validator": venue.validator, "simulation": venue.simulation_id}
        tell(_log, logging.INFO, "the agent goes on where it was", **who, behind_s=behind_s)
        self._hear(snapshot, True)
        return session

    def close(self, within_s: float = 0.5) -> bool:
        """Whether all that waits has been brought to the disk, within so many real seconds."""
        with self._change:
            self._closing = True
            self._change.notify_all()
            return self._change.wait_for(lambda: not (self._waiting or self._busy), within_s)

    def _hear(self, snapshot: Snapshot, taken_up: bool) -> None:
        try:
            for listener in tuple(self.listeners):
                listener(snapshot, taken_up)
        except Exception as error:  # What a listener raises must not keep back the answer.
            tell(_log, logging.ERROR, "a listener of snapshots failed", what=told(error))

    def _run(self) -> None:
        while True:
            with self._change:
                self._busy = False
                self._change.notify_all()
                self._change.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    self._thread = None
                    return
                name, snapshot = next(iter(self._waiting.items()))
                del self._waiting[name]
                self._busy = True
            try:
                self._write(snapshot)
            except Exception as error:  # A disk may say anything; the agent goes on.
                problem = told(error)
                if problem != self.problem:
                    tell(_log, logging.ERROR, "a snapshot could not be written", what=problem)
                self.problem = problem
            else:
                self.problem = ""

    def _write(self, snapshot: Snapshot) -> None:
        assert self.folder is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / snapshot.name, snapshot.encode())
        files = sorted(self.folder.glob("*.memory"), key=_age)
        for path in files[MAX_FILES:]:
            path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    """Seconds since a file was written; one that has just gone is the oldest."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")
