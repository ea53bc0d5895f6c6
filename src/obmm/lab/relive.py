"""A live recording answered again: the same requests, in the same order, by the same configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import numpy as np

from obmm.agent import Config, Decision, Keeper, MarketMaker, OverrideFile
from obmm.agent.sessions import Session, withdrawn
from obmm.agent.snapshot import SnapshotRefused, restored
from obmm.lab.rebuild import rebuilt
from obmm.market import Feed, MarketState, Orders
from obmm.wire import Decoder, Request, WireError, reply_nothing
from obmm.wire.frames import Exchange, Frame, Memory, Setup
from obmm.wire.recording import Recording

#: Notes of exchanges that the agent never saw, and that it saw too late; the session's words.
DROPPED, DEADLINE = "dropped", "deadline"
#: Notes of answers that cancel all that rests, whatever was decided.
CANCELLED = frozenset({"leaving", "stopped"})

#: A validator and a simulation.
Key = tuple[str, str]


@attrs.frozen(kw_only=True)
class Relived:
    """One exchange, and what becomes of it now.

    Attributes:
        about: What the recording says of it.
        request: The body of the request.
        recorded: The body of the reply that was sent.
        setup: The configuration that was in force.
        state: What the request tells, with the feeds that were asked for; None where it tells nothing.
        decision: The decision made again; None where none was made, or what was remembered is not known.
        reply: The reply made again; None where there is nothing to compare.
        unknown: Why there is nothing to compare, "" where there is.
    """

    about: Exchange
    request: bytes = attrs.field(repr=False)
    recorded: bytes = attrs.field(repr=False)
    setup: Setup = attrs.field(repr=False)
    state: MarketState | None = attrs.field(default=None, repr=False)
    decision: Decision | None = attrs.field(default=None, repr=False)
    reply: bytes | None = attrs.field(default=None, repr=False)
    unknown: str = ""

    @property
    def same(self) -> bool:
        """Whether the same was decided and the same bytes were said, where there is something to compare."""
        if self.decision is not None and self.decision.digest != self.about.digest:
            return False
        return self.reply is None or self.reply == self.recorded


def config_of(setup: Setup, code: Path | None = None) -> Config:
    """The configuration of a recording.

    Args:
        setup: What the recording says of it.
        code: Folder with the modules of the user's own stages; the one of its file, or the working folder,
            if not given.

    Raises:
        ConfigError: It cannot be made again: a stage is not found, or has other code now.
    """
    source = Path(setup.name)
    beside = source.resolve().parent if source.suffix == ".toml" and source.is_file() else None
    return rebuilt(setup.name, setup.table, setup.config_hash, beside if code is None else code)


def newest_config(recording: Recording) -> Config:
    """The configuration that was in force at the end of a recording.

    Raises:
        WireError: Its newest file is damaged.
        ConfigError: The configuration cannot be made again.
    """
    newest = Recording(recording.folder / recording.index.files[-1].name)
    return config_of([frame.about for frame in newest.frames() if isinstance(frame.about, Setup)][-1])


def relive(
    recording: Recording,
    *,
    code: Path | None = None,
    feeds: frozenset[Feed] = frozenset(),
    decide: bool = True,
) -> Iterator[Relived]:
    """Answer all requests of a recording again, each process as it was: what it remembered, and its changes.

    Args:
        recording: The recording; it is read twice.
        code: Folder with the modules of the user's own stages, see `config_of`.
        feeds: What to decode beyond what the agent asks for; the agent does not get to see it.
        decide: Whether to decide again; else only the states are told.

    Raises:
        WireError: The recording is damaged; what was before has been yielded.
        ConfigError: Its configuration cannot be made again.
    """
    missing = missing_numbers(recording)
    process: _Process | None = None
    at = -1
    for frame in recording.frames():
        about = frame.about
        if isinstance(about, Setup):
            if process is None or about.why == "start":
                at += 1
                whole = about.why == "start"
                process = _Process(
                    about, missing[at] if at < len(missing) else [], whole, code, feeds, decide
                )
            process.configs[about.config_hash] = about
        elif process is not None and isinstance(about, Memory):
            process.remember(about, frame.first)
        elif process is not None and isinstance(about, Exchange):
            yield process.relive(about, frame)


def missing_numbers(recording: Recording) -> list[list[int]]:
    """Of each process the numbers of the exchanges that it did not record; after its last one none is missed.

    Raises:
        WireError: The recording is damaged.
    """
    seen: list[set[int]] = []
    whole = True
    for frame in recording.frames():
        if isinstance(frame.about, Setup) and (not seen or frame.about.why == "start"):
            whole = whole and frame.about.why == "start"
            seen.append(set())
        elif isinstance(frame.about, Exchange):
            seen[-1].add(frame.about.number)
    # What is missing before the oldest file that is kept is known to be gone.
    first = [min(numbers, default=0) if not (i or whole) else 0 for i, numbers in enumerate(seen)]
    spans = [range(low, max(numbers, default=-1)) for low, numbers in zip(first, seen, strict=True)]
    return [sorted(set(span) - numbers) for span, numbers in zip(spans, seen, strict=True)]


class _Recalled(Keeper):
    """Gives back what the recording has, and saves nothing."""

    def __init__(self) -> None:
        super().__init__(None, every=2**62)
        self.snapshots: dict[Key, bytes] = {}

    def load(self, config: Config, state: MarketState) -> Session | None:
        data = self.snapshots.pop((state.venue.validator, state.venue.simulation_id), None)
        try:
            return None if data is None else restored(data, config, state)
        except SnapshotRefused as error:
            raise WireError("recording", f"what it remembers cannot be taken up: {error}") from error


class _Ordered(OverrideFile):
    """The overrides that were in force."""

    def poll(self, every_s: float = 0.5) -> dict[str, str]:
        return self.modes


@attrs.define
class _Process:
    """One process of a recording, played again.

    Attributes:
        setup: The configuration it began with.
        missing: Numbers of its exchanges that were not recorded.
        whole: Whether the recording has its beginning.
        configs: The configurations it had, by hash.
    """

    setup: Setup
    missing: list[int]
    whole: bool
    code: Path | None
    feeds: frozenset[Feed]
    decide: bool
    configs: dict[str, Setup] = attrs.field(factory=dict)
    _made: dict[str, Config] = attrs.field(factory=dict)
    _makers: dict[str, MarketMaker] = attrs.field(factory=dict)
    _decoders: dict[str, tuple[frozenset[Feed], Decoder]] = attrs.field(factory=dict)
    _uids: dict[str, int] = attrs.field(factory=dict)
    _keeper: _Recalled = attrs.field(factory=_Recalled)
    _known: set[Key] = attrs.field(factory=set)
    _awaited: dict[Key, tuple[int, bytes]] = attrs.field(factory=dict)
    _gaps: int = 0

    def remember(self, about: Memory, data: bytes) -> None:
        """Take in what was remembered."""
        key = (about.validator, about.simulation_id)
        if about.restored:
            self._keeper.snapshots[key] = data
        elif not self._is_known(key):
            self._awaited[key] = (about.time_ns, data)

    def relive(self, about: Exchange, frame: Frame) -> Relived:
        """Answer a request again."""
        while self._gaps < len(self.missing) and self.missing[self._gaps] < about.number:
            # Nobody knows whose it was: all that was remembered may be another.
            self._gaps += 1
            self._known.clear()
            self._makers.clear()
        setup = self.configs.get(about.config_hash, self.setup)
        told = Relived(about=about, request=frame.first, recorded=frame.second, setup=setup)
        if about.note == DROPPED:
            return attrs.evolve(told, unknown="the agent never saw it")
        try:
            request = self._decoder(about, setup).request(frame.first, validator=about.sender or None)
        except WireError:
            uid = self.setup.uid if self.setup.uid is not None else self._uids.get(about.sender)
            return attrs.evolve(told, reply=reply_nothing(frame.first, uid=uid, harness=self.setup.harness))
        self._uids[about.sender] = request.state.uid
        told = attrs.evolve(told, state=request.state)
        if about.note in CANCELLED:
            everywhere = np.ones(request.state.n_books, dtype=np.bool_)
            told = attrs.evolve(told, reply=self._reply(request, withdrawn(request.state, everywhere)))
            if not about.digest:
                return told
        if not self.decide or not about.digest:
            return attrs.evolve(
                told, unknown="nothing was decided" if self.decide else "it is not decided again"
            )
        return self._decided(told, request)

    def _decided(self, told: Relived, request: Request) -> Relived:
        about, state = told.about, request.state
        key = (state.venue.validator, state.venue.simulation_id)
        if not self._is_known(key):
            awaited = self._awaited.get(key)
            if awaited is not None and awaited[0] == state.time_ns:
                self._known.add(key)
                self._keeper.snapshots[key] = self._awaited.pop(key)[1]
            return attrs.evolve(told, unknown="what was remembered is not in the recording")
        self._known.add(key)
        maker = self._maker(about, told.setup)
        decision = maker.decide(self._as_seen(state, maker))
        reply = self._reply(request, decision.orders) if not about.note else told.reply
        return attrs.evolve(told, decision=decision, reply=reply)

    def _is_known(self, key: Key) -> bool:
        return key in self._known or (self.whole and not self._gaps) or key in self._keeper.snapshots

    def _maker(self, about: Exchange, setup: Setup) -> MarketMaker:
        """The agent of a sender, as it was configured and ordered.

        One for each sender: a change of the configuration reaches each between two states of its own.
        """
        config = self._made.get(setup.config_hash)
        if config is None:
            config = self._made[setup.config_hash] = config_of(setup, self.code)
        maker = self._makers.get(about.sender)
        if maker is None:
            maker = self._makers[about.sender] = MarketMaker(config, _Ordered(Path()), keeper=self._keeper)
        elif maker.config_hash != setup.config_hash:
            maker.reconfigure(config)
        if maker.overrides is not None and maker.overrides.modes != about.overrides:
            maker.overrides.modes = dict(about.overrides)
        return maker

    def _decoder(self, about: Exchange, setup: Setup) -> Decoder:
        feeds = self.feeds
        if self.decide and about.digest:
            feeds |= self._maker(about, setup).feeds
        known, decoder = self._decoders.get(about.sender, (None, None))
        if decoder is None or known is None or not feeds <= known:
            decoder = Decoder(feeds, uid=self.setup.uid)
            self._decoders[about.sender] = (feeds, decoder)
        return decoder

    def _as_seen(self, state: MarketState, maker: MarketMaker) -> MarketState:
        """The state as the agent had it decoded."""
        return state if Feed.TAPE in maker.feeds else attrs.evolve(state, tape=None)

    def _reply(self, request: Request, orders: Orders) -> bytes:
        return request.harness_reply(orders) if self.setup.harness else request.reply(orders)
