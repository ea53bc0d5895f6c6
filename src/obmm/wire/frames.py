"""Frames: what was said, one unit at a time, in files and through pipes.

A frame is a header of 28 bytes and its content, all numbers little-endian:

    bytes 0–3    "obmf"
    byte  4      version of the format, 1
    byte  5      kind
    byte  6      packing: 0 as it is, 1 zstd
    byte  7      0
    bytes 8–23   four lengths: the content as stored, then about, first and second part before packing
    bytes 24–27  CRC-32 of the 24 bytes before and of the content as stored

The content is a msgpack map `about`, whose fields the kind decides, and two runs of bytes. A frame stands by
itself: what comes after a damaged one can be read where its place is known.
"""

from __future__ import annotations

import enum
import struct
import zlib
from typing import Any, BinaryIO, TypeAlias

import attrs
import msgspec
import zstandard

from obmm.wire.codec import MSGPACK, read
from obmm.wire.errors import WireError

MAGIC, VERSION = b"obmf", 1
#: Largest content, packed or not: a body of 64 MiB, which nobody needs, and its answer fit.
MAX_CONTENT = 2**27
#: Contents shorter than this are not packed.
_WORTH_PACKING = 256

_HEADER = struct.Struct("<4sBBBBIIII")
_CHECK = struct.Struct("<I")
_HEADER_SIZE = _HEADER.size + _CHECK.size


class Kind(enum.IntEnum):
    """What a frame holds."""

    SETUP = 1
    EXCHANGE = 2
    MEMORY = 3
    LOST = 4
    REQUEST = 5
    REPLY = 6
    ACT = 7


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration from here on.

    Attributes:
        at_ns: Wall clock.
        why: "start" of a process, "change" of the configuration, or "file": as before, for whoever has only
            this file.
        name: The configuration's name.
        config_hash: Its hash.
        table: `Config.as_table`.
        sources: The files of the user's own stages, by name.
        versions: Of what an answer depends on.
        harness: Whether answers are as the offline harness wants them.
        uid: Our number where it was given; None takes that of each request.
    """

    at_ns: int
    why: str
    name: str
    config_hash: str
    table: dict[str, Any]
    sources: dict[str, str]
    versions: dict[str, str]
    harness: bool = False
    uid: int | None = None


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """A request, the first part, and what was said to it, the second.

    Attributes:
        number: Counts the exchanges of a process from 1; one that is missing was not recorded.
        received_ns: Wall clock at which the request was whole.
        sender: Whom the door found it to be from.
        elapsed_ms: Time the answer took.
        config_hash: Of the configuration that answered.
        digest: Digest of the decision, "" where none was made.
        note: Why the answer is empty, "" where it is not.
        overrides: What a person had ordered: books and modes.
    """

    number: int
    received_ns: int
    sender: str
    elapsed_ms: float
    config_hash: str
    digest: str = ""
    note: str = ""
    overrides: dict[str, str] = {}


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent remembered of a simulation at this point, the first part: a snapshot.

    Attributes:
        at_ns: Wall clock.
        validator: Whose simulation.
        simulation_id: Which.
        time_ns: Simulated time of the state after which it was: the next of its simulation that was answered
            in time, or an earlier one if it was restored.
        restored: Whether it was taken up here, from an earlier process, rather than saved.
    """

    at_ns: int
    validator: str
    simulation_id: str
    time_ns: int
    restored: bool = False


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """Exchanges that were answered and could not be recorded.

    Attributes:
        at_ns: Wall clock at which recording went on.
        frames: How many.
        why: What kept them out.
    """

    at_ns: int
    frames: int
    why: str


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did to the agent while it ran.

    Attributes:
        at_ns: Wall clock.
        who: A user of the machine, or the way by which it was ordered.
        what: The deed: "off", "swap", "cancel-all" …
        about: With what: books, files, hashes of configurations.
        problem: Why it was not done, "" if it was.
    """

    at_ns: int
    who: str
    what: str
    about: dict[str, str] = {}
    problem: str = ""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request, the first part, on its way through a pipe.

    Attributes:
        number: The sender's own, to be echoed.
        sender: Whom it is from.
        received_ns: Wall clock; 0 takes that of arrival.
    """

    number: int
    sender: str
    received_ns: int = 0


class Replied(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, the second part, to the request of that number.

    Attributes:
        number: The request's.
        note: Why the answer is empty, "" where it is not.
    """

    number: int
    note: str = ""


About: TypeAlias = Setup | Exchange | Memory | Lost | Asked | Replied | Act

_ABOUT: dict[Kind, type[msgspec.Struct]] = {
    Kind.SETUP: Setup,
    Kind.EXCHANGE: Exchange,
    Kind.MEMORY: Memory,
    Kind.LOST: Lost,
    Kind.REQUEST: Asked,
    Kind.REPLY: Replied,
    Kind.ACT: Act,
}
_KIND: dict[type, Kind] = {cls: kind for kind, cls in _ABOUT.items()}
_READERS = {kind: MSGPACK.reader(cls) for kind, cls in _ABOUT.items()}


class TornFrame(WireError):
    """The bytes end within a frame, as they do when the writer was killed."""


@attrs.frozen
class Frame:
    """One frame.

    Attributes:
        about: What it is about; its class tells the kind.
        first: The first part, such as a request.
        second: The second part, such as a reply.

    >>> import io
    >>> frame = Frame(Asked(number=7, sender="5F…"), b"{}")
    >>> file = io.BytesIO(encode_frame(frame))
    >>> read_frame(file) == frame, read_frame(file)
    (True, None)
    """

    about: About
    first: bytes = attrs.field(default=b"", repr=False)
    second: bytes = attrs.field(default=b"", repr=False)

    @property
    def kind(self) -> Kind:
        """What it holds."""
        return _KIND[type(self.about)]


def encode_frame(frame: Frame, *, level: int | None = 1) -> bytes:
    """The bytes of a frame.

    Args:
        frame: The frame.
        level: Level of the zstd compression; None leaves the content as it is, for pipes.

    Raises:
        ValueError: Its content is larger than `MAX_CONTENT`.
    """
    parts = (MSGPACK.encode(frame.about), frame.first, frame.second)
    total = sum(map(len, parts))
    if total > MAX_CONTENT:
        raise ValueError(f"a frame of {total} bytes; at most {MAX_CONTENT} fit")
    packs = level is not None and total >= _WORTH_PACKING
    if level is not None and packs:
        packer = zstandard.ZstdCompressor(level=level).compressobj(size=total)
        stored = b"".join([*(packer.compress(part) for part in parts), packer.flush()])
    else:
        stored = b"".join(parts)
    head = _HEADER.pack(MAGIC, VERSION, frame.kind, packs, 0, len(stored), *map(len, parts))
    return b"".join((head, _CHECK.pack(zlib.crc32(stored, zlib.crc32(head))), stored))


def read_frame(file: BinaryIO, where: str = "frame") -> Frame | None:
    """The next frame of a file, pipe or socket that `read` waits for; None at its end.

    Args:
        file: Where it comes from.
        where: What the place is called in errors.

    Raises:
        TornFrame: The bytes end within the frame.
        WireError: They are no frame, one of another version, or a damaged one.
    """
    head = file.read(_HEADER_SIZE)
    if not head:
        return None
    if len(head) < _HEADER_SIZE:
        if not MAGIC.startswith(head[: len(MAGIC)]):
            raise WireError(where, "no frame begins here")
        raise TornFrame(where, f"the bytes end within a header, after {len(head)} bytes")
    magic, version, kind, packing, zero, stored_size, *sizes = _HEADER.unpack_from(head)
    if magic != MAGIC:
        raise WireError(where, "no frame begins here")
    if version != VERSION:
        raise WireError(where, f"version {version} of the format; this obmm reads version {VERSION}")
    total = sum(sizes)
    if packing > 1 or zero or max(total, stored_size) > MAX_CONTENT or (not packing and total != stored_size):
        raise WireError(where, "a damaged header")
    stored = file.read(stored_size)
    if len(stored) < stored_size:
        raise TornFrame(where, f"the bytes end within a frame, {stored_size - len(stored)} bytes early")
    if zlib.crc32(stored, zlib.crc32(head[: _HEADER.size])) != _CHECK.unpack_from(head, _HEADER.size)[0]:
        raise WireError(where, "damaged: its checksum is another")
    content = _unpacked(stored, total, where) if packing else stored
    if kind not in _READERS:
        raise WireError(where, f"a kind of frame that this obmm does not know: {kind}")
    about = read(_READERS[Kind(kind)], content[: sizes[0]], where)
    end = sizes[0] + sizes[1]
    return Frame(about, content[sizes[0] : end], content[end:])


def _unpacked(stored: bytes, total: int, where: str) -> bytes:
    try:
        # Looked at first: the frame itself says how much memory it will take.
        if zstandard.get_frame_parameters(stored).content_size != total:
            raise WireError(where, "its content is not as long as its header says")
        content: bytes = zstandard.ZstdDecompressor().decompress(stored)
    except zstandard.ZstdError as error:
        raise WireError(where, f"damaged zstd data: {error}") from error
    return content
