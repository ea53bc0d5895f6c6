"""The configuration of a recorded account: rebuilt from `run.json`, and written as TOML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from obmm.agent import Config, ConfigError, Problem, preset_names, resolve
from obmm.lab.recorded import Run
from obmm.settings.registry import registered
from obmm.settings.toml import Layer

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def preset_of(run: Run, uid: int) -> str | None:
    """Name of the preset that the account ran unchanged; None if it ran anything else."""
    account = run.about["accounts"][str(uid)]
    name = str(account["name"]).removeprefix("preset ")
    if name in preset_names() and resolve(name).hash == account["config_hash"]:
        return name
    return None


def config_of(run: Run, uid: int) -> Config:
    """The configuration of an account; of one that gives books to other pipelines, its main pipeline.

    Raises:
        ConfigError: It cannot be rebuilt: a stage of its own is not found, or it is not one of ours.
    """
    account = run.about["accounts"][str(uid)]
    preset = preset_of(run, uid)
    if preset is not None:
        return resolve(preset)
    table = account["config"]
    if not account["config_hash"]:
        problem = "is an agent from elsewhere: what it is made of is not in the records"
        raise ConfigError([Problem(f"account {uid}", problem)])
    source = Path(str(account["name"]))
    folder = source.resolve().parent if source.suffix == ".toml" else None
    config = resolve(Layer(str(account["name"]), as_sections(table), folder))
    if "assign" in table:
        main = {name: value for name, value in table.items() if name != "assign"}
        if json.loads(json.dumps(config.as_table())) == main:
            return config
    if config.hash != account["config_hash"]:
        problem = f"run.json says {account['config_hash']}, what it describes is {config.hash}"
        raise ConfigError(
            [Problem(f"account {uid}", f"another version of obmm or of its stages made this run: {problem}")]
        )
    return config


def as_sections(table: Mapping[str, Any]) -> dict[str, Any]:
    """`Config.as_table` as the sections of a file: signals, gates, builder, placer, books."""
    sections: dict[str, Any] = {}
    for path, kind, options in table["stages"]:
        slot, _, name = path.partition(".")
        stage = {"kind": kind, **_given(options)}
        if name:
            sections.setdefault(slot, []).append(stage | ({} if name == kind else {"name": name}))
        else:
            sections[slot] = stage
    for selector, path, option, value in table["books"]:
        sections.setdefault("books", {}).setdefault(selector, {})[f"{path}.{option}"] = value
    if "books" in sections:
        sections["books"] = {selector: _nested(flat) for selector, flat in sections["books"].items()}
    return sections


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Tables out of dotted names.

    >>> _nested({"gates.inventory.soft_share": 0.5, "builder.size_base": 1.0})
    {'gates': {'inventory': {'soft_share': 0.5}}, 'builder': {'size_base': 1.0}}
    """
    nested: dict[str, Any] = {}
    for path, value in flat.items():
        *heads, last = path.split(".")
        place = nested
        for head in heads:
            place = place.setdefault(head, {})
        place[last] = value
    return nested


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as a file gives them: nothing for None, a part that is a builder by its kind."""
    given = {}
    for name, value in options.items():
        if isinstance(value, dict) and "class" in value:
            kinds = {cls.__name__: kind for kind, cls in registered("builders").items()}
            part = _given({key: item for key, item in value.items() if key != "class"})
            given[name] = {"kind": kinds[value["class"]], **part} if value["class"] in kinds else part
        elif value is not None:
            given[name] = value
    return given


def toml_value(value: Any) -> str:
    """A value as TOML.

    >>> toml_value({"imbalance": -0.2, "x y": [1, 2.5, True, "a"]})
    '{ imbalance = -0.2, "x y" = [1, 2.5, true, "a"] }'
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{toml_key(key)} = {toml_value(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(toml_value, value))}]"
    return repr(value)


def toml_key(key: str) -> str:
    """A key as TOML, quoted where it must be."""
    return key if _BARE.fullmatch(key) else json.dumps(key)
