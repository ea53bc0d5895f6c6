"""Running an ASGI application in a thread of its own, with connections that may not linger."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

#: Real seconds within which the headers of a request must be there, from the connection or the first byte on.
HEADERS_S = 5.0
#: Real seconds a connection may stay open between two requests; clients of validators keep theirs for 15.
KEEP_ALIVE_S = 20
#: Connections at once; beyond these the one that has kept us waiting for longest is closed.
MAX_CONNECTIONS = 2048
_MAX_HEADERS = 2**16


class Impatient(H11Protocol):
    """HTTP/1.1 that hangs up on whoever does not finish the headers of a request in time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(transport)
        self.since_s = time.monotonic()
        self.waiting: asyncio.TimerHandle | None = None
        self._wait()
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes; while they are headers, time runs from the first of them."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            if self.waiting is None and self.conn.trailing_data[0]:
                self._wait()
        else:
            self._stop()
            self.since_s = time.monotonic()

    def _make_room(self) -> None:
        """Hang up on whoever has been there without a request for longest."""
        there: list[Any] = [other for other in self.connections if not other.transport.is_closing()]
        if len(there) > MAX_CONNECTIONS:
            idle = [other for other in there if other.conn.their_state is h11.IDLE]
            min(idle or [self], key=lambda other: other.since_s).transport.abort()

    def _wait(self) -> None:
        self.waiting = self.loop.call_later(HEADERS_S, self.transport.abort)

    def _stop(self) -> None:
        if self.waiting is not None:
            self.waiting.cancel()
            self.waiting = None


class Serving:
    """A server in a daemon thread; a context manager.

    Args:
        app: The application.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.

    Attributes:
        port: The port it listens on.

    Raises:
        OSError: The port is taken, or may not be used.
    """

    def __init__(self, app: Any, host: str, port: int) -> None:
        self._socket = listening(host, port)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            http=Impatient,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=1024,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=_MAX_HEADERS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="obmm-server", daemon=True)

    def start(self) -> None:
        """Listen; returns when the port answers.

        Raises:
            RuntimeError: The server did not start.
        """
        self._thread.start()
        while not self._server.started and self.alive():
            time.sleep(0.005)
        if not self.alive():
            raise RuntimeError("the server did not start")

    def alive(self) -> bool:
        """Whether it still serves."""
        return self._thread.is_alive()

    def close(self, within_s: float = 0.5) -> None:
        """Finish the replies that are on their way, as far as it can be done in time, and listen no more."""
        self._server.should_exit = True
        self._thread.join(within_s)
        with contextlib.suppress(OSError):
            self._socket.close()

    def __enter__(self) -> Serving:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def listening(host: str, port: int) -> socket.socket:
    """A socket bound to `host` and `port`.

    Raises:
        OSError: The port is taken, or may not be used; the message names both.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, since asyncio turns Nagle off only for sockets whose protocol says TCP: 40 ms a reply otherwise.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise OSError(error.errno, error.strerror or str(error), f"{host}:{port}") from error
    return bound


def allow_connections() -> None:
    """Have the system grant us as many open connections as we may keep, where it lets us ask."""
    try:
        import resource
    except ImportError:  # Windows grants more.
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + 512
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
