"""What is in a live recording."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import msgspec

from obmm.agent.sessions import Clock, Session
from obmm.lab.watch import Timings
from obmm.market import MarketState
from obmm.settings.files import write_whole
from obmm.wire import Decoder, WireError
from obmm.wire.frames import Act, Exchange, Frame, Setup
from obmm.wire.recording import Recording


@attrs.define
class _Simulation:
    """One simulation of one validator."""

    first: MarketState
    clock: Session
    versions: set[int] = attrs.field(factory=set)
    states: int = 0
    missed: int = 0
    late: int = 0
    last_ns: int = -1

    @classmethod
    def of(cls, state: MarketState) -> _Simulation:
        """One that begins with `state`."""
        return cls(state, Session(state.venue, ()))

    def add(self, state: MarketState, version: int | None) -> None:
        """Take in a state."""
        self.states += 1
        if version is not None:
            self.versions.add(version)
        if self.clock.clock(state) is Clock.LATE or state.time_ns == self.last_ns:
            self.late += 1
            return
        gap_ns = state.time_ns - self.last_ns
        # Longer than the whole simulation is no gap, but a clock that nobody can have.
        if self.last_ns >= 0 and gap_ns <= state.venue.duration_ns:
            self.missed += max(gap_ns // state.venue.publish_interval_ns - 1, 0)
        self.last_ns = state.time_ns

    def told(self) -> dict[str, Any]:
        """As plain values."""
        venue = self.first.venue
        return {
            "validator": venue.validator,
            "simulation": venue.simulation_id,
            "books": venue.n_books,
            "uid": self.first.uid,
            "states": self.states,
            "from_s": self.first.time_s,
            "until_s": self.last_ns / 1e9,
            "missed": self.missed,
            "late": self.late,
            "versions": sorted(self.versions),
        }


@attrs.define
class _Info:
    """What is gathered from frame to frame."""

    configs: list[dict[str, Any]] = attrs.field(factory=list)
    versions: dict[str, str] = attrs.field(factory=dict)
    processes: int = 0
    exchanges: int = 0
    notes: Counter[str] = attrs.field(factory=Counter)
    respond: Timings = attrs.field(factory=Timings)
    acts: list[Act] = attrs.field(factory=list)
    between_ns: list[int] = attrs.field(factory=list)
    simulations: dict[tuple[str, str], _Simulation] = attrs.field(factory=dict)
    decoder: Decoder = attrs.field(factory=Decoder)

    def add(self, frame: Frame) -> None:
        """Take in a frame."""
        about = frame.about
        if isinstance(about, Setup):
            self.decoder = Decoder(uid=about.uid)
            self.versions = about.versions
            self.processes += about.why == "start"
            if not self.configs or about.why != "file":
                self.configs.append(
                    {
                        "at_ns": about.at_ns,
                        "why": about.why,
                        "name": about.name,
                        "config_hash": about.config_hash,
                    }
                )
        elif isinstance(about, Exchange):
            self.exchanges += 1
            self.between_ns = [*self.between_ns[:1], about.received_ns]
            self.respond.add(about.elapsed_ms)
            if about.note:
                self.notes[about.note.partition(":")[0]] += 1
            self._state(frame, about)
        elif isinstance(about, Act):
            self.acts.append(about)

    def _state(self, frame: Frame, about: Exchange) -> None:
        try:
            request = self.decoder.request(frame.first, validator=about.sender or None)
        except WireError:
            return
        state = request.state
        key = (state.venue.validator, state.venue.simulation_id)
        known = self.simulations.get(key)
        if known is None:
            known = self.simulations[key] = _Simulation.of(state)
        known.add(state, request.version)


def extract_code(recording: Recording, folder: Path) -> list[Path]:
    """Write the code of the user's own stages as a recording has it, for `config_of` to find; nothing is run.

    Args:
        recording: The recording.
        folder: Where to; files that are there stay as they are.

    Returns:
        The files, none if it was made without stages of the user's own. Where a file changed while it was
        recorded the newest is written.

    Raises:
        FileExistsError: One is there already.
        WireError: The recording is damaged.
    """
    sources: dict[str, str] = {}
    for frame in recording.frames():
        if isinstance(frame.about, Setup):
            sources |= frame.about.sources
    # A name is that of a module: nothing but letters, digits and dots between them.
    parts = {name: name.split(".") for name in sources}
    if wrong := [name for name, part in parts.items() if not all(p.isidentifier() for p in part)]:
        raise WireError(str(recording.path), f"holds code of what is no module: {wrong[0]!r}")
    # One that holds others is a package.
    packages = {name for name in sources if any(other.startswith(f"{name}.") for other in sources)}
    paths = {
        name: folder.joinpath(*part, "__init__.py")
        if name in packages
        else folder.joinpath(*part[:-1], f"{part[-1]}.py")
        for name, part in parts.items()
    }
    if there := [path for path in paths.values() if path.exists()]:
        raise FileExistsError(errno.EEXIST, "is there already; name another folder", str(there[0]))
    for name, path in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, sources[name].encode())
    return list(paths.values())


def info(recording: Recording, *, progress: Callable[[int], None] | None = None) -> dict[str, Any]:
    """Everything `obmm record-info` tells of a recording, as plain values.

    Args:
        recording: The recording.
        progress: Told of each exchange, with how many there were so far.

    Returns:
        `recording`, `files`, `size`, `removed`, `lost`, `torn`, `damage` ("" or what is wrong and where; then
        the rest is about what is before it), `exchanges`, `from_ns`, `until_ns`, `processes`, `configs`,
        `versions`, `simulations` (a row each), `acts` (what somebody did to the agent), `notes` and
        `respond_ms`.
    """
    told, damage = _Info(), ""
    try:
        for frame in recording.frames():
            told.add(frame)
            if progress is not None:
                progress(told.exchanges)
    except WireError as error:
        damage = str(error)
    index, received = recording.index, told.between_ns
    return {
        "recording": str(recording.path),
        "files": len(index.files),
        "size": sum(p.stat().st_size for f in index.files if (p := recording.folder / f.name).is_file()),
        "removed": {
            "files": index.removed.files,
            "exchanges": index.removed.exchanges,
            "size": index.removed.size,
        },
        "lost": dict(index.lost),
        "torn": list(recording.torn),
        "damage": damage,
        "exchanges": told.exchanges,
        "from_ns": received[0] if received else None,
        "until_ns": received[-1] if received else None,
        "processes": told.processes,
        "configs": told.configs,
        "versions": told.versions,
        "simulations": [one.told() for one in told.simulations.values()],
        "acts": [msgspec.structs.asdict(act) for act in told.acts],
        "notes": dict(told.notes),
        "respond_ms": told.respond.as_dict(),
    }
