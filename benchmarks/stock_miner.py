"""The stock miner's path, for `bench_live.py`: bittensor's own axon with a plain agent, and its own client.

Before it asks its agent the stock miner makes pydantic objects of every level, order and event, looks through
all notices for each book, appends each to a file, and writes a text of every book, unless it is told to be
lazy. So does this one (`miner`), after the subnet's protocol; its sources are not here.

Runs in an environment with bittensor 10, in a process of its own:

    python stock_miner.py serve [miner]    tells address and hotkey, and serves until its input ends
    python stock_miner.py ask BODIES TO…   milliseconds of each round trip, as JSON; TO is hotkey@host:port
"""

import asyncio
import json
import pickle
import socket
import sys
import tempfile
import time
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Annotated, Any, Literal

import bittensor as bt
import lz4.frame
import msgspec
from bittensor.utils import networking
from plain import PlainMaker
from pydantic import BaseModel, Field

# Nobody outside is asked for our address.
networking.get_external_ip = lambda: "127.0.0.9"


class Order(BaseModel):
    """A resting order, or the event of one."""

    y: Literal["o"] = "o"
    i: int
    c: int | None = None
    t: int
    q: float
    s: int
    p: float | None = None
    l: float = 0.0  # noqa: E741


class Trade(BaseModel):
    """The event of a trade."""

    y: Literal["t"]
    i: int
    s: int
    t: int
    q: float
    p: float
    Ti: int
    Ta: int
    Tf: float
    Mi: int
    Ma: int
    Mf: float


class Cancellation(BaseModel):
    """The event of a cancel."""

    y: Literal["c"]
    i: int
    t: int
    p: float | None
    q: float | None


class Level(BaseModel):
    """A price with its orders."""

    p: float
    q: float
    o: list[Order] | None = None


class Book(BaseModel):
    """One book and what happened in it."""

    i: int
    r: float | None = None
    b: list[Level]
    a: list[Level]
    e: list[Annotated[Order | Trade | Cancellation, Field(discriminator="y")]] | None = None


class Balance(BaseModel):
    """One currency."""

    c: str
    t: float
    f: float
    r: float
    i: float | None = None


class Account(BaseModel):
    """Our account on one book."""

    i: int
    b: int
    bb: Balance
    qb: Balance
    bl: float
    ql: float
    bc: float
    qc: float
    o: list[Order]
    l: dict[int, Any]  # noqa: E741
    f: dict[str, float | None]
    v: float | None = None


class State(BaseModel):
    """All that a message tells, every level, order and event an object: what the stock miner makes first."""

    books: dict[int, Book]
    accounts: dict[int, dict[int, Account]]
    notices: dict[int, list[dict[str, Any]]]
    config: dict[str, Any]


class MarketSimulationStateUpdate(bt.Synapse):
    """The subnet's message."""

    model: str = "im"
    version: int | None = None
    timestamp: int
    config: Any = None
    books: Any = None
    accounts: Any = None
    notices: Any = None
    response: Any = None
    compressed: Any = None
    compression_engine: str = "lz4"


def content(blob: str) -> dict[Any, Any]:
    """What a blob holds."""
    return msgspec.msgpack.decode(lz4.frame.decompress(b64decode(blob)))


def keys(name: str, folder: str) -> Any:
    """A wallet of nobody."""
    wallet = bt.Wallet(name=name, hotkey="bench", path=folder)
    wallet.create_if_non_existent(coldkey_use_password=False, hotkey_use_password=False, suppress=True)
    return wallet


def update(state: State, folder: Path) -> str:
    """What the base class of agents does with each state before the agent's own work."""
    lines = []
    notices = [notice for of_uid in state.notices.values() for notice in of_uid]
    accounts = next(iter(state.accounts.values()))
    for number, book in state.books.items():
        for notice in notices:
            if notice.get("b") == number:
                name = {"ET": "trades", "RDCO": "cancellations"}.get(notice["y"], "orders")
                with (folder / f"{name}.csv").open("a") as file:
                    file.write(",".join(map(str, notice.values())) + "\n")
        account = accounts[number]
        lines.append(f"BOOK {number}: {account.bb} {account.qb} {account.f}")
        lines += [
            f"{bid.q}@{bid.p} | {ask.q}@{ask.p}" for bid, ask in zip(book.b[:5], book.a[:5], strict=False)
        ]
        lines += [f"{order.i} {order.s} {order.q}@{order.p}" for order in account.o]
    return "\n".join(lines)


def serve(miner: bool) -> None:
    """A stock axon whose agent works with dictionaries and loops."""
    maker, events = PlainMaker(), tempfile.TemporaryDirectory()

    def forward(synapse: MarketSimulationStateUpdate) -> MarketSimulationStateUpdate:
        told = {}
        for blob in synapse.compressed.values():
            told |= {key: value for key, value in content(blob).items() if key != "response"}
        books = {key: told.pop(key) for key in list(told) if isinstance(key, int)}
        if miner:
            update(State.model_validate(told | {"books": books}), Path(events.name))
        state = {"timestamp": synapse.timestamp, "books": books, "accounts": told["accounts"]}
        instructions = maker.decide(state, synapse.timestamp / 1e9)
        payload = b64encode(maker.encode(instructions)).decode()
        synapse.compressed = {"books": None, "payload": payload}
        return synapse

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        wallet = keys("miner", folder)
        axon = bt.Axon(wallet=wallet, port=port, external_ip="127.0.0.9", external_port=port)
        axon.attach(forward)
        axon.start()
        print(json.dumps({"port": port, "hotkey": wallet.hotkey.ss58_address}), flush=True)
        sys.stdin.read()
        axon.stop()
    events.cleanup()


async def ask(bodies: list[bytes], to: list[str], wallet: Any) -> list[list[float]]:
    """Milliseconds of each round trip of bittensor's own client, server by server."""
    targets = []
    for one in to:
        hotkey, _, address = one.partition("@")
        host, _, port = address.partition(":")
        known = {"ip": host, "port": int(port), "hotkey": hotkey, "coldkey": hotkey}
        targets.append(bt.AxonInfo(version=1, ip_type=4, protocol=4, **known))
    dendrite = bt.Dendrite(wallet=wallet)
    times: list[list[float]] = [[] for _ in targets]
    for body in bodies:
        told = json.loads(body)
        fields = {name: told[name] for name in ("timestamp", "version", "compressed", "compression_engine")}
        for target, its in zip(targets, times, strict=True):
            synapse = MarketSimulationStateUpdate(**fields)
            started = time.perf_counter()
            reply = await dendrite.call(target, synapse, timeout=12.0, deserialize=False)
            its.append((time.perf_counter() - started) * 1e3)
            if not (reply.is_success and reply.compressed["payload"]):
                raise SystemExit(f"{reply.dendrite.status_code} {reply.dendrite.status_message}")
    await dendrite.aclose_session()
    return times


def main() -> None:
    """Serve, or ask."""
    if sys.argv[1] == "serve":
        serve("miner" in sys.argv)
        return
    bodies = pickle.loads(Path(sys.argv[2]).read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        wallet = keys("validator", folder)
        print(json.dumps(asyncio.run(ask(bodies, sys.argv[3:], wallet))))


if __name__ == "__main__":
    main()
