"""A resolved configuration as a file would say it, each value with the place where it was said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from obmm.agent.config import LISTS, Config, StageSpec
from obmm.agent.slots import parts_of
from obmm.lab.diagnose.configuration import toml_key, toml_value

#: What is told of a value: asked with its place, such as `builder.size_base`, and its origin.
Note = Callable[[str, str], str]


def sections_of(config: Config) -> dict[str, Any]:
    """The sections of a file that resolves to `config`, where its modules are found.

    Values that a stage has by default are left out.

    >>> from obmm.agent import resolve
    >>> sections_of(resolve("touch"))["builder"]
    {'kind': 'touch', 'size_base': 0.26, 'inside_ticks': 0, 'min_edge_bps': 2, 'back_off': False}
    """
    sections: dict[str, Any] = {slot: [] for slot in LISTS}
    for spec in config.specs:
        if spec.slot in LISTS:
            sections[spec.slot].append(stage_table(spec))
        else:
            sections[spec.slot] = stage_table(spec)
    for told in config.overrides:
        place = sections.setdefault("books", {}).setdefault(told.selector, {})
        for step in told.path.split("."):
            place = place.setdefault(step, {})
        place[told.option] = told.value
    return sections


def stage_table(spec: StageSpec) -> dict[str, Any]:
    """A stage as its entry in a file."""
    table: dict[str, Any] = {"kind": spec.kind}
    if spec.slot in LISTS and spec.name != spec.kind:
        table["name"] = spec.name
    table |= {name: setting.value for name, setting in spec.options.items()}
    for name, part in spec.parts.items():
        inside = stage_table(part)
        # Of a class that is the only one, there is no kind to say.
        table[name] = inside if isinstance(parts_of(spec.cls).get(name), str) else _without_kind(inside)
    return {name: value for name, value in table.items() if value is not None}


def _without_kind(table: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name != "kind"}


def as_toml(config: Config, head: str, note: Note) -> str:
    """A file that resolves to `config`.

    Args:
        config: The configuration; it assigns no books to other pipelines.
        head: What is said first, as a comment.
        note: What is said of a value behind it; empty for nothing. Single books' own values have the place
            `books.7.builder.size_base`.
    """
    lines = [f"# {line}".rstrip() for line in head.splitlines()]
    if config.description:
        lines.append(f"description = {toml_value(config.description)}")
    for spec in config.specs:
        lines += ["", f"[[{spec.slot}]]" if spec.slot in LISTS else f"[{spec.slot}]"]
        lines += _stage_lines(spec, note)
    for selector, flat in _overrides(config).items():
        lines += ["", f"[books.{toml_key(selector)}]"]
        lines += [
            _line(place, value, note(f"books.{selector}.{place}", origin))
            for place, (value, origin) in flat.items()
        ]
    return "\n".join(lines) + "\n"


def _stage_lines(spec: StageSpec, note: Note) -> Iterator[str]:
    for name, value in stage_table(spec).items():
        setting = spec.options.get(name)
        place = f"{spec.path}.{name}"
        origin = spec.origin if setting is None else setting.origin
        told = "" if name == "name" else note(place, origin)
        if isinstance(value, Mapping):
            # Its own numbers may have been tried one by one.
            inner = (note(f"{place}.{key}", "") for key in value)
            told = "; ".join(filter(None, (told, *inner)))
        yield _line(name, value, told)


def _line(key: str, value: Any, told: str) -> str:
    text = f"{key} = {toml_value(value)}"
    return f"{text}  # {told}" if told else text


def _overrides(config: Config) -> dict[str, dict[str, tuple[float, str]]]:
    found: dict[str, dict[str, tuple[float, str]]] = {}
    for told in config.overrides:
        found.setdefault(told.selector, {})[f"{told.path}.{told.option}"] = (told.value, told.origin)
    return found
