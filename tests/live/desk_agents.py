"""Agents behind HTTP on this machine, well-behaved and not, for a stand-in validator to ask."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs

from obmm.agent import MarketMaker, resolve
from obmm.live.session import Session


@attrs.frozen
class Reply:
    """What an agent sends back; without a status it closes the connection instead."""

    body: bytes = b""
    status: int | None = 200
    headers: dict[str, str] = attrs.field(factory=dict)


#: Route, headers and body of a request to a reply.
Behaviour = Callable[[str, dict[str, str], bytes], Reply]


@contextlib.contextmanager
def serving(behaviour: Behaviour, port: int = 0) -> Iterator[str]:
    """The address of an agent that behaves so, as long as the context lasts."""
    open_sockets: set[socket.socket] = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            reply = behaviour(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            if reply.status is None:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in {"content-length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            # A client that gave up has closed.
            with contextlib.suppress(ConnectionError):
                self.wfile.write(reply.body)
                self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, *_: Any) -> None:
            """A client that hangs up is no fault."""

        def get_request(self) -> tuple[socket.socket, Any]:
            connection, peer = super().get_request()
            open_sockets.add(connection)
            return connection, peer

        def shutdown_request(self, request: Any) -> None:
            open_sockets.discard(request)
            super().shutdown_request(request)

    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        # Who asked keeps connections open; whoever dies drops them.
        for connection in list(open_sockets):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def our_agent(preset: str = "touch", uid: int = 0) -> Iterator[str]:
    """The address of an agent of ours that speaks as the harness wants it."""
    session = Session(MarketMaker(resolve(preset)), uid=uid, harness=True, budget_s=10.0)
    try:
        with serving(lambda path, headers, body: Reply(session.answer(body, sender="proxy"))) as address:
            yield address
    finally:
        session.close()
