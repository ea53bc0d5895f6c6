"""Request bytes and a verified sender in, reply bytes out: what every door of the live agent opens to.

A door begins an answer and gives up on it when its time is over; `Session.answer` does both for doors that
may block. The states of a sender go through the agent one after the other, in the order in which they came,
also those whose time is over: what stages remember has no gaps.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, TimeoutError

import attrs
import numpy as np

from obmm.agent import Decision, MarketMaker
from obmm.agent.faults import told
from obmm.agent.sessions import withdrawn
from obmm.live._lane import Lane
from obmm.live._teller import Teller
from obmm.market import Feed, MarketState, Orders
from obmm.wire import Decoder, Request, WireError, reply_nothing

#: Real seconds an answer may take, from the first byte of its request.
BUDGET_S = 1.0
#: Senders whose order is kept at once; of those with nothing to do the one unheard for longest is forgotten.
MAX_LANES = 64
#: Notes that are told as they stand; others say more after a colon.
DEADLINE, DROPPED, LEAVING, STOPPED = "deadline", "dropped", "leaving", "stopped"


@attrs.frozen(kw_only=True, eq=False)
class Exchange:
    """One request and what was said to it; listeners are told after the reply has left.

    Of one sender they come in the order of the requests, except for those that the agent never saw. Replaying
    those that have a decision, in this order, replays the agent.

    Attributes:
        number: How manieth request of the session it was, from 0; one that is missing could not be told.
        received_ns: Wall clock when it came, nanoseconds since 1970.
        sender: The verified name of the validator; "" where the body's word was taken.
        request: Its body.
        reply: The body of the answer; empty if the request was no message at all.
        elapsed_ms: Real time from its arrival until the reply was ready.
        decision: What the agent decided; None exactly if the agent never saw the state.
        config_hash: Hash of the configuration in force.
        note: "" or why the answer has no orders: "deadline", "dropped" (too many requests of the sender were
            waiting), "undecodable: …", "failed: …"; "leaving" and "stopped" for one that cancels all that
            rests, whatever was decided.
    """

    number: int
    received_ns: int
    sender: str
    request: bytes = attrs.field(repr=False)
    reply: bytes = attrs.field(repr=False)
    elapsed_ms: float
    decision: Decision | None = attrs.field(repr=False)
    config_hash: str
    note: str = ""


Listener = Callable[[Exchange], None]


@attrs.define(eq=False, kw_only=True)
class Pending:
    """An answer that is being made.

    Attributes:
        future: The body of the reply, set once, in time if the door gives up in time.
        left: Set by the door when the reply has left; listeners wait for it a moment.
    """

    number: int
    body: bytes = attrs.field(repr=False)
    sender: str
    received_ns: int
    began_s: float
    budget_s: float
    future: Future[bytes] = attrs.field(factory=Future)
    left: threading.Event = attrs.field(factory=threading.Event)
    note: str = ""
    elapsed_ms: float = 0.0
    _lock: threading.Lock = attrs.field(factory=threading.Lock, repr=False)

    def left_s(self) -> float:
        """Real seconds that are left."""
        return self.began_s + self.budget_s - time.monotonic()

    def settle(self, reply: bytes, note: str) -> None:
        """Answer with `reply`, unless that was done before."""
        with self._lock:
            if self.future.done():
                return
            self.note = note
            self.elapsed_ms = (time.monotonic() - self.began_s) * 1e3
            self.future.set_result(reply)


class Session:
    """Answers requests with a `MarketMaker`; thread-safe, and never raises.

    Args:
        maker: The agent.
        uid: Our number, if it is known; None takes that of each request.
        budget_s: Real seconds an answer may take, from the arrival of its request. What is not ready then is
            answered without orders.
        harness: Answer as the offline harness wants it instead of as a validator does.

    Attributes:
        maker: The agent; its configuration may change between two states.
        listeners: Called with each `Exchange` in a thread of their own, after its reply has left. One that
            raises is logged, and dropped when it does so many times in a row.

    >>> from obmm.agent import resolve
    >>> from obmm.testing import random_state
    >>> from obmm.wire import encode_request
    >>> session = Session(MarketMaker(resolve("touch")))
    >>> reply = session.answer(encode_request(random_state(1)), sender="validator")
    >>> reply[:36]
    b'{"name":"MarketSimulationStateUpdate'
    >>> session.answer(b"no message", sender="validator")
    b''
    >>> session.close()
    """

    def __init__(
        self,
        maker: MarketMaker,
        *,
        uid: int | None = None,
        budget_s: float = BUDGET_S,
        harness: bool = False,
    ) -> None:
        self.listeners: list[Listener] = []
        self.budget_s = budget_s
        self.harness = harness
        self.maker = maker
        self._uid = uid
        self._closed = False
        self._stopped = ""
        self._lanes: OrderedDict[str, Lane[Pending]] = OrderedDict()
        self._first: dict[str, Lane[Pending]] = {}
        self._decoders: dict[str, tuple[tuple[frozenset[Feed], bool], Decoder]] = {}
        self._uids: dict[str, int] = {}
        self._numbers = 0
        self._lock = threading.Lock()
        self._teller: Teller[tuple[Pending, Exchange]] = Teller(self._tell)

    def answer(
        self, body: bytes, *, sender: str, received_ns: int | None = None, budget_s: float | None = None
    ) -> bytes:
        """The body of the reply to a request, within its budget.

        Args:
            body: The body of the request.
            sender: Who sent it, verified; "" takes the body's word for it, as the harness does.
            received_ns: Wall clock when its first byte came; now, if not given.
            budget_s: Real seconds from then on; that of the session, if not given.

        Returns:
            The reply; empty if `body` is no message.
        """
        return self.finish(self.begin(body, sender=sender, received_ns=received_ns, budget_s=budget_s))

    def finish(self, pending: Pending) -> bytes:
        """Wait for the reply, give up when its time is over, and take it for sent."""
        try:
            return pending.future.result(max(pending.left_s(), 0.0))
        except TimeoutError:
            self.give_up(pending)
            return pending.future.result()
        finally:
            pending.left.set()

    def begin(
        self, body: bytes, *, sender: str, received_ns: int | None = None, budget_s: float | None = None
    ) -> Pending:
        """Begin to answer: `answer` for doors that wait for several at once, see there.

        Whoever begins gives up after `Pending.left_s`, and says when the reply has left.
        """
        now_ns, now_s = time.time_ns(), time.monotonic()
        # The wall clock may have been set meanwhile: only a sensible age is believed.
        age_s = 0.0 if received_ns is None else min(max((now_ns - received_ns) / 1e9, 0.0), 60.0)
        with self._lock:
            pending = Pending(
                number=self._numbers,
                body=body,
                sender=sender,
                received_ns=now_ns if received_ns is None else received_ns,
                began_s=now_s - age_s,
                budget_s=self.budget_s if budget_s is None else budget_s,
            )
            self._numbers += 1
            # Nobody may cancel it: a validator that hangs up must not stop the agent's memory.
            pending.future.set_running_or_notify_cancel()
            if self._closed:
                dropped = [pending]
            elif self._stopped or not self._first_lane(sender).idle:
                dropped = self._first_lane(sender).put(pending)
            else:
                dropped = self._lane(sender).put(pending)
        self._drop(dropped)
        return pending

    def give_up(self, pending: Pending) -> None:
        """The time of an answer is over: without a reply so far it gets one without orders."""
        if not pending.future.done():
            self._settle(pending, b"", DEADLINE)

    @property
    def stopped(self) -> str:
        """Why every answer cancels all that rests, "" if answers are what the agent decides."""
        return self._stopped

    def cancel_all(self, why: str = LEAVING) -> None:
        """From now on every answer cancels all that rests, and asks for nothing else.

        Such answers go out at once, also while the agent hangs with an earlier state. The agent gets to see
        the states all the same.
        """
        self._stopped = why

    def go_on(self) -> None:
        """From now on answers are again what the agent decides."""
        self._stopped = ""

    def close(self, within_s: float = 0.5) -> None:
        """Finish what is being answered and told, as far as it can be done in time; then listen no more."""
        until_s = time.monotonic() + within_s
        with self._lock:
            first = list(self._first.values())
        for lane in first:
            lane.close(max(until_s - time.monotonic(), 0.0))
        with self._lock:
            self._closed = True
            lanes = list(self._lanes.values())
        for lane in lanes:
            lane.close(max(until_s - time.monotonic(), 0.0))
        self._teller.close(max(until_s - time.monotonic(), 0.0))

    def _lane(self, sender: str) -> Lane[Pending]:
        lane = self._lanes.get(sender)
        if lane is None:
            lane = self._lanes[sender] = Lane(self._work)
            for name in [name for name, other in self._lanes.items() if other.idle and other is not lane]:
                if len(self._lanes) <= MAX_LANES:
                    break
                self._forget(name)
        self._lanes.move_to_end(sender)
        return lane

    def _first_lane(self, sender: str) -> Lane[Pending]:
        """Where requests are answered before they wait for the agent."""
        lane = self._first.get(sender)
        if lane is None:
            lane = self._first[sender] = Lane(self._at_once)
        return lane

    def _drop(self, dropped: list[Pending]) -> None:
        for pending in dropped:
            self._settle(pending, b"", DROPPED)
            self._hand(pending, None)

    def _forget(self, sender: str) -> None:
        self._lanes.pop(sender).close(0.0)
        if (first := self._first.pop(sender, None)) is not None:
            first.close(0.0)
        self._decoders.pop(sender, None)
        self._uids.pop(sender, None)

    def _at_once(self, pending: Pending) -> None:
        """Cancel all that rests without asking the agent, and let it see the state afterwards."""
        with contextlib.suppress(Exception):  # What is wrong with it is told when the agent is to see it.
            if why := self._stopped:
                request = Decoder(uid=self._uid).request(pending.body, validator=pending.sender or None)
                self._settle(pending, self._encoded(request, _everything(request.state)), why)
        with self._lock:
            dropped = [pending] if self._closed else self._lane(pending.sender).put(pending)
        self._drop(dropped)

    def _work(self, pending: Pending) -> None:
        """Decode, decide, encode; in the thread of the sender's lane."""
        decision: Decision | None = None
        reply, note = b"", ""
        try:
            request = self._decoded(pending)
            state = request.state
            self._uids[pending.sender] = state.uid
            decision = self.maker.decide(state)
            note = self._stopped
            reply = self._encoded(request, _everything(state) if note else decision.orders)
        except WireError as error:
            note = f"undecodable: {error}"
        except BaseException as raised:  # Whatever it is, the sender gets an answer.
            note = f"failed: {told(raised)}"
        self._settle(pending, reply, note)
        self._hand(pending, decision)

    def _encoded(self, request: Request, orders: Orders) -> bytes:
        return request.harness_reply(orders) if self.harness else request.reply(orders)

    def _decoded(self, pending: Pending) -> Request:
        """The request, with all that the configuration in force wants to see of the market."""
        wanted, decoder = self._decoders.get(pending.sender, (None, None))
        # Each sender has its own, since decoders remember venues.
        while decoder is None or wanted != (self.maker.feeds, self.maker.only_trades):
            feeds, only_trades = wanted = (self.maker.feeds, self.maker.only_trades)
            decoder = Decoder(feeds, uid=self._uid, only_trades=only_trades)
            self._decoders[pending.sender] = (wanted, decoder)
        return decoder.request(pending.body, validator=pending.sender or None)

    def _settle(self, pending: Pending, reply: bytes, note: str) -> None:
        if not reply:
            uid = self._uid if self._uid is not None else self._uids.get(pending.sender)
            reply = reply_nothing(pending.body, uid=uid, harness=self.harness)
        pending.settle(reply, note)

    def _hand(self, pending: Pending, decision: Decision | None) -> None:
        """Let the listeners know, soon."""
        if not self.listeners:
            return
        exchange = Exchange(
            number=pending.number,
            received_ns=pending.received_ns,
            sender=pending.sender,
            request=pending.body,
            reply=pending.future.result(),
            elapsed_ms=pending.elapsed_ms,
            decision=decision,
            config_hash=self.maker.config_hash if decision is None else decision.config_hash,
            note=pending.note,
        )
        self._teller.put((pending, exchange))

    def _tell(self, item: tuple[Pending, Exchange]) -> None:
        pending, exchange = item
        # A reply that hangs in a slow connection keeps the listeners waiting no longer than this.
        pending.left.wait(0.25)
        self._teller.each(self.listeners, exchange)


def _everything(state: MarketState) -> Orders:
    """Cancels of all that rests."""
    return withdrawn(state, np.ones(state.n_books, dtype=np.bool_))
