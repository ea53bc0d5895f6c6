"""The ways to an agent: the offline harness's plain POST, and the signed request of the network."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import attrs

from obmm.live.validator.keys import Signer
from obmm.wire.answer import MAX_ANSWER_BYTES, Answer, read_answer, read_reply
from obmm.wire.encode import Form
from obmm.wire.request import SYNAPSE

if TYPE_CHECKING:
    import httpx

#: Why nothing came: nobody listens, no answer in time, the connection broke, another status than 200 (its
#: number follows), a redirection, more bytes than any answer has.
UNREACHABLE, TIMEOUT, CUT_OFF, STATUS, REDIRECT, TOO_LARGE = (
    *("UNREACHABLE", "TIMEOUT", "CUT_OFF", "HTTP", "REDIRECT", "TOO_LARGE"),
)
#: A status of 200 whose axon says otherwise, or nothing: the dendrite then takes it for a failure.
AXON_STATUS = "AXON_STATUS"
#: Longer than this a validator does not wait for a connection.
CONNECT_S = 1.0
NOTIFICATION = "FinanceEventNotification"


class DoorError(ValueError):
    """The address of an agent is of no use; the message says what is wrong."""


@attrs.frozen
class Said:
    """What came back of one request.

    Attributes:
        content: The body of an answer with status 200; empty where there is a problem.
        took_s: Real time from sending to the last byte, seconds.
        problem: Why there is no answer, in a word; empty where there is one.
        detail: The same in words.
    """

    content: bytes
    took_s: float
    problem: str = ""
    detail: str = ""


class Door(Protocol):
    """How one agent is asked."""

    @property
    def name(self) -> str:
        """What results call the agent."""

    @property
    def form(self) -> Form:
        """How the state is written for it."""

    async def ask(self, client: httpx.AsyncClient, body: bytes, timeout_s: float) -> Said:
        """Send a state and wait for the answer, at most `timeout_s`."""

    def read(self, content: bytes, version: int | None) -> Answer | None:
        """The answer in what came back.

        Raises:
            WireError: It breaks the protocol.
        """

    async def tell(self, client: httpx.AsyncClient, event: dict[str, Any], timeout_s: float) -> None:
        """Tell of the simulation's start or end, where the agent can be told."""


@attrs.frozen
class HarnessDoor:
    """The agent that `python Agent.py --port …` serves: POST /handle with the whole state in the open.

    >>> HarnessDoor.at("http://127.0.0.1:8888").url
    'http://127.0.0.1:8888/handle'
    """

    name: str
    url: str
    form: Form = "open"

    @classmethod
    def at(cls, address: str) -> HarnessDoor:
        """The door at an address such as `http://127.0.0.1:8888`.

        Raises:
            DoorError: It is none.
        """
        _, host, port = _parsed(address)
        return cls(f"http://{host}:{port}", f"http://{_bracketed(host)}:{port}/handle")

    async def ask(self, client: httpx.AsyncClient, body: bytes, timeout_s: float) -> Said:
        return await _post(client, self.url, body, {"content-type": "application/json"}, timeout_s)

    def read(self, content: bytes, version: int | None) -> Answer | None:
        return read_answer(content, version=version)

    async def tell(self, client: httpx.AsyncClient, event: dict[str, Any], timeout_s: float) -> None:
        """The harness tells of no events."""


@attrs.frozen
class AxonDoor:
    """A miner's axon, or a server that speaks like one: a signed POST with the state in blobs.

    >>> miner = Signer("//miner").hotkey
    >>> door = AxonDoor.at(f"http://{miner}@127.0.0.1:8091", Signer("//validator-1"))
    >>> door.name
    '127.0.0.1:8091'
    """

    name: str
    host: str
    port: int
    hotkey: str
    signer: Signer
    form: Form = "blobs"

    @classmethod
    def at(cls, address: str, signer: Signer) -> AxonDoor:
        """The door at an address with the miner's hotkey, such as `http://5Grw…utQY@127.0.0.1:8091`.

        Raises:
            DoorError: It is none, or lacks the hotkey.
        """
        hotkey, host, port = _parsed(address)
        if not hotkey:
            raise DoorError(
                f"{address} lacks the miner's hotkey, which the signature is for; write http://HOTKEY@{host}:{port}"
            )
        return cls(f"{_bracketed(host)}:{port}", host, port, hotkey, signer)

    async def ask(self, client: httpx.AsyncClient, body: bytes, timeout_s: float) -> Said:
        return await self._post(client, SYNAPSE, body, timeout_s)

    def read(self, content: bytes, version: int | None) -> Answer | None:
        return read_reply(content)

    async def tell(self, client: httpx.AsyncClient, event: dict[str, Any], timeout_s: float) -> None:
        message = {"name": NOTIFICATION, "timeout": timeout_s, "event": event, "acknowledged": False}
        await self._post(client, NOTIFICATION, json.dumps(message).encode(), timeout_s)

    async def _post(self, client: httpx.AsyncClient, route: str, body: bytes, timeout_s: float) -> Said:
        headers = self.signer.headers(
            route, self.hotkey, timeout_s=timeout_s, host=self.host, port=self.port
        ) | {"content-type": "application/json"}
        url = f"http://{_bracketed(self.host)}:{self.port}/{route}"
        return await _post(client, url, body, headers, timeout_s, axon=True)


def _parsed(address: str) -> tuple[str, str, int]:
    """User, host and port of an address; `http://` may be left out."""
    text = address if "://" in address else f"http://{address}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise DoorError(f"{address} is no address of an agent: {error}") from error
    if parts.scheme != "http" or not host or port is None or parts.path not in ("", "/", "/handle"):
        raise DoorError(f"{address} is no address of an agent, such as http://127.0.0.1:8888")
    return parts.username or "", host, port


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def _post(
    client: httpx.AsyncClient,
    url: str,
    body: bytes,
    headers: dict[str, str],
    timeout_s: float,
    axon: bool = False,
) -> Said:
    import httpx

    started_s = time.perf_counter()

    def failed(problem: str, detail: str) -> Said:
        return Said(b"", time.perf_counter() - started_s, problem, detail)

    try:
        return await asyncio.wait_for(_exchange(client, url, body, headers, started_s, axon), timeout_s)
    except (asyncio.TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout):
        return failed(TIMEOUT, f"no answer within {timeout_s:g} s")
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        return failed(UNREACHABLE, str(error) or "no connection")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return failed(CUT_OFF, f"{type(error).__name__}: {error}")


async def _exchange(
    client: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str], started_s: float, axon: bool
) -> Said:
    async with client.stream("POST", url, content=body, headers=headers) as response:
        content = bytearray()
        # As it comes: an agent that compresses unasked could make much of little.
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > MAX_ANSWER_BYTES:
                took_s = time.perf_counter() - started_s
                return Said(b"", took_s, TOO_LARGE, f"more than {MAX_ANSWER_BYTES} bytes")
        took_s = time.perf_counter() - started_s
        status = response.status_code
        if 300 <= status < 400:
            where = response.headers.get("location", "nowhere")
            return Said(b"", took_s, REDIRECT, f"status {status}, to {where:.200}; nobody follows")
        if status != 200:
            return Said(b"", took_s, f"{STATUS}_{status}", bytes(content[:200]).decode(errors="replace"))
        told = response.headers.get("bt_header_axon_status_code")
        if axon and told != "200":
            return Said(
                b"", took_s, AXON_STATUS, f"header bt_header_axon_status_code is {told!r:.40}, not 200"
            )
        return Said(bytes(content), took_s)
