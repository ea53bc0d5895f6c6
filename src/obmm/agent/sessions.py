"""What the agent remembers of one simulation of one validator."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from obmm.agent.config import Config
from obmm.agent.decision import Step, of_books
from obmm.agent.faults import Fault
from obmm.agent.memory import Misfit
from obmm.agent.pipeline import Pipeline
from obmm.agent.reply import check_reply
from obmm.market import BoolArray, IntArray, MarketState, Orders, Reason, Venue
from obmm.market.layout import laid_out, positions_within
from obmm.settings.books import select_books

#: A run younger than this whose clock jumps back is a new run; an older one was set back to a checkpoint.
YOUNG_NS = 1800 * 10**9
#: A clock that is back by no more than this many publish intervals is that of a late state.
LATE_INTERVALS = 10
#: Late states in a row, each later than the one before, after which the clock is back for good.
BACK_FOR_GOOD = 3


class Clock(enum.Enum):
    """What the time of a state says."""

    ON = "goes on"
    LATE = "late"
    SET_BACK = "set back to a checkpoint"
    NEW = "new run"


@attrs.frozen(eq=False)
class Answer:
    """What all pipelines made of a state.

    Attributes:
        steps: Of those that decided.
        faults: Of those that could not.
        orders: Of all of them, each on its own books.
        why: (2, B) the strictest reason of both sides.
    """

    steps: tuple[Step, ...]
    faults: tuple[Fault, ...]
    orders: Orders
    why: IntArray

    def of_books(self, at: IntArray) -> Answer:
        """The answer about the books at the positions `at`, which are 0, 1, … from now on."""
        return Answer(
            tuple(step.of_books(at) for step in self.steps),
            tuple(attrs.evolve(fault, books=fault.books[at]) for fault in self.faults),
            of_books(self.orders, at, self.why.shape[1]),
            self.why[:, at],
        )


@attrs.define
class Session:
    """The pipelines of one simulation, and the clock that tells when it is another one.

    Attributes:
        told: How often each pipeline, by position, had news of each kind.
    """

    venue: Venue
    pipelines: tuple[Pipeline, ...]
    told: dict[tuple[int, str], int] = attrs.field(factory=dict)
    _modes: Mapping[str, str] = attrs.field(factory=dict)
    _last_ns: int | None = None
    _again: bool = False
    _unsaved: int = 0
    _late: list[int] = attrs.field(factory=list)

    @classmethod
    def bind(cls, config: Config, venue: Venue) -> Session:
        """The main pipeline and those assigned to books of their own, of what the venue chooses."""
        config = config.at(venue)
        taken = np.zeros(venue.n_books, dtype=np.bool_)
        assigned = []
        for assignment in config.assign:
            books = select_books(assignment.selector, venue.book_ids, venue.asset_class)
            taken |= books
            assigned.append(Pipeline.bind(assignment.config, venue, books))
        return cls(venue, (Pipeline.bind(config, venue, ~taken), *assigned))

    def clock(self, state: MarketState) -> Clock:
        """What the time of `state` says, after the times of all states before it."""
        now, last = int(state.time_ns), self._last_ns
        self._again = now == last
        if last is None or now >= last:
            self._last_ns, self._late = now, []
            return Clock.ON
        back_ns, young = last - now, now < YOUNG_NS
        if young and back_ns > LATE_INTERVALS * self.venue.publish_interval_ns:
            return Clock.NEW
        self._late = [*self._late, now] if self._late and now > self._late[-1] else [now]
        if len(self._late) < BACK_FOR_GOOD:
            return Clock.LATE
        if young or back_ns > YOUNG_NS:
            return Clock.NEW
        self._last_ns, self._late = now, []
        return Clock.SET_BACK

    def fitted(self, state: MarketState) -> tuple[MarketState, IntArray | None] | None:
        """`state` in the layout of the session, with the positions of its books if it had another.

        None if its venue is another one.
        """
        if state.venue is self.venue or state.venue == self.venue:
            return state, None
        at = positions_within(self.venue, state.venue)
        return None if at is None else (laid_out(state, self.venue, at), at)

    def due(self, every: int) -> bool:
        """Whether a snapshot is due after this state: one in `every`, and none of a time that came twice."""
        self._unsaved += 1
        if self._unsaved < every or self._again:
            return False
        self._unsaved = 0
        return True

    def memory(self) -> tuple[dict[str, Any], dict[str, str]]:
        """What it remembers, as plain values, and the stages that cannot tell, with the reason."""
        pipelines = [pipeline.memory() for pipeline in self.pipelines]
        told = {
            "pipelines": [told for told, _ in pipelines],
            "told": [[i, event, count] for (i, event), count in self.told.items()],
            "last_ns": self._last_ns,
            "late": list(self._late),
        }
        return told, {path: why for _, silent in pipelines for path, why in silent.items()}

    def recall(self, told: Mapping[str, Any]) -> None:
        """Remember what `memory` told; for a session that was bound to the same configuration and venue.

        Raises:
            Misfit: It told of something else; the session is of no use then.
        """
        pipelines = told["pipelines"]
        if len(pipelines) != len(self.pipelines):
            raise Misfit(f"it tells of {len(pipelines)} pipelines; there are {len(self.pipelines)}")
        for pipeline, part in zip(self.pipelines, pipelines, strict=True):
            pipeline.recall(part)
        self.told = {(int(i), str(event)): int(count) for i, event, count in told["told"]}
        self._last_ns = None if told["last_ns"] is None else int(told["last_ns"])
        self._late = [int(time_ns) for time_ns in told["late"]]

    def changed(self, before: Config, after: Config) -> Session:
        """The session under another configuration: the clock goes on, and what is the same remembers.

        Raises:
            ConfigError: The configuration cannot be bound to the venue.
        """
        session = Session.bind(after, self.venue)
        mine, others = (
            _pipelines(before.at(self.venue)),
            _pipelines(after.at(self.venue)),
        )
        session.pipelines = tuple(
            pipeline.changed(self.pipelines[i], others[i].same_as(mine[i])) if i < len(mine) else pipeline
            for i, pipeline in enumerate(session.pipelines)
        )
        session._last_ns, session._late = self._last_ns, self._late
        for pipeline in session.pipelines:
            pipeline.override(self._modes)
        session._modes = self._modes
        return session

    @property
    def modes(self) -> Mapping[str, str]:
        """The manual overrides in force."""
        return self._modes

    def override(self, modes: Mapping[str, str]) -> None:
        """Put manual overrides in force, if they are others than before."""
        if modes is not self._modes:
            for pipeline in self.pipelines:
                pipeline.override(modes)
            self._modes = modes

    def answer(self, state: MarketState) -> Answer:
        """What each pipeline did or why it could not, and the orders of all.

        A pipeline that fails is quiet on its books and withdraws what it has there; the others go on.
        """
        steps: list[Step] = []
        faults: list[Fault] = []
        parts: list[Orders] = []
        why: IntArray = np.zeros((2, state.n_books), dtype=np.int64)
        for pipeline in self.pipelines:
            done = _asked(pipeline, state)
            if isinstance(done, Fault):
                faults.append(done)
                parts.append(withdrawn(state, pipeline.books))
                why = np.where(pipeline.books, int(Reason.STAGE_FAILED), why)
            else:
                step, said = done
                steps.append(step)
                alone = len(self.pipelines) == 1
                parts.append(step.orders if alone else step.orders.take(step.books[step.orders.book]))
                why = said if alone else np.where(step.books, said, why)
        orders = parts[0]
        for part in parts[1:]:
            orders = orders.joined(part)
        return Answer(tuple(steps), tuple(faults), orders, why)


def _pipelines(config: Config) -> list[Config]:
    return [config, *(assignment.config for assignment in config.assign)]


def _asked(pipeline: Pipeline, state: MarketState) -> tuple[Step, IntArray] | Fault:
    """What a pipeline did with the reasons (2, B) of both sides, or why it could not."""
    try:
        step = pipeline(state)
        check_reply(step.orders, state.n_books)
        pipeline.stage = ""  # Gates, builder and placer all tell reasons.
        return step, step.reasons
    except KeyboardInterrupt:
        raise
    except BaseException as raised:  # A user's stage may raise or exit, and the answer must go out.
        return Fault.of(raised, pipeline.name, pipeline.stage, pipeline.books)


def withdrawn(state: MarketState, books: BoolArray) -> Orders:
    """Cancels of all that rests on `books` (B,): one instruction a book, which no bound forbids.

    Nothing where the state cannot tell what rests.
    """
    try:
        own = state.open_orders
        mine = books[own.book]
        return Orders.cancels(n_books=books.size, book=own.book[mine], order_id=own.order_id[mine])
    except KeyboardInterrupt:
        raise
    except BaseException:  # What made a stage fail may be the state itself.
        return Orders.none(books.size)
