"""The two encodings inside blobs, chosen by the version that a message carries.

Versions are numbered 1000·major + 10·minor + patch; 0.5.4 is 54. Messages below 45 are JSON, from 45 on
msgpack, which includes the early 0.1.35 … 0.1.51 (45 … 61).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import attrs
import msgspec

from obmm.wire.errors import WireError

FIRST_MSGPACK_VERSION = 45

T_co = TypeVar("T_co", covariant=True)


class Reader(Protocol[T_co]):
    """Turns bytes into one typed value; msgspec's decoders do."""

    def decode(self, data: bytes, /) -> T_co: ...


@attrs.frozen
class Codec:
    """JSON or msgpack.

    Attributes:
        name: "json" or "msgpack".
        encode: Writes any plain value; JSON writes NaN and infinities as null.
        reader: Makes a reader of a type. `strict=False` also takes numbers written as strings.
    """

    name: str
    encode: Callable[[Any], bytes]
    reader: Callable[..., Any]


JSON = Codec("json", msgspec.json.Encoder().encode, msgspec.json.Decoder)
MSGPACK = Codec("msgpack", msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder)


def codec_of(version: int | None, content: bytes) -> Codec:
    """The codec of a blob's content: by version, or by the content's first byte where there is none.

    >>> codec_of(54, b"").name, codec_of(35, b"").name, codec_of(None, b"{}").name
    ('msgpack', 'json', 'json')
    """
    if version is None:
        return JSON if content[:1] == b"{" else MSGPACK
    return MSGPACK if version >= FIRST_MSGPACK_VERSION else JSON


def read(reader: Reader[T_co], data: bytes, field: str) -> T_co:
    """The value in `data`.

    Raises:
        WireError: It is not of the expected shape; the error names the path within `field`.
    """
    try:
        return reader.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError) as error:
        # Of a key that is a table itself older versions of msgspec say so with a TypeError.
        problem, path = _split(str(error))
        raise WireError(field + path, problem) from error
    except RecursionError as error:
        raise WireError(field, "nested too deeply") from error


_PATH = re.compile(r" - at (?:`key` in )?`\$(.*)`$", re.DOTALL)


def _split(message: str) -> tuple[str, str]:
    """The complaint and the path in one of msgspec's messages."""
    found = _PATH.search(message)
    return (message[: found.start()], found.group(1)) if found else (message, "")
