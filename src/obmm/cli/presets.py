"""`obmm presets`."""

from __future__ import annotations

from obmm.cli._output import console, print_json, table
from obmm.cli._parameters import Flag


def presets(name: str | None = None, /, *, json: Flag = False) -> None:
    """List the presets that ship with obmm, or print the TOML of one.

    A preset is a complete configuration. Build on one with `extends = "balanced"` at the head of a file of
    your own, or change single values on the command line.

        obmm presets
        obmm presets balanced
        obmm simulate --preset balanced --set target_spread_bps=12

    What every value of one comes to, with units, is printed by `obmm config explain`.

    Args:
        name: Print this preset's TOML instead of the list.
        json: Print JSON for machines.
    """
    from obmm.agent import preset_names, preset_text, resolve

    if name is not None:
        text = preset_text(name)
        if json:
            config = resolve(name)
            print_json({"name": name, "hash": config.hash, "toml": text, "config": config.as_table()})
        else:
            print(text, end="")
        return
    configs = {preset: resolve(preset) for preset in preset_names()}
    if json:
        print_json({preset: {"description": c.description, "hash": c.hash} for preset, c in configs.items()})
        return
    rows = [(preset, c.description, c.builder.kind, c.hash) for preset, c in configs.items()]
    console().print(table("Presets", ("name", "what it is for", "builder", "hash"), rows, text_columns=4))
