"""A resolved configuration: every stage with all that was decided about it, and a hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import attrs

from obmm.settings.structure import structure

#: Sections of a configuration that hold several stages, and those that hold one.
LISTS, SINGLE = ("signals", "gates"), ("builder", "placer")


@attrs.frozen
class Setting:
    """A value and where it came from."""

    value: Any
    origin: str


@attrs.frozen
class StageSpec:
    """One stage of a pipeline before it is built.

    Attributes:
        slot: "signals", "gates", "builder" or "placer".
        name: Its name in the pipeline.
        kind: Registered name or `module:Class`.
        cls: The stage class.
        options: Options given, with origins; the others keep the class's defaults.
        origin: Where the kind was chosen.
    """

    slot: str
    name: str
    kind: str
    cls: type
    options: Mapping[str, Setting]
    origin: str

    @property
    def path(self) -> str:
        """How error messages and overrides name it: `gates.inventory`, `builder`."""
        return f"{self.slot}.{self.name}" if self.slot in LISTS else self.slot

    def build(self) -> Any:
        """A new instance of the stage."""
        stage, _ = structure({name: setting.value for name, setting in self.options.items()}, self.cls)
        return stage


@attrs.frozen
class BookSetting:
    """An option that differs on some books."""

    selector: str
    path: str
    option: str
    value: float
    origin: str


@attrs.frozen
class Assignment:
    """Another pipeline that runs some of the books."""

    selector: str | list[int]
    config: Config


@attrs.frozen
class Config:
    """A resolved configuration: every stage of a pipeline with all that was decided about it.

    >>> from obmm.agent import resolve
    >>> config = resolve("balanced")
    >>> config.spec("builder").kind
    'skewed'
    >>> len(config.hash)
    12
    """

    name: str
    signals: tuple[StageSpec, ...]
    gates: tuple[StageSpec, ...]
    builder: StageSpec
    placer: StageSpec
    overrides: tuple[BookSetting, ...] = ()
    assign: tuple[Assignment, ...] = ()
    description: str = ""

    @property
    def specs(self) -> tuple[StageSpec, ...]:
        """All stages, in the order of the flow."""
        return (*self.signals, *self.gates, self.builder, self.placer)

    def spec(self, path: str) -> StageSpec:
        """The stage at `path`, such as `gates.inventory` or `builder`.

        Raises:
            KeyError: There is none.
        """
        for spec in self.specs:
            if spec.path == path:
                return spec
        raise KeyError(path)

    def as_table(self) -> dict[str, Any]:
        """Everything that decides what the agent does, as plain values: what the hash is made of."""
        table: dict[str, Any] = {
            "stages": [[spec.path, spec.kind, _plain(spec.build())] for spec in self.specs],
            "books": [[o.selector, o.path, o.option, o.value] for o in self.overrides],
        }
        if self.assign:
            table["assign"] = [[a.selector, a.config.as_table()] for a in self.assign]
        return table

    @property
    def hash(self) -> str:
        """Twelve hex digits that change when anything that matters changes."""
        text = json.dumps(self.as_table(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _plain(stage: Any) -> dict[str, Any]:
    """Options by name; a part that is a stage of its own tells its class as well."""
    return {
        field.name: {"class": type(value).__name__, **_plain(value)} if attrs.has(type(value)) else value
        for field in attrs.fields(type(stage))
        if field.init
        for value in (getattr(stage, field.name),)
    }
