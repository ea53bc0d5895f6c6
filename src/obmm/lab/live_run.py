"""Runs made of a live recording, one for each simulation of each validator, for all that reads runs.

Decisions are made again, as `obmm.lab.relive` does, for what a recording does not hold: signals, limits and
reasons. Our own number on the subnet becomes account 0, and 0 becomes our number: every run has its agent
there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from obmm.agent import ConfigError, Decision
from obmm.agent.sessions import Clock, Session
from obmm.lab.interrupt import interruptible
from obmm.lab.recorded import PLANNED, RunError, read_about
from obmm.lab.records import RunWriter, describe_venue
from obmm.lab.relive import Relived, relive
from obmm.lab.score import MAIN_ERAS, RunScores
from obmm.lab.tables import account_rows, market_rows
from obmm.lab.watch import Charge, Timings, lifted_books
from obmm.market import Feed, MarketState, NoticeKind, Venue
from obmm.market.layout import laid_out, positions_within
from obmm.risk import DrawdownStop
from obmm.wire.recording import Recording

#: Called with the exchanges done.
Progress = Callable[[int], None]


class NothingRecorded(ValueError):
    """A recording holds no state that could be read, or none of the time that was asked for."""


def import_recording(
    recording: Recording,
    out: Path,
    *,
    code: Path | None = None,
    eras: tuple[str, ...] = MAIN_ERAS,
    force: bool = False,
    since_ns: int = 0,
    until_ns: int | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Make runs of a recording; those that are there and of the same recording stay as they are.

    Args:
        recording: The recording.
        out: Folder of the runs, made if it is not there; each is called after validator and simulation.
        code: Folder with the modules of the user's own stages, see `obmm.lab.relive.config_of`.
        eras: Scoring eras to follow.
        force: Make them anew in any case.
        since_ns: Wall clock before which requests are left out; the agent remembers them all the same, as far
            as the recording's files are read.
        until_ns: Wall clock from which on requests are left out, too.
        progress: Told of each exchange.

    Returns:
        The folders of the runs, in the order in which they began. If the recording's configuration cannot be
        made again, their `run.json` says why in `not_decided`, and they hold no signals and no orders.

    Raises:
        WireError: The recording is damaged.
        OSError: A run cannot be written.
        NothingRecorded: It holds no state, or none of that time.
    """
    stamp = {file.name: _size(recording, file.name) for file in recording.index.files}
    if not force and (there := _made_of(stamp, out)):
        return there
    try:
        return _made(recording, out, stamp, code, eras, "", progress, since_ns, until_ns)
    except ConfigError as error:
        return _made(recording, out, stamp, code, eras, str(error), progress, since_ns, until_ns)


def _size(recording: Recording, name: str) -> int:
    path = recording.folder / name
    return path.stat().st_size if path.is_file() else -1


def _made_of(stamp: dict[str, int], out: Path) -> list[Path]:
    """The runs below a folder that were made of just these files."""
    found: list[tuple[int, Path]] = []
    for path in sorted(out.glob("*/run.json")):
        try:
            about = read_about(path.parent)
        except RunError:
            continue
        if about.get("recording") == stamp and about["completed"]:
            found.append((about["order"], path.parent))
    return [folder for _, folder in sorted(found)]


def _made(
    recording: Recording,
    out: Path,
    stamp: dict[str, int],
    code: Path | None,
    eras: tuple[str, ...],
    not_decided: str,
    progress: Progress | None,
    since_ns: int,
    until_ns: int | None,
) -> list[Path]:
    going: dict[tuple[str, str], _Run] = {}
    folders: list[Path] = []
    exchanges = relive(recording, code=code, feeds=frozenset({Feed.TAPE}), decide=not not_decided)
    with ExitStack() as stack, interruptible() as interrupted:
        for n, told in enumerate(exchanges, start=1):
            if progress is not None:
                progress(n)
            if interrupted():
                raise KeyboardInterrupt
            if until_ns is not None and told.about.received_ns >= until_ns:
                break
            state = told.state
            if state is None or told.about.received_ns < since_ns:
                continue
            key = (state.venue.validator, state.venue.simulation_id)
            run = going.get(key)
            clock = Clock.NEW if run is None else run.clock(state)
            if run is None or clock in (Clock.NEW, Clock.SET_BACK):
                if run is not None:
                    run.end()
                folder = out / _named(key, {path.name for path in folders})
                writer = stack.enter_context(RunWriter(folder, force=True))
                about = {"recording": stamp, "order": len(folders)}
                about |= {"not_decided": not_decided} if not_decided else {}
                run = going[key] = _Run(writer, RunScores(eras), state.venue)
                run.start(told, state, about)
                folders.append(folder)
            elif clock is Clock.LATE:
                run.late += 1
                continue
            run.add(told, state)
        if not folders:
            raise NothingRecorded(f"{recording.path} holds no state that could be read")
        for run in going.values():
            run.end()
    return folders


def _named(key: tuple[str, str], taken: set[str]) -> str:
    """A folder's name for a validator and a simulation; a number tells apart those that look alike."""
    validator, simulation = (re.sub(r"[^A-Za-z0-9_.-]+", "-", part).strip(".-") for part in key)
    name = f"{validator[:8] or 'validator'}-{simulation[-40:] or 'simulation'}"
    numbered = (name if i == 1 else f"{name}-{i}" for i in range(1, len(taken) + 2))
    return next(one for one in numbered if one not in taken)


@attrs.define
class _Run:
    """A run in the making."""

    writer: RunWriter
    scores: RunScores
    venue: Venue
    late: int = 0
    states: int = 0
    faults: int = 0
    stops: int = 0
    lifted: int = 0
    undecided: int = 0
    respond: Timings = attrs.field(factory=Timings)
    refused: Counter[str] = attrs.field(factory=Counter)
    without_orders: Counter[str] = attrs.field(factory=Counter)
    changes: list[dict[str, Any]] = attrs.field(factory=list)
    ended: bool = False
    _clock: Session = attrs.field(init=False)
    _last_ns: int = -1
    _hash: str = ""

    def __attrs_post_init__(self) -> None:
        self._clock = Session(self.venue, ())

    def clock(self, state: MarketState) -> Clock:
        """What the time of `state` says; one that comes twice is late, another venue is another run."""
        if positions_within(self.venue, state.venue) is None and state.venue != self.venue:
            return Clock.NEW
        said = self._clock.clock(state)
        return Clock.LATE if said is Clock.ON and state.time_ns == self._last_ns else said

    def start(self, told: Relived, state: MarketState, about: dict[str, Any]) -> None:
        """Begin the run with what is known at its first state."""
        setup = told.setup
        self._clock.clock(state)
        self._hash = setup.config_hash
        self.writer.start(
            {
                "kind": "live",
                "scenario": f"live {state.venue.simulation_id}".strip(),
                "books": self.venue.n_books,
                "validator": state.venue.validator,
                "uid_on_subnet": state.uid,
                "received_ns": told.about.received_ns,
                "accounts": {
                    "0": {"name": setup.name, "config_hash": setup.config_hash, "config": setup.table}
                },
                "config_hash": setup.config_hash,
                "venue": describe_venue(self.venue),
                **about,
            }
        )

    def add(self, told: Relived, state: MarketState) -> None:
        """Take in one state and what was decided."""
        decision = told.decision
        if decision is not None:
            decision = attrs.evolve(decision, elapsed_ms=told.about.elapsed_ms)
            self._count(decision)
        else:
            self.undecided += 1
        if told.setup.config_hash != self._hash:
            self._hash = told.setup.config_hash
            self.changes.append({"time_s": state.time_s, "config_hash": self._hash, "name": told.setup.name})
        self.respond.add(told.about.elapsed_ms)
        self.without_orders.update([told.about.note] if told.about.note else [])
        ours = state.uid
        seen = as_account_0(state, ours)
        whole = seen
        if state.venue != self.venue and (at := positions_within(self.venue, state.venue)) is not None:
            whole = laid_out(seen, self.venue, at)
        rows = account_rows(seen, None if decision is None else attrs.evolve(decision, state=seen))
        if whole is not seen:
            # Every state of a run has all its books; the orders tell of those that were there.
            rows["states"] = account_rows(whole)["states"]
        self.scores.observe({0: whole})
        self.writer.add_rows(market_rows(seen), rows)
        refused = np.flatnonzero(state.notices.kind == int(NoticeKind.REJECTED))
        self.refused.update(state.notices.message[row] for row in refused)
        self.states += 1
        self._last_ns = state.time_ns
        if self.writer.due:
            self.writer.add_scores(self.scores.take())
            self.writer.close_part(**self._told())
        if self.writer.unwritten is not None:
            raise self.writer.unwritten

    def end(self) -> None:
        """Close the run."""
        if not self.ended:
            self.ended = True
            self.writer.add_scores(self.scores.take())
            self.writer.end(PLANNED, **self._told())
            if self.writer.unwritten is not None:
                raise self.writer.unwritten

    def _count(self, decision: Decision) -> None:
        self.faults += bool(decision.faults)
        for step in decision.steps:
            self.stops += sum(isinstance(news, DrawdownStop) for news in step.news)
            self.lifted += lifted_books(step)

    def _told(self) -> dict[str, Any]:
        return {
            "states": self.states,
            "late": self.late,
            "undecided": self.undecided,
            "without_orders": dict(self.without_orders),
            "config_changes": self.changes,
            "response_ms": self.respond.as_dict()["p50"] or 0.0,
            "scores": {"0": self.scores.told(0)},
            "stage_errors": {"0": self.faults},
            "refused": {"0": dict(self.refused)},
            "drawdown_stops": {"0": self.stops},
            "lifted": {"0": self.lifted},
            "charged": {"0": Charge(0.0).as_dict()},
        }


def as_account_0(state: MarketState, ours: int) -> MarketState:
    """`state` with our number and 0 in each other's place.

    >>> from obmm.testing import random_state
    >>> as_account_0(random_state(1), 0).uid
    0
    """
    if ours == 0:
        return state
    notices, tape = state.notices, state.tape
    if len(notices):
        notices = attrs.evolve(
            notices, maker_id=_swapped(notices.maker_id, ours), taker_id=_swapped(notices.taker_id, ours)
        )
    if tape is not None:
        tape = attrs.evolve(
            tape, maker_id=_swapped(tape.maker_id, ours), taker_id=_swapped(tape.taker_id, ours)
        )
    return attrs.evolve(state, uid=0, notices=notices, tape=tape)


def _swapped(uid: npt.NDArray[np.int64], ours: int) -> npt.NDArray[np.int64]:
    return np.where(uid == ours, 0, np.where(uid == 0, ours, uid))
