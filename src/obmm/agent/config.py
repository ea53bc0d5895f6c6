"""A resolved configuration: every stage with all that was decided about it, and a hash."""

from __future__ import annotations

import datetime
import enum
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from obmm.agent.objective import paid_by
from obmm.market import PerBook, Venue
from obmm.settings import ConfigError, Problem
from obmm.settings.books import select_books
from obmm.settings.structure import structure
from obmm.settings.travel import Packed, pack, unpack

#: Sections of a configuration that hold several stages, and those that hold one.
LISTS, SINGLE = ("signals", "gates"), ("builder", "placer")


@attrs.frozen
class Setting:
    """A value and where it came from."""

    value: Any
    origin: str


@attrs.frozen
class StageSpec:
    """One stage of a pipeline, or a part of one, before it is built.

    Attributes:
        path: How error messages and overrides name it: `gates.inventory`, `builder`, `builder.around`.
        kind: Registered name or `module:Class`.
        cls: The stage class.
        options: Options given, with origins; the others keep the class's defaults.
        origin: Where the kind was chosen.
        parts: Stages that this one holds as options.
        source: Digest of the code of a stage of the user's own; empty for ours.
    """

    path: str
    kind: str
    cls: type
    options: Mapping[str, Setting]
    origin: str
    parts: Mapping[str, StageSpec] = attrs.field(factory=dict)
    source: str = ""

    @property
    def slot(self) -> str:
        """The section it stands in: "signals", "gates", "builder" or "placer"."""
        return self.path.partition(".")[0]

    @property
    def name(self) -> str:
        """Its name in the pipeline."""
        return self.path.partition(".")[2] or self.path

    def __reduce__(self) -> tuple[Any, ...]:
        # A class of the user's goes along; one that is installed must be the same there.
        told = {f.name: getattr(self, f.name) for f in attrs.fields(type(self)) if f.name != "cls"}
        return _arrived, (told, pack(self.cls))

    def walk(self) -> Iterator[StageSpec]:
        """This stage and its parts."""
        yield self
        for part in self.parts.values():
            yield from part.walk()

    def build(self, per_book: Mapping[tuple[str, str], PerBook] | None = None) -> Any:
        """A new instance of the stage, with the values of `per_book`, by path and option, over its own.

        Raises:
            ConfigError: The class refuses now what it took when the configuration was resolved.
        """
        parts = {name: part.build(per_book) for name, part in self.parts.items()}
        stage, wrong = structure({name: s.value for name, s in self.options.items()} | parts, self.cls)
        if wrong:
            raise ConfigError([Problem(f"{self.origin}: {self.path}", what) for _, what in wrong])
        changed = {name: value for (path, name), value in (per_book or {}).items() if path == self.path}
        return attrs.evolve(stage, **changed) if changed else stage


def _arrived(told: Mapping[str, Any], packed: Packed) -> StageSpec:
    """A stage that came from another process.

    Raises:
        ConfigError: Its code is not there, or says something else.
    """
    return StageSpec(cls=unpack(packed), **told)


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

    selector: str | int | list[int | str]
    config: Config


@attrs.frozen
class Config:
    """A resolved configuration: every stage of a pipeline with all that was decided about it.

    Attributes:
        name: Where it came from.
        signals: Stages that look.
        gates: Stages that allow.
        builder: The stage that wishes.
        placer: The stage that places.
        overrides: Options that differ on some books.
        assign: Pipelines that run some of the books.
        description: What it is for, in a line.
        objective: What it plays for (`obmm.agent.objective`); "" where it does not say. Under "auto" the
            venue decides among `choices`, and the stages told here are those for money.
        choices: Under "auto", what is played for → the configuration.

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
    objective: str = ""
    choices: Mapping[str, Config] = attrs.field(factory=dict)

    @property
    def specs(self) -> tuple[StageSpec, ...]:
        """All stages, in the order of the flow."""
        return (*self.signals, *self.gates, self.builder, self.placer)

    @property
    def all_specs(self) -> tuple[StageSpec, ...]:
        """All stages, each followed by its parts."""
        return tuple(part for spec in self.specs for part in spec.walk())

    def at(self, venue: Venue) -> Config:
        """The configuration that runs on a venue: itself, unless the venue is to choose.

        >>> from obmm.agent import resolve
        >>> resolve("touch").at(Venue.of(1)).name
        'preset touch'
        """
        return self.choices[paid_by(venue, self.choices).objective] if self.choices else self

    def spec(self, path: str) -> StageSpec:
        """The stage at `path`, such as `gates.inventory` or `builder`.

        Raises:
            KeyError: There is none.
        """
        for spec in self.all_specs:
            if spec.path == path:
                return spec
        raise KeyError(path)

    def per_book(self, venue: Venue) -> dict[tuple[str, str], PerBook]:
        """Options (B,) that differ between books of a venue, by path and option."""
        values: dict[tuple[str, str], PerBook] = {}
        for override in self.overrides:
            key = (override.path, override.option)
            if key not in values:
                base = getattr(self.spec(override.path).build(), override.option)
                values[key] = np.broadcast_to(base, venue.book_ids.shape).astype(np.float64)
            chosen = select_books(override.selector, venue.book_ids, venue.asset_class)
            values[key] = np.where(chosen, override.value, values[key])
        return values

    def settled_s(self, whole_s: float, venue: Venue) -> PerBook:
        """Seconds after which all signals of a book have settled: those that the whole pipeline takes."""
        return whole_s

    def idle(self, venue: Venue) -> list[Problem]:
        """Settings that name none of a venue's books, each told once.

        What a preset says of a class of assets is for the venues that have it.
        """
        named: list[tuple[str, str | int | list[int | str]]] = [
            (f"{override.origin}: books.{override.selector}", override.selector)
            for override in self.overrides
            if not override.origin.startswith("preset ")
        ]
        named += [(f"{self.name}: assign", assignment.selector) for assignment in self.assign]
        text = f"names none of the {venue.n_books} books"
        return [
            Problem(where, text)
            for where, selector in dict(named).items()
            if not np.any(select_books(selector, venue.book_ids, venue.asset_class))
        ]

    def as_table(self) -> dict[str, Any]:
        """Everything that decides what the agent does, as plain values: what the hash is made of.

        Raises:
            ConfigError: A stage holds an option that no file could say, such as a function.
        """
        table: dict[str, Any] = {
            "stages": [[spec.path, spec.kind, plain_options(spec.build(), spec)] for spec in self.specs],
            "books": [[o.selector, o.path, o.option, o.value] for o in self.overrides],
        }
        sources = {spec.path: spec.source for spec in self.all_specs if spec.source}
        if sources:
            table["sources"] = sources
        if self.choices:
            return {"choices": {name: config.as_table() for name, config in self.choices.items()}}
        if self.assign:
            table["assign"] = [[a.selector, a.config.as_table()] for a in self.assign]
        return table

    def same_as(self, other: Config) -> frozenset[str]:
        """Paths of the stages that are the same in both: class, code, options, and what differs on books."""
        mine, theirs = self._told(), other._told()
        return frozenset(path for path, told in mine.items() if theirs.get(path) == told)

    def _told(self) -> dict[str, list[Any]]:
        """Path → all that decides what the stage there does."""
        return {
            spec.path: [
                spec.cls,
                plain_options(spec.build(), spec),
                [part.source for part in spec.walk()],
                [
                    (o.selector, o.path, o.option, o.value)
                    for o in self.overrides
                    if o.path in {part.path for part in spec.walk()}
                ],
            ]
            for spec in self.specs
        }

    @property
    def hash(self) -> str:
        """Twelve hex digits that change when anything that matters does, the code of one's own stages too."""
        return hash_of(self.as_table())


def hash_of(table: Mapping[str, Any]) -> str:
    """The hash of the configuration that `Config.as_table` tells."""
    text = json.dumps(table, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def plain_options(stage: Any, spec: StageSpec) -> dict[str, Any]:
    """Options by name; a part that is a stage of its own tells its class as well."""
    table: dict[str, Any] = {}
    for field in attrs.fields(type(stage)):
        if field.init:
            try:
                table[field.name] = _plain(getattr(stage, field.name))
            except TypeError as error:
                origin = spec.options[field.name].origin if field.name in spec.options else spec.origin
                raise ConfigError([Problem(f"{origin}: {spec.path}.{field.name}", str(error))]) from None
    return table


def _plain(value: Any) -> Any:
    """A value as a file could say it.

    Raises:
        TypeError: No file could.
    """
    if value is None or (isinstance(value, (bool, int, float, str)) and type(value).__module__ == "builtins"):
        return value
    if attrs.has(type(value)):
        fields = [f.name for f in attrs.fields(type(value)) if f.init]
        return {"class": type(value).__name__, **{name: _plain(getattr(value, name)) for name in fields}}
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufUS":
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(item) for item in value), key=repr)
    if isinstance(value, (Path, datetime.date, datetime.time)):
        return str(value)
    raise TypeError(
        f"holds a {type(value).__name__}, which cannot be told apart from another: "
        "make the option a number, a text, a flag, or a list or table of them"
    )
