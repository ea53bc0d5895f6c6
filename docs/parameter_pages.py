"""The page on parameters, from the code: every option of every stage with unit, range and meaning."""

from __future__ import annotations

import json
import math
import typing
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs

from obmm.cli._output import spelt
from obmm.lab.tune.ranges import Choice, range_around
from obmm.settings.registry import GROUPS, name_of, registered

#: What options were seen to do, made by `benchmarks/worth_tables.py --effects`.
EFFECTS = Path(__file__).parent / "strategy" / "effects.json"
#: What is farther out is no bound that anybody meets.
NO_BOUND = 1e9


def pages() -> Iterator[str]:
    """Lines of Markdown."""
    import_module("obmm.agent")  # Our own stages register themselves when their rooms are imported.
    known = json.loads(EFFECTS.read_text(encoding="utf-8")) if EFFECTS.is_file() else []
    for group in GROUPS:
        yield from ("", f"## {group.capitalize()}")
        for kind, cls in sorted(registered(group).items()):
            if not cls.__module__.startswith("obmm."):
                continue
            yield from ("", f"### `{kind}`", "", _cell((cls.__doc__ or "").strip().partition("\n")[0]))
            effects = [row for row in known if row["kind"] == kind]
            rows = list(_rows(cls, effects))
            if rows:
                heads = ["option", "default", "unit", "admits", "tried", "meaning"]
                heads += ["seen"] if effects else []
                yield from ("", f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}")
                yield from rows


def _rows(cls: type, effects: list[dict[str, Any]]) -> Iterator[str]:
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
                *([_seen(row for row in effects if row["option"] == field.name)] if effects else []),
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


def _seen(effects: Iterator[dict[str, Any]]) -> str:
    """What an option did, preset by preset and field by field."""
    told: dict[tuple[str, ...], list[str]] = {}
    for row in effects:
        head = row["preset"], row["hash"], row["field"], row["metric"], spelt(row["from"])
        settled = row["low"] > 0.0 or row["high"] < 0.0
        what = f"{row['mean']:+.3g} ({row['low']:+.3g} to {row['high']:+.3g})" if settled else "cannot tell"
        if row["low"] == row["high"] == 0.0:
            what = "nothing"
        told.setdefault(head, []).append(f"at {spelt(row['to'])} {what}")
    return "; ".join(
        f"`{preset}` {digest} on {field}, {metric}, {start} there: {', '.join(found)}"
        for (preset, digest, field, metric, start), found in told.items()
    )


def _cell(text: Any) -> str:
    return str(text).replace("|", "\\|")
