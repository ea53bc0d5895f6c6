"""Agents for tests of the live session: sound ones, and ones that answer when they are told to."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from obmm.agent import Config, Decision, MarketMaker, resolve
from obmm.live.session import Exchange, Session
from obmm.market import MarketState
from obmm.settings.toml import parse_layer
from obmm.testing import random_states
from obmm.wire import encode_request
from obmm.wire.codec import codec_of
from obmm.wire.compression import unpack

_QUOTING = """
[[gates]]
kind = "inventory"

[builder]
kind = "touch"
size_base = 1.0
min_edge_bps = -1000

[placer]
kind = "amend"
"""


def quoting() -> Config:
    """A configuration that quotes from the first state on."""
    return resolve(parse_layer(_QUOTING, "quoting.toml"))


class Gated:
    """A MarketMaker that decides only while its gate is open, and notes what it decided on."""

    def __init__(self) -> None:
        self._maker = MarketMaker(quoting())
        self.config_hash = self._maker.config_hash
        self.feeds, self.only_trades = self._maker.feeds, self._maker.only_trades
        self.gate = threading.Event()
        self.asked = threading.Semaphore(0)
        self.seen: list[tuple[str, int]] = []

    def decide(self, state: MarketState) -> Decision:
        self.asked.release()
        assert self.gate.wait(30.0)
        self.seen.append((state.venue.validator, state.time_ns))
        return self._maker.decide(state)


class Raising:
    """A MarketMaker gone wrong altogether."""

    def __init__(self, deed: Callable[[], None]) -> None:
        maker = MarketMaker(quoting())
        self.config_hash = maker.config_hash
        self.feeds, self.only_trades = maker.feeds, maker.only_trades
        self._deed = deed

    def decide(self, state: MarketState) -> Decision:
        self._deed()
        raise AssertionError("the deed did nothing")


def bodies(seed: int, n_states: int, *, n_books: int = 2, **form: object) -> list[bytes]:
    """Requests of successive states."""
    return [encode_request(state, **form) for state in random_states(seed, n_states, n_books=n_books)]


def instructions_of(reply: bytes) -> list[dict[str, object]]:
    """The instructions of a validator's or a harness's answer, wherever in it they stand."""
    message = msgspec.json.decode(reply)
    if "instructions" in message:
        return message["instructions"]
    if message["compressed"] is None:
        return [] if message["response"] is None else message["response"]["instructions"]
    data, _ = unpack(message["compressed"]["payload"], "payload")
    payload = codec_of(message["version"], data).reader(dict).decode(data)
    return payload["response"]["instructions"]


def gathered(session: Session, expected: int) -> Callable[[], list[Exchange]]:
    """A function that waits for the first `expected` exchanges of a session, and returns them."""
    told: list[Exchange] = []
    enough = threading.Semaphore(0)

    def listen(exchange: Exchange) -> None:
        told.append(exchange)
        enough.release()

    session.listeners.append(listen)

    def wait() -> list[Exchange]:
        for _ in range(expected):
            assert enough.acquire(timeout=30.0)
        return told

    return wait
