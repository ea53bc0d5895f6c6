"""Watches an agent: a listener that gathers figures, off the path of the answers, in bounded memory.

watch = Watch()
session.listeners.append(watch)     # of a live session, or
maker.listeners.append(watch.hear)  # of an agent without one
...
watch.snapshot()
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter, OrderedDict, deque
from typing import Any, Protocol

import attrs
import numpy as np
import numpy.typing as npt
import structlog

from obmm.agent import Decision
from obmm.agent.faults import told as said
from obmm.agent.sessions import Clock
from obmm.agent.telling import tell, worth_telling
from obmm.market import Feed, MarketState
from obmm.monitor._following import Following
from obmm.monitor.snapshot import RESPOND_MS, Fills, Score, Snapshot, Validator
from obmm.monitor.standings import Standings, era_of_version
from obmm.scoring import EraConstants
from obmm.wire import Decoder, WireError

#: Exchanges that may wait, validators and simulations that are kept, decisions kept for a closer look.
MAX_WAITING, MAX_VALIDATORS, MAX_SIMULATIONS, MAX_DECISIONS = 64, 64, 8, 120
#: Answers whose times are kept for quantiles.
MAX_TIMES = 3600

Key = tuple[str, str]

_log = structlog.get_logger("obmm.monitor")


class Told(Protocol):
    """What a live session tells of an exchange, as far as it is looked at."""

    @property
    def received_ns(self) -> int: ...

    @property
    def sender(self) -> str: ...

    @property
    def elapsed_ms(self) -> float: ...

    @property
    def decision(self) -> Decision | None: ...

    @property
    def note(self) -> str: ...


@attrs.frozen(kw_only=True, eq=False)
class Heard:
    """An exchange that no session told of, see `obmm.live.session.Exchange`.

    Attributes:
        received_ns: Wall clock.
        sender: Whose request.
        elapsed_ms: How long the answer took; NaN if nobody knows.
        decision: What was decided, if anything was.
        note: Why the answer held no orders, "" if it did.
        state: The state, where there is no decision that has it, or one with a tape.
        request: The body of the request, "" if it is not known.
    """

    received_ns: int
    sender: str
    elapsed_ms: float
    decision: Decision | None
    note: str = ""
    state: MarketState | None = None
    request: bytes = attrs.field(default=b"", repr=False)


class _Asker:
    """What is kept of one validator."""

    def __init__(self) -> None:
        self.heard_ns = self.answered = 0
        self.notes: Counter[str] = Counter()
        self.times_ms: deque[float] = deque(maxlen=MAX_TIMES)
        self.counts = np.zeros(len(RESPOND_MS) + 1, np.int64)
        self.sum_ms = 0.0

    def add(self, told: Told) -> None:
        self.heard_ns = told.received_ns
        self.answered += 1
        if told.note:
            self.notes[told.note.partition(":")[0]] += 1
        if np.isfinite(told.elapsed_ms):
            self.times_ms.append(told.elapsed_ms)
            self.counts[np.searchsorted(RESPOND_MS, told.elapsed_ms)] += 1
            self.sum_ms += told.elapsed_ms


class Watch:
    """Gathers the figures of `Snapshot`; thread-safe.

    Whoever tells it of an exchange only puts it in a queue; a thread of its own does the rest. What it cannot
    keep up with is counted and left out.

    Args:
        wait: Whether who tells waits for room in the queue, as one who replays a recording may.
        scores: Whether the score of the era and the field are followed; for this the trades of all are read
            from the requests, in the watch's thread, where the agent did not ask for them.
        era: The rules where no request says which; the newest if not given.

    >>> from obmm.agent import MarketMaker, resolve
    >>> from obmm.testing import random_states
    >>> maker, watch = MarketMaker(resolve("touch")), Watch()
    >>> maker.listeners.append(watch.hear)
    >>> for state in random_states(1, 5):
    ...     _ = maker.decide(state)
    >>> watch.close()
    >>> [(simulation.states, simulation.missed) for simulation in watch.snapshot().simulations]
    [(5, 0)]
    """

    def __init__(self, *, wait: bool = False, scores: bool = False, era: EraConstants | None = None) -> None:
        self._wait, self._scores, self._era = wait, scores, era
        self._decoder = Decoder(frozenset({Feed.TAPE}))
        self._began_ns = time.time_ns()
        self._untold = self._taken = 0
        self._waiting: deque[Told] = deque()
        self._closed = False
        self._change = threading.Condition()
        self._lock = threading.Lock()
        self._askers: OrderedDict[str, _Asker] = OrderedDict()
        self._following: OrderedDict[Key, Following] = OrderedDict()
        self._decisions: deque[Decision] = deque(maxlen=MAX_DECISIONS)
        self._thread = threading.Thread(target=self._run, name="obmm-watch", daemon=True)
        self._thread.start()

    def __call__(self, told: Told) -> None:
        """Take in an exchange, soon: a listener of a live session."""
        with self._change:
            while self._wait and len(self._waiting) >= MAX_WAITING and not self._closed:
                self._change.wait()
            if len(self._waiting) >= MAX_WAITING or self._closed:
                self._untold += 1
                return
            self._waiting.append(told)
            self._change.notify_all()

    def hear(self, decision: Decision) -> None:
        """Take in a decision, soon: a listener of a `MarketMaker`."""
        self(
            Heard(
                received_ns=time.time_ns(),
                sender=decision.state.venue.validator,
                elapsed_ms=decision.elapsed_ms,
                decision=decision,
            )
        )

    def snapshot(self) -> Snapshot:
        """The figures now."""
        with self._lock:
            return Snapshot(
                at_ns=time.time_ns(),
                began_ns=self._began_ns,
                untold=self._untold,
                validators=tuple(
                    Validator(
                        sender=sender,
                        heard_ns=asker.heard_ns,
                        answered=asker.answered,
                        without_orders=dict(asker.notes),
                        respond_ms=np.array(asker.times_ms),
                        respond_counts=asker.counts.copy(),
                        respond_sum_ms=asker.sum_ms,
                    )
                    for sender, asker in self._askers.items()
                ),
                simulations=tuple(one.snapshot() for one in self._following.values()),
            )

    @property
    def taken(self) -> int:
        """Exchanges taken in so far: figures stay the same as long as it does."""
        return self._taken

    def minutes(self, key: Key, after_ns: int = -1) -> dict[str, npt.NDArray[Any]]:
        """The first state of each minute of the last day, of those later than `after_ns`.

        `time_ns` (T,), `share` of the position limit (T, B), and in quote and over all books `pnl`,
        `endowment`, `fees` and `traded` (T,). Empty if the simulation is not known.
        """
        with self._lock:
            following = self._following.get(key)
            return {} if following is None else following.recent.minutes.after(after_ns)

    def states(self, key: Key, position: int, after_ns: int = -1) -> dict[str, npt.NDArray[Any]]:
        """The newest states of the book at a position, of those later than `after_ns`.

        `time_ns`, `mid`, `bid`, `ask`, `own_bid`, `own_ask` and `position`, all (T,). Empty if the simulation
        is not known.
        """
        with self._lock:
            following = self._following.get(key)
            return {} if following is None else following.recent.states.after(after_ns, position)

    def score(self, key: Key) -> Score | None:
        """The score of the era and the field now; None if it is not followed."""
        with self._lock:
            following = self._following.get(key)
            return None if following is None else following.score()

    def fills(self, key: Key, position: int) -> Fills | None:
        """The newest own fills on the book at a position, oldest first; None if the simulation is unknown."""
        with self._lock:
            following = self._following.get(key)
            return None if following is None else following.fills_of(position)

    def decision(self, key: Key, time_s: float) -> Decision | None:
        """The decision of a simulation at `time_s`, or the first after it, if it is kept still."""
        with self._lock:
            older = False
            for decision in self._decisions:
                venue = decision.state.venue
                if (venue.validator, venue.simulation_id) != key:
                    continue
                if decision.state.time_s >= time_s:
                    # What came before the oldest one that is kept may have been the first.
                    near = decision.state.time_s - time_s < venue.publish_interval_ns / 1e9
                    return decision if older or near else None
                older = True
        return None

    def close(self, within_s: float = 5.0) -> None:
        """Take in what waits, as far as it can be done in time; then listen no more."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        self._thread.join(within_s)

    def _run(self) -> None:
        while (told := self._next()) is not None:
            try:
                with self._lock:
                    self._take(told)
            except Exception as raised:  # A state may be anything, and the next ones are to be seen.
                self._untold += 1
                if worth_telling(self._untold):
                    what = {"what": said(raised), "count": self._untold}
                    tell(_log, logging.ERROR, "the figures leave out an exchange", **what)
            del told

    def _next(self) -> Told | None:
        with self._change:
            while not self._waiting:
                if self._closed:
                    return None
                self._change.wait()
            told = self._waiting.popleft()
            self._change.notify_all()
            return told

    def _take(self, told: Told) -> None:
        self._taken += 1
        asker = self._askers.setdefault(told.sender, _Asker())
        self._askers.move_to_end(told.sender)
        while len(self._askers) > MAX_VALIDATORS:
            self._askers.popitem(last=False)
        asker.add(told)
        decision = told.decision
        state = getattr(told, "state", None) if decision is None else decision.state
        if state is None or not state.n_books:
            return
        key = (state.venue.validator, state.venue.simulation_id)
        following = self._following.get(key)
        clock = Clock.NEW if following is None else following.clock(state)
        if following is not None and clock is Clock.LATE:
            following.late()
            return
        if following is None or clock in (Clock.NEW, Clock.SET_BACK):
            following = self._following[key] = Following(state, told.received_ns, self._standings(told, key))
            following.clock(state)
        if following.standings is not None and state.tape is None:
            state = self._with_tape(state, told)
        following.add(state, decision, told.received_ns)
        self._following.move_to_end(key)
        while len(self._following) > MAX_SIMULATIONS:
            self._following.popitem(last=False)
        if decision is not None:
            # Of the tape nothing is told, and it is most of a state.
            kept = decision if state.tape is None else attrs.evolve(decision, state=without_tape(state))
            self._decisions.append(kept)

    def _standings(self, told: Told, key: Key) -> Standings | None:
        """The field of a simulation: that of the validator's last one goes on."""
        if not self._scores:
            return None
        for other, before in reversed(self._following.items()):
            if other[0] == key[0] and before.standings is not None:
                standings, before.standings = before.standings, None
                return standings
        return Standings.of(era_of_version(self._version(told)) if self._era is None else self._era)

    def _version(self, told: Told) -> int | None:
        """The number of the validator's version, None if it is not known."""
        with contextlib.suppress(WireError):
            if body := getattr(told, "request", b""):
                return self._decoder.request(body, validator=told.sender or None).version
        return None

    def _with_tape(self, state: MarketState, told: Told) -> MarketState:
        """`state` with the trades of all, as far as they can be had."""
        seen = getattr(told, "state", None)
        if seen is None or seen.tape is None:
            body = getattr(told, "request", b"")
            # Who cannot keep up leaves out what takes longest.
            late = not self._wait and len(self._waiting) > MAX_WAITING // 2
            if late or not body:
                return state
            with contextlib.suppress(WireError):
                seen = self._decoder.request(body, validator=told.sender or None).state
        if seen is None or seen.tape is None or seen.venue.book_ids.tolist() != state.venue.book_ids.tolist():
            return state
        return attrs.evolve(state, tape=seen.tape)


def without_tape(state: MarketState) -> MarketState:
    """`state` without the events of the last second."""
    return attrs.evolve(state, tape=None)
