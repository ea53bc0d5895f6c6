"""Two stand-in validators with markets of their own against `obmm run`, and everything that can go wrong.

Steps are lost, clocks jump, versions change, requests come twice, damaged or badly signed, validators begin
new simulations, and the miner is ended or killed and started again. Whatever is answered is held to the
venue's rules by the independent checker.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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


class Miner:
    """`obmm run` in a process of its own, which can be ended, killed and started again on the same port."""

    def __init__(self, folder: Path, preset: str) -> None:
        self.preset = preset
        keys = folder / "wallets" / "miner" / "hotkeys"
        keys.mkdir(parents=True)
        (keys / "deskpub.txt").write_text(json.dumps({"ss58Address": MINER.hotkey}), encoding="utf-8")
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            self.port: int = bound.getsockname()[1]
        self.folder = folder
        self.figures = folder / "figures.jsonl"
        self.log = folder / "miner.log"
        #: Odd while it is up; even from the moment that it is asked to end until it is up again.
        self.phase = 0
        self.exits: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns when it listens."""
        words = (
            "run",
            "--preset",
            self.preset,
            "--wallet",
            "miner",
            "--hotkey",
            "desk",
            "--wallet-path",
            self.folder / "wallets",
        )
        words += ("--offline", "--allow", "all", "--host", "127.0.0.1", "--port", self.port)
        words += ("--record", self.folder / "recording", "--state", self.folder / "state", "--json")
        script = Path(__file__).with_name("soak_miner.py")
        command = [sys.executable, script, self.figures, *words]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log)
        while self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
                self.phase += 1
                return
            time.sleep(0.02)
        raise AssertionError(f"the miner did not start: {self.log.read_text(encoding='utf-8')[-2000:]}")

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, politely or not."""
        assert self._process is not None
        self.phase += 1
        self._process.send_signal(how)
        self.exits.append(self._process.wait(20.0))

    def told(self) -> list[dict[str, float]]:
        """What was in use, second by second."""
        lines = self.figures.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.endswith("}")]


@attrs.define
class Seen:
    """What one validator saw.

    Attributes:
        took_s: Real seconds of each answer to a good request.
        faults: What should not have happened, in words.
        problems: Why answers did not come while the miner was away, or to requests that were damaged.
        simulated_s: Simulated seconds that were asked for.
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
        self, number: int, miner: Miner, n_books: int, over: Callable[[], bool], harm: float
    ) -> None:
        self.harm = harm
        self.number, self.miner, self.n_books, self.over = number, miner, n_books, over
        self.seen = Seen()
        self.random = random.Random(number)
        self.signer = Signer(f"//validator-{number}")
        self.version = VERSIONS[number % len(VERSIONS)]
        self._simulations = 0

    def run(self) -> None:
        """Until it is over; whatever is raised is a fault."""
        self._loop = asyncio.new_event_loop()
        self._client = httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S)
        try:
            while not self.over():
                self._simulation()
        except Exception as error:  # The other one goes on, and this is told at the end.
            self.seen.faults.append(f"{type(error).__name__}: {error}")
        finally:
            self._loop.run_until_complete(self._client.aclose())
            self._loop.close()

    def _simulation(self) -> None:
        """One market, for some time."""
        self._simulations += 1
        self.seen.events["simulations"] += 1
        seed = 1000 * self.number + self._simulations
        gate, lasts, before = Gate(), self.random.randint(150, 1500), []
        with SimulatedMarket(books=self.n_books, seed=seed, feeds={Feed.TAPE}, threads=1) as market:
            for number, states in enumerate(market.states(lasts)):
                if self.over():
                    return
                state = states[0]
                self._disturb(state, before, market)
                if self._happens(0.02):
                    self.seen.events["lost steps"] += 1
                    continue
                self.seen.simulated_s += 1
                answered = self._answer(state, gate)
                if answered is not None:
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

    def _happens(self, chance: float) -> bool:
        return self.random.random() < chance * self.harm

    def _door(self, receiver: str = MINER.hotkey, signer: Signer | None = None) -> AxonDoor:
        return AxonDoor.at(f"http://{receiver}@127.0.0.1:{self.miner.port}", signer or self.signer)

    def _body(self, state: MarketState) -> bytes:
        return encode_requests([state], version=self.version, validator=self.signer.hotkey)[0]

    def _ask(self, door: AxonDoor, body: bytes) -> tuple[Said, bool]:
        """What is said, and whether the miner was up all the while."""
        phase = self.miner.phase
        said = self._loop.run_until_complete(door.ask(self._client, body, TIMEOUT_S))
        return said, phase % 2 == 1 and self.miner.phase == phase

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
                self.seen.faults.append(f"{said.problem}: {said.detail}")
            return None
        self.seen.took_s.append(said.took_s)
        try:
            answer = door.read(said.content, self.version)
            assert answer is not None
            orders, dropped = gate.admit(answer, state)
        except Exception as error:  # A reply that no validator could read.
            self.seen.faults.append(f"{type(error).__name__}: {error}")
            return None
        self.seen.faults += [f"dropped: {reason}" for reason in dropped]
        self.seen.faults += violations(state, _as_read(orders, state))[:5]
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
            self.seen.faults.append(f"damaged in way {pick}: {said.problem} {said.detail}")
        if not said.problem:
            try:
                door.read(said.content, self.version)
            except WireError as error:
                self.seen.faults.append(f"damaged in way {pick}: {error}")

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


def soak(
    folder: Path,
    *,
    preset: str,
    books: Sequence[int],
    restarts: Sequence[tuple[float, signal.Signals]],
    seconds: float = 0.0,
    answers: int = 1,
    harm: float = 1.0,
) -> tuple[list[Seen], Miner]:
    """Let validators loose on a miner.

    Args:
        folder: Where the miner keeps what it keeps.
        preset: What it runs.
        books: Number of books of each validator's market.
        restarts: When the miner is ended and started again, as a share of the whole, and how.
        seconds: How long it takes, real seconds, at least.
        answers: Answers that each validator gets, at least.
        harm: How much more often than in a long one everything else goes wrong.
    """
    miner = Miner(folder, preset)
    miner.start()
    started_s = time.monotonic()
    stopped = threading.Event()

    def done() -> float:
        """Share of the whole that is done."""
        least = min((len(one.seen.took_s) for one in crowd), default=0)
        return min(least / answers, (time.monotonic() - started_s) / seconds if seconds else 1.0)

    crowd = [Validator(number, miner, n, stopped.is_set, harm) for number, n in enumerate(books, start=1)]
    threads = [threading.Thread(target=one.run) for one in crowd]
    for thread in threads:
        thread.start()
    try:
        for share, how in [*restarts, (1.0, None)]:
            while done() < share and all(thread.is_alive() for thread in threads):
                time.sleep(0.02)
            if how is not None:
                miner.end(how)
                miner.start()
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
        miner.end()
    return [one.seen for one in crowd], miner
