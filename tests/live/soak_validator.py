"""A stand-in validator with a will to harm, in a process of its own.

Steps are lost, clocks jump, versions change, requests come twice, damaged or badly signed, connections are
made anew and simulations begin. Whatever is answered is held to the venue's rules by the independent checker.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from multiprocessing.sharedctypes import Synchronized
from typing import Any, Protocol

import attrs
import httpx
import numpy as np

from obmm.live.validator import AxonDoor, Gate, Said, Signer
from obmm.market import Feed, MarketState, Orders
from obmm.market.grid import floor_units
from obmm.sim import SimulatedMarket
from obmm.testing.rules import violations
from obmm.wire import WireError
from obmm.wire.encode import encode_requests

VERSIONS = (35, 45, 54, 61, 63)
TIMEOUT_S = 3.0
MINER = Signer("//miner")
#: What a request that is damaged or badly signed may come to; an answer is no fault, if the damage was none.
REFUSED = {"", "HTTP_400", "HTTP_401", "HTTP_403", "HTTP_404", "HTTP_408", "HTTP_413", "HTTP_431"}


class Results(Protocol):
    """Where a validator leaves what it saw."""

    def put(self, seen: Seen, /) -> None:
        """Leave it."""


@attrs.frozen
class Shared:
    """What a validator's process shares with the one that set it loose.

    Attributes:
        phase: Odd while the miner is up; even from the moment that it is asked to end until it is up again.
        stopped: Other than 0 once it is over.
        done: Simulated seconds that were answered so far.
    """

    phase: Synchronized[int]
    stopped: Synchronized[int]
    done: Synchronized[int]


@attrs.define
class Seen:
    """What one validator saw.

    Attributes:
        took_s: Real seconds of each answer to a good request.
        faults: What should not have happened, in words.
        problems: Why answers did not come while the miner was away, or to requests that were damaged.
        simulated_s: Simulated seconds whose state was answered.
        orders: Instructions that were checked.
        events: How often each thing was done to the miner.
    """

    took_s: list[float] = attrs.field(factory=list)
    faults: list[str] = attrs.field(factory=list)
    problems: Counter[str] = attrs.field(factory=Counter)
    simulated_s: int = 0
    orders: int = 0
    events: Counter[str] = attrs.field(factory=Counter)


class Validator:
    """One stand-in validator with a will to harm."""

    def __init__(
        self, number: int, port: int, shared: Shared, *, n_books: int, lasts: int, harm: float
    ) -> None:
        self.number, self.port, self.shared = number, port, shared
        self.n_books, self.lasts, self.harm = n_books, lasts, harm
        self.seen = Seen()
        self.random = random.Random(number)
        self.signer = Signer(f"//validator-{number}")
        self.version = VERSIONS[number % len(VERSIONS)]
        self._simulations = 0

    def run(self) -> None:
        """Until it is over; whatever is raised is a fault."""
        self._loop = asyncio.new_event_loop()
        try:
            while not self.over():
                # With connections of its own, as after a restart.
                self._client = httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S)
                self._simulation()
                self._loop.run_until_complete(self._client.aclose())
        except Exception as error:  # The other one goes on, and this is told at the end.
            self._fault(f"{type(error).__name__}: {error}")
        finally:
            self._loop.close()

    def over(self) -> bool:
        """Whether it has seen enough, or is told to end."""
        return bool(self.shared.stopped.value) or self.seen.simulated_s >= self.lasts

    def _simulation(self) -> None:
        """One market, for some time."""
        self._simulations += 1
        self.seen.events["simulations"] += 1
        seed = 1000 * self.number + self._simulations
        gate, before = Gate(), []
        lasts = self.random.randint(*self.random.choice([(150, 1500), (1500, 20_000)]))
        with SimulatedMarket(books=self.n_books, seed=seed, feeds={Feed.TAPE}, threads=1) as market:
            for number, states in enumerate(market.states(lasts)):
                if self.over():
                    return
                state = states[0]
                self._disturb(state, before, market)
                if self._happens(0.02):
                    self.seen.events["lost steps"] += 1
                    continue
                answered = self._answer(state, gate)
                if answered is not None:
                    self.seen.simulated_s += 1
                    self.shared.done.value = self.seen.simulated_s
                    orders, took_s = answered
                    market.submit(0, orders, took_s)
                if number % 10 == 0:
                    before.append(state)
                    del before[:-5]
        self._tell("ESE", market.time_ns)

    def _disturb(self, state: MarketState, before: Sequence[MarketState], market: SimulatedMarket) -> None:
        """Now and then something that should make no difference."""
        events = self.seen.events
        if self.random.random() < 0.5:
            # Validators of later versions have a new client for every step.
            self.signer.dendrite = str(uuid.uuid4())
        if self._happens(0.005):
            events["versions"] += 1
            self.version = self.random.choice(VERSIONS)
        if self._happens(0.01):
            events["requests twice"] += 1
            self._answer(state, Gate())
        if before and self._happens(0.005):
            events["clocks back"] += 1
            self._answer(self.random.choice(before), Gate())
        if self._happens(0.003):
            events["clocks ahead"] += 1
            market.run(self.random.randint(2, 90))
        if self._happens(0.04):
            events["damaged"] += 1
            self._damaged(state)
        if self._happens(0.005):
            self._tell(self.random.choice(["ESS", "ESE", "?"]), state.time_ns)

    def _fault(self, *faults: str) -> None:
        for fault in faults:
            print(f"validator {self.number}: {fault}", file=sys.stderr, flush=True)
        self.seen.faults += faults

    def _happens(self, chance: float) -> bool:
        return self.random.random() < chance * self.harm

    def _door(self, receiver: str = MINER.hotkey, signer: Signer | None = None) -> AxonDoor:
        return AxonDoor.at(f"http://{receiver}@127.0.0.1:{self.port}", signer or self.signer)

    def _body(self, state: MarketState) -> bytes:
        return encode_requests([state], version=self.version, validator=self.signer.hotkey)[0]

    def _ask(self, door: AxonDoor, body: bytes) -> tuple[Said, bool]:
        """What is said, and whether the miner was up all the while."""
        phase = self.shared.phase.value
        said = self._loop.run_until_complete(door.ask(self._client, body, TIMEOUT_S))
        return said, phase % 2 == 1 and self.shared.phase.value == phase

    def _answer(self, state: MarketState, gate: Gate) -> tuple[Orders, float] | None:
        """The answer to a good request, which must be one."""
        door = self._door()
        said, up = self._ask(door, self._body(state))
        if said.problem:
            self.seen.problems[said.problem] += 1
            if not up:
                time.sleep(0.02)
            # A connection that was kept dies with the process that kept it, also when a new one is up.
            if up and said.problem != "CUT_OFF":
                self._fault(f"{said.problem}: {said.detail}")
            return None
        self.seen.took_s.append(said.took_s)
        try:
            answer = door.read(said.content, self.version)
            assert answer is not None
            orders, dropped = gate.admit(answer, state)
        except Exception as error:  # A reply that no validator could read.
            self._fault(f"{type(error).__name__}: {error}")
            return None
        self._fault(*(f"dropped: {reason}" for reason in dropped))
        self._fault(*violations(state, _as_read(orders, state))[:5])
        self.seen.orders += len(orders)
        return orders, said.took_s

    def _damaged(self, state: MarketState) -> None:
        """A request that is not what it should be; the miner says so, and nothing else."""
        body, door, pick = self._body(state), self._door(), self.random.randrange(8)
        if pick == 0:
            body = body[: self.random.randrange(len(body))]
        elif pick == 1:
            broken = bytearray(body)
            for _ in range(self.random.randint(1, 20)):
                broken[self.random.randrange(len(body))] = self.random.randrange(256)
            body = bytes(broken)
        elif pick == 2:
            body = self.random.randbytes(self.random.randrange(100_000))
        elif pick == 3:
            door = self._door(receiver=self.signer.hotkey)
        elif pick == 4:
            # The name of another, which the key does not sign for.
            signer = Signer(self.signer.uri)
            signer.hotkey = Signer("//nobody").hotkey
            door = self._door(signer=signer)
        elif pick == 5:
            signer = Signer(self.signer.uri)
            signer._last_ns = time.time_ns() + 3600 * 10**9
            door = self._door(signer=signer)
        elif pick == 6:
            told = json.loads(body) | {"compressed": {"books": "AAAA", "payload": "AAAA"}}
            body = json.dumps(told).encode()
        else:
            told = json.loads(body) | {"timestamp": self.random.choice([-1, 2**63 - 1, 0])}
            body = json.dumps(told).encode()
        said, up = self._ask(door, body)
        self.seen.problems[f"damaged: {said.problem or 'answered'}"] += 1
        if up and said.problem not in REFUSED | {"CUT_OFF"}:
            self._fault(f"damaged in way {pick}: {said.problem} {said.detail}")
        if not said.problem:
            try:
                door.read(said.content, self.version)
            except WireError as error:
                self._fault(f"damaged in way {pick}: {error}")

    def _tell(self, kind: str, time_ns: int) -> None:
        self.seen.events["events told"] += 1
        event: dict[str, Any] = {"y": kind, "t": time_ns}
        self._loop.run_until_complete(self._door().tell(self._client, event, TIMEOUT_S))


def _as_read(orders: Orders, state: MarketState) -> Orders:
    """The orders with prices and sizes as the venue cuts them."""

    def cut(values: Any, decimals: Any) -> Any:
        there = np.isfinite(values)
        units = floor_units(np.where(there, values, 0.0), decimals)
        plain = [round(unit / 10.0**places, places) for unit, places in zip(units, decimals, strict=True)]
        return np.where(there, plain, np.nan)

    price, volume = state.venue.price_decimals[orders.book], state.venue.volume_decimals[orders.book]
    return attrs.evolve(orders, price=cut(orders.price, price), size=cut(orders.size, volume))


def validate(
    number: int, port: int, shared: Shared, results: Results, n_books: int, lasts: int, harm: float
) -> None:
    """Be a validator: what its process runs."""
    validator = Validator(number, port, shared, n_books=n_books, lasts=lasts, harm=harm)
    validator.run()
    results.put(validator.seen)
