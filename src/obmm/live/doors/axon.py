"""The network's door: an ASGI application that speaks the wire of bittensor 9 and 10 by itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from obmm.agent.telling import tell
from obmm.live.doors.counts import Counts
from obmm.live.doors.guard import Guard
from obmm.live.doors.headers import Refused, Sender
from obmm.live.doors.nonces import Nonces
from obmm.live.keys import Verifier
from obmm.live.session import Pending, Session
from obmm.wire.request import SYNAPSE

#: Largest body that is taken in, bytes; 128 busy books are 2 MB.
MAX_BODY = 64 * 2**20
#: Largest one of a route that brings no state.
_MAX_NEWS = 2**20
#: News of a validator, which are acknowledged; and what it asks to see whether we are there.
EVENTS = ("FinanceEventNotification", "EventNotification")
PING = "Synapse"

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = structlog.get_logger("obmm.live")
_NEWS = msgspec.json.Decoder(dict[str, Any])


class AxonApp:
    """Checks who sends, then lets the session answer.

    In the order of the checks: route (404), headers (400), hotkey permitted (403), signature and nonce (401),
    body (400; 413 if it is too large, 408 if it is too slow). The signature comes before the body is read,
    and the sender is the one that signed, whatever the body says.

    Attributes:
        session: Answers states.
        address: Our own hotkey's (ss58): requests signed for another are refused.
        counts: What became of the requests.
        nonces: Those accepted lately.
    """

    def __init__(self, session: Session, address: str, verifier: Verifier, guard: Guard) -> None:
        self.session = session
        self.address = address
        self.counts = Counts()
        self.nonces = Nonces()
        self._verifier = verifier
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        arrived_ns, began_s = time.time_ns(), time.monotonic()
        request = Request(scope, receive)
        client = request.client.host if request.client else "?"
        try:
            await self._serve(request, send, arrived_ns, began_s)
        except Refused as refused:
            self.counts.refuse(refused.kind, refused.status, refused.message, client)
            told = _told(refused.status, refused.message, began_s)
            body = msgspec.json.encode({"message": refused.message})
            # What is left of its body is not waited for.
            await respond(request, send, refused.status, body, {**told, "connection": "close"})
        except ClientDisconnect:
            self.counts.refuse("gone", 0, "the sender hung up", client)

    async def _serve(self, request: Request, send: Send, arrived_ns: int, began_s: float) -> None:
        name = request.url.path.removeprefix("/")
        if name not in (SYNAPSE, PING, *EVENTS) or request.method not in ("GET", "POST"):
            raise Refused(404, "Synapse name not found", "route")
        sender = Sender.of(request.headers, whole=name == SYNAPSE)
        if not self._guard.permits(sender.hotkey):
            raise Refused(403, "Forbidden. Key is blacklisted", "blacklist")
        sender.verify(self.address, self._verifier, self.nonces, arrived_ns)
        most = MAX_BODY if name == SYNAPSE else _MAX_NEWS
        try:
            until_s = began_s + sender.timeout_s
            body = await asyncio.wait_for(read_body(request, most), max(until_s - time.monotonic(), 0.0))
        except asyncio.TimeoutError:
            raise Refused(408, "the body did not come in time", "slow") from None
        told = {"name": name, "timeout": f"{sender.timeout_s:g}"}
        if name != SYNAPSE:
            reply = _acknowledged(body, name, sender.hotkey)
            await respond(request, send, 200, reply, told | _told(200, "Success", began_s))
            return
        pending = self.session.begin(
            body,
            sender=sender.hotkey,
            received_ns=arrived_ns,
            budget_s=min(self.session.budget_s, sender.timeout_s),
        )
        try:
            reply = await settled(self.session, pending)
            if not reply:
                raise Refused(400, "the body is no message of the subnet", "body")
            self.counts.answer(sender.hotkey)
            await respond(request, send, 200, reply, told | _told(200, "Success", began_s))
        finally:
            pending.left.set()


async def settled(session: Session, pending: Pending) -> bytes:
    """The reply, in time: one without orders when the time is over."""
    loop = asyncio.get_running_loop()
    timer = loop.call_later(max(pending.left_s(), 0.0), session.give_up, pending)
    try:
        return await asyncio.wrap_future(pending.future)
    finally:
        timer.cancel()


async def read_body(request: Request, most: int) -> bytes:
    """The body of a request.

    Raises:
        Refused: It has more than `most` bytes, or says so (413).
        ClientDisconnect: The sender is gone.
    """
    try:
        told = int(request.headers.get("content-length", 0))
    except ValueError:
        raise Refused(400, "content-length is no number", "headers") from None
    chunks, size = [], 0
    if told <= most:
        async for chunk in request.stream():
            chunks.append(chunk)
            size += len(chunk)
            if size > most:
                break
    if max(told, size) > most:
        raise Refused(413, f"the body has more than {most} bytes", "body")
    return b"".join(chunks)


def _acknowledged(body: bytes, name: str, sender: str) -> bytes:
    """What was sent, marked as heard."""
    try:
        message = _NEWS.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused(400, "the body is no JSON object", "body") from None
    if name in EVENTS:
        message["acknowledged"] = True
        event = message.get("event")
        kind = str(event.get("y"))[:32] if isinstance(event, dict) else "?"
        tell(_log, logging.INFO, "a validator tells of an event", validator=sender, kind=kind)
    return msgspec.json.encode(message)


def _told(status: int, message: str, began_s: float) -> dict[str, str]:
    """The headers from which a client takes how it went."""
    return {
        "bt_header_axon_status_code": str(status),
        "bt_header_axon_status_message": message,
        "bt_header_axon_process_time": f"{time.monotonic() - began_s:.6f}",
    }


async def respond(
    request: Request, send: Send, status: int, body: bytes, headers: dict[str, str] | None = None
) -> None:
    """Send a JSON body."""
    response = Response(body, status, headers, "application/json")
    await response(request.scope, request.receive, send)
