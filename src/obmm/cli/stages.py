"""`obmm stages`."""

from __future__ import annotations

import inspect
import re
import textwrap
import typing
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import attrs

from obmm.cli._errors import UsageError
from obmm.cli._objectives import OLD, objectives, objectives_table, played_for_with, presets_with
from obmm.cli._output import console, print_json, spelt, table
from obmm.cli._parameters import Flag
from obmm.settings.registry import GROUPS, name_of, registered


def stages(name: str | None = None, /, *, objective: str | None = None, json: Flag = False) -> None:
    """List every stage that a configuration may name: ours, and those of installed packages.

    Beside each stands what the presets with it play for, and below what can be played for at all. With a name
    follow its description, formula and options, with defaults and units.

        obmm stages
        obmm stages --objective making
        obmm stages imbalance
        obmm stages my_signal:MySignal

    A stage of your own is looked for in this folder and among the installed packages.

    Args:
        name: A stage's name, or `module:Class` for one of your own.
        objective: List those only that a preset for it is made of: `money`, `making` …; `obmm presets` says
            which presets these are.
        json: Print JSON for machines.
    """
    import_module("obmm.agent")  # our own stages register themselves when their rooms are imported

    found = [(group, kind, cls) for group in GROUPS for kind, cls in sorted(registered(group).items())]
    if name is not None:
        found = _named(name, found)
    if objective is not None:
        found = _for(objective, found)
    if json:
        print_json([_described(*entry) for entry in found])
        return
    out = console()
    if name is None:
        for group in GROUPS:
            rows = [
                (kind, _headline(cls), _played_for(cls), _unit(cls)) for g, kind, cls in found if g == group
            ]
            columns = (
                "name",
                "what it does",
                "in presets for",
                "unit" if any(row[3] for row in rows) else "",
            )
            if rows:
                out.print(table(group.capitalize(), columns, rows, text_columns=4), "")
        out.print(objectives_table(), "")
        out.print("`obmm stages NAME` prints the options of one, `obmm presets NAME` a preset.")
        return
    for group, kind, cls in found:
        out.print(f"[bold]{kind}[/bold] ({group[:-1]})" + (f", {_unit(cls)}" if _unit(cls) else "") + "\n")
        out.print(_prose(cls, min(out.width, 100)), markup=False)
        if source := getattr(cls, "source", ""):
            out.print(f"\nSource: {source}", markup=False)
        if presets := presets_with(cls):
            out.print(f"\nIn the presets {', '.join(presets)}.", markup=False)
        lines = [(o["name"], o["default"], o["unit"], _meaning(o)) for o in _options(cls)]
        out.print("")
        if lines:
            out.print(table("Options", ("name", "default", "unit", "meaning"), lines, text_columns=4), "")
        else:
            out.print("It has no options.\n")


def _named(name: str, found: list[tuple[str, str, type]]) -> list[tuple[str, str, type]]:
    from obmm.lab.stage_target import stage_of
    from obmm.settings.errors import did_you_mean

    if ":" in name:
        group, cls = stage_of(name)
        return [(group, name, cls)]
    entries = [entry for entry in found if entry[1] == name]
    if not entries:
        raise UsageError(f"no stage is called {name!r}; {did_you_mean(name, {e[1] for e in found})}")
    return entries


def _for(objective: str, found: list[tuple[str, str, type]]) -> list[tuple[str, str, type]]:
    from obmm.settings.errors import did_you_mean

    told = objectives()
    if objective not in told:
        raise UsageError(f"--objective {objective!r} is none; {did_you_mean(objective, told)}")
    if not told[objective]["presets"]:
        raise UsageError(f"no preset plays for {objective} yet; `obmm presets` lists what there is")
    return [entry for entry in found if objective in played_for_with(entry[2])]


def _played_for(cls: type) -> str:
    """What the presets with a stage play for, in a few words."""
    known = played_for_with(cls)
    every = [name for name, told in objectives().items() if told["presets"]]
    return "all" if {*known} >= {*every, OLD} else ", ".join(known) or "–"


def _described(group: str, kind: str, cls: type) -> dict[str, Any]:
    return {
        "group": group,
        "name": kind,
        "class": f"{cls.__module__}:{cls.__qualname__}",
        "what": _headline(cls),
        "unit": _unit(cls),
        "source": getattr(cls, "source", ""),
        "presets": presets_with(cls),
        "played_for": played_for_with(cls),
        "options": _options(cls),
    }


def _options(cls: type) -> list[dict[str, Any]]:
    if not attrs.has(cls):
        return []
    hints = typing.get_type_hints(cls)
    return [
        {
            "name": f.name,
            "default": _default(f),
            "unit": f.metadata.get("unit", ""),
            "help": f.metadata.get("help", ""),
            "choices": list(typing.get_args(hints[f.name])) if _is_choice(hints.get(f.name)) else None,
        }
        for f in attrs.fields(cls)
        if f.init
    ]


def _meaning(option: Mapping[str, Any]) -> str:
    choices = option["choices"]
    return str(option["help"]) + (f" ({', '.join(choices)})" if choices else "")


def _is_choice(hint: Any) -> bool:
    return typing.get_origin(hint) is typing.Literal


def _default(field: attrs.Attribute[Any]) -> str:
    if field.default is attrs.NOTHING:
        return "required"
    make = getattr(field.default, "factory", None)
    value = field.default if make is None else make()
    return name_of("builders", type(value)) if attrs.has(type(value)) else spelt(value)


def _unit(cls: type) -> str:
    return str(getattr(cls, "unit", ""))


def _headline(cls: type) -> str:
    return (cls.__doc__ or "").strip().partition("\n")[0]


def _prose(cls: type, width: int) -> str:
    """The docstring without its examples and attributes, in lines of `width`."""
    text = inspect.cleandoc(cls.__doc__ or "").partition(">>>")[0].rstrip()
    told = []
    for block in text.split("\n\n"):
        if block.startswith("Attributes:"):
            continue
        points = re.split(r"\n(?=\* |    )", block)
        told.append("\n".join(_filled(point, width) for point in points))
    return "\n\n".join(told)


def _filled(point: str, width: int) -> str:
    """One point of a list, or a paragraph, in lines of `width` that keep its indent."""
    words = point.strip()
    lead = point[: len(point) - len(point.lstrip())]
    hanging = lead + ("  " if words.startswith("* ") else "")
    return textwrap.fill(" ".join(words.split()), width, initial_indent=lead, subsequent_indent=hanging)
