"""Blobs: base64 text of an lz4 frame, a zstd frame or a zlib stream.

What a blob is made of is judged by its first bytes. A validator that runs another engine than its message
declares is common enough, so the declaration only serves the error text.
"""

from __future__ import annotations

import zlib
from typing import Final, Literal, TypeAlias, get_args

import lz4.frame
import pybase64
import zstandard

from obmm.wire.bounds import MAX_BYTES
from obmm.wire.errors import WireError

Engine: TypeAlias = Literal["lz4", "zstd", "zlib"]
ENGINES: Final[tuple[Engine, ...]] = get_args(Engine)

_LZ4_MAGIC, _ZSTD_MAGIC = b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd"
_BITE = 1024
#: Window of the highest usual level of zstd; a frame that asks for more memory is refused.
_MAX_WINDOW = 2**23


def pack(content: bytes, engine: Engine) -> str:
    """Compress and write as base64 text.

    >>> unpack(pack(b"books", "zstd"), "blob")
    (b'books', 'zstd')
    """
    if engine == "lz4":
        blob = lz4.frame.compress(content, compression_level=0)
    elif engine == "zstd":
        blob = zstandard.ZstdCompressor(level=1).compress(content)
    else:
        blob = zlib.compress(content, 1)
    text: str = pybase64.b64encode_as_string(blob)
    return text


def unpack(
    text: str, field: str, *, declared: str | None = None, max_bytes: int = MAX_BYTES
) -> tuple[bytes, Engine]:
    """Content of a blob and the engine it was made with.

    Args:
        text: Base64.
        field: Name of the blob in errors.
        declared: Engine the message speaks of.
        max_bytes: Largest content allowed.

    Raises:
        WireError: Not base64, of no known engine, damaged, cut off, or larger than allowed.
    """
    try:
        blob: bytes = pybase64.b64decode(text, validate=True)
    except ValueError as error:
        raise WireError(field, f"not base64: {error}") from error
    engine = _engine_of(blob)
    if engine is None:
        says = f" (declared {declared!r})" if declared else ""
        raise WireError(field, f"neither an lz4 frame nor zstd nor zlib{says}")
    try:
        content = _DECOMPRESS[engine](blob, max_bytes)
        if content is not None and len(content) > max_bytes:
            raise _TooLarge
    except _TooLarge as error:
        raise WireError(field, f"{engine} data unpacks to more than {max_bytes} bytes") from error
    except (RuntimeError, EOFError, zstandard.ZstdError, zlib.error) as error:
        raise WireError(field, f"damaged {engine} data: {error}") from error
    if content is None:
        raise WireError(field, f"{engine} data is cut off")
    return content, engine


class _TooLarge(Exception):
    """A blob holds more than is allowed."""


def _engine_of(blob: bytes) -> Engine | None:
    if blob.startswith(_LZ4_MAGIC):
        return "lz4"
    if blob.startswith(_ZSTD_MAGIC):
        return "zstd"
    # A zlib header: deflate with a window of up to 32 KiB, and a check on both bytes together.
    if len(blob) >= 2 and blob[0] & 0x0F == 8 and blob[0] <= 0x78 and (blob[0] << 8 | blob[1]) % 31 == 0:
        return "zlib"
    return None


# Each returns None for data that is cut off, and stops soon after `limit` bytes.


def _lz4(blob: bytes, limit: int) -> bytes | None:
    unpacker = lz4.frame.LZ4FrameDecompressor()
    content: bytes = unpacker.decompress(blob, max_length=limit + 1)
    return content if unpacker.eof or len(content) > limit else None


def _zlib(blob: bytes, limit: int) -> bytes | None:
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(blob, limit + 1)
    return content if unpacker.eof or len(content) > limit else None


def _zstd(blob: bytes, limit: int) -> bytes | None:
    told: int = zstandard.get_frame_parameters(blob).content_size
    if limit < told != zstandard.CONTENTSIZE_UNKNOWN:
        raise _TooLarge
    engine = zstandard.ZstdDecompressor(max_window_size=max(_MAX_WINDOW, limit))
    if told != zstandard.CONTENTSIZE_UNKNOWN:
        whole: bytes = engine.decompress(blob)
        return whole
    unpacker, content = engine.decompressobj(), bytearray()
    # One call unpacks all that its input holds, up to 32,768 times its length: hence small bites.
    for start in range(0, len(blob), _BITE):
        content += unpacker.decompress(blob[start : start + _BITE])
        if unpacker.eof or len(content) > limit:
            return bytes(content)
    return None


_DECOMPRESS = {"lz4": _lz4, "zstd": _zstd, "zlib": _zlib}
