"""A population of other miners under a name, with the number of its version."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

import attrs

from obmm.agent import Config, ConfigError, Problem, preset_names, resolve
from obmm.settings.errors import did_you_mean
from obmm.settings.toml import parse_layer


@attrs.frozen(kw_only=True)
class Field:
    """Who else trades on a market.

    Attributes:
        name: What `--rivals` calls it.
        version: Raised whenever somebody in it changes, so that results of different fields look different.
        description: Who they are, in a line.
        population: What differs from the scenario's own synthetic miners: values of its table `[rivals]`.
        agents: Presets, and agents of the folder `agents` here, each with an account of its own.
        copies: So many copies of the agent that is tried compete with it.

    >>> field_named("heritage").agents
    ('aggressive', 'balanced', 'calm', 'conservative', 'defensive', 'fast')
    """

    name: str
    version: int = attrs.field(validator=attrs.validators.ge(1))
    description: str
    population: Mapping[str, Any] = attrs.field(factory=dict)
    agents: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    copies: int = 0

    def pipelines(self) -> tuple[Config, ...]:
        """The agents, ready to compete."""
        return tuple(resolve(name) if name in preset_names() else _agent(name) for name in self.agents)


def field_names() -> list[str]:
    """Names of the fields that ship with the package.

    >>> "crowd" in field_names()
    True
    """
    folder = resources.files("obmm.lab.fields") / "sets"
    return sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml"))


def field_named(name: str) -> Field:
    """A field of the package.

    Raises:
        ConfigError: There is none of that name.

    >>> field_named("crowd").population
    {'makers': 20}
    """
    if name not in field_names():
        raise ConfigError([Problem(f"field {name}", f"is none; {did_you_mean(name, field_names())}")])
    text = (resources.files("obmm.lab.fields") / "sets" / f"{name}.toml").read_text(encoding="utf-8")
    return Field(name=name, **parse_layer(text, f"field {name}").table)


def _agent(name: str) -> Config:
    text = (resources.files("obmm.lab.fields") / "agents" / f"{name}.toml").read_text(encoding="utf-8")
    return resolve(parse_layer(text, f"rival {name}"))
