"""Blobs are judged by their first bytes and never unpack to more than allowed."""

from __future__ import annotations

import zlib

import lz4.frame
import pybase64
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from obmm.wire import WireError
from obmm.wire.compression import ENGINES, Engine, pack, unpack

MIB = 2**20


def bomb(engine: Engine, mib: int) -> str:
    """Zeros that unpack to `mib` MiB, of a size their header does not tell."""
    if engine == "lz4":
        packer = lz4.frame.LZ4FrameCompressor()
        parts = [packer.begin(), *(packer.compress(bytes(MIB)) for _ in range(mib)), packer.flush()]
    elif engine == "zstd":
        z = zstandard.ZstdCompressor(level=1).compressobj()
        parts = [*(z.compress(bytes(MIB)) for _ in range(mib)), z.flush()]
    else:
        deflate = zlib.compressobj(1)
        parts = [*(deflate.compress(bytes(MIB)) for _ in range(mib)), deflate.flush()]
    return pybase64.b64encode_as_string(b"".join(parts))


@given(content=st.binary(max_size=5000), engine=st.sampled_from(ENGINES))
def test_any_content_comes_back(content: bytes, engine: Engine) -> None:
    """Packing and unpacking is the identity, and the engine is recognised."""
    assert (content, engine) == unpack(pack(content, engine), "blob")


@given(level=st.integers(0, 9), content=st.binary(max_size=200))
def test_zlib_of_any_level_is_recognised(level: int, content: bytes) -> None:
    """All headers of zlib are known."""
    text = pybase64.b64encode_as_string(zlib.compress(content, level))
    assert (content, "zlib") == unpack(text, "blob")


@pytest.mark.parametrize("engine", ENGINES)
def test_first_bytes_win_over_the_declaration(engine: Engine) -> None:
    """A message that declares another engine than it uses is read all the same."""
    for declared in (*ENGINES, None, "brotli"):
        assert (b"x" * 99, engine) == unpack(pack(b"x" * 99, engine), "blob", declared=declared)


@pytest.mark.parametrize("engine", ENGINES)
def test_content_of_exactly_the_limit_passes(engine: Engine) -> None:
    """The limit itself is allowed, one byte more is not."""
    text = pack(bytes(1000), engine)
    assert 1000 == len(unpack(text, "blob", max_bytes=1000)[0])
    with pytest.raises(WireError, match="unpacks to more than 999 bytes"):
        unpack(text, "blob", max_bytes=999)


@pytest.mark.parametrize("engine", ENGINES)
def test_bombs_are_refused(engine: Engine) -> None:
    """Many zeros in a small blob are given up soon after the limit."""
    text = bomb(engine, 128)
    with pytest.raises(WireError, match=f"blob: {engine} data unpacks to more than"):
        unpack(text, "blob", max_bytes=MIB)


@pytest.mark.parametrize("engine", ENGINES)
@given(kept=st.floats(0.1, 0.99))
def test_cut_off_blobs_are_refused(engine: Engine, kept: float) -> None:
    """A blob without its end is an error, never a shorter content."""
    blob = pybase64.b64decode(pack(bytes(range(256)) * 20, engine))
    text = pybase64.b64encode_as_string(blob[: max(int(len(blob) * kept), 4)])
    with pytest.raises(WireError, match=f"{engine} data is cut off|damaged {engine} data"):
        unpack(text, "blob")


@pytest.mark.parametrize("engine", ENGINES)
def test_damaged_blobs_are_refused(engine: Engine) -> None:
    """Garbage behind a good beginning is damage."""
    blob = pybase64.b64decode(pack(bytes(range(256)) * 20, engine))
    text = pybase64.b64encode_as_string(blob[: 2 if engine == "zlib" else 7] + b"\xff" * 500)
    with pytest.raises(WireError, match=f"damaged {engine} data"):
        unpack(text, "blob")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("*", "not base64"),
        ("AAA", "not base64"),
        ("ü", "not base64"),
        ("", "neither an lz4 frame nor zstd nor zlib"),
        ("AAAA", r"neither .* \(declared 'zstd'\)"),
        ("eJw", "not base64"),
        ("eAE=", "zlib data is cut off"),
        ("eAI=", "neither"),
    ],
)
def test_what_is_no_blob_is_refused(text: str, problem: str) -> None:
    """No base64, or of no known engine."""
    declared = "zstd" if text == "AAAA" else None
    with pytest.raises(WireError, match=f"blob: {problem}"):
        unpack(text, "blob", declared=declared)
