"""The offline harness's door: states in the open, posted to `/handle` by whoever is on this machine."""

from __future__ import annotations

import time

import msgspec
from starlette.requests import ClientDisconnect, Request

from obmm.live.doors.axon import Receive, Scope, Send, read_body, respond, settled
from obmm.live.doors.counts import Counts
from obmm.live.doors.headers import Refused
from obmm.live.session import Session

ROUTE = "/handle"
#: Largest body, bytes: 128 busy books in the open are 5 MB.
_MAX_BODY = 64 * 2**20


class HarnessApp:
    """Lets the session answer whoever posts; nothing is signed here, so it listens on this machine only.

    Attributes:
        session: Answers as the harness wants it: made with `harness=True`.
        counts: What became of the requests.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.counts = Counts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        arrived_ns = time.time_ns()
        request = Request(scope, receive)
        try:
            if (request.url.path, request.method) != (ROUTE, "POST"):
                raise Refused(404, f"states are posted to {ROUTE}", "route")
            body = await read_body(request, _MAX_BODY)
            pending = self.session.begin(body, sender="", received_ns=arrived_ns)
            try:
                reply = await settled(self.session, pending)
                if not reply:
                    raise Refused(400, "the body is no state", "body")
                self.counts.answer("harness")
                await respond(request, send, 200, reply)
            finally:
                pending.left.set()
        except Refused as refused:
            self.counts.refuse(refused.kind, refused.status, refused.message, "harness")
            told = msgspec.json.encode({"detail": refused.message})
            await respond(request, send, refused.status, told, {"connection": "close"})
        except ClientDisconnect:
            self.counts.refuse("gone", 0, "the sender hung up", "harness")
