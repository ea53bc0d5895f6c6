"""Reading TOML: a file or a text becomes a table that remembers where it came from."""

from __future__ import annotations

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


@attrs.frozen
class Layer:
    """One source of settings: a parsed table, and the name that error messages give it."""

    origin: str
    table: Mapping[str, Any]
    folder: Path | None = None


def file_layer(path: Path) -> Layer:
    """A TOML file as a layer.

    Raises:
        ConfigError: The file cannot be read or is not TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(str(path), f"cannot be read: {error}")]) from error
    return parse_layer(text, str(path), folder=path.resolve().parent)


def parse_layer(text: str, origin: str, folder: Path | None = None) -> Layer:
    """TOML text as a layer.

    Raises:
        ConfigError: It is not TOML; the message names the line.
    """
    try:
        return Layer(origin, tomllib.loads(text), folder)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Problem(origin, f"is not valid TOML: {error}")]) from error
