"""A validator's or the harness's request: bytes to `MarketState`, `Orders` to the bytes of the answer."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import attrs
import msgspec

from obmm.market import Feed, MarketState, Orders
from obmm.wire.bounds import MAX_BYTES, check_json, check_msgpack, check_size
from obmm.wire.check import check
from obmm.wire.codec import JSON, Codec, codec_of, read
from obmm.wire.compression import Engine, pack, unpack
from obmm.wire.errors import WireError
from obmm.wire.models import Content, Envelope
from obmm.wire.reply import Response, response_of
from obmm.wire.state import Readers, StateBuilder

SYNAPSE = "MarketSimulationStateUpdate"

_ENVELOPE = JSON.reader(Envelope)
_CONTENT, _BOOKS = attrgetter("content"), attrgetter("books")
_TO_JSON = msgspec.json.Encoder()


@attrs.frozen(kw_only=True)
class Request:
    """One decoded request, which knows how its answer must be written.

    Attributes:
        state: What it tells.
        version: Spec version of the sender, None if not told.
        timestamp: Simulated time in nanoseconds, to be echoed.
        engine: What its blobs are compressed with; None where it came in the open.
        codec: How the contents of its blobs are encoded.
        name: The message's own name.
    """

    state: MarketState
    version: int | None
    timestamp: int
    engine: Engine | None
    codec: Codec
    name: str = SYNAPSE

    def reply(self, orders: Orders, *, plain: bool = False) -> bytes:
        """The message as a validator wants it back, carrying those of `orders` that pass `check`.

        Args:
            orders: Instructions.
            plain: Put the response in the open rather than into a blob. Requests that came in the open or
                without a version, which no validator could decode a blob by, are always answered so.
        """
        response = self._response(orders)
        compressed = None
        if not (plain or self.engine is None or self.version is None):
            # A validator drops a payload that lacks one of these four.
            payload = {"accounts": None, "notices": None, "config": None, "response": response}
            compressed = {"books": None, "payload": pack(self.codec.encode(payload), self.engine)}
        return message_of(
            self.name,
            self.version,
            self.timestamp,
            self.engine or "lz4",
            response=response if compressed is None else None,
            compressed=compressed,
        )

    def harness_reply(self, orders: Orders) -> bytes:
        """The bare response, as the offline harness wants it, with those of `orders` that pass `check`."""
        return _TO_JSON.encode(self._response(orders))

    def _response(self, orders: Orders) -> Response:
        passed, _ = check(orders, self.state)
        return response_of(passed, self.state)


def message_of(
    name: str,
    version: int | None,
    timestamp: int,
    engine: str,
    *,
    response: Response | None,
    compressed: dict[str, str | None] | None = None,
) -> bytes:
    """A whole message as the answer to one of that name, version and time."""
    return _TO_JSON.encode(
        {
            "name": name,
            "axon": {"status_code": 200, "status_message": "Success"},
            "model": "im",
            "version": version,
            "timestamp": timestamp,
            "config": None,
            "books": None,
            "accounts": None,
            "notices": None,
            "response": response,
            "compressed": compressed,
            "compression_engine": engine,
        }
    )


class Decoder:
    """Reads requests; keeps what is fixed per validator from one to the next.

    Args:
        feeds: What to decode beyond the essentials: the tape of events, the queues of the best levels.
        uid: Our number; None takes that of the accounts in each request.
        only_trades: Leave all other events out of the tape. It may have them all the same, where one is of a
            kind that nobody knows.
        max_bytes: Largest content of a message, both blobs together or in the open. A body may have twice
            as much.

    Raises:
        ValueError: `uid` is no number that the protocol can carry.

    >>> from obmm.market import Venue
    >>> from obmm.wire import encode_request
    >>> state = MarketState.of_books(Venue.of(1), [[(299.0, 1.0)]], [[(301.0, 1.0)]], uid=7)
    >>> request = Decoder().request(encode_request(state))
    >>> request.state == state, request.version
    (True, 54)
    """

    def __init__(
        self,
        feeds: frozenset[Feed] = frozenset(),
        *,
        uid: int | None = None,
        only_trades: bool = False,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._builder = StateBuilder(feeds, uid, only_trades)
        self._max_bytes = max_bytes

    def request(self, body: bytes, *, validator: str | None = None) -> Request:
        """Decode the body of a network request of any version, or of a harness POST.

        Args:
            body: JSON.
            validator: Verified sender; None takes the body's word for it.

        Raises:
            WireError: The bytes are not what the protocol says.
        """
        check_size(body, 2 * self._max_bytes, "body")
        envelope: Envelope = read(_ENVELOPE, body, "body")
        content, codec, engine = self._content(body, envelope)
        if validator is None:
            validator = (envelope.dendrite and envelope.dendrite.hotkey) or ""
        state = self._builder.state(
            content, codec, time_ns=envelope.timestamp, version=envelope.version, validator=validator
        )
        return Request(
            state=state,
            version=envelope.version,
            timestamp=envelope.timestamp,
            engine=engine,
            codec=codec,
            name=envelope.name or SYNAPSE,
        )

    def _content(self, body: bytes, envelope: Envelope) -> tuple[Content[Any], Codec, Engine | None]:
        blobs = envelope.compressed
        if blobs is None:
            check_size(body, self._max_bytes, "body")
            check_json(body, "body")
            content: Content[Any] = self._read(JSON, _CONTENT, body, "body")
            return content, JSON, None
        if isinstance(blobs, str):
            data, codec, engine = self._unpack(blobs, envelope, "compressed", self._max_bytes)
            return self._read(codec, _CONTENT, data, "compressed"), codec, engine
        data, codec, engine = self._unpack(blobs.payload, envelope, "compressed.payload", self._max_bytes)
        content = self._read(codec, _CONTENT, data, "compressed.payload")
        data, _, _ = self._unpack(blobs.books, envelope, "compressed.books", self._max_bytes - len(data))
        content.books = self._read(codec, _BOOKS, data, "compressed.books")
        return content, codec, engine

    def _read(self, codec: Codec, part: Callable[[Readers], Any], data: bytes, field: str) -> Any:
        try:
            return read(part(self._builder.readers(codec)), data, field)
        except WireError:
            if not self._builder.only_trades:
                raise
        return read(part(self._builder.readers(codec, whole=True)), data, field)

    def _unpack(
        self, blob: str | None, envelope: Envelope, field: str, most: int
    ) -> tuple[bytes, Codec, Engine]:
        if blob is None:
            raise WireError(field, "missing")
        data, engine = unpack(blob, field, declared=envelope.compression_engine, max_bytes=most)
        codec = codec_of(envelope.version, data)
        (check_json if codec is JSON else check_msgpack)(data, field)
        return data, codec, engine
