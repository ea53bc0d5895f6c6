"""A door for transports of one's own: frames over standard input and output, or over a Unix socket.

In comes `Asked` with the body of a request, out goes `Replied` with the number of the request and the body of
the answer. Several requests may be on their way at once; those of a sender are decided in their order.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import structlog

from obmm.agent.telling import tell
from obmm.live.session import Pending, Session
from obmm.wire import WireError
from obmm.wire.frames import Asked, Frame, Replied, encode_frame, read_frame

#: Answers that are waited for at once on one connection.
_AT_ONCE = 8

_log = structlog.get_logger("obmm.live")


def serve_pipe(session: Session, requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer the frames of `requests` on `replies` until they end, with none left unanswered.

    Raises:
        WireError: What comes is no frame, or one of another kind; nothing after it can be read.
        OSError: The other side does not listen any more.
    """
    writing = threading.Lock()

    def finish(number: int, pending: Pending) -> None:
        reply = session.finish(pending)
        with writing:
            replies.write(
                encode_frame(Frame(Replied(number=number, note=pending.note), b"", reply), level=None)
            )
            replies.flush()

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="obmm-stream") as pool:
        waiting: deque[Future[None]] = deque()
        while (frame := read_frame(requests, "request")) is not None:
            asked = frame.about
            if not isinstance(asked, Asked):
                raise WireError("request", f"a frame of kind {frame.kind.name}; only REQUEST is answered")
            pending = session.begin(frame.first, sender=asked.sender, received_ns=asked.received_ns or None)
            while waiting and waiting[0].done():
                waiting.popleft().result()
            waiting.append(pool.submit(finish, asked.number, pending))
        for one in waiting:
            one.result()


class SocketDoor:
    """Serves each connection to a Unix socket as a pipe; only its owner may connect. A context manager.

    Args:
        session: Answers.
        path: Of the socket; one that nobody serves any more is replaced.

    Raises:
        OSError: The path is in use, or may not be used.
    """

    def __init__(self, session: Session, path: Path) -> None:
        self.path = path
        self._session = session
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _clear(path)
            before = os.umask(0o177)
            try:
                self._socket.bind(str(path))
            finally:
                os.umask(before)
            self._socket.listen(16)
        except OSError as error:
            self._socket.close()
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        self._thread = threading.Thread(target=self._accept, name="obmm-socket", daemon=True)

    def start(self) -> None:
        """Serve."""
        self._thread.start()

    def close(self) -> None:
        """Serve no more, and remove the socket."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> SocketDoor:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), name="obmm-socket", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as requests, connection.makefile("wb") as replies:
            try:
                serve_pipe(self._session, requests, replies)
            except (WireError, OSError, ValueError) as error:
                tell(_log, logging.WARNING, "a connection is given up", what=str(error))


def _clear(path: Path) -> None:
    """Remove a socket that a process left behind."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
