"""What a search may change: dimensions, each an option of a stage, its kind, or whether it is there."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import attrs

from obmm.agent import Config, ConfigError, Problem
from obmm.agent.config import LISTS, Setting, StageSpec
from obmm.agent.pipeline import plan
from obmm.lab.tune.ranges import Choice, Range
from obmm.settings.structure import option_names

#: What a search decides of a stage beside its options.
KIND, ENABLED = "kind", "enabled"


@attrs.frozen(kw_only=True)
class Dimension:
    """One thing that a search may change.

    Attributes:
        place: Where a file says it: `builder.target_spread_bps`, `signals.lean.weights.imbalance`,
            `builder.kind`, `gates.volatility.enabled`.
        path: The stage.
        option: Its option; `kind` or `enabled` where that is decided.
        key: Of an option that is a table, whose number it is.
        within: What is tried.
        origin: Who said so.
        only: Other places and their values under which it means anything: there is nothing to choose for a
            kind of builder that is not taken.
        start: The value before the search, if the stage has this option then.
    """

    place: str
    path: str
    option: str
    key: str = ""
    within: Range | Choice
    origin: str
    only: Mapping[str, frozenset[Any]] = attrs.field(factory=dict)
    start: Any = None

    def means(self, values: Mapping[str, Any]) -> bool:
        """Whether it means anything beside `values`."""
        return all(values.get(place) in good for place, good in self.only.items())

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values at its ends, or all of them."""
        if isinstance(self.within, Choice):
            return self.within.values
        ends = (self.within.low, self.within.high)
        return tuple(map(int, ends)) if self.within.whole else ends

    def rounded(self, value: Any) -> Any:
        """A number of the range as a person would say it: four digits, never outside."""
        if isinstance(self.within, Choice) or self.within.whole or self.within.step is not None:
            return value
        return min(max(float(f"{value:.4g}"), self.within.low), self.within.high)


@attrs.frozen(kw_only=True)
class Space:
    """Everything that a search may change of a configuration.

    Attributes:
        base: The configuration before the search.
        dimensions: What may be changed, what others depend on first.
        kinds: Stages by path and kind, for the kinds that may be chosen.
    """

    base: Config
    dimensions: tuple[Dimension, ...]
    kinds: Mapping[tuple[str, str], StageSpec] = attrs.field(factory=dict)

    @property
    def start(self) -> dict[str, Any]:
        """The values that the configuration has before the search."""
        return self.filled({d.place: d.start for d in self.dimensions if d.start is not None})

    def filled(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """`values`, less those that mean nothing beside the others."""
        told: dict[str, Any] = {}
        for dimension in self.dimensions:
            if dimension.place in values and dimension.means(told):
                told[dimension.place] = values[dimension.place]
        return told

    def candidate(self, values: Mapping[str, Any], name: str) -> Config:
        """The configuration with `values` by place, every part of it checked.

        Raises:
            ConfigError: Together they make none.
        """
        specs: dict[str, StageSpec | None] = {spec.path: spec for spec in self.base.specs}
        origin = f"{name} of the search"
        for dimension in self.dimensions:
            if dimension.place not in values:
                continue
            value = values[dimension.place]
            if dimension.option == ENABLED:
                if not value:
                    specs[dimension.path] = None
            elif dimension.option == KIND and (dimension.path, value) in self.kinds:
                specs[dimension.path] = self.kinds[dimension.path, value]
        for dimension in self.dimensions:
            top = _top(dimension.path)
            spec = specs[top]
            if dimension.place in values and dimension.option not in (KIND, ENABLED) and spec is not None:
                specs[top] = _changed(spec, dimension, values[dimension.place], origin)
        there = [spec for spec in specs.values() if spec is not None]
        config = attrs.evolve(
            self.base,
            name=name,
            signals=tuple(s for s in there if s.slot == "signals"),
            gates=tuple(s for s in there if s.slot == "gates"),
            builder=next(s for s in there if s.slot == "builder"),
            placer=next(s for s in there if s.slot == "placer"),
        )
        _keeps_books(config)
        config.as_table()
        plan(config)
        return config

    def problem(self, dimension: Dimension, value: Any) -> str:
        """Why a dimension cannot have a value, with all others as they were; empty if it can."""
        values = {place: sorted(good, key=repr)[-1] for place, good in dimension.only.items()}
        try:
            self.candidate({**values, dimension.place: value}, "a trial")
        except ConfigError as error:
            return error.problems[0].what
        return ""


def _top(path: str) -> str:
    """The path of the stage in the pipeline that `path` is, or is a part of."""
    slot, *names = path.split(".")
    return ".".join([slot, *names[:1]]) if slot in LISTS else slot


def _keeps_books(config: Config) -> None:
    """Refuse a configuration that lacks an option which some books have values of their own for."""
    able = {(spec.path, name) for spec in config.all_specs for name in option_names(spec.cls)}
    lost = [o for o in config.overrides if (o.path, o.option) not in able]
    if lost:
        what = "is said of some books, and would not be there: leave the one or the other out"
        raise ConfigError([Problem(f"books.{o.selector}.{o.path}.{o.option}", what) for o in lost])


def _changed(spec: StageSpec, dimension: Dimension, value: Any, origin: str) -> StageSpec:
    """A stage with an option of it, or of one of its parts, changed."""
    if spec.path == dimension.path:
        if dimension.key:
            table = spec.options[dimension.option].value if dimension.option in spec.options else {}
            value = {**table, dimension.key: value}
        options = {**spec.options, dimension.option: Setting(copy.copy(value), origin)}
        return attrs.evolve(spec, options=options)
    parts = {
        name: _changed(part, dimension, value, origin)
        if dimension.path == part.path or dimension.path.startswith(f"{part.path}.")
        else part
        for name, part in spec.parts.items()
    }
    return attrs.evolve(spec, parts=parts)
