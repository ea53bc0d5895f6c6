"""`obmm config`."""

from __future__ import annotations

from typing import Annotated, Any

import attrs
from cyclopts import App, Parameter

from obmm.cli._output import console, print_json, table

config = App(name="config", help="Print a resolved configuration with the origin of each value.")


@config.command
def explain(
    source: str = "balanced",
    *,
    set: Annotated[list[str], Parameter(negative="")] = [],  # noqa: B006  cyclopts reads the default
    json: bool = False,
) -> None:
    """Print every value of a configuration and where it came from.

    Parameters
    ----------
    source
        A preset's name or a TOML file.
    set
        `name=value`, as often as needed: an option's name, or its path such as
        `gates.inventory.max_inventory_pct`.
    json
        Print JSON for machines.
    """
    from obmm.agent import resolve
    from obmm.agent.pipeline import plan

    resolved = resolve(source, set)
    needs = plan(resolved)
    rows = [row for spec in resolved.specs for row in _rows(spec)]
    rows += [
        (f"books.{o.selector}.{o.path}.{o.option}", _shown(o.value), "", o.origin) for o in resolved.overrides
    ]
    if json:
        print_json(
            {
                "name": resolved.name,
                "hash": resolved.hash,
                "feeds": sorted(feed.value for feed in needs.feeds),
                "warmup_s": needs.warmup_s,
                "signal_order": [spec.name for spec in needs.order],
                "values": [dict(zip(("path", "value", "unit", "origin"), row, strict=True)) for row in rows],
                "config": resolved.as_table(),
            }
        )
        return
    out = console()
    out.print(f"[bold]{resolved.name}[/bold]  hash {resolved.hash}")
    out.print(resolved.description)
    feeds = ", ".join(sorted(feed.value for feed in needs.feeds)) or "books only"
    out.print(
        f"warm after {needs.warmup_s:g} s; reads {feeds}; "
        f"signals in order: {', '.join(spec.name for spec in needs.order)}\n"
    )
    out.print(table("Values", ("path", "value", "unit", "from"), rows, text_columns=4))
    for assignment in resolved.assign:
        out.print(f"\nbooks {assignment.selector}: {assignment.config.name}  hash {assignment.config.hash}")


def _rows(spec: Any) -> list[tuple[str, str, str, str]]:
    stage = spec.build()
    rows = [(f"{spec.path}.kind", spec.kind, "", spec.origin)]
    for field in attrs.fields(spec.cls):
        if field.init:
            setting = spec.options.get(field.name)
            origin = setting.origin if setting else "default"
            rows.append(
                (
                    f"{spec.path}.{field.name}",
                    _shown(getattr(stage, field.name)),
                    field.metadata.get("unit", ""),
                    origin,
                )
            )
    return rows


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
