"""Where settings come from: presets, TOML files and `k=v` words, layered with their origins kept."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import attrs

from obmm.agent.errors import ConfigError, Problem, did_you_mean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: Words the subnet's own miner puts beside a strategy's parameters; they are not ours to read.
FOREIGN_WORDS = frozenset({"lazy_load", "data_dir", "history_len", "event_lookback_minutes"})

#: Names that strategies of the subnet use for options of ours.
ALIASES = {"base_order_size": "size_base"}


@attrs.frozen
class Layer:
    """One source of settings: a parsed table, and the name that error messages give it."""

    origin: str
    table: Mapping[str, Any]
    folder: Path | None = None


def preset_names() -> list[str]:
    """Names of the presets that ship with the package.

    >>> "balanced" in preset_names()
    True
    """
    folder = resources.files("obmm.agent") / "presets"
    return sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml"))


def preset_text(name: str) -> str:
    """The TOML text of a preset.

    Raises:
        ConfigError: There is no such preset.
    """
    if name not in preset_names():
        known = did_you_mean(name, preset_names())
        what = f"no preset is called {name!r}: {known} (a file of your own ends in .toml)"
        raise ConfigError([Problem("preset", what)])
    return (resources.files("obmm.agent") / "presets" / f"{name}.toml").read_text(encoding="utf-8")


def preset_layer(name: str) -> Layer:
    """A preset as a layer."""
    return parse_layer(preset_text(name), f"preset {name}")


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


def chain(layer: Layer) -> list[Layer]:
    """The layers that `layer` extends, base first, and itself last.

    Raises:
        ConfigError: A base does not exist, or the files extend each other in a circle.
    """
    layers = [layer]
    while (base := layers[0].table.get("extends")) is not None:
        if not isinstance(base, str):
            raise ConfigError(
                [Problem(f"{layers[0].origin}: extends", f"must be a name or a path, got {base!r}")]
            )
        below = _base(base, layers[0])
        if any(below.origin == known.origin for known in layers):
            raise ConfigError(
                [Problem(f"{layers[0].origin}: extends", f"{base!r} extends itself in a circle")]
            )
        layers.insert(0, below)
    return layers


def _base(base: str, layer: Layer) -> Layer:
    if base in preset_names():
        return preset_layer(base)
    if not base.endswith(".toml"):
        what = f"no preset is called {base!r}: {did_you_mean(base, preset_names())}"
        raise ConfigError([Problem(f"{layer.origin}: extends", what)])
    return file_layer((layer.folder or Path.cwd()) / base)


def words(params: Mapping[str, Any] | list[str]) -> Iterator[tuple[str, Any]]:
    """Settings given as `k=v` words or as a mapping of parsed words, numbers as numbers and lists as lists.

    The subnet's miner hands every value over as a float or a string; `depths=1,3,5` becomes a list, `true`
    and `false` become flags, anything else stays as it is.

    Raises:
        ConfigError: A word is not of the form `k=v`.

    >>> list(words(["base_order_size=0.5", "depths=1,3,5", "fair=mid", "lazy_load=1"]))
    [('size_base', 0.5), ('depths', [1.0, 3.0, 5.0]), ('fair', 'mid')]
    """
    if not isinstance(params, Mapping):
        wrong = [word for word in params if word.count("=") != 1 or word.startswith("=")]
        if wrong:
            raise ConfigError(
                [Problem("parameters", f"{word!r} is not of the form name=value") for word in wrong]
            )
        params = dict(word.split("=") for word in params)
    for name, value in params.items():
        if name not in FOREIGN_WORDS:
            yield ALIASES.get(name, name), _value(value)


def _value(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if "," in value:
        return [_value(part) for part in value.split(",") if part]
    if value in ("true", "false"):
        return value == "true"
    try:
        return float(value)
    except ValueError:
        return value
