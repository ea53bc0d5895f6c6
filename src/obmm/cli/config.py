"""`obmm config`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import attrs
from cyclopts import App
from rich.text import Text

from obmm.cli._output import console, print_json, spelt, table
from obmm.cli._parameters import Flag, Set

if TYPE_CHECKING:
    from obmm.agent import StageSpec

config = App(name="config", help="Print a resolved configuration with the origin of each value.")


@config.command
def explain(source: str = "balanced", /, *, set: Set = (), json: Flag = False) -> None:
    """Print every value of a configuration and where it came from.

    What a file or a `--set` does not say comes from what it extends, and else is a stage's own default. The
    hash changes when anything that matters changes, and every result carries it.

        obmm config explain balanced
        obmm config explain my.toml --set max_inventory_pct=0.2 --set gates.fees.min_edge_bps=1

    Args:
        source: A preset's name or a TOML file.
        set: `name=value`, as often as needed: an option's name, or its path such as
            `gates.inventory.max_inventory_pct`.
        json: Print JSON for machines.
    """
    from obmm.agent import OBJECTIVES, resolve
    from obmm.agent.pipeline import plan

    resolved = resolve(source, set)
    needs = plan(resolved)
    if json:
        values = [
            {"path": f"{spec.path}.{name}", "value": value, "unit": unit, "origin": origin}
            for spec in resolved.specs
            for name, value, unit, origin in _values(spec)
        ]
        values += [
            {
                "path": f"books.{o.selector}.{o.path}.{o.option}",
                "value": o.value,
                "unit": "",
                "origin": o.origin,
            }
            for o in resolved.overrides
        ]
        print_json(
            {
                "name": resolved.name,
                "description": resolved.description,
                "hash": resolved.hash,
                "objective": resolved.objective,
                "choices": {name: config.hash for name, config in resolved.choices.items()},
                "feeds": sorted(feed.value for feed in needs.feeds),
                "warmup_s": needs.warmup_s,
                "signal_order": [spec.name for spec in needs.order],
                "values": values,
                "config": resolved.as_table(),
            }
        )
        return
    out = console()
    out.print(f"[bold]{resolved.name}[/bold]  hash {resolved.hash}")
    if resolved.description:
        out.print(resolved.description, markup=False)
    if resolved.objective:
        words = OBJECTIVES.get(resolved.objective, "what the venue pays")
        out.print(f"plays for {resolved.objective}: {words}", markup=False)
    for name, choice in resolved.choices.items():
        out.print(f"  {name}: {choice.description}  hash {choice.hash}", markup=False)
    if resolved.choices:
        out.print(
            "What follows are the stages for money; `obmm config explain sharpe` tells those of another."
        )
    feeds = ", ".join(sorted(feed.value for feed in needs.feeds)) or "books only"
    out.print(
        f"warm after {needs.warmup_s:g} s; reads {feeds}; "
        f"signals in order: {', '.join(spec.name for spec in needs.order)}\n"
    )
    columns = ("stage and option", "value", "unit", "from")
    out.print(table("", columns, _lines(resolved.specs), text_columns=4), "")
    if resolved.overrides:
        rows = [
            (f"books.{o.selector}", f"{o.path}.{o.option}", spelt(o.value), o.origin)
            for o in resolved.overrides
        ]
        out.print(table("Books of their own", ("books", "option", "value", "from"), rows, text_columns=4), "")
    for assignment in resolved.assign:
        out.print(f"books {assignment.selector}: {assignment.config.name}  hash {assignment.config.hash}")


def _lines(specs: Iterable[StageSpec]) -> Iterator[tuple[str | Text, ...]]:
    """A line with the kind of each stage, and one for each of its options."""
    for spec in specs:
        (_, kind, _, origin), *options = _values(spec)
        yield Text(spec.path, style="bold"), kind, "", origin.partition(": ")[0]
        for name, value, unit, origin in options:
            yield f"  {name}", spelt(value), unit, origin


def _values(spec: StageSpec) -> list[tuple[str, Any, str, str]]:
    """Name, value, unit and origin of a stage's kind and of its options."""
    stage = spec.build()
    rows: list[tuple[str, Any, str, str]] = [("kind", spec.kind, "", spec.origin)]
    for field in attrs.fields(spec.cls):
        if field.init:
            setting = spec.options.get(field.name)
            origin = setting.origin if setting else "default"
            unit = field.metadata.get("unit", "")
            rows.append((field.name, getattr(stage, field.name), unit, origin))
    return rows
