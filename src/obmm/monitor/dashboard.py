"""The dashboard: one page, and the figures it is sent while it is open; needs starlette (`obmm[serve]`).

A page that is closed costs nothing: figures are worked out when somebody looks, once for all who do.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from importlib import resources
from typing import Any

import msgspec
import numpy as np
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from obmm.agent.faults import told as said
from obmm.monitor.helm import Refused
from obmm.monitor.metrics import Metrics
from obmm.monitor.snapshot import Simulation, Snapshot
from obmm.monitor.steering import Denied, Steering, aside
from obmm.monitor.told import about, fills, finite, score
from obmm.monitor.watch import Watch
from obmm.settings.look import look

#: Real seconds between two messages to a page, and between two looks whether there is anything new.
EVERY_S, LOOK_S = 1.0, 0.1
#: Messages are sent at least so often, so that a connection that is gone is found out.
ALIVE_S = 10.0
#: Fills of the book that is looked at.
MAX_FILLS = 300
#: Pages that may be open at once.
MAX_OPEN = 16

#: Tells the decision of a validator's simulation on the book of an id at a moment, or the first after it, as
#: `obmm explain` does; a LookupError says why it cannot.
Explain = Callable[[tuple[str, str], int, float], dict[str, Any]]

#: The page's script, in the order in which its parts need each other.
_SCRIPTS = ("base.js", "charts.js", "figures.js", "steering.js", "page.js")
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
    "img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Dashboard:
    """An ASGI application that shows a watch.

    `/` is the page, `/events` what it is sent, `/explain` one decision, `/steer` takes orders, `/metrics` is
    what Prometheus reads.

    Args:
        watch: Whose figures.
        title: What the page is called.
        explain: Tells a decision; without one the page offers none.
        metrics: What `/metrics` says; nothing without.
        steering: Does what pages order; without it they cannot.
        host: Address that is listened on: on a loopback one only requests to a loopback name are answered.
        routes: More to answer.

    Attributes:
        open: Pages that are open.
    """

    def __init__(
        self,
        watch: Watch,
        *,
        title: str,
        explain: Explain | None = None,
        metrics: Metrics | None = None,
        steering: Steering | None = None,
        host: str = "127.0.0.1",
        routes: Sequence[BaseRoute] = (),
    ) -> None:
        self.open = 0
        self._watch, self._title, self._explain, self._metrics = watch, title, explain, metrics
        self._steering = steering
        self._seen: tuple[int, Snapshot] | None = None
        self._scored: tuple[int, tuple[str, str], dict[str, Any] | None] | None = None
        self._closing = False
        # A page from elsewhere must not reach us by a name of its own that leads here.
        names = ["localhost", "127.0.0.1", "[::1]", "::1"] if loopback(host) else ["*"]
        self._app = Starlette(
            routes=[
                Route("/", self._page),
                Route("/events", self._events),
                Route("/explain", self._decision),
                Route("/steer", self._steer, methods=["POST"]),
                Route("/metrics", self._figures),
                *routes,
            ],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=names)],
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer as ASGI wants it."""
        await self._app(scope, receive, send)

    def close(self) -> None:
        """End what pages are sent."""
        self._closing = True

    async def _page(self, request: Request) -> Response:
        # With the figures of now in it, it is drawn at once.
        first = await aside(partial(self._message, _Sent.of_query(request.query_params)))
        can: dict[str, Any] = {"explains": self._explain is not None, "sources": None}
        if self._steering is not None:
            can["sources"] = await aside(self._steering.sources)
        return HTMLResponse(page(self._title, first, can), headers=_HEADERS)

    async def _figures(self, request: Request) -> Response:
        if self._metrics is None:
            return Response("no metrics are kept", 404, media_type="text/plain")
        text = await aside(self._metrics.text)
        return Response(text, headers={"content-type": Metrics.content_type})

    async def _decision(self, request: Request) -> Response:
        asked = request.query_params
        key = (asked.get("validator", ""), asked.get("simulation", ""))
        try:
            book, at_s = int(asked.get("book", "")), float(asked.get("at", ""))
        except ValueError:
            return _json({"error": "book must be a whole number and at seconds"}, 400)
        told, status = await aside(partial(self._told, key, book, at_s))
        return _json(told, status)

    def _told(self, key: tuple[str, str], book: int, at_s: float) -> tuple[dict[str, Any], int]:
        if self._explain is None:
            return {"error": "`obmm explain` tells decisions"}, 404
        try:
            return finite(self._explain(key, book, at_s)), 200
        except LookupError as error:
            return {"error": str(error.args[0])}, 404
        except Exception as raised:  # Stages of one's own, and files, may do anything.
            return {"error": f"it cannot be told: {said(raised)}"}, 500

    async def _steer(self, request: Request) -> Response:
        if self._steering is None:
            return _json({"error": "this dashboard cannot steer; `obmm control` can"}, 404)
        try:
            return _json(finite(await self._steering.order(request)))
        except Denied as denied:
            return _json({"error": str(denied)}, denied.status)
        except Refused as refused:
            return _json({"error": str(refused)}, 409)

    async def _events(self, request: Request) -> Response:
        if self.open >= MAX_OPEN:
            return Response(f"{MAX_OPEN} pages are open already", 503, media_type="text/plain")
        sent = _Sent.of_query(request.query_params)
        return StreamingResponse(self._messages(sent), media_type="text/event-stream", headers=_HEADERS)

    async def _messages(self, sent: _Sent) -> AsyncIterator[bytes]:
        """What a page is sent; the first message has the history, the others what is new."""
        self.open += 1
        try:
            loop = asyncio.get_running_loop()
            seen, due_s = (-1, -1), 0.0
            while not self._closing:
                now_s = loop.time()
                stands = (self._watch.taken, 0 if self._steering is None else self._steering.deeds)
                if seen != stands or now_s >= due_s:
                    seen, due_s = stands, now_s + ALIVE_S
                    message = await aside(partial(self._message, sent))
                    yield b"data: " + message + b"\n\n"
                    await asyncio.sleep(EVERY_S - LOOK_S)
                await asyncio.sleep(LOOK_S)
        finally:
            self.open -= 1

    def _message(self, sent: _Sent) -> bytes:
        snapshot = self._snapshot()
        simulation = _chosen(snapshot, sent.key)
        told = about(snapshot, simulation)
        if self._steering is not None:
            told["steering"] = self._steering.status()
        if simulation is not None:
            key = simulation.key
            if (key, simulation.began_ns) != sent.of:
                sent.of, sent.minute_ns, sent.state_ns = (key, simulation.began_ns), -1, -1
                told["anew"] = True
            told["score"] = self._score(key)
            minutes = self._watch.minutes(key, sent.minute_ns)
            if minutes and minutes["time_ns"].size:
                sent.minute_ns = int(minutes["time_ns"][-1])
                # Drawn as a shade: three digits of it are plenty, and a day of 128 books is a quarter.
                told["minutes"] = finite(minutes | {"share": np.round(minutes["share"], 3)})
            if sent.book is not None and sent.book in simulation.book_ids:
                position = simulation.book_ids.tolist().index(sent.book)
                states = self._watch.states(key, position, sent.state_ns)
                if states and states["time_ns"].size:
                    sent.state_ns = int(states["time_ns"][-1])
                    told["states"] = finite(states) | {"book": sent.book}
                mine = self._watch.fills(key, position)
                told["fills"] = None if mine is None else finite(fills(mine, MAX_FILLS))
        return msgspec.json.encode(told)

    def _score(self, key: tuple[str, str]) -> dict[str, Any] | None:
        """The score now, the same for all who look at once."""
        taken = self._watch.taken
        if self._scored is None or self._scored[:2] != (taken, key):
            known = self._watch.score(key)
            self._scored = taken, key, None if known is None else finite(score(known))
        return self._scored[2]

    def _snapshot(self) -> Snapshot:
        """The figures now, the same for all who look at once."""
        taken = self._watch.taken
        if self._seen is None or self._seen[0] != taken:
            self._seen = taken, self._watch.snapshot()
        return self._seen[1]


class _Sent:
    """What a page asked for, and what it has."""

    def __init__(self, key: tuple[str, str] | None, book: int | None) -> None:
        self.key, self.book = key, book
        self.of: tuple[tuple[str, str], int] | None = None
        self.minute_ns = self.state_ns = -1

    @classmethod
    def of_query(cls, asked: Mapping[str, str]) -> _Sent:
        """What the words of an address ask for."""
        key = (asked["validator"], asked.get("simulation", "")) if "validator" in asked else None
        book = asked.get("book", "")
        return cls(key, int(book) if book.isascii() and book.isdigit() else None)


def _chosen(snapshot: Snapshot, key: tuple[str, str] | None) -> Simulation | None:
    """The simulation that was asked for, else the first that was heard of."""
    for one in snapshot.simulations:
        if one.key == key:
            return one
    return min(snapshot.simulations, key=lambda one: one.key, default=None)


def page(title: str, first: bytes, can: Mapping[str, Any]) -> str:
    """The page, whole: style, script and the first message are in it; nothing is loaded from elsewhere.

    Args:
        title: What it is called.
        first: The first message.
        can: `explains`, whether it may ask for decisions, and `sources`, what the configuration may be
            swapped to; None if it may not steer.
    """
    here = resources.files("obmm.monitor.page")

    def text(name: str) -> str:
        return here.joinpath(name).read_text(encoding="utf-8")

    about = msgspec.json.encode({"title": title, **can, "first": msgspec.Raw(first)}).decode()
    html = text("page.html")
    for mark, part in (
        ("/*STYLE*/", look() + text("page.css")),
        ("/*ABOUT*/", about.replace("<", "\\u003c")),
        ("/*SCRIPT*/", "\n".join(map(text, _SCRIPTS))),
    ):
        html = html.replace(mark, part)
    return html


def loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    >>> [loopback(host) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "my.host")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _json(told: dict[str, Any], status: int = 200) -> Response:
    return Response(msgspec.json.encode(told), status, headers=_HEADERS, media_type="application/json")
