"""The stock miner's path, for `bench_live.py`: bittensor's own axon with a plain agent, and its own client.

Before it asks its agent the stock miner makes pydantic objects of every level, order and event, looks through
all notices for each book, appends each to a file, and writes a text of every book, unless it is told to be
lazy. So does this one (`miner`), after the subnet's protocol; its sources are not here.

Runs in an environment with bittensor 10, in a process of its own:

    python stock_miner.py serve [miner]    tells address and hotkey, and serves until its input ends
    python stock_miner.py ask BODIES TO…   milliseconds of each round trip, as JSON; TO is hotkey@host:port
"""

import asyncio
import csv
import json
import pickle
import socket
import sys
import tempfile
import time
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import bittensor as bt
import lz4.frame
import msgspec
from bittensor.utils import networking
from plain import PlainMaker
from pydantic import BaseModel, ConfigDict, Field

# Nobody outside is asked for our address.
networking.get_external_ip = lambda: "127.0.0.9"


class Model(BaseModel):
    """Fields go by their short names on the wire and by long ones in agents; models take both."""

    model_config = ConfigDict(populate_by_name=True)


class Order(Model):
    """A resting order, or the event of one."""

    y: str = Field("o", alias="type")
    i: int = Field(alias="id")
    c: int | None = Field(None, alias="client_id")
    t: int = Field(alias="timestamp")
    q: float = Field(alias="quantity")
    s: int = Field(alias="side")
    p: float | None = Field(alias="price")
    l: float = Field(0.0, alias="leverage")  # noqa: E741


class Trade(Model):
    """The event of a trade."""

    y: str = Field("t", alias="type")
    i: int = Field(alias="id")
    s: int = Field(alias="side")
    t: int = Field(alias="timestamp")
    q: float = Field(alias="quantity")
    p: float = Field(alias="price")
    Ti: int = Field(alias="taker_id")
    Ta: int = Field(alias="taker_agent_id")
    Tf: float | None = Field(None, alias="taker_fee")
    Mi: int = Field(alias="maker_id")
    Ma: int = Field(alias="maker_agent_id")
    Mf: float | None = Field(None, alias="maker_fee")


class Cancellation(Model):
    """The event of a cancel."""

    y: str = Field("c", alias="type")
    i: int = Field(alias="orderId")
    t: int = Field(alias="timestamp")
    p: float | None = Field(alias="price")
    q: float | None = Field(alias="quantity")


class Level(Model):
    """A price with its orders."""

    p: float = Field(alias="price")
    q: float = Field(alias="quantity")
    o: list[Order] | None = Field(None, alias="orders")


class Book(Model):
    """One book and what happened in it; what an event is comes of trying one class after the other."""

    i: int = Field(alias="id")
    r: float | None = Field(None, alias="MTR")
    b: list[Level] = Field(alias="bids")
    a: list[Level] = Field(alias="asks")
    e: list[Order | Trade | Cancellation] | None = Field(alias="events")


class Balance(Model):
    """One currency."""

    c: str = Field(alias="currency")
    t: float = Field(alias="total")
    f: float = Field(alias="free")
    r: float = Field(alias="reserved")
    i: float | None = Field(None, alias="initial")


class Fees(Model):
    """Rates."""

    v: float | None = Field(alias="volume_traded")
    m: float = Field(alias="maker_fee_rate")
    t: float = Field(alias="taker_fee_rate")


class Account(Model):
    """Our account on one book."""

    i: int = Field(alias="agent_id")
    b: int = Field(alias="book_id")
    bb: Balance = Field(alias="base_balance")
    qb: Balance = Field(alias="quote_balance")
    bl: float = Field(0.0, alias="base_loan")
    ql: float = Field(0.0, alias="quote_loan")
    bc: float = Field(0.0, alias="base_collateral")
    qc: float = Field(0.0, alias="quote_collateral")
    o: list[Order] = Field(alias="orders")
    l: dict[int, Any] = Field(alias="loans")  # noqa: E741
    f: Fees | None = Field(alias="fees")
    v: float | None = Field(None, alias="traded_volume")


class Notice(Model):
    """What the venue tells us of our own doing."""

    y: str = Field(alias="type")
    t: int = Field(alias="timestamp")
    b: int | None = Field(None, alias="bookId")
    told: dict[str, Any] = {}

    @property
    def book_id(self) -> int | None:
        """The book, for all but notices of the whole."""
        return self.b


class State(Model):
    """All that a message tells, every level, order and event an object: what the stock miner makes first."""

    books: dict[int, Book]
    accounts: dict[int, dict[int, Account]]
    notices: dict[int, list[Notice]]
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


def when(time_ns: int) -> str:
    """A time as logs have it."""
    seconds, left_ns = divmod(time_ns, 10**9)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days}d {hours:02}:{minutes:02}:{seconds:02}.{left_ns:09}"


class Agent:
    """The base class of agents: what it does with each state before the agent's own work.

    Args:
        folder: Where the events of each kind are appended to a file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.history: list[State] = []
        self.events: dict[int, Any] = {}

    def update(self, state: State) -> str:
        """Keep the last states, note every event, and write a text of every book."""
        self.history = [*self.history, state.model_copy()][-10:]
        notices = next(iter(state.notices.values()))
        self.events |= {notice.t: notice for notice in notices}
        accounts = next(iter(state.accounts.values()))
        text = ""
        for number, book in state.books.items():
            text += f"BOOK {number}\n" + "-" * 50 + "\nEVENTS\n" + "-" * 50 + "\n"
            for notice in notices:
                if hasattr(notice, "book_id") and notice.book_id == number:
                    text += f"{notice} AT {when(notice.t)}\n"
                    self._append(notice)
            text += _told(book, accounts[number])
        return text

    def _append(self, notice: Notice) -> None:
        name = {"ET": "trades", "RDCO": "cancellations"}.get(notice.y, "orders")
        path = self.folder / f"{name}.csv"
        known = path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if not known:
                writer.writerow(["timestamp", *notice.told])
            writer.writerow([when(notice.t), *notice.told.values()])


def seen(state: State) -> dict[str, Any]:
    """What the plain agent reads of the objects: ten levels a side, trades, and its accounts."""
    books = {
        number: {
            "b": [{"p": level.p, "q": level.q} for level in book.b[:10]],
            "a": [{"p": level.p, "q": level.q} for level in book.a[:10]],
            "e": [{"y": "t", "q": e.q, "s": e.s, "t": e.t} for e in book.e or () if e.y == "t"],
        }
        for number, book in state.books.items()
    }
    accounts = {
        number: {
            "bb": {"t": account.bb.t, "f": account.bb.f, "i": account.bb.i},
            "qb": {"t": account.qb.t, "f": account.qb.f, "i": account.qb.i},
            "f": {"m": account.f.m, "t": account.f.t},
            "v": account.v,
            "o": [{"i": o.i, "s": o.s, "p": o.p, "q": o.q, "t": o.t} for o in account.o],
        }
        for number, account in next(iter(state.accounts.values())).items()
    }
    return {"books": books, "accounts": {next(iter(state.accounts)): accounts}}


def _told(book: Book, account: Account) -> str:
    """One book and our account on it."""
    bids = " | ".join([f"{level.q:.4f}@{level.p}" for level in reversed(book.b[:5])])
    asks = " | ".join([f"{level.q:.4f}@{level.p}" for level in book.a[:5]])
    text = "TOP LEVELS\n" + "-" * 50 + f"\n{bids}||{asks}\n" + "-" * 50 + "\nBALANCES\n" + "-" * 50 + "\n"
    for name, balance, loan in (("BASE", account.bb, account.bl), ("QUOTE", account.qb, account.ql)):
        total = f"TOTAL={balance.t:.8f} FREE={balance.f:.8f} RESERVED={balance.r:.8f}"
        text += f"{name:6}: {total} | LOAN={loan:.8f}\n"
    for order in sorted(account.o, key=lambda order: order.t):
        side = "BUY " if order.s == 0 else "SELL"
        text += f"#{order.i} : {side} {order.q}@{order.p} [PLACED AT {when(order.t)} (T={order.t})]\n"
    if account.f:
        text += f"FEES : MAKER {account.f.m * 100}% | TAKER {account.f.t * 100}%\n" + "-" * 50 + "\n"
    return text


def serve(miner: bool) -> None:
    """A stock axon whose agent works with dictionaries and loops."""
    maker, events = PlainMaker(), tempfile.TemporaryDirectory()
    agent = Agent(Path(events.name))

    def forward(synapse: MarketSimulationStateUpdate) -> MarketSimulationStateUpdate:
        told = {}
        for blob in synapse.compressed.values():
            told |= {key: value for key, value in content(blob).items() if key != "response"}
        books = {key: told.pop(key) for key in list(told) if isinstance(key, int)}
        if miner:
            notices = {uid: [one | {"told": one} for one in its] for uid, its in told["notices"].items()}
            objects = State.model_validate(told | {"books": books, "notices": notices})
            agent.update(objects)
            told = seen(objects)
            books = told["books"]
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
