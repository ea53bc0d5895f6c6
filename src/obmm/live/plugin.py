"""An agent inside the subnet's own miner, or in its offline harness: what an exported agent file stands on.

The miner makes one object of the file's class, hands it every state and sends what it returns. The states are
taken as they came over the network, before the miner unpacks them into models.
"""

from __future__ import annotations

import argparse
import functools
import logging
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog

from obmm.agent import Choice, resolve
from obmm.agent.faults import told
from obmm.agent.telling import tell
from obmm.live.standing import Standing, warm_up
from obmm.settings.words import ALIASES

#: Where a state keeps what came over the network.
_CAME = "obmm_came"
#: Words that are ours and no option of a stage.
_OWN = ("preset", "record", "record_gb", "state", "overrides", "budget_ms")

_log = structlog.get_logger("obmm.live")


def standing_for(uid: int | None, preset: str, words: Mapping[str, Any], *, harness: bool = True) -> Standing:
    """An agent set up by the words of `--agent.params` or `--params`.

    Args:
        uid: Our number; None takes that of each state.
        preset: What is in force if no word says `preset=…`.
        words: Options of stages, and `record`, `record_gb`, `state`, `overrides` and `budget_ms` as of
            `obmm run`.
        harness: Answer with the bare response.
    """
    own = {name: words[name] for name in _OWN if name in words}
    params = tuple(f"{name}={value}" for name, value in words.items() if name not in own)
    source = str(own.get("preset", preset))
    config = resolve(source, params)
    record, state, overrides = (
        Path(str(own[name])) if name in own else None for name in ("record", "state", "overrides")
    )
    warm_up(config)
    return Standing.of(
        config,
        source,
        params,
        uid=uid,
        harness=harness,
        budget_s=float(own.get("budget_ms", 1000.0)) / 1e3,
        record=record,
        record_bytes=int(float(own.get("record_gb", 20.0)) * 1e9),
        state=state,
        overrides=overrides,
    )


def merged(params: Mapping[str, Any], words: Mapping[str, Any]) -> dict[str, Any]:
    """`words` laid over `params`, also where they call the same option by another name.

    >>> merged({"size_base": "1"}, {"base_order_size": 0.5})
    {'size_base': 0.5}
    """
    return {ALIASES.get(name, name): value for told in (params, words) for name, value in told.items()}


class Plugin:
    """What is ours of an agent's class; goes in front of the subnet's own base class."""

    #: The file's own: a preset or TOML file, and `name: value` on top of it.
    preset = "balanced"
    params: Mapping[str, Any] = {}
    uid: int
    config: Any
    #: The subnet's class of a response, and of what is no simulation, if it has one.
    response_class: Any

    def initialize(self) -> None:
        """Called by the base class when uid and config are there."""
        self.standing = standing_for(self.uid if self.uid >= 0 else None, self.preset, self._words())
        _keep_what_came(self.state_class)
        threading.Thread(target=self._look, name="obmm-look", daemon=True).start()

    def handled(self, state: Any) -> Any:
        """The response to a state; without instructions if anything goes wrong."""
        try:
            # From 0.6 on the base class reads parameters anew while it runs.
            getattr(self, "_apply_pending_live_config", lambda: None)()
            sender = getattr(getattr(state, "dendrite", None), "hotkey", None) or ""
            reply = self.standing.session.answer(_body_of(state), sender=sender)
            return self.response_class.model_validate(msgspec.json.decode(reply))
        except Exception as error:  # An exception becomes HTTP 500, which counts as absent.
            tell(_log, logging.ERROR, "a state is answered without orders", what=told(error))
            return self.response_class(agent_id=self.uid)

    def on_config_reload(self, changed: Mapping[str, Any]) -> None:
        """Parameters were changed while the miner runs; bad ones are told, and those before stay."""
        words = self._words()
        own = {name for name in _OWN if name in words}
        file = self.standing.config_file
        params = tuple(f"{name}={value}" for name, value in words.items() if name not in own)
        file.choice = Choice(str(words.get("preset", self.preset)), params)
        file.look(anyway=True)

    def update(self, state: Any) -> None:
        """Nothing: the base class would write a file for every event."""

    def respond(self, state: Any) -> Any:
        """The response to a state."""
        return self.handled(state)

    def report(self, state: Any, response: Any) -> None:
        """Nothing."""

    @property
    def state_class(self) -> Any:
        """The subnet's class of a state."""
        from taos.im.protocol import MarketSimulationStateUpdate

        return MarketSimulationStateUpdate

    def _words(self) -> dict[str, Any]:
        return merged(self.params, {} if self.config is None else vars(self.config))

    def _look(self) -> None:
        while True:
            time.sleep(1.0)
            self.standing.config_file.look()


def agent_base() -> type:
    """The class that an agent file derives its own from, in an environment that has the subnet's package."""
    from taos.im import agents
    from taos.im.protocol import FinanceAgentResponse

    base: Any = getattr(agents, "FinanceAgentBase", None) or agents.FinanceSimulationAgent

    # The harness of the subnet reads the annotations: they must be the base class's own.
    @functools.wraps(base.handle)
    def handle(self: Any, state: Any) -> Any:
        return self.handled(state) if isinstance(state, self.state_class) else _nothing(self.uid)

    body = {"handle": handle, "response_class": FinanceAgentResponse, "__module__": __name__}
    return type("PluginAgent", (Plugin, base), body)


def _nothing(uid: int) -> Any:
    """The response to a state of the exchange mechanism, which is not ours to trade on."""
    from taos.im.protocol.exchange import ExchangeAgentResponse

    return ExchangeAgentResponse(agent_id=uid)


def launch(preset: str, params: Mapping[str, Any] | None = None, words: Sequence[str] | None = None) -> None:
    """Be an agent of the offline harness, as its launcher starts one; nothing of the subnet is imported.

    Args:
        preset: A preset or TOML file.
        params: `name: value` on top of it.
        words: `--port P --agent_id I --params k=v …`; those of the process if not given.
    """
    from obmm.live.doors.harness import HarnessApp
    from obmm.live.doors.serving import Serving

    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--agent_id", type=int, required=True)
    parser.add_argument("--params", nargs="*", default=[])
    asked = parser.parse_args(words)
    given = dict(_split(word) for word in asked.params)
    standing = standing_for(asked.agent_id, preset, merged(params or {}, given))
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with Serving(HarnessApp(standing.session), "127.0.0.1", asked.port) as serving:
        print(
            f"obmm: answers the harness at http://127.0.0.1:{serving.port}/handle",
            file=sys.stderr,
            flush=True,
        )
        while not ended.wait(1.0):
            standing.config_file.look()
    standing.close()


def _split(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise SystemExit(f"--params: {word!r} is no name=value")
    return name, value


def _keep_what_came(state_class: Any) -> None:
    """Let states keep the blobs they came with, in place of unpacking them into thousands of models."""
    unpack = state_class.decompress
    if hasattr(unpack, _CAME):
        return

    @functools.wraps(unpack)
    def decompress(self: Any, *args: Any, **kwargs: Any) -> Any:
        came = self.compressed
        if not isinstance(came, dict | str):
            return unpack(self, *args, **kwargs)
        # As after unpacking: what still has it is taken for an answer that is packed already.
        # Past the model's own way, which would validate it.
        object.__setattr__(self, "compressed", None)
        self.__dict__[_CAME] = came
        return self

    setattr(decompress, _CAME, True)
    state_class.decompress = decompress


def _body_of(state: Any) -> bytes:
    """The request that brought a state, or one that says the same."""
    came = state.__dict__.pop(_CAME, None)
    about = {
        "name": "MarketSimulationStateUpdate",
        "version": state.version,
        "timestamp": state.timestamp,
        "compressed": came,
        "compression_engine": getattr(state, "compression_engine", None),
    }
    dendrite = getattr(state, "dendrite", None)
    if dendrite is not None:
        about["dendrite"] = {"hotkey": dendrite.hotkey}
    if came is None:
        about |= {name: _plain(getattr(state, name)) for name in ("books", "accounts", "notices", "config")}
    return msgspec.json.encode(about)


def _plain(value: Any) -> Any:
    """Models, and the lazy views of them, as what they were made of."""
    for name in ("_raw_books", "_raw_accounts", "_raw"):
        raw = value.__dict__.get(name) if hasattr(value, "__dict__") else None
        if raw is not None:
            return raw
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
