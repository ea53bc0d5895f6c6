"""`obmm presets`."""

from __future__ import annotations

from obmm.cli._objectives import objectives_table
from obmm.cli._output import console, print_json, table
from obmm.cli._parameters import Flag


def presets(name: str | None = None, /, *, json: Flag = False) -> None:
    """List the presets that ship with obmm, with what each plays for, or print the TOML of one.

    A preset is a complete configuration; `auto` takes the one for what the venue pays. Build on one with
    `extends = "balanced"` at the head of a file of your own, or change single values on the command line.

        obmm presets
        obmm presets balanced
        obmm simulate --preset balanced --set target_spread_bps=12

    What every value of one comes to, with units, is printed by `obmm config explain`.

    Args:
        name: Print this preset's TOML instead of the list.
        json: Print JSON for machines.
    """
    from obmm.agent import AUTO, HERITAGE, preset_names, preset_text, resolve

    if name is not None:
        text = preset_text(name)
        if json:
            config = resolve(name)
            print_json({"name": name, "hash": config.hash, "toml": text, "config": config.as_table()})
        else:
            print(text, end="")
        return
    configs = {preset: resolve(preset) for preset in (AUTO, *preset_names())}
    if json:
        print_json(
            {
                preset: {
                    "description": c.description,
                    "objective": c.objective,
                    "heritage": preset in HERITAGE,
                    "hash": c.hash,
                }
                for preset, c in configs.items()
            }
        )
        return
    out = console()
    for title, names in (
        ("Presets", [preset for preset in configs if preset not in HERITAGE]),
        ("Heritage: the presets of the first agent", [preset for preset in configs if preset in HERITAGE]),
    ):
        rows = [
            (preset, c.objective or "–", c.description, "–" if c.choices else c.builder.kind, c.hash)
            for preset, c in configs.items()
            if preset in names
        ]
        columns = ("name", "plays for", "what it is for", "builder", "hash")
        out.print(table(title, columns, rows, text_columns=5), "")
    out.print(objectives_table())
    out.print(
        "\n`obmm stages --objective NAME` lists what presets for one are made of; docs/strategy tells what "
        "each earned."
    )
