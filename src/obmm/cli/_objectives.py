"""What can be played for, by which presets, and with which stages."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from obmm.cli._output import table

if TYPE_CHECKING:
    from obmm.agent import Config

#: What the presets of the first agent are called together; none of them says what it plays for.
OLD = "heritage"


@functools.cache
def _presets() -> dict[str, Config]:
    from obmm.agent import preset_names, resolve

    return {name: resolve(name) for name in preset_names()}


def objectives() -> dict[str, dict[str, Any]]:
    """Objective → `words`, and the `presets` that play for it."""
    from obmm.agent import OBJECTIVES

    return {
        name: {"words": words, "presets": [p for p, config in _presets().items() if config.objective == name]}
        for name, words in OBJECTIVES.items()
    }


def objectives_table() -> Any:
    """The same as a table."""
    rows = [
        (name, told["words"], ", ".join(told["presets"]) or "none yet") for name, told in objectives().items()
    ]
    rows.append(("auto", "what the venue pays, by its version or its layout", "those above, else money"))
    title = 'What a configuration may play for, such as objective = "money"'
    return table(title, ("objective", "what that is", "presets"), rows, text_columns=3)


def presets_with(cls: type) -> list[str]:
    """The presets that a stage is in."""
    return [p for p, config in _presets().items() if any(spec.cls is cls for spec in config.all_specs)]


def played_for_with(cls: type) -> list[str]:
    """What presets with a stage play for; those of the first agent count as one."""
    from obmm.agent import HERITAGE

    found = {OLD if name in HERITAGE else _presets()[name].objective for name in presets_with(cls)}
    return sorted(found, key=lambda one: (one == OLD, one))
