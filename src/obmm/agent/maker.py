"""The agent: one entry point for every transport, one pipeline per validator and simulation."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import structlog

from obmm.agent.config import Config
from obmm.agent.decision import Decision, Step
from obmm.agent.overrides import OverrideFile
from obmm.agent.pipeline import Pipeline, feeds_of
from obmm.market import Feed, IntArray, MarketState, Orders, Venue
from obmm.market.reasons import strictest_of
from obmm.settings.books import select_books
from obmm.settings.errors import ConfigError, Problem

#: Validators and simulations remembered at once; the one unused for longest is forgotten.
MAX_SESSIONS = 32

_log = structlog.get_logger("obmm.agent")


@attrs.define
class _Session:
    """What the agent remembers of one simulation of one validator.

    Attributes:
        noticed: Positions of the pipelines of which it was said that they lift sizes.
    """

    venue: Venue
    pipelines: tuple[Pipeline, ...]
    last_ns: int = -1
    noticed: set[int] = attrs.field(factory=set)


@attrs.define
class MarketMaker:
    """Answers states with orders; never raises, whatever a state holds or a stage does.

    Attributes:
        config: The resolved configuration.
        overrides: A file of manual overrides to obey, if any.
        listeners: Called with each `Decision`, in order, after it is made.
        errors: Decisions that a stage spoiled by raising; such a state is answered with no orders, and
            what stands expires by itself.

    >>> from obmm.agent import resolve
    >>> maker = MarketMaker(resolve("balanced"))
    >>> venue = Venue.of(n_books=1)
    >>> state = MarketState.of_books(venue, [[(299.5, 20.0)]], [[(300.5, 20.0)]])
    >>> decision = maker.decide(state)
    >>> decision.why(0)[0].name
    'WARMING_UP'
    """

    config: Config
    overrides: OverrideFile | None = None
    listeners: list[Callable[[Decision], None]] = attrs.field(factory=list)
    errors: int = attrs.field(default=0, init=False)
    feeds: frozenset[Feed] = attrs.field(init=False)
    _hash: str = attrs.field(init=False)
    _sessions: OrderedDict[tuple[str, str], _Session] = attrs.field(
        factory=OrderedDict, init=False, repr=False
    )
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        self.feeds = feeds_of(self.config)
        self._hash = self.config.hash

    @classmethod
    def of(cls, config: Config, overrides: str | Path | None = None) -> MarketMaker:
        """An agent for `config` that obeys the override file at `overrides`."""
        return cls(config, OverrideFile(Path(overrides)) if overrides is not None else None)

    def respond(self, state: MarketState) -> Orders:
        """Instructions for `state`, most urgent first on each book."""
        return self.decide(state).orders

    def decide(self, state: MarketState) -> Decision:
        """The answer to `state` with everything that led to it."""
        started = time.perf_counter_ns()
        with self._lock:
            decision = self._decided(state, started)
        for listener in self.listeners:
            listener(decision)
        return decision

    def _decided(self, state: MarketState, started: int) -> Decision:
        steps: tuple[Step, ...] = ()
        error = ""
        try:
            session = self._session(state)
            steps = tuple(pipeline(state) for pipeline in session.pipelines)
            orders = _merged(steps, state.n_books)
            _tell(session, steps, state)
        except Exception as raised:  # A user's stage may raise anything, and the answer must still go out.
            self.errors += 1
            error = f"{type(raised).__name__}: {raised}"
            orders = Orders.none(state.n_books)
            if self.errors == 1 or self.errors % 1000 == 0:
                # Formatted here: a renderer that prints local variables would hold up the answer.
                told = traceback.format_exc(limit=-6)
                _log.error(
                    "a stage failed; the state is answered with no orders", count=self.errors, exception=told
                )
        bid_why, ask_why = _reasons(steps, state.n_books)
        return Decision(
            state=state,
            orders=orders,
            steps=steps,
            bid_reason=bid_why,
            ask_reason=ask_why,
            elapsed_ms=(time.perf_counter_ns() - started) / 1e6,
            config_hash=self._hash,
            error=error,
        )

    def _session(self, state: MarketState) -> _Session:
        """The pipelines of the state's simulation, new ones after a restart."""
        key = (state.venue.validator, state.venue.simulation_id)
        session = self._sessions.get(key)
        same = session is not None and (session.venue is state.venue or session.venue == state.venue)
        if session is None or not same or state.time_ns < session.last_ns:
            if session is not None:
                _log.info("simulation restarted", validator=key[0], simulation=key[1], time_s=state.time_s)
            session = self._sessions[key] = _Session(state.venue, _bound(self.config, state.venue))
        self._sessions.move_to_end(key)
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        session.last_ns = state.time_ns
        if self.overrides is not None:
            modes = self.overrides.poll()
            for pipeline in session.pipelines:
                pipeline.override(modes)
        return session


def _bound(config: Config, venue: Venue) -> tuple[Pipeline, ...]:
    """The main pipeline and those assigned to books of their own.

    Raises:
        ConfigError: A book is assigned twice.
    """
    taken = np.zeros(venue.n_books, dtype=np.bool_)
    assigned = []
    for assignment in config.assign:
        books = select_books(assignment.selector, venue.book_ids)
        if np.any(taken & books):
            ids = venue.book_ids[taken & books].tolist()
            raise ConfigError([Problem(f"{config.name}: assign", f"books {ids} are assigned twice")])
        taken |= books
        assigned.append(Pipeline.bind(assignment.config, venue, books))
    return (Pipeline.bind(config, venue, ~taken), *assigned)


def _tell(session: _Session, steps: tuple[Step, ...], state: MarketState) -> None:
    """Log what a person should hear of: lifted sizes once per set of books, drawdown stops each time."""
    venue = state.venue
    for i, step in enumerate(steps):
        if i not in session.noticed and step.lifted.any():
            session.noticed.add(i)
            _log.warning(
                "sizes below the venue's minimum are lifted to it",
                pipeline=step.name,
                min_size_base=float(venue.min_size_base[step.lifted].max()),
                book=int(venue.book_ids[step.lifted.argmax()]),
            )
        for change in step.transitions:
            _log.log(
                logging.WARNING if change.stopped else logging.INFO,
                "drawdown stop begins" if change.stopped else "drawdown stop ends",
                pipeline=step.name,
                book="all" if change.book < 0 else int(venue.book_ids[change.book]),
                drawdown=round(change.drawdown, 4),
                time_s=state.time_s,
            )


def _merged(steps: tuple[Step, ...], n_books: int) -> Orders:
    if len(steps) == 1:
        return steps[0].orders
    orders = Orders.none(n_books)
    for step in steps:
        orders = orders.joined(step.orders.take(step.books[step.orders.book]))
    return orders


def _reasons(steps: tuple[Step, ...], n_books: int) -> tuple[IntArray, IntArray]:
    why: IntArray = np.zeros((2, n_books), dtype=np.int64)
    for step in steps:
        said = [[part.bid_reason, part.ask_reason] for part in (step.limits, step.quotes, step.orders)]
        why = np.where(step.books, strictest_of(np.array(said)), why)
    return why[0], why[1]
