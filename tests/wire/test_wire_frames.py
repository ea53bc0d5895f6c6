"""Frames: what goes in comes out, and whatever else the bytes are is said with its place."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from obmm.wire import frames as wire_frames
from obmm.wire.errors import WireError
from obmm.wire.frames import (
    Asked,
    Exchange,
    Frame,
    Kind,
    Lost,
    Memory,
    Replied,
    Setup,
    TornFrame,
    encode_frame,
    read_frame,
)

_NUMBER, _TEXT = st.integers(0, 2**62), st.text(max_size=20)
_SETUP = st.builds(
    Setup,
    at_ns=_NUMBER,
    why=_TEXT,
    name=_TEXT,
    config_hash=_TEXT,
    table=st.dictionaries(_TEXT, st.floats(allow_nan=False) | _TEXT | st.booleans(), max_size=3),
    sources=st.dictionaries(_TEXT, _TEXT, max_size=2),
    versions=st.dictionaries(_TEXT, _TEXT, max_size=2),
)
_EXCHANGE = st.builds(
    Exchange,
    number=_NUMBER,
    received_ns=_NUMBER,
    sender=_TEXT,
    elapsed_ms=st.floats(0.0, 1e6),
    config_hash=_TEXT,
    digest=_TEXT,
    note=_TEXT,
)
_MEMORY = st.builds(
    Memory, at_ns=_NUMBER, validator=_TEXT, simulation_id=_TEXT, time_ns=_NUMBER, restored=st.booleans()
)
_ABOUT = st.one_of(
    _SETUP,
    _EXCHANGE,
    _MEMORY,
    st.builds(Lost, at_ns=_NUMBER, frames=_NUMBER, why=_TEXT),
    st.builds(Asked, number=_NUMBER, sender=_TEXT, received_ns=_NUMBER),
    st.builds(Replied, number=_NUMBER, note=_TEXT),
)
_BYTES = st.binary(max_size=600)
_FRAME = st.builds(Frame, _ABOUT, _BYTES, _BYTES)

SAID = Frame(Exchange(number=1, received_ns=5, sender="v", elapsed_ms=1.0, config_hash="h"), b"q" * 900, b"r")


def all_of(data: bytes) -> list[Frame]:
    """Every frame of some bytes."""
    file, found = io.BytesIO(data), []
    while (frame := read_frame(file)) is not None:
        found.append(frame)
    return found


@given(st.lists(_FRAME, max_size=4), st.sampled_from([None, 1, 3]))
def test_what_goes_in_comes_out(frames, level):
    """Packed or not, one after the other."""
    data = b"".join(encode_frame(frame, level=level) for frame in frames)
    assert frames == all_of(data)


def test_a_content_that_is_worth_it_is_packed():
    """And read without being told."""
    assert len(encode_frame(SAID)) < 200 < 900 < len(encode_frame(SAID, level=None))
    assert Kind.EXCHANGE == SAID.kind


@given(st.integers(1, 10**9), st.booleans())
def test_a_cut_frame_is_torn(at, packed):
    """Wherever within it: header or content."""
    data = encode_frame(SAID, level=1 if packed else None)
    with pytest.raises(TornFrame, match="the bytes end within"):
        all_of(encode_frame(SAID) + data[: 1 + at % (len(data) - 1)])


@given(st.integers(0, 10**9), st.integers(1, 255))
def test_a_changed_byte_never_passes(at, change):
    """Every byte of a frame is covered: by the checksum, or by what a header must say."""
    data = bytearray(encode_frame(SAID))
    data[at % len(data)] ^= change
    with pytest.raises(WireError):
        all_of(bytes(data))


@settings(max_examples=300)
@given(st.binary(max_size=200), st.integers(0, 60))
def test_any_bytes_are_frames_or_an_error(noise, kept):
    """Nothing else is ever raised, and no more memory is taken than a frame may have."""
    data = encode_frame(SAID)[:kept] + noise
    frames: list[Frame] = []
    with contextlib.suppress(WireError):
        frames = all_of(data)
    assert [] == frames


def headed(content: bytes, kind: int, packing: int, *sizes: int, version: int = 1) -> bytes:
    """A frame whose checksum is right, whatever it says."""
    head = struct.pack("<4sBBBBIIII", b"obmf", version, kind, packing, 0, len(content), *sizes)
    return head + struct.pack("<I", zlib.crc32(content, zlib.crc32(head))) + content


ABOUT = b"\x82\xa6number\x01\xa6sender\xa1v"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"obmg" + bytes(40), "no frame begins here"),
        (b"x", "no frame begins here"),
        (
            headed(ABOUT, 5, 0, len(ABOUT), 0, 0, version=9),
            "version 9 of the format; this obmm reads version 1",
        ),
        (headed(ABOUT, 5, 0, len(ABOUT), 1, 0), "a damaged header"),
        (headed(ABOUT, 5, 2, len(ABOUT), 0, 0), "a damaged header"),
        (headed(b"", 5, 1, 2**31, 0, 0), "a damaged header"),
        (headed(ABOUT, 99, 0, len(ABOUT), 0, 0), "a kind of frame that this obmm does not know: 99"),
        (headed(b"\x80", 5, 0, 1, 0, 0), "missing required field"),
        (headed(b"no zstd at all", 5, 1, 9, 0, 0), "damaged zstd data"),
        (headed(zstandard.compress(ABOUT), 5, 1, 99, 0, 0), "its content is not as long as its header says"),
        (headed(zstandard.compress(bytes(9**6))[:-3], 5, 1, 9**6, 0, 0), "damaged zstd data"),
    ],
)
def test_what_is_wrong_is_said(data, problem):
    """Each kind of damage by its name, with the place that the caller gave."""
    with pytest.raises(WireError, match=problem) as caught:
        read_frame(io.BytesIO(data), "a.obmf at byte 0")
    assert caught.value.field.startswith("a.obmf at byte 0")


def test_a_frame_has_a_largest_size(monkeypatch):
    """A writer is told; no reader would take it."""
    monkeypatch.setattr(wire_frames, "MAX_CONTENT", 500)
    with pytest.raises(ValueError, match="at most 500 fit"):
        encode_frame(SAID)
