"""`obmm stages`."""

from __future__ import annotations

from typing import Any

import attrs

from obmm.cli._errors import UsageError
from obmm.cli._output import console, print_json, table


def stages(name: str | None = None, *, json: bool = False) -> None:
    """List every stage that a configuration may name: ours, and those of installed packages.

    With a name, its description, formula and options follow, with defaults and units.

    Parameters
    ----------
    name
        A stage's name, such as `imbalance`, or `module:Class` for one of your own.
    json
        Print JSON for machines.
    """
    import obmm.agent  # noqa: F401  registers the stages
    from obmm.agent.errors import did_you_mean
    from obmm.market.stages import GROUPS, find, registered

    found = [(group, kind, cls) for group in GROUPS for kind, cls in sorted(registered(group).items())]
    if name is not None:
        found = [entry for entry in found if entry[1] == name]
        if not found and ":" in name:
            found = [("stages", name, find("signals", name))]
        if not found:
            known = [kind for group in GROUPS for kind in registered(group)]
            raise UsageError(f"no stage is called {name!r}; {did_you_mean(name, known)}")
    if json:
        print_json([_described(*entry) for entry in found])
        return
    out = console()
    if name is None:
        for group in GROUPS:
            rows: list[tuple[str, ...]] = [
                (kind, _headline(cls), str(getattr(cls, "unit", ""))) for g, kind, cls in found if g == group
            ]
            out.print(table(group.capitalize(), ("name", "what it does", "unit"), rows, text_columns=3), "")
        out.print("`obmm stages NAME` prints the options of one.")
        return
    for group, kind, cls in found:
        out.print(f"[bold]{kind}[/bold] ({group[:-1] if group.endswith('s') else group})\n")
        out.print(_prose(cls), markup=False)
        options = _options(cls)
        lines = [(o["name"], o["default"], o["unit"], o["help"]) for o in options]
        out.print("", table("Options", ("name", "default", "unit", "meaning"), lines, text_columns=4))


def _described(group: str, kind: str, cls: type) -> dict[str, Any]:
    return {
        "group": group,
        "name": kind,
        "class": f"{cls.__module__}:{cls.__qualname__}",
        "what": _headline(cls),
        "unit": getattr(cls, "unit", ""),
        "source": getattr(cls, "source", ""),
        "options": _options(cls),
    }


def _options(cls: type) -> list[dict[str, str]]:
    if not attrs.has(cls):
        return []
    return [
        {
            "name": f.name,
            "default": _default(f),
            "unit": f.metadata.get("unit", ""),
            "help": f.metadata.get("help", ""),
        }
        for f in attrs.fields(cls)
        if f.init
    ]


def _default(field: attrs.Attribute[Any]) -> str:
    if field.default is attrs.NOTHING:
        return "required"
    if isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]
        return "made anew"
    return str(field.default)


def _headline(cls: type) -> str:
    return (cls.__doc__ or "").strip().partition("\n")[0]


def _prose(cls: type) -> str:
    """The docstring up to its examples."""
    import inspect

    return inspect.cleandoc(cls.__doc__ or "").partition(">>>")[0].rstrip()
