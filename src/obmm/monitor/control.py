"""A socket over which an agent that runs is steered: one line of JSON in, one line out.

    {"deed": "off", "words": {"books": "0-3"}, "token": "…"}
    {"ok": true, "told": {…}}       or      {"ok": false, "problem": "…"}

A Unix socket only its owner may connect to, and the system says who that is. On 127.0.0.1 anybody on the
machine may connect, so a token must be shown, which lies in a file that only its owner may read.
"""

from __future__ import annotations

import contextlib
import getpass
import hmac
import json
import os
import re
import secrets
import socket
import socketserver
import struct
import threading
from pathlib import Path
from typing import Any

from obmm.monitor.helm import Helm, Refused

#: What a socket, and a token, in a folder are called.
SOCKET, TOKEN = "control.sock", "control.token"
#: A line is short; what is longer is something else.
_MOST_BYTES = 65_536
#: Real seconds a caller may take to say what it wants, and an agent to do it.
_ASK_S, _DONE_S = 5.0, 30.0
#: Longest path that a Unix socket may have, in bytes.
_MOST_PATH = 107
_LOCAL = re.compile(r"127\.0\.0\.1:(\d{1,5})")


class Control:
    """Serves a `Helm`. A context manager.

    Args:
        helm: Does what is ordered.
        at: Path of a Unix socket, or "127.0.0.1:PORT".
        token: The file with the token where `at` is an address; written anew.

    Attributes:
        at: Where it is to be reached.

    Raises:
        Refused: The path is too long, or there is no place for a token.
        OSError: The path or the port is in use, or may not be used.
    """

    def __init__(self, helm: Helm, at: str | Path, token: Path | None = None) -> None:
        self._helm = helm
        self._token = ""
        self._path: Path | None = None
        local = _LOCAL.fullmatch(str(at))
        if local is not None:
            if token is None:
                raise Refused(f"for {at} a token needs a place: give --state or --record")
            server: socketserver.BaseServer = _Local(("127.0.0.1", int(local[1])), _Caller)
            self.at = f"127.0.0.1:{server.server_address[1]}"  # type: ignore[index]
            self._token = new_token(token)
        else:
            self._path = Path(at)
            server = _unix(self._path)
            self.at = str(at)
        server.control = self  # type: ignore[attr-defined]
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, args=(0.1,), name="obmm-control", daemon=True
        )

    def answer(self, line: bytes, who: str) -> dict[str, Any]:
        """What is said to a line; `who` is the user the system names, "" where it names none."""
        try:
            asked = json.loads(line)
            deed, words = str(asked["deed"]), dict(asked.get("words") or {})
            shown = str(asked.get("token") or "")
        except (ValueError, KeyError, TypeError, RecursionError):
            return {"ok": False, "problem": "no order: a line of JSON with a deed is one"}
        if self._token and not hmac.compare_digest(shown.encode(), self._token.encode()):
            return {"ok": False, "problem": "the token is wrong or missing"}
        try:
            return {"ok": True, "told": self._helm.do(deed, words, who or "token")}
        except Refused as refused:
            return {"ok": False, "problem": str(refused)}

    def __enter__(self) -> Control:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def order(at: str | Path, deed: str, words: dict[str, str], token: Path | None = None) -> dict[str, Any]:
    """Have an agent that runs do something.

    Args:
        at: Its socket, the folder of it, or "127.0.0.1:PORT".
        deed: What, see `obmm.monitor.helm.DEEDS`.
        words: With what.
        token: The file of its token, for an address.

    Returns:
        How it stands now.

    Raises:
        Refused: It cannot be done, and why.
        OSError: Nobody listens there.
    """
    local = _LOCAL.fullmatch(str(at))
    shown = token.read_text(encoding="utf-8").strip() if token is not None else ""
    if local is not None:
        where: Any = ("127.0.0.1", int(local[1]))
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    else:
        path = Path(at)
        where = str(path / SOCKET if path.is_dir() else path)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with connection:
        connection.settimeout(_DONE_S)
        try:
            connection.connect(where)
        except OSError as error:
            raise OSError(
                error.errno, f"no agent listens there: {error.strerror or error}", str(at)
            ) from None
        asked = {"deed": deed, "words": words, "token": shown}
        connection.sendall(json.dumps(asked).encode() + b"\n")
        with connection.makefile("rb") as replies:
            line = replies.readline()
    if not line:
        raise Refused("the agent ended before it answered")
    said = json.loads(line)
    if not said["ok"]:
        raise Refused(said["problem"])
    told: dict[str, Any] = said["told"]
    return told


class _Caller(socketserver.StreamRequestHandler):
    """One order."""

    timeout = _ASK_S

    def handle(self) -> None:
        control: Control = self.server.control  # type: ignore[attr-defined]
        with contextlib.suppress(OSError, ValueError):
            line = self.rfile.readline(_MOST_BYTES)
            said = control.answer(line, _user(self.connection))
            self.wfile.write(json.dumps(said, default=str).encode() + b"\n")


class _Local(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False


def _unix(path: Path) -> socketserver.BaseServer:
    """A server on a Unix socket that only its owner may connect to.

    Raises:
        Refused: The path is too long, or the system has no such sockets.
        OSError: The path is in use, or may not be used.
    """
    base: Any = getattr(socketserver, "ThreadingUnixStreamServer", None)
    if base is None:
        if not hasattr(socketserver, "UnixStreamServer"):
            raise Refused("this system has no Unix sockets; give --control 127.0.0.1:PORT")
        base = type("_Unix", (socketserver.ThreadingMixIn, socketserver.UnixStreamServer), {})
    if len(os.fsencode(path)) > _MOST_PATH:
        what = f"{path} is too long for a socket ({_MOST_PATH} bytes)"
        raise Refused(f"{what}; name a shorter one with --control")
    kind = type("_Unix", (base,), {"daemon_threads": True, "block_on_close": False})
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_socket():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        server: socketserver.BaseServer = kind(str(path), _Caller)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        os.umask(before)
    return server


def new_token(path: Path | None) -> str:
    """A token, written into a file that only its owner may read, if there is to be one."""
    token = secrets.token_urlsafe(24)
    if path is None:
        return token
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(token + "\n")
    return token


def _user(connection: socket.socket) -> str:
    """The user on the other side of a Unix socket, as the system says; "" where it does not."""
    if connection.family != getattr(socket, "AF_UNIX", None):
        return ""
    if not hasattr(socket, "SO_PEERCRED"):
        return getpass.getuser()
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return str(uid)
