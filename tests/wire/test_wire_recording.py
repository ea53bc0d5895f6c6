"""Folders of recorded frames: what a killed writer leaves is read, other damage is told with its place."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obmm.wire.errors import WireError
from obmm.wire.frames import Exchange, Frame, Setup, encode_frame
from obmm.wire.recording import INDEX, File, Index, Recording, is_recording, read_index

SETUP = Frame(Setup(at_ns=1, why="start", name="n", config_hash="h", table={}, sources={}, versions={}))


def said(number: int) -> Frame:
    """An exchange."""
    about = Exchange(number=number, received_ns=number, sender="v", elapsed_ms=1.0, config_hash="h")
    return Frame(about, b"request" * 100, b"reply")


def written(folder, *files: list[Frame], closed: tuple[bool, ...] = ()) -> Index:
    """A recording of these frames, a list for each file; all are closed unless said."""
    index = Index()
    for number, frames in enumerate(files):
        data = b"".join(map(encode_frame, frames))
        name = f"{number + 1:08}.obmf"
        (folder / name).write_bytes(data)
        ended = closed[number] if closed else True
        index.files.append(File(name=name, frames=len(frames), size=len(data), closed=ended))
    index.write(folder)
    return index


def test_files_are_read_one_after_the_other(tmp_path):
    """Oldest first, nothing torn."""
    written(tmp_path, [SETUP, said(1)], [SETUP, said(2)])
    recording = Recording(tmp_path)
    assert [SETUP, said(1), SETUP, said(2)] == list(recording.frames())
    assert [] == recording.torn
    assert is_recording(tmp_path)


def test_one_file_alone_is_a_recording(tmp_path):
    """Each begins with the configuration."""
    written(tmp_path, [SETUP, said(1)], [SETUP, said(2)])
    assert [SETUP, said(2)] == list(Recording(tmp_path / "00000002.obmf").frames())
    assert is_recording(tmp_path / "00000002.obmf")


@pytest.mark.parametrize("kept", [1, 10, 40, 100])
def test_a_torn_last_frame_of_any_open_file_is_passed_over_and_told(tmp_path, kept):
    """A process was killed, and another went on in a file of its own."""
    written(tmp_path, [SETUP, said(1)], [SETUP, said(3)], closed=(False, True))
    path = tmp_path / "00000001.obmf"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + encode_frame(said(2))[:kept])
    recording = Recording(tmp_path)
    assert [SETUP, said(1), SETUP, said(3)] == list(recording.frames())
    (torn,) = recording.torn
    assert torn.startswith(f"{path} at byte {size}: the bytes end within")


def test_zeros_at_the_end_of_an_open_file_are_passed_over_and_told(tmp_path):
    """What a machine leaves that went down: the length of the file was on the disk, its content was not."""
    written(tmp_path, [SETUP, said(1)], closed=(False,))
    path = tmp_path / "00000001.obmf"
    path.write_bytes(path.read_bytes() + bytes(5000))
    recording = Recording(tmp_path)
    assert [SETUP, said(1)] == list(recording.frames())
    assert "nothing but zeros to the end" in recording.torn[0]


def test_a_closed_file_must_be_whole(tmp_path):
    """Cut within a frame or between two: the index knows better."""
    written(tmp_path, [SETUP, said(1)])
    path = tmp_path / "00000001.obmf"
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(WireError, match="1 bytes early"):
        list(Recording(tmp_path).frames())
    path.write_bytes(encode_frame(SETUP))
    with pytest.raises(WireError, match=f"the index names {len(data)} bytes"):
        list(Recording(tmp_path).frames())
    path.unlink()
    with pytest.raises(WireError, match="is missing, although the index names it"):
        list(Recording(tmp_path).frames())


@pytest.mark.parametrize("closed", [True, False])
def test_damage_within_a_file_is_told_with_its_place(tmp_path, closed):
    """Frames before it have been yielded."""
    written(tmp_path, [SETUP, said(1), said(2)], closed=(closed,))
    path, at = tmp_path / "00000001.obmf", len(encode_frame(SETUP))
    data = bytearray(path.read_bytes())
    data[at + 50] ^= 1
    path.write_bytes(data)
    frames = Recording(tmp_path).frames()
    assert SETUP == next(frames)
    with pytest.raises(WireError, match=f"00000001.obmf at byte {at}: damaged"):
        next(frames)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**9), st.binary(min_size=1, max_size=80), st.booleans(), st.booleans())
def test_damaged_files_tell_what_is_before_the_damage(tmp_path, at, noise, cut, closed):
    """Law: the frames read are the first of those written; then the end, or an error with file and byte."""
    frames = [SETUP, said(1), said(2)]
    written(tmp_path, frames, closed=(closed,))
    path = tmp_path / "00000001.obmf"
    data = path.read_bytes()
    at %= len(data)
    path.write_bytes(data[:at] + noise + (b"" if cut else data[at + len(noise) :]))
    found, problem = [], ""
    recording = Recording(tmp_path)
    try:
        found.extend(recording.frames())
    except WireError as error:
        problem = str(error)
    assert not problem or problem.startswith(f"{path} at byte ")
    assert frames[: len(found)] == found
    assert problem or recording.torn or frames == found


def test_a_file_must_begin_with_the_configuration(tmp_path):
    """Else nobody could say what answered."""
    written(tmp_path, [said(1)])
    with pytest.raises(WireError, match="at byte 0: a file must begin with the configuration"):
        list(Recording(tmp_path).frames())


def test_without_an_index_the_files_tell_the_same(tmp_path):
    """Nor is one needed that is older than the newest file."""
    index = written(tmp_path, [SETUP, said(1)], [SETUP, said(2)])
    index.files.pop()
    index.write(tmp_path)
    assert [SETUP, said(1), SETUP, said(2)] == list(Recording(tmp_path).frames())
    (tmp_path / INDEX).unlink()
    assert [SETUP, said(1), SETUP, said(2)] == list(Recording(tmp_path).frames())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is damaged"),
        ('{"files": 3}', "is damaged"),
        ('{"format": "other"}', "is no index of a recording that this obmm reads"),
        ('{"version": 2}', "is no index of a recording that this obmm reads"),
        ('{"files": [{"name": "../a.obmf"}]}', "names files outside its folder"),
    ],
)
def test_a_bad_index_is_told(tmp_path, text, problem):
    """With what to do about it."""
    (tmp_path / INDEX).write_text(text)
    with pytest.raises(WireError, match=problem):
        Recording(tmp_path)


def test_what_is_no_recording_is_told(tmp_path):
    """Neither a missing path nor another file or folder."""
    (tmp_path / "a.txt").write_text("text")
    for path in (tmp_path, tmp_path / "a.txt", tmp_path / "b.txt"):
        assert not is_recording(path)
        with pytest.raises(WireError, match="is no live recording"):
            Recording(path)
    assert read_index(tmp_path) is None
