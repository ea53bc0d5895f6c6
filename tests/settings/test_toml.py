"""Reading TOML."""

from __future__ import annotations

import codecs
import os
import re
from pathlib import Path

import pytest

from obmm.settings import ConfigError
from obmm.settings.toml import file_layer


def test_broken_toml_names_the_file_and_the_line(tmp_path: Path):
    """The parser's own place is kept."""
    path = tmp_path / "my.toml"
    path.write_text("[builder\n")
    with pytest.raises(ConfigError, match=r"my\.toml: is not valid TOML.*line 1"):
        file_layer(path)


def test_a_missing_file_is_named(tmp_path: Path):
    """No traceback of the operating system's error."""
    with pytest.raises(ConfigError, match=r"gone\.toml: cannot be read"):
        file_layer(tmp_path / "gone.toml")


def refused(path: Path, data: bytes) -> str:
    """What is said of a file."""
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        file_layer(path)
    (problem,) = caught.value.problems
    assert str(path) == problem.where
    assert "\n" not in str(problem)
    return problem.what


def test_a_byte_order_mark_and_windows_line_ends_are_read_over(tmp_path: Path):
    """Editors of Windows write both."""
    path = tmp_path / "my.toml"
    path.write_bytes(codecs.BOM_UTF8 + b"a = 1\r\n[b]\r\nc = 'd'\r\n")
    assert {"a": 1, "b": {"c": "d"}} == file_layer(path).table


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_wide_encodings_are_named(encoding: str, tmp_path: Path):
    """With what to do."""
    text = refused(tmp_path / "my.toml", 'extends = "balanced"\n'.encode(encoding))
    assert re.fullmatch(r"is written in UTF-(16|32): save it as UTF-8", text)


def test_bytes_that_are_no_text_are_told_with_their_line(tmp_path: Path):
    """Latin-1, most often."""
    said = refused(tmp_path / "my.toml", b"a = 1\n# caf\xe9\n")
    assert "is not UTF-8 (at line 2, byte 0xe9): save it as UTF-8" == said


def nested(depth: int) -> bytes:
    """Brackets inside each other."""
    return b"\n\nx = " + b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (nested(3000), "has more than 50 brackets inside each other (at line 3)"),
        (nested(200_000), "has more than 50 brackets inside each other (at line 3)"),
        (
            b"x = " + b"{a=" * 3000 + b"1" + b"}" * 3000,
            "has more than 50 brackets inside each other (at line 1)",
        ),
        (b".".join([b"a"] * 900) + b" = 1", "has more than 50 tables inside each other, below 'a'"),
        (b"\nx = " + b"9" * 5000, "has a number of 5000 digits (at line 2)"),
        (b"#" * (1 << 21), "is longer than 1 MiB, which no file of settings is"),
        (b"a = 1\na = 2", "is not valid TOML: Cannot overwrite a value"),
        (b'a = 1\nb = "\0"', "is not valid TOML: Illegal character '\\x00' (at line 2"),
        (b"a = 2021-02-30", "is not valid TOML: Invalid date or datetime"),
    ],
    ids=["deep", "deeper", "tables", "keys", "digits", "long", "twice", "null", "date"],
)
def test_what_a_parser_cannot_bear_is_told_in_one_line(data: bytes, what: str, tmp_path: Path):
    """With the place."""
    assert refused(tmp_path / "my.toml", data).startswith(what)


def test_a_folder_a_pipe_and_a_loop_are_no_files(tmp_path: Path):
    """None is waited for."""
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    for path, what in [
        (tmp_path, "is a folder, not a file"),
        (tmp_path / "pipe.toml", "is no plain file; copy it into one"),
        (tmp_path / "loop.toml", "cannot be read: Too many levels of symbolic links"),
        (tmp_path / "a\0b.toml", "cannot be read: embedded null byte"),
        (tmp_path / ("a" * 300), "cannot be read: File name too long"),
    ]:
        with pytest.raises(ConfigError) as caught:
            file_layer(path)
        assert what == caught.value.problems[0].what
