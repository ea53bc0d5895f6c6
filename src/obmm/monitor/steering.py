"""Orders that come from the page: with a token, and in threads behind which nothing waits."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from starlette.requests import Request

from obmm.agent import preset_names
from obmm.monitor.helm import Helm

#: A body is short; what is longer is something else.
_MOST_BYTES = 65_536
#: Files that are offered to be swapped to, at most.
_MOST_FILES = 50
_SHOWN = ("config", "config_hash", "source", "ab", "before", "problem", "overrides", "stopped")

T = TypeVar("T")


class Denied(Exception):
    """A request that may not order anything; with the HTTP status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Steering:
    """Has a `Helm` do what a page orders.

    No cookie is involved: the token comes in a header that a page from elsewhere cannot set, and requests
    that a browser says are from elsewhere are refused besides.

    Args:
        helm: Does what is ordered.
        token: What must be shown.

    Attributes:
        deeds: How many orders there were.
    """

    def __init__(self, helm: Helm, token: str) -> None:
        self.deeds = 0
        self._helm, self._token = helm, token.encode()

    def status(self) -> dict[str, Any]:
        """How the agent stands, as far as whoever looks is told."""
        told = self._helm.status()
        return {name: told[name] for name in _SHOWN}

    def sources(self) -> list[str]:
        """What the configuration may be swapped to: TOML files beside the one in force, and presets."""
        source = str(self._helm.config_file.choice.source)
        files: list[str] = []
        if source.endswith(".toml"):
            with contextlib.suppress(OSError):
                files = sorted(map(str, Path(source).resolve().parent.glob("*.toml")))[:_MOST_FILES]
        return [*files, *preset_names()]

    async def order(self, request: Request) -> dict[str, Any]:
        """Do what a request orders: `{"deed": "off", "words": {"books": "0-3"}}`.

        Returns:
            How the agent stands now.

        Raises:
            Denied: It may not order anything, or orders nothing.
            obmm.monitor.helm.Refused: It cannot be done, and why.
        """
        self._admit(request)
        deed, words = _asked(await _body(request))
        who = "dashboard" if request.client is None else f"dashboard {request.client.host}"
        try:
            await aside(lambda: self._helm.do(deed, words, who))
        finally:
            self.deeds += 1
        return self.status()

    def _admit(self, request: Request) -> None:
        told, here = request.headers, request.headers.get("host", "")
        origin, site = told.get("origin", ""), told.get("sec-fetch-site", "same-origin")
        if (origin and origin.partition("://")[2] != here) or site not in ("same-origin", "none"):
            raise Denied(403, "orders are taken from the dashboard's own page only")
        if told.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise Denied(415, "an order is JSON")
        kind, _, shown = told.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(shown.strip().encode(), self._token):
            raise Denied(401, "the token is wrong or missing")


async def aside(work: Callable[[], T]) -> T:
    """What `work` returns, done in a thread of its own, which keeps neither others waiting nor the end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(set_: Callable[[Any], None], value: object) -> None:
        if not done.done():
            set_(value)

    def run() -> None:
        try:
            outcome: tuple[Callable[[Any], None], object] = (done.set_result, work())
        except Exception as raised:
            outcome = (done.set_exception, raised)
        # A loop that has ended waits for nobody.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=run, name="obmm-dashboard", daemon=True).start()
    return await done


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise Denied(413, f"an order is at most {_MOST_BYTES} bytes")
    return body


def _asked(body: bytes) -> tuple[str, dict[str, str]]:
    try:
        asked = json.loads(body)
        return str(asked["deed"]), {str(k): str(v) for k, v in dict(asked.get("words") or {}).items()}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Denied(400, "no order: JSON with a deed is one") from error
