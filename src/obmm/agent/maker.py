"""The agent: one entry point for every transport, one pipeline per validator and simulation."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import numpy as np
import structlog

from obmm.agent.config import Config
from obmm.agent.decision import Decision, Step
from obmm.agent.faults import Fault, FaultCount, told
from obmm.agent.keeper import Keeper
from obmm.agent.objective import paid_by
from obmm.agent.overrides import OverrideFile
from obmm.agent.pipeline import feeds_of, only_trades_of
from obmm.agent.sessions import Answer, Clock, Session, withdrawn
from obmm.agent.telling import tell, worth_telling
from obmm.market import Feed, MarketState, Orders, Reason

#: Validators and simulations remembered at once; the one unused for longest is forgotten.
MAX_SESSIONS = 32
#: A listener that raises this often in a row is heard no more.
MAX_LISTENER_FAULTS = 10

Listener = Callable[[Decision], None]

_log = structlog.get_logger("obmm.agent")


class Busy(RuntimeError):
    """The agent was busy with a state for too long."""


@attrs.define
class MarketMaker:
    """Answers states with orders; never raises, whatever a state holds or a stage, listener or log does.

    Only a KeyboardInterrupt, a person's Ctrl-C, passes through. A pipeline that fails is quiet on its books,
    withdraws what it has there, is counted and told; the others go on.

    Attributes:
        config: The resolved configuration.
        overrides: A file of manual overrides to obey, if any.
        keeper: Who saves what the agent remembers, and gives it back after a restart, if anybody.
        listeners: Called with each `Decision`, in order, after it is made. One that raises is told, and
            dropped when it does so many times in a row.
        states: States answered.
        errors: Those on which a pipeline, or the agent itself, failed.

    >>> from obmm.agent import resolve
    >>> from obmm.market import Venue
    >>> maker = MarketMaker(resolve("balanced"))
    >>> venue = Venue.of(n_books=1)
    >>> state = MarketState.of_books(venue, [[(299.5, 20.0)]], [[(300.5, 20.0)]])
    >>> decision = maker.decide(state)
    >>> decision.why(0)[0].name
    'WARMING_UP'
    >>> maker.states, maker.errors, maker.faults
    (1, 0, ())
    """

    config: Config
    overrides: OverrideFile | None = None
    keeper: Keeper | None = attrs.field(default=None, kw_only=True)
    listeners: list[Listener] = attrs.field(factory=list)
    states: int = attrs.field(default=0, init=False)
    errors: int = attrs.field(default=0, init=False)
    feeds: frozenset[Feed] = attrs.field(init=False)
    only_trades: bool = attrs.field(init=False)
    _configs: dict[str, Config] = attrs.field(init=False, repr=False)
    _hash: str = attrs.field(init=False)
    _sessions: OrderedDict[tuple[str, str], Session] = attrs.field(
        factory=OrderedDict, init=False, repr=False
    )
    _counts: dict[str, FaultCount] = attrs.field(factory=dict, init=False, repr=False)
    _kinds: set[tuple[str, str]] = attrs.field(factory=set, init=False, repr=False)
    _restarts: int = attrs.field(default=0, init=False, repr=False)
    _deaf: dict[int, int] = attrs.field(factory=dict, init=False, repr=False)
    # A stage that asks the agent itself recurses until it fails; with a plain lock it would hang.
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        self.feeds, self.only_trades = feeds_of(self.config), only_trades_of(self.config)
        self._hash = self.config.hash
        self._configs = {self._hash: self.config}

    @classmethod
    def of(cls, config: Config, overrides: str | Path | None = None) -> MarketMaker:
        """An agent for `config` that obeys the override file at `overrides`."""
        return cls(config, OverrideFile(Path(overrides)) if overrides is not None else None)

    @property
    def faults(self) -> tuple[FaultCount, ...]:
        """The pipelines that failed so far, with how often and what was wrong first."""
        return tuple(self._counts.values())

    @property
    def config_hash(self) -> str:
        """Hash of the configuration in force."""
        return self._hash

    def config_of(self, config_hash: str) -> Config | None:
        """The configuration of that hash, if it is or was in force."""
        return self._configs.get(config_hash)

    def reconfigure(self, config: Config, within_s: float | None = None) -> None:
        """Answer with `config` from the next state on.

        The clocks go on, and stages that are the same keep what they remember; others begin anew. Whoever
        decodes states looks at `feeds` again.

        Args:
            config: The configuration.
            within_s: Real seconds to wait for the state that is being answered; for ever, if not given.

        Raises:
            ConfigError: It cannot run on a venue that is being answered; the one before stays in force.
            Busy: The agent was busy with a state all the while; nothing has changed.
        """
        with self._between_states(within_s):
            sessions = {key: one.changed(self.config, config) for key, one in self._sessions.items()}
            feeds, only_trades = feeds_of(config), only_trades_of(config)
            config_hash = config.hash
            self._sessions = OrderedDict(sessions)
            self.config, self.feeds, self._hash = config, feeds, config_hash
            self.only_trades = only_trades
            self._configs[config_hash] = config
            # The snapshots of before are of another configuration, and would be refused.
            self.save()
        tell(_log, logging.INFO, "the configuration has changed", name=config.name, hash=config_hash)

    def save(self, within_s: float | None = None) -> None:
        """Have the keeper save what is remembered of every simulation, as before the process ends.

        Raises:
            Busy: The agent was busy with a state for so many real seconds; nothing was saved.
        """
        with self._between_states(within_s):
            if self.keeper is not None:
                for session in self._sessions.values():
                    self.keeper.save(session, self._hash)

    @contextlib.contextmanager
    def _between_states(self, within_s: float | None) -> Iterator[None]:
        if not self._lock.acquire(timeout=-1 if within_s is None else within_s):
            raise Busy("the agent is busy with a state, and nothing was changed; try again")
        try:
            yield
        finally:
            self._lock.release()

    def respond(self, state: MarketState) -> Orders:
        """Instructions for `state`, most urgent first on each book."""
        return self.decide(state).orders

    def decide(self, state: MarketState) -> Decision:
        """The answer to `state` with everything that led to it."""
        started = time.perf_counter_ns()
        with self._lock:
            decision = self._decided(state, started)
        for listener in tuple(self.listeners):
            self._hand(listener, decision)
        return decision

    def _decided(self, state: MarketState, started: int) -> Decision:
        self.states += 1
        n_books, modes = 0, {} if self.overrides is None else self.overrides.modes
        try:
            n_books = int(state.n_books)
            session, late = self._session(state) if n_books else (None, True)
            if session is not None:
                modes = dict(session.modes)  # Others may be ordered at any moment.
            if session is None or late:
                answer = _nothing(n_books, Reason.LATE_STATE)
            else:
                answer = self._answer(session, state)
        except KeyboardInterrupt:
            raise
        except BaseException as raised:  # A user's stage may exit while it is made, a state may be anything.
            books = np.ones(n_books, dtype=np.bool_)
            faults = (Fault.of(raised, self.config.name, "", books),)
            answer = attrs.evolve(
                _nothing(n_books, Reason.STAGE_FAILED), faults=faults, orders=withdrawn(state, books)
            )
        self._count(answer.faults)
        return Decision(
            state=state,
            orders=answer.orders,
            steps=answer.steps,
            bid_reason=answer.why[0],
            ask_reason=answer.why[1],
            elapsed_ms=(time.perf_counter_ns() - started) / 1e6,
            config_hash=self._hash,
            overrides=modes,
            faults=answer.faults,
        )

    def _answer(self, session: Session, state: MarketState) -> Answer:
        """What the pipelines did, about the books of `state` in their order."""
        whole, at = session.fitted(state) or (state, None)
        answer = session.answer(whole)
        if self.keeper is not None and session.due(self.keeper.every):
            self.keeper.save(session, self._hash)
        with contextlib.suppress(Exception):  # What is told must not cost what is sent.
            _tell(session, answer.steps, whole)
        return answer if at is None else answer.of_books(at)

    def _session(self, state: MarketState) -> tuple[Session, bool]:
        """The session of the state's simulation, a new one after a restart, and whether the state is late."""
        key = (state.venue.validator, state.venue.simulation_id)
        session = self._sessions.get(key)
        if session is None and self.keeper is not None:
            session = self.keeper.load(self.config, state)
            if session is not None:
                self._sessions[key] = session
        if session is not None:
            clock = session.clock(state)
            if clock is Clock.NEW or session.fitted(state) is None:
                self._restarts += 1
                self._say_clock("simulation restarted", state, self._restarts)
                session = None
            elif clock is Clock.SET_BACK:
                self._say_clock("simulation set back; what was learnt is kept", state, 1)
            elif clock is Clock.LATE:
                return session, True
        if session is None:
            session = self._sessions[key] = Session.bind(self.config, state.venue)
            if self.config.choices:
                chosen = paid_by(state.venue, self.config.choices)
                told_of = {"objective": chosen.objective, "why": chosen.why}
                tell(_log, logging.INFO, "the venue decides what is played for", **told_of)
            for idle in self.config.at(state.venue).idle(state.venue):
                what = {"place": idle.where, "problem": idle.what}
                tell(_log, logging.WARNING, "a setting has no effect", **what)
            session.clock(state)
        self._sessions.move_to_end(key)
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        if self.overrides is not None:
            session.override(self.overrides.poll())
        return session, False

    def _say_clock(self, event: str, state: MarketState, count: int) -> None:
        if worth_telling(count):
            venue = state.venue
            about = {"validator": venue.validator, "simulation": venue.simulation_id, "time_s": state.time_s}
            tell(_log, logging.INFO, event, **about)

    def _count(self, faults: tuple[Fault, ...]) -> None:
        """Count faults; the first of each kind is told with its traceback, then one in many."""
        self.errors += bool(faults)
        for fault in faults:
            counted = self._counts.setdefault(fault.pipeline, FaultCount(fault.pipeline, 0, str(fault)))
            counted.states += 1
            kind = (fault.pipeline, fault.stage + fault.what.partition(":")[0])
            new = kind not in self._kinds and len(self._kinds) < MAX_SESSIONS
            if new:
                self._kinds.add(kind)
            if new or worth_telling(counted.states, often=1):
                tell(
                    _log,
                    logging.ERROR,
                    "a stage failed; its pipeline is quiet and withdraws its orders",
                    pipeline=fault.pipeline,
                    what=str(fault),
                    count=counted.states,
                    stack=fault.trace,  # not "exception": an older structlog warns of one that is a text
                )

    def _hand(self, listener: Listener, decision: Decision) -> None:
        """Let a listener hear; what it raises is told and counted, and keeps nothing back."""
        try:
            listener(decision)
            self._deaf.pop(id(listener), None)
            return
        except KeyboardInterrupt:
            raise
        except BaseException as raised:  # A listener may raise or exit, and the answer must go out.
            what = told(raised)
        with self._lock:
            count = self._deaf[id(listener)] = self._deaf.get(id(listener), 0) + 1
            dropped = count >= MAX_LISTENER_FAULTS
            if dropped:
                del self._deaf[id(listener)]
                self.listeners[:] = [one for one in self.listeners if one is not listener]
        if dropped:
            tell(_log, logging.ERROR, "a listener failed too often; it is dropped", what=what, count=count)
        elif count == 1:
            tell(_log, logging.ERROR, "a listener failed; the answer goes out", what=what)


def _tell(session: Session, steps: tuple[Step, ...], state: MarketState) -> None:
    """Log what the stages tell; of news that are told once, the first of each pipeline."""
    for i, step in enumerate(steps):
        for news in step.news:
            count = session.told[i, news.event] = session.told.get((i, news.event), 0) + 1
            if count > 1 and (news.once or not worth_telling(count, often=1000)):
                continue
            concerned = news.books & step.books
            books = state.venue.book_ids[concerned].tolist()
            where = "all" if concerned.all() else books if len(books) > 1 else books[0]
            about = {"pipeline": step.name, "book": where, "time_s": state.time_s}
            tell(_log, news.level, news.event, **about, **news.details)


def _nothing(n_books: int, why: Reason) -> Answer:
    """No orders on any book, for one reason."""
    return Answer((), (), Orders.none(n_books), np.full((2, n_books), int(why)))
