"""A small stand-in for what an agent file sees of the subnet's package, made from its description.

Classes, attributes and the order of calls are those of the miner and its base classes from 0.4 to 0.6; what a
response may hold is judged as strictly as a validator does.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import json
import sys
import types
from pathlib import Path
from typing import Any

import msgspec

from obmm.wire.answer import read_answer
from obmm.wire.codec import codec_of
from obmm.wire.compression import pack, unpack


class FinanceAgentResponse:
    """A response, which refuses what a validator would."""

    def __init__(self, agent_id: int, instructions: list[Any] | None = None) -> None:
        self.agent_id, self.instructions = agent_id, instructions or []

    @classmethod
    def model_validate(cls, told: dict[str, Any]) -> FinanceAgentResponse:
        read_answer(msgspec.json.encode(told), version=54)
        return cls(**told)

    def model_dump(self, mode: str = "python") -> dict[str, Any]:
        return {"agent_id": self.agent_id, "instructions": self.instructions}


class Lazy(dict):
    """Lazy views keep what they are made of under a name of their own."""

    def __init__(self, raw: dict[Any, Any], name: str) -> None:
        super().__init__({key: object() for key in raw})
        setattr(self, name, raw)


class Model:
    """A value that can be dumped, as pydantic's models can."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def model_dump(self, mode: str = "python") -> Any:
        return self.value


class MarketSimulationStateUpdate:
    """The synapse that carries a state."""

    unpacked = 0

    def __init__(self, body: bytes, hotkey: str) -> None:
        told = json.loads(body)
        for name in (
            "version",
            "timestamp",
            "compressed",
            "books",
            "accounts",
            "notices",
            "config",
            "response",
        ):
            setattr(self, name, told.get(name))
        self.compression_engine = told["compression_engine"]
        self.dendrite = types.SimpleNamespace(hotkey=hotkey)

    def decompress(self, lazy: bool = False) -> MarketSimulationStateUpdate:
        if not self.compressed:
            return self
        type(self).unpacked += 1
        told: dict[str, Any] = {}
        for part in ("books", "payload"):
            data, _ = unpack(self.compressed[part], part)
            value = codec_of(self.version, data).reader(dict).decode(data)
            told |= value if part == "payload" else {"books": value}
        self.compressed = None
        if lazy:
            self.books, self.accounts = (
                Lazy(told["books"], "_raw_books"),
                Lazy(told["accounts"], "_raw_accounts"),
            )
        else:
            self.books = {key: Model(book) for key, book in told["books"].items()}
            self.accounts = {
                uid: {key: Model(one) for key, one in mine.items()} for uid, mine in told["accounts"].items()
            }
        self.notices = {uid: [Model(one) for one in mine] for uid, mine in told["notices"].items()}
        self.config = Model(told["config"])
        return self

    def clear_inputs(self) -> MarketSimulationStateUpdate:
        self.books = self.accounts = self.notices = self.config = None
        return self

    def compress(self) -> MarketSimulationStateUpdate:
        if self.compressed:
            return self
        response = self.response.model_dump(mode="json") if self.response else None
        payload = {"accounts": None, "notices": None, "config": None, "response": response}
        encode = codec_of(self.version, b"").encode
        self.compressed = {"books": None, "payload": pack(encode(payload), self.compression_engine)}
        self.response = None
        return self


class ExchangeStateUpdate:
    """The other mechanism's message."""


class ExchangeAgentResponse(FinanceAgentResponse):
    """What it is answered with."""


class SimulationAgent:
    """The base of all agents."""

    def __init__(self, uid: int, config: Any, log_dir: str | None = None) -> None:
        self.uid, self.config, self.log_dir = uid, config, log_dir
        self.data_dir = config.data_dir
        (Path(self.data_dir) / str(uid)).mkdir(parents=True, exist_ok=True)
        self.initialize()

    def handle(self, state: Any) -> Any:
        self.update(state)
        response = self.respond(state)
        self.report(state, response)
        return response


class FinanceAgentBase(SimulationAgent):
    """The market's base class of 0.6, with its live parameters."""

    pending: dict[str, Any] | None = None

    def __init__(self, uid: int, config: Any, log_dir: str | None = None) -> None:
        self.history, self.accounts, self.event_history = [], {}, {}
        config.lazy_load = bool(getattr(config, "lazy_load", False))
        super().__init__(uid, config, log_dir)

    def _apply_pending_live_config(self) -> None:
        if self.pending:
            for name, value in self.pending.items():
                setattr(self.config, name, value)
            changed, self.pending = self.pending, None
            self.on_config_reload(changed)

    def on_config_reload(self, changed: dict[str, Any]) -> None:
        return None

    def handle(self, state: MarketSimulationStateUpdate | ExchangeStateUpdate) -> FinanceAgentResponse:
        self._apply_pending_live_config()
        return super().handle(state)

    def update(self, state: Any) -> None:
        raise AssertionError("costs more than the answer")

    def report(self, state: Any, response: Any) -> None:
        return None


def modules(*, old: bool = False) -> dict[str, types.ModuleType]:
    """The package as modules; the old one has no `FinanceAgentBase`."""
    made = {
        name: types.ModuleType(name)
        for name in ("taos", "taos.im", "taos.im.agents", "taos.im.protocol", "taos.im.protocol.exchange")
    }
    agents, protocol = made["taos.im.agents"], made["taos.im.protocol"]
    made["taos"].im, made["taos.im"].agents, made["taos.im"].protocol = made["taos.im"], agents, protocol
    setattr(agents, "FinanceSimulationAgent" if old else "FinanceAgentBase", FinanceAgentBase)
    # Each time a class of its own: agents put a method of theirs there.
    protocol.MarketSimulationStateUpdate = type(
        "MarketSimulationStateUpdate", (MarketSimulationStateUpdate,), {"unpacked": 0}
    )
    protocol.FinanceAgentResponse = FinanceAgentResponse
    made["taos.im.protocol.exchange"].ExchangeAgentResponse = ExchangeAgentResponse
    return made


def loaded(path: Path, uid: int, *words: str) -> Any:
    """The agent as the miner makes it: from a file that is in no list of modules, with words of `-m`."""
    config = argparse.Namespace()
    for word in words:
        name, value = word.split("=")
        try:
            setattr(config, name, float(value))
        except ValueError:
            setattr(config, name, value)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert path.stem not in sys.modules
    made = getattr(module, path.stem)
    # The folder for logs came with 0.1.50.
    more = (str(path.parent),) if "log_dir" in inspect.signature(made.__init__).parameters else ()
    agent = made(uid, config, *more)
    agent.config.netuid = 79
    return agent


def forward(agent: Any, synapse: MarketSimulationStateUpdate) -> MarketSimulationStateUpdate:
    """What the miner does with a request."""
    synapse.decompress(lazy=agent.config.lazy_load)
    synapse.response = agent.handle(synapse)
    return synapse.clear_inputs().compress()
