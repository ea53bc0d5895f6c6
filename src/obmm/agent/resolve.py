"""Layers of settings merged into one resolved configuration, with the origin of every value."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

import obmm.execution
import obmm.risk
import obmm.signals
from obmm.agent.config import LISTS, SINGLE, Assignment, BookSetting, Config, Setting, StageSpec
from obmm.agent.sources import chain, preset_layer
from obmm.settings.books import select_books
from obmm.settings.errors import ConfigError, Problem, did_you_mean
from obmm.settings.registry import find
from obmm.settings.structure import option_names, structure
from obmm.settings.toml import Layer, file_layer
from obmm.settings.words import words

#: Importing these rooms makes our own stages known by their names.
ROOMS = (obmm.signals, obmm.risk, obmm.execution)

GROUPS = {"signals": "signals", "gates": "gates", "builder": "builders", "placer": "placers"}
#: Ids for which assignments are held against each other before any venue is known.
_IDS = np.arange(1024)
_TOP = ("extends", "description", *GROUPS, "books", "assign")


def resolve(
    source: str | Path | Layer = "balanced", params: Mapping[str, Any] | Iterable[str] = ()
) -> Config:
    """The configuration of a preset name, a TOML file or a layer, with `k=v` parameters on top.

    Args:
        source: A preset's name, a path ending in `.toml`, or a parsed layer.
        params: `name=value` words or a mapping of them. A name is a path such as
            `gates.inventory.max_inventory_pct`, or just the option's name where one stage alone has it.

    Raises:
        ConfigError: With everything that is wrong, each with its place.

    >>> resolve("balanced", ["max_inventory_pct=0.1"]).spec("gates.inventory").build().max_inventory_pct
    0.1
    >>> resolve("balancd")
    Traceback (most recent call last):
    obmm.settings.errors.ConfigError: the configuration has 1 problem
      preset: no preset is called 'balancd': did you mean 'balanced'? (a file of your own ends in .toml)
    """
    if isinstance(source, Layer):
        layer = source
    elif str(source).endswith(".toml"):
        layer = file_layer(Path(source))
    else:
        layer = preset_layer(str(source))
    draft = _Draft(layer.origin)
    for part in chain(layer):
        draft.merge(part)
    draft.apply(params if isinstance(params, Mapping) else list(params))
    return draft.finish()


@attrs.define
class _Slot:
    """A stage while layers are being merged."""

    kind: Setting
    options: dict[str, Setting] = attrs.field(factory=dict)


@attrs.define
class _Draft:
    """A configuration in the making; problems are gathered, not raised."""

    name: str
    stages: dict[tuple[str, str], _Slot] = attrs.field(factory=dict)
    books: list[tuple[str, dict[str, Any], str]] = attrs.field(factory=list)
    assign: tuple[list[Any], Layer] | None = None
    description: str = ""
    problems: list[Problem] = attrs.field(factory=list)

    def merge(self, layer: Layer) -> None:
        """Lay one source over what is there."""
        origin = layer.origin
        if layer.folder is not None and str(layer.folder) not in sys.path:
            # A stage of one's own lies beside the file that names it.
            sys.path.append(str(layer.folder))
        for key in layer.table:
            if key not in _TOP:
                self._wrong(f"{origin}: {key}", f"unknown section; {did_you_mean(key, _TOP)}")
        self.description = str(layer.table.get("description", ""))
        for slot in LISTS:
            entries = layer.table.get(slot, [])
            if not isinstance(entries, list):
                self._wrong(f"{origin}: {slot}", f"is a list: write [[{slot}]]")
                continue
            for i, entry in enumerate(entries):
                self._stage(slot, entry, f"{origin}: {slot}[{i}]", origin)
        for slot in SINGLE:
            if slot in layer.table:
                self._stage(slot, layer.table[slot], f"{origin}: {slot}", origin)
        books = layer.table.get("books", {})
        if not isinstance(books, dict):
            self._wrong(f"{origin}: books", "is a table: write [books.7]")
        else:
            self.books += [(selector, table, origin) for selector, table in books.items()]
        if "assign" in layer.table:
            self.assign = (layer.table["assign"], layer)

    def apply(self, params: Mapping[str, Any] | list[str]) -> None:
        """Set single options by path or by name."""
        for name, value in words(params):
            origin = f"parameter {name}"
            found = self._places(name)
            if len(found) == 1:
                slot, option = found[0]
                slot.options[option] = Setting(value, origin)
            elif found:
                paths = ", ".join(sorted(f"{_path(key)}.{name}" for key in self._holders(name)))
                self._wrong(origin, f"several stages have it; write one of {paths}")
            else:
                known = {option for key in self.stages for option in self._options(key)}
                self._wrong(
                    origin, f"no stage has this option; {did_you_mean(name.rpartition('.')[2], known)}"
                )

    def finish(self) -> Config:
        """The resolved configuration.

        Raises:
            ConfigError: Something was wrong in any layer.
        """
        for slot in SINGLE:
            if not any(key[0] == slot for key in self.stages):
                self._wrong(f"{self.name}: {slot}", "is missing")
        specs = [spec for key, slot in self.stages.items() if (spec := self._spec(key, slot)) is not None]
        overrides = [o for books in self.books for o in self._overrides(*books, specs)]
        assign = list(self._assignments())
        if self.problems:
            raise ConfigError(self.problems)
        return Config(
            name=self.name,
            signals=tuple(s for s in specs if s.slot == "signals"),
            gates=tuple(s for s in specs if s.slot == "gates"),
            builder=next(s for s in specs if s.slot == "builder"),
            placer=next(s for s in specs if s.slot == "placer"),
            overrides=tuple(overrides),
            assign=tuple(assign),
            description=self.description,
        )

    def _wrong(self, where: str, what: str) -> None:
        self.problems.append(Problem(where, what))

    def _stage(self, slot: str, entry: Any, where: str, origin: str) -> None:
        if not isinstance(entry, dict):
            self._wrong(where, "is a table")
            return
        options = {
            name: Setting(v, origin) for name, v in entry.items() if name not in ("kind", "name", "enabled")
        }
        kind = entry.get("kind")
        name = str(entry.get("name", kind)) if slot in LISTS else slot
        known = self.stages.get((slot, name))
        if kind is None and known is None:
            have = [key[1] for key in self.stages if key[0] == slot]
            self._wrong(
                where, f"needs a kind, or the name of a stage of the base: {did_you_mean(name, have)}"
            )
        elif entry.get("enabled", True) is False:
            self.stages.pop((slot, name), None)
        elif known is not None and kind in (None, known.kind.value):
            known.options.update(options)
        else:
            self.stages[slot, name] = _Slot(Setting(kind, where), options)

    def _class(self, key: tuple[str, str]) -> type | None:
        try:
            return find(GROUPS[key[0]], str(self.stages[key].kind.value))
        except LookupError:
            return None

    def _options(self, key: tuple[str, str]) -> list[str]:
        cls = self._class(key)
        return option_names(cls) if cls is not None and attrs.has(cls) else []

    def _holders(self, option: str) -> list[tuple[str, str]]:
        return [key for key in self.stages if option in self._options(key)]

    def _places(self, name: str) -> list[tuple[_Slot, str]]:
        if "." not in name:
            return [(self.stages[key], name) for key in self._holders(name)]
        path, _, option = name.rpartition(".")
        return [(slot, option) for key, slot in self.stages.items() if path in (_path(key), key[1])]

    def _spec(self, key: tuple[str, str], slot: _Slot) -> StageSpec | None:
        try:
            cls = find(GROUPS[key[0]], str(slot.kind.value))
        except LookupError as error:
            self._wrong(f"{slot.kind.origin}.kind", str(error))
            return None
        if not attrs.has(cls):
            self._wrong(
                f"{slot.kind.origin}.kind",
                f"{slot.kind.value!r} is not an attrs class: decorate it with @attrs.define",
            )
            return None
        _, complaints = structure({name: setting.value for name, setting in slot.options.items()}, cls)
        for option, what in complaints:
            head = option.partition(".")[0].partition("[")[0]
            if not option and (named := what.partition(" ")[0].strip("'")) in slot.options:
                # The stage itself refused a value, and names the option first.
                option = head = named
                what = what.partition(" ")[2]
            if head in slot.options:
                self._wrong(f"{slot.options[head].origin}: {_path(key)}.{option}", what)
            else:
                place = "" if slot.kind.origin.endswith(_path(key)) else f": {_path(key)}"
                self._wrong(f"{slot.kind.origin}{place}{'.' if option else ''}{option}", what)
        if complaints:
            return None
        return StageSpec(key[0], key[1], str(slot.kind.value), cls, dict(slot.options), slot.kind.origin)

    def _overrides(
        self, selector: str, table: Any, origin: str, specs: list[StageSpec]
    ) -> Iterable[BookSetting]:
        where = f"{origin}: books.{selector}"
        try:
            select_books(selector, np.zeros(0, dtype=np.int64))
        except ValueError as error:
            self._wrong(where, str(error))
            return
        by_path = {spec.path: spec for spec in specs}
        for path, option, value in _leaves(table):
            place = f"{where}.{path}.{option}".replace("..", ".")
            spec = by_path.get(path)
            if spec is None:
                self._wrong(place, f"no stage {path!r}; {did_you_mean(path, by_path)}")
                continue
            field = attrs.fields_dict(spec.cls).get(option)
            if field is None:
                self._wrong(place, f"unknown option; {did_you_mean(option, option_names(spec.cls))}")
            elif not field.metadata.get("per_book", False):
                able = [f.name for f in attrs.fields(spec.cls) if f.metadata.get("per_book", False)]
                self._wrong(
                    place, f"cannot differ between books; {path} allows it for {', '.join(able) or 'nothing'}"
                )
            else:
                given = {name: setting.value for name, setting in spec.options.items()} | {option: value}
                _, complaints = structure(given, spec.cls)
                for _, what in complaints:
                    self._wrong(place, what)
                if not complaints:
                    yield BookSetting(selector, path, option, float(value), origin)

    def _assignments(self) -> Iterable[Assignment]:
        entries, layer = self.assign or ([], Layer("", {}))
        taken = np.zeros(_IDS.shape, dtype=np.bool_)
        for i, entry in enumerate(entries):
            where = f"{layer.origin}: assign[{i}]"
            if not isinstance(entry, dict) or set(entry) != {"books", "pipeline"}:
                self._wrong(where, "needs exactly books and pipeline")
                continue
            try:
                books = select_books(entry["books"], _IDS)
                if np.any(books & taken):
                    again = ", ".join(map(str, _IDS[books & taken][:5]))
                    self._wrong(f"{where}.books", f"some are assigned already: {again}")
                taken |= books
                pipeline = str(entry["pipeline"])
                path = (layer.folder or Path.cwd()) / pipeline
                yield Assignment(entry["books"], resolve(path if pipeline.endswith(".toml") else pipeline))
            except ConfigError as error:
                self.problems += error.problems
            except ValueError as error:
                self._wrong(f"{where}.books", str(error))


def _path(key: tuple[str, str]) -> str:
    return f"{key[0]}.{key[1]}" if key[0] in LISTS else key[0]


def _leaves(table: Any, path: str = "") -> Iterable[tuple[str, str, Any]]:
    """(stage path, option, value) of a nested table of overrides."""
    if not isinstance(table, dict):
        yield "", path, table
        return
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}.{name}" if path else name)
        else:
            yield path, name, value
