"""Reading TOML: a file or a text becomes a table that remembers where it came from."""

from __future__ import annotations

import codecs
import os
import re
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from obmm.settings.errors import ConfigError, Problem

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: No file of settings is nearly as long; what is longer was given by mistake.
MAX_BYTES = 1 << 20
#: Brackets or dots inside each other: settings have about four.
MAX_DEPTH = 50

_WIDE = {codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF32_BE: "UTF-32"} | {
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_BRACKET = re.compile(r"[][{}]")
#: Digits that the interpreter still turns into a number whatever its own limit is.
_LONG_NUMBER = re.compile(r"[0-9_]{600,}")


@attrs.frozen
class Layer:
    """One source of settings: a parsed table, and the name that error messages give it."""

    origin: str
    table: Mapping[str, Any]
    folder: Path | None = None


def file_layer(path: Path) -> Layer:
    """A TOML file as a layer; a byte order mark and Windows line ends are read over.

    Raises:
        ConfigError: The file cannot be read or is not TOML.
    """
    return parse_layer(read_text(path), str(path), folder=Path(os.path.realpath(path)).parent)


def read_text(path: Path) -> str:
    """The text of a file of settings.

    Raises:
        ConfigError: It is not there, no plain file, too long, or not UTF-8.
    """

    def wrong(what: str) -> ConfigError:
        return ConfigError([Problem(str(path), what)])

    try:
        # Asked first: to open a pipe or a device may take for ever.
        mode = os.stat(path).st_mode
        data = b""
        if stat.S_ISREG(mode):
            with open(path, "rb") as file:
                data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise wrong(f"cannot be read: {error.strerror}") from error
    except ValueError as error:  # A name with a null in it.
        raise wrong(f"cannot be read: {error}") from error
    if not stat.S_ISREG(mode):
        raise wrong("is a folder, not a file" if stat.S_ISDIR(mode) else "is no plain file; copy it into one")
    if len(data) > MAX_BYTES:
        raise wrong(f"is longer than {MAX_BYTES >> 20} MiB, which no file of settings is")
    wide = next((name for mark, name in _WIDE.items() if data.startswith(mark)), None)
    if wide is None and b"\0" in (data[:1], data[1:2]):
        wide = "UTF-16"
    if wide is not None:
        raise wrong(f"is written in {wide}: save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise wrong(
            f"is not UTF-8 (at line {line}, byte {data[error.start]:#x}): save it as UTF-8"
        ) from error


def parse_layer(text: str, origin: str, folder: Path | None = None) -> Layer:
    """TOML text as a layer.

    Raises:
        ConfigError: It is not TOML, or deeper or with longer numbers than settings are; the message names
            the line.
    """

    def wrong(what: str, at: int | None = None) -> ConfigError:
        place = "" if at is None else f" (at line {text.count(chr(10), 0, at) + 1})"
        return ConfigError([Problem(origin, what + place)])

    # Found before the parser sees them: some parsers end the process where brackets go too deep.
    deep = _too_deep(text)
    if deep is not None:
        raise wrong(f"has more than {MAX_DEPTH} brackets inside each other", deep)
    number = _LONG_NUMBER.search(text)
    if number is not None:
        raise wrong(f"has a number of {len(number[0])} digits", number.start())
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Problem(origin, f"is not valid TOML: {error}")]) from error
    except (ValueError, RecursionError) as error:
        raise wrong(f"is not valid TOML: {error}") from error
    key = _too_deep_key(table)
    if key is not None:
        raise wrong(f"has more than {MAX_DEPTH} tables inside each other, below {key!r}")
    return Layer(origin, table, folder)


def _too_deep(text: str) -> int | None:
    """Where more than `MAX_DEPTH` brackets are open on one after the other, strings and comments included."""
    depth = 0
    for bracket in _BRACKET.finditer(text):
        depth = max(depth + (1 if bracket[0] in "[{" else -1), 0)
        if depth > MAX_DEPTH:
            return bracket.start()
    return None


def _too_deep_key(table: Mapping[str, Any]) -> str | None:
    """The first key of the table under which values lie too deep."""
    for key, value in table.items():
        level = [value]
        for _ in range(MAX_DEPTH):
            level = [
                item
                for part in level
                if isinstance(part, (dict, list))
                for item in (part.values() if isinstance(part, dict) else part)
            ]
        if level:
            return key
    return None
