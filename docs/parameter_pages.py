"""The page on parameters, from the code: every option of every stage with unit, range and meaning."""

from __future__ import annotations

import math
import typing
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import attrs

from obmm.cli._output import spelt
from obmm.lab.tune.ranges import Choice, range_around
from obmm.settings.registry import GROUPS, name_of, registered

#: What is farther out is no bound that anybody meets.
NO_BOUND = 1e9


def pages() -> Iterator[str]:
    """Lines of Markdown."""
    import_module("obmm.agent")  # Our own stages register themselves when their rooms are imported.
    for group in GROUPS:
        yield from ("", f"## {group.capitalize()}")
        for kind, cls in sorted(registered(group).items()):
            if not cls.__module__.startswith("obmm."):
                continue
            yield from ("", f"### `{kind}`", "", _cell((cls.__doc__ or "").strip().partition("\n")[0]))
            rows = list(_rows(cls))
            if rows:
                yield from ("", "| option | default | unit | admits | tried | meaning |", f"|{' --- |' * 6}")
                yield from rows


def _rows(cls: type) -> Iterator[str]:
    if not attrs.has(cls):
        return
    hints = typing.get_type_hints(cls)
    for field in attrs.fields(cls):
        if field.init:
            default = _default(field)
            cells = (
                f"`{field.name}`",
                _shown(default),
                field.metadata.get("unit", ""),
                _admitted(field, hints.get(field.name)),
                _tried(cls, field, default),
                field.metadata.get("help", ""),
            )
            yield f"| {' | '.join(map(_cell, cells))} |"


def _default(field: attrs.Attribute[Any]) -> Any:
    make = getattr(field.default, "factory", None)
    return field.default if make is None else make()


def _shown(value: Any) -> str:
    if value is attrs.NOTHING:
        return "required"
    return name_of("builders", type(value)) if attrs.has(type(value)) else spelt(value)


def _admitted(field: attrs.Attribute[Any], hint: Any) -> str:
    """What an option may be."""
    if typing.get_origin(hint) is typing.Literal:
        return ", ".join(map(str, typing.get_args(hint)))
    if hint is bool:
        return "true, false"
    low, high = (
        bound if abs(bound) < NO_BOUND else math.copysign(math.inf, bound)
        for bound in field.metadata.get("bounds", (-math.inf, math.inf))
    )
    if math.isfinite(low) and math.isfinite(high):
        return f"{low:g} to {high:g}"
    if math.isfinite(low):
        return f"from {low:g}"
    return f"up to {high:g}" if math.isfinite(high) else ""


def _tried(cls: type, field: attrs.Attribute[Any], default: Any) -> str:
    """Where a search looks that nobody told where."""
    if default is attrs.NOTHING or isinstance(default, (str, bool)) or not isinstance(default, (int, float)):
        return ""
    found = range_around(cls, field.name, default, {})
    return "" if found is None or isinstance(found, Choice) else str(found)


def _cell(text: Any) -> str:
    return str(text).replace("|", "\\|")
