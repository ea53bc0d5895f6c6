"""A headless Chromium, steered through its own protocol over a pipe: nothing but the browser is needed."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--remote-debugging-pipe"),
)
#: It reads commands from 3 and writes answers to 4; copies first, as these numbers may be taken.
_WIRED = """
import os, sys
read, write = os.dup(int(sys.argv[1])), os.dup(int(sys.argv[2]))
for copy, number in ((read, 3), (write, 4)):
    os.dup2(copy, number)
    os.set_inheritable(number, True)
os.execv(sys.argv[3], sys.argv[3:])
"""
#: Real seconds that the browser may take to say anything.
_PATIENCE_S = 60.0


class Page:
    """A tab."""

    def __init__(self, send: BinaryIO, receive: BinaryIO) -> None:
        self._send, self._receive = send, receive
        self._number, self._session, self._rest = 0, "", b""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Page.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """What the browser says to a command."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._send.write(json.dumps(message).encode() + b"\0")
        self._send.flush()
        while True:
            told = self._read()
            if told.get("id") == self._number:
                assert "error" not in told, told
                return told["result"]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select.select([self._receive], [], [], _PATIENCE_S)[0], "the browser says nothing"
            more = os.read(self._receive.fileno(), 1 << 16)
            assert more, "the browser is gone"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        return json.loads(line)

    def open(self, address: str) -> None:
        """Go to an address."""
        self.ask("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def js(self, words: str) -> Any:
        """The value of an expression on the page."""
        told = self.ask("Runtime.evaluate", expression=words, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait(self, words: str, within_s: float = 20.0) -> Any:
        """The value of an expression once it is true."""
        until_s = time.monotonic() + within_s
        while not (value := self.js(words)):
            assert time.monotonic() < until_s, f"never true: {words}"
            time.sleep(0.02)
        return value

    def click(self, selector: str, across: float = 0.5, down: float = 0.5) -> None:
        """Click an element with the mouse, at a share of its width and height."""
        where = f"document.querySelector({json.dumps(selector)})"
        self.js(f"{where}.scrollIntoView({{block: 'center'}})")
        box = self.js(
            f"(({{x, y, width, height}}) => [x, y, width, height])({where}.getBoundingClientRect())"
        )
        place = {
            "x": box[0] + across * box[2],
            "y": box[1] + down * box[3],
            "button": "left",
            "clickCount": 1,
        }
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, **place)

    def type(self, selector: str, text: str) -> None:
        """Write into a field in place of what is there."""
        self.js(f"{{ const f = document.querySelector({json.dumps(selector)}); f.focus(); f.select(); }}")
        self.ask("Input.insertText", text=text)

    def look(self, *, width: int, dark: bool = False, height: int = 900) -> None:
        """Be so wide, and light or dark."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.ask("Emulation.setEmulatedMedia", features=scheme)

    def picture(self, path: Path) -> None:
        """A picture of the whole page."""
        whole = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(whole["data"]))


@contextlib.contextmanager
def browser() -> Iterator[Page]:
    """A fresh browser, gone afterwards."""
    assert CHROMIUM is not None
    to_read, to_write, reply_read, reply_write = *os.pipe(), *os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [sys.executable, "-c", _WIRED, str(to_read), str(reply_write), CHROMIUM, *_FLAGS]
        command += [f"--user-data-dir={folder}", "about:blank"]
        with subprocess.Popen(
            command,
            pass_fds=(to_read, reply_write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            os.close(to_read)
            os.close(reply_write)
            with os.fdopen(to_write, "wb") as send, os.fdopen(reply_read, "rb") as receive:
                try:
                    yield Page(send, receive)
                finally:
                    process.kill()
