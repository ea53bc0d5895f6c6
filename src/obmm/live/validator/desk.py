"""The desk of one validator: all agents are asked at once, and what they answer is judged."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from obmm.live.validator.doors import CONNECT_S, Door, Said
from obmm.live.validator.gate import Gate, Refused
from obmm.market import MarketState, Orders
from obmm.wire.encode import Form, encode_requests
from obmm.wire.errors import WireError

if TYPE_CHECKING:
    import httpx

#: Why a whole answer is dropped: it breaks the model, or says nothing at all.
INVALID, NO_RESPONSE = "INVALID", "NO_RESPONSE"


@attrs.frozen
class Answered:
    """What became of asking one agent.

    Attributes:
        orders: What passed the gates; None where no valid answer came.
        took_s: Real time the agent took, seconds.
        problem: Why there is no valid answer, in a word, or empty.
        dropped: Instructions that did not pass, by reason.
    """

    orders: Orders | None
    took_s: float
    problem: str = ""
    dropped: Mapping[str, int] = attrs.field(factory=dict)


@attrs.define
class Tally:
    """What a desk counts of one agent.

    Attributes:
        name: The agent.
        asked: States that it was sent.
        answered: States to which a valid answer came.
        dropped: Whole answers and single instructions that were dropped, by reason.
        details: The last few problems in words.
    """

    name: str
    asked: int = 0
    answered: int = 0
    dropped: Counter[str] = attrs.field(factory=Counter)
    details: deque[str] = attrs.field(factory=lambda: deque(maxlen=5))

    def count(self, answered: Answered, detail: str) -> None:
        """Take in what became of one state."""
        self.asked += 1
        self.answered += answered.orders is not None
        self.dropped.update(answered.dropped)
        if answered.problem:
            self.dropped[answered.problem] += 1
            words = f"{answered.problem}: {detail}" if detail else answered.problem
            if words not in self.details:
                self.details.append(words)

    def as_dict(self) -> dict[str, Any]:
        """As results tell it."""
        return {
            "agent": self.name,
            "asked": self.asked,
            "answered": self.answered,
            "dropped": dict(self.dropped),
            "problems": list(self.details),
        }


class Desk:
    """Asks the agents of one validator. Agents have the uids 0, 1, … in the order of their doors.

    Nothing that an agent does ends it: no answer, a late one or garbage counts, and the next state is asked
    for all the same. To be closed, or used as a context; it belongs to one thread.

    Args:
        doors: The agents.
        validator: What the validator calls itself.
        version: Spec version of its messages.
        timeout_s: How long an answer may take.
    """

    def __init__(
        self, doors: Sequence[Door], *, validator: str, version: int, timeout_s: float = 3.0
    ) -> None:
        self.doors = tuple(doors)
        self.validator, self.version, self.timeout_s = validator, version, timeout_s
        self.tallies = tuple(Tally(door.name) for door in doors)
        self._gates = tuple(Gate(len(self.doors)) for _ in doors)
        self._loop = asyncio.new_event_loop()
        self._client: httpx.AsyncClient | None = None

    @property
    def uids(self) -> range:
        """Numbers of the agents."""
        return range(len(self.doors))

    def ask(self, states: Mapping[int, MarketState]) -> dict[int, Answered]:
        """Ask every agent for an answer to its state, all at once, and judge what comes."""
        bodies = self._bodies(states)
        said = self._loop.run_until_complete(self._ask(bodies))
        return {uid: self._judge(uid, one, states[uid]) for uid, one in said.items()}

    def tell(self, event: Mapping[str, Any]) -> None:
        """Tell all agents of an event of the simulation, such as `{"y": "ESE", "t": 86400000000000}`."""
        self._loop.run_until_complete(self._tell(dict(event)))

    def told(self) -> dict[int, dict[str, Any]]:
        """What was counted of each agent so far."""
        return {uid: tally.as_dict() for uid, tally in enumerate(self.tallies)}

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._loop.run_until_complete(self._client.aclose())
            self._client = None
        self._loop.close()

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _bodies(self, states: Mapping[int, MarketState]) -> dict[int, bytes]:
        bodies: dict[int, bytes] = {}
        forms: dict[Form, list[int]] = {}
        for uid, door in enumerate(self.doors):
            forms.setdefault(door.form, []).append(uid)
        for form, uids in forms.items():
            written = encode_requests(
                [states[uid] for uid in uids], version=self.version, form=form, validator=self.validator
            )
            bodies |= zip(uids, written, strict=True)
        return bodies

    async def _ask(self, bodies: Mapping[int, bytes]) -> dict[int, Said]:
        client = self._connected()
        asked = (self.doors[uid].ask(client, body, self.timeout_s) for uid, body in bodies.items())
        return dict(zip(bodies, await asyncio.gather(*asked), strict=True))

    async def _tell(self, event: dict[str, Any]) -> None:
        client = self._connected()
        await asyncio.gather(*(door.tell(client, event, self.timeout_s) for door in self.doors))

    def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            import httpx

            self._client = httpx.AsyncClient(
                timeout=httpx.Timeout(self.timeout_s, connect=min(CONNECT_S, self.timeout_s)),
                headers={"accept-encoding": "identity"},
                # Agents are near: no proxy of the environment is meant for them.
                trust_env=False,
            )
        return self._client

    def _judge(self, uid: int, said: Said, state: MarketState) -> Answered:
        answered, detail = self._judged(uid, said, state)
        self.tallies[uid].count(answered, detail)
        return answered

    def _judged(self, uid: int, said: Said, state: MarketState) -> tuple[Answered, str]:
        if said.problem:
            return Answered(None, said.took_s, said.problem), said.detail
        started_s = time.perf_counter()
        try:
            answer = self.doors[uid].read(said.content, self.version)
        except WireError as error:
            return Answered(None, said.took_s, INVALID), str(error)
        took_s = said.took_s + time.perf_counter() - started_s
        if answer is None:
            return Answered(None, took_s, NO_RESPONSE), ""
        try:
            orders, dropped = self._gates[uid].admit(answer, state)
        except Refused as refused:
            return Answered(None, took_s, str(refused)), ""
        return Answered(orders, took_s, dropped=dropped), ""
