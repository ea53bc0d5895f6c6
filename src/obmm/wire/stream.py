"""Captures: compressed files of successive states.

Two layouts, told apart by their first byte: concatenated msgpack maps, one per update, with the books, the
tracked accounts and notices and, in files of our own, the configuration; or one request body per line, as
the offline harness posts them. Both are zstd-compressed.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import attrs
import msgspec
import zstandard

from obmm.market import Feed, MarketState, Orders
from obmm.wire.check import check
from obmm.wire.codec import MSGPACK, read
from obmm.wire.encode import encode_state
from obmm.wire.errors import WireError
from obmm.wire.fallbacks import RECORDED_VERSION
from obmm.wire.models import ABSENT, Update, is_null
from obmm.wire.playback import states_in
from obmm.wire.recording import Recording, is_recording
from obmm.wire.reply import response_of
from obmm.wire.request import Decoder
from obmm.wire.state import StateBuilder, simulation_of

_CHUNK = 2**20
#: Largest update; a recording may follow many miners at once.
_MAX_UPDATE = 2**26
_INSTRUCTIONS = MSGPACK.reader(list[dict[str, Any]])


@attrs.frozen
class Recorded:
    """One update of a recording.

    Attributes:
        state: The state.
        external_price: Value of the external price feed, quote; NaN if not recorded.
        responses: The instructions that were sent back, as they stand in the file.
    """

    state: MarketState
    external_price: float = math.nan
    responses: msgspec.Raw = attrs.field(default=ABSENT, repr=False)

    def instructions(self) -> list[dict[str, Any]]:
        """The instructions that were sent back: `agentId`, `delay`, `type` and `payload` of each.

        Raises:
            WireError: They are damaged.
        """
        if is_null(self.responses):
            return []
        found: list[dict[str, Any]] = read(_INSTRUCTIONS, bytes(self.responses), "responses")
        return found


def read_stream(
    path: str | os.PathLike[str],
    feeds: frozenset[Feed] = frozenset(),
    *,
    uid: int | None = None,
    only: str = "",
) -> Iterator[Recorded]:
    """The updates of a recording, one by one.

    Args:
        path: A zstd file of msgpack updates or of request bodies, one per line; or a live recording.
        feeds: What to decode beyond the essentials.
        uid: Whose accounts to read; None takes the lowest number tracked.
        only: Of a live recording of several simulations, how `validator/simulation` begins.

    Raises:
        WireError: The file is damaged or cut off; updates before the damage have been yielded.
        OSError: It cannot be read.
        ValueError: `uid` is no number that the protocol can carry.
    """
    if is_recording(path):
        for state in states_in(Recording(Path(path)), feeds, uid=uid, only=only):
            yield Recorded(state)
        return
    chunks = _decompressed(path)
    first = next(chunks, b"")
    if first[:1] == b"{":
        read_one = functools.partial(_posted, decoder=Decoder(feeds, uid=uid))
        pieces = _cut(first, chunks, b"\n", keep=False)
    else:
        read_one = functools.partial(_recorded, builder=StateBuilder(feeds, uid))
        pieces = _cut(first, chunks, _prefix(first), keep=True)
    for number, piece in enumerate(pieces):
        if not piece.strip():
            continue
        try:
            update = read_one(piece)
        except WireError as error:
            raise WireError(f"update[{number}].{error.field}", error.problem) from error
        yield update


def _posted(body: bytes, decoder: Decoder) -> Recorded:
    return Recorded(decoder.request(body).state)


def _recorded(data: bytes, builder: StateBuilder) -> Recorded:
    update: Update[Any] = read(builder.readers(MSGPACK).update, data, "record")
    captured = update.state
    state = builder.state(
        captured,
        MSGPACK,
        time_ns=captured.timestamp,
        version=RECORDED_VERSION if captured.version is None else captured.version,
        validator=captured.validator or "",
        simulation_id=simulation_of(captured.log_dir),
    )
    price = math.nan if update.external_price is None else update.external_price
    return Recorded(state, price, update.responses)


def _decompressed(path: str | os.PathLike[str]) -> Iterator[bytes]:
    with open(path, "rb") as file:
        reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        try:
            while chunk := reader.read(_CHUNK):
                yield chunk
        except zstandard.ZstdError as error:
            raise WireError(Path(path).name, f"damaged zstd data: {error}") from error


def _prefix(data: bytes) -> bytes:
    """How every map of a stream begins: its number of keys and the first of them.

    Maps stand one after the other without a length, and these few bytes do not occur inside of one.
    """
    if not data:
        return b""
    length = data[1] & 0x1F if len(data) > 1 else 0
    if data[0] & 0xF0 != 0x80 or data[1:2] == b"" or data[1] & 0xE0 != 0xA0 or not length:
        raise WireError("update[0]", "neither a msgpack map nor JSON")
    return data[: 2 + length]


def _cut(first: bytes, chunks: Iterator[bytes], mark: bytes, *, keep: bool) -> Iterator[bytes]:
    """Pieces of a stream between marks; a kept mark begins its piece, another is left out."""
    rest, skip = first, len(mark) if keep else 0
    while rest:
        start, end = 0, rest.find(mark, skip)
        while end >= 0:
            yield rest[start:end]
            start = end if keep else end + len(mark)
            end = rest.find(mark, start + skip)
        rest = rest[start:]
        if len(rest) > _MAX_UPDATE:
            raise WireError("stream", f"an update of more than {_MAX_UPDATE} bytes")
        chunk = next(chunks, b"")
        if not chunk:
            break
        rest += chunk
    if rest:
        yield rest


class StreamWriter:
    """Writes a recording, update by update; a context manager.

    Args:
        path: File to make; an existing one is replaced.
        version: Spec version of the messages it stands for.
        level: Level of the zstd compression.

    >>> from tempfile import TemporaryDirectory
    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(1), [[(299.0, 1.0)]], [[(301.0, 1.0)]])
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "run.msgpack.zst")
    ...     with StreamWriter(path) as writer:
    ...         writer.write(state, external_price=300.0)
    ...     [recorded] = read_stream(path)
    >>> recorded.state == state, recorded.external_price
    (True, 300.0)
    """

    def __init__(
        self, path: str | os.PathLike[str], *, version: int = RECORDED_VERSION, level: int = 3
    ) -> None:
        self._version = version
        self._out: BinaryIO = zstandard.open(path, "wb", cctx=zstandard.ZstdCompressor(level=level))

    def write(
        self, state: MarketState, *, orders: Orders | None = None, external_price: float = math.nan
    ) -> None:
        """Append a state and what was answered to it."""
        content = encode_state(state, version=self._version)
        described = {
            "logDir": state.venue.simulation_id,
            "validator": state.venue.validator,
            "version": self._version,
            "timestamp": state.time_ns,
            "model": "im",
        }
        encoded = MSGPACK.encode(described | content)
        update = {
            "bytes": len(encoded),
            "wall": 0.0,
            "ext": external_price,
            "state": msgspec.Raw(encoded),
            "responses": [] if orders is None else _forwarded(orders, state),
        }
        self._out.write(MSGPACK.encode(update))

    def close(self) -> None:
        """Finish the file."""
        self._out.close()

    def __enter__(self) -> StreamWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def write_stream(
    path: str | os.PathLike[str], states: Iterable[MarketState], *, version: int = RECORDED_VERSION
) -> None:
    """Write a recording of `states`; see `StreamWriter` to add what was answered."""
    with StreamWriter(path, version=version) as writer:
        for state in states:
            writer.write(state)


def _forwarded(orders: Orders, state: MarketState) -> list[dict[str, Any]]:
    """Instructions as a validator hands them to its market."""
    passed, _ = check(orders, state)
    forwarded = []
    for instruction in response_of(passed, state).instructions:
        payload = msgspec.to_builtins(instruction)
        if "quantity" in payload:
            payload["volume"], payload["stpFlag"] = payload.pop("quantity"), payload.pop("stp")
        head = {key: payload.pop(key) for key in ("agentId", "delay", "type")}
        forwarded.append({**head, "payload": payload})
    return forwarded
