"""Layers of settings merged into one resolved configuration, with the origin of every value."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

import obmm.execution
import obmm.risk
import obmm.signals
from obmm.agent.config import SINGLE, Assignment, BookSetting, Config, Setting, StageSpec
from obmm.agent.merge import Draft, path_of
from obmm.agent.objective import AUTO, ELSE, OBJECTIVES
from obmm.agent.slots import Slot
from obmm.agent.sources import chain, preset_layer, preset_names
from obmm.settings.books import BOOK_IDS, names_class, select_books
from obmm.settings.errors import ConfigError, Problem, did_you_mean, shown
from obmm.settings.modules import source_digest
from obmm.settings.structure import option_names, structure
from obmm.settings.toml import Layer, file_layer
from obmm.settings.words import words

#: Importing these rooms makes our own stages known by their names.
ROOMS = (obmm.signals, obmm.risk, obmm.execution)


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
    layers = _layers(source)
    given = dict(params) if isinstance(params, Mapping) else list(params)
    if _objective(layers) != AUTO:
        return _resolved(layers, given)
    if chosen := _builders(layers):
        what = "chooses the stages by what the venue pays: name an objective, or leave the builder's kind out"
        raise ConfigError([Problem(f"{chosen[0]}: objective", f"{AUTO!r} {what}")])
    choices = {name: _chosen(name, layers, given) for name in OBJECTIVES if name in preset_names()}
    name, description = layers[-1].origin, layers[-1].table.get("description", "")
    fields = {"name": name, "description": description, "objective": AUTO, "choices": choices}
    return attrs.evolve(choices[ELSE], **fields)


def _chosen(objective: str, layers: list[Layer], params: Mapping[str, Any] | list[str]) -> Config:
    """What a venue may choose: the preset that plays for an objective, with the layers over it.

    Raises:
        ConfigError: They do not fit that preset.
    """
    try:
        config = _resolved([preset_layer(objective), *layers], params)
    except ConfigError as error:
        wrong = [Problem(f"for {objective}: {p.where}", p.what) for p in error.problems]
        raise ConfigError(wrong) from None
    told = preset_layer(objective).table.get("description", "")
    return attrs.evolve(config, name=f"{config.name}: {objective}", description=told, objective=objective)


def _layers(source: str | Path | Layer) -> list[Layer]:
    """The layers of a configuration, base first; a bare objective has the preset that plays for it below."""
    if isinstance(source, Layer):
        layer = source
    elif str(source).endswith(".toml"):
        layer = file_layer(Path(source))
    else:
        layer = preset_layer(str(source))
    layers = chain(layer)
    objective = _objective(layers)
    if objective in OBJECTIVES and not _builders(layers):
        if objective not in preset_names():
            what = f"no preset plays for {objective!r} yet: say a builder, or extend another preset"
            raise ConfigError([Problem(f"{layers[-1].origin}: objective", what)])
        layers.insert(0, preset_layer(objective))
    return layers


def _builders(layers: list[Layer]) -> list[str]:
    """Origins of the layers that say a builder's kind."""
    said = [(part.origin, part.table.get("builder")) for part in layers]
    return [origin for origin, builder in said if isinstance(builder, dict) and "kind" in builder]


def _objective(layers: list[Layer]) -> Any:
    """What the highest layer says that says any."""
    return next((part.table["objective"] for part in reversed(layers) if "objective" in part.table), "")


def _resolved(layers: list[Layer], params: Mapping[str, Any] | list[str]) -> Config:
    """The configuration of layers, base first."""
    draft = _merged(layers)
    _apply(draft, params)
    config = _finished(draft)
    config.as_table()  # Refuses what has no hash.
    return config


def _merged(layers: list[Layer]) -> Draft:
    draft = Draft(layers[-1].origin)
    for part in layers:
        draft.merge(part)
    for slot in draft.stages.values():
        slot.complete()
    return draft


def _apply(draft: Draft, params: Mapping[str, Any] | Iterable[str]) -> None:
    """Set single options by path or by name."""
    every = [pair for key, slot in draft.stages.items() for pair in slot.walk(path_of(key))]
    for name, value in words(params if isinstance(params, Mapping) else list(params)):
        origin = f"parameter {name}"
        place, _, option = name.rpartition(".")
        found = [
            (path, slot)
            for path, slot in every
            if (path.endswith(f".{place}") or path == place if place else option in slot.option_names)
        ]
        if place and len(found) > 1:
            found = [(path, slot) for path, slot in found if path == place or option in slot.option_names]
        if len(found) == 1:
            slot = found[0][1]
            slot.parts.pop(option, None)
            slot.options[option] = Setting(_flag_or_as_given(slot, option, value), origin)
        elif found:
            paths = ", ".join(sorted(f"{path}.{option}" for path, _ in found))
            draft.wrong(origin, f"several stages have it; write one of {paths}")
        else:
            known = {option for _, slot in every for option in slot.option_names}
            draft.wrong(origin, f"no stage has this option; {did_you_mean(option, known)}")


def _flag_or_as_given(slot: Slot, option: str, value: Any) -> Any:
    """A word arrives as a number: where a flag is asked for, 0 and 1 mean one."""
    try:
        hint = typing.get_type_hints(slot.cls or object).get(option)
    except Exception:  # An annotation of the user's that `structure` will complain of.
        hint = None
    return bool(value) if hint is bool and type(value) is float and value in (0.0, 1.0) else value


def _finished(draft: Draft) -> Config:
    """The resolved configuration.

    Raises:
        ConfigError: Something was wrong in any layer.
    """
    for slot in SINGLE:
        if not any(key[0] == slot for key in draft.stages):
            draft.wrong(f"{draft.name}: {slot}", "is missing")
    specs = [
        spec for key, slot in draft.stages.items() if (spec := _spec(draft, path_of(key), slot)) is not None
    ]
    overrides = list(_overrides(draft, [part for spec in specs for part in spec.walk()]))
    assign = list(_assignments(draft))
    if draft.problems:
        raise ConfigError(draft.problems)
    return Config(
        name=draft.name,
        signals=tuple(s for s in specs if s.slot == "signals"),
        gates=tuple(s for s in specs if s.slot == "gates"),
        builder=next(s for s in specs if s.slot == "builder"),
        placer=next(s for s in specs if s.slot == "placer"),
        overrides=tuple(overrides),
        assign=tuple(assign),
        description=draft.description,
        objective=draft.objective,
    )


def _spec(draft: Draft, path: str, slot: Slot) -> StageSpec | None:
    try:
        cls = slot.found()
    except LookupError as error:
        draft.wrong(f"{slot.kind.origin}.kind", str(error))
        return None
    before = len(draft.problems)
    parts = {name: _spec(draft, f"{path}.{name}", part) for name, part in slot.parts.items()}
    sound = {name: part for name, part in parts.items() if part is not None}
    # A part that is wrong was told; without it the others can still be checked.
    values = {name: setting.value for name, setting in slot.options.items()}
    _, complaints = structure(values | {name: part.build() for name, part in sound.items()}, cls)
    for option, what in complaints:
        head = option.partition(".")[0].partition("[")[0]
        named = what.partition(" ")[0].strip("'")
        if not option and named in slot.options:
            # The stage itself refused a value, and names the option first.
            option = head = named
            what = what.partition(" ")[2]
        if head in slot.options:
            origin = slot.options[head].origin
            draft.wrong(f"{slot.kind.origin if origin == 'default' else origin}: {path}.{option}", what)
        else:
            place = "" if slot.kind.origin.endswith(path) else f": {path}"
            draft.wrong(f"{slot.kind.origin}{place}{'.' if option else ''}{option}", what)
    if len(draft.problems) > before:
        return None
    kind, source = str(slot.kind.value), source_digest(cls)
    return StageSpec(path, kind, cls, dict(slot.options), slot.kind.origin, sound, source)


def _overrides(draft: Draft, specs: list[StageSpec]) -> Iterator[BookSetting]:
    by_path = {spec.path: spec for spec in specs}
    for selector, table, origin in draft.books:
        where = f"{origin}: books.{selector}"
        try:
            select_books(selector, BOOK_IDS[:0], BOOK_IDS[:0])
        except ValueError as error:
            draft.wrong(where, str(error))
            continue
        if not isinstance(table, dict):
            draft.wrong(where, f'is a table: write [books."{selector}"], then stage.option = value')
            continue
        for path, option, value in _leaves(table):
            place = ".".join(filter(None, (where, path, option)))
            spec = by_path.get(path)
            if spec is None:
                draft.wrong(place, f"no stage {path!r}; {did_you_mean(path or option, by_path)}")
            elif fault := _not_per_book(spec, option, value):
                draft.wrong(place, fault)
            else:
                yield BookSetting(selector, path, option, float(value), origin)


def _not_per_book(spec: StageSpec, option: str, value: Any) -> str:
    """Why an option of a stage cannot have this value on single books, if so."""
    field = attrs.fields_dict(spec.cls).get(option)
    if field is None or not field.init:
        return f"unknown option; {did_you_mean(option, option_names(spec.cls))}"
    if not field.metadata.get("per_book", False):
        able = [f.name for f in attrs.fields(spec.cls) if f.metadata.get("per_book", False)]
        return f"cannot differ between books; {spec.path} allows it for {', '.join(able) or 'nothing'}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f"must be a number, got {shown(value)}"
    given = {name: setting.value for name, setting in spec.options.items()}
    parts = {name: part.build() for name, part in spec.parts.items()}
    _, complaints = structure(given | parts | {option: value}, spec.cls)
    return "; ".join(what.removeprefix(f"{option} ") for _, what in complaints)


def _assignments(draft: Draft) -> Iterator[Assignment]:
    entries, layer = draft.assign or ([], Layer("", {}))
    if not isinstance(entries, list):
        draft.wrong(f"{layer.origin}: assign", "is a list: write [[assign]]")
        return
    taken = np.zeros(BOOK_IDS.shape, dtype=np.bool_)
    by_class = False
    for i, entry in enumerate(entries):
        where = f"{layer.origin}: assign[{i}]"
        if not isinstance(entry, dict) or set(entry) != {"books", "pipeline"}:
            draft.wrong(where, "needs exactly books and pipeline")
            continue
        try:
            # Of which class a book is, the venue tells: class k is stood for by the book k.
            books = select_books(entry["books"], BOOK_IDS, BOOK_IDS)
        except ValueError as error:
            draft.wrong(f"{where}.books", str(error))
            continue
        if i and names_class(entry["books"]) != by_class:
            draft.wrong(f"{where}.books", "assign classes or books, not both: some might be of both")
            continue
        by_class = names_class(entry["books"])
        if np.any(books & taken):
            again = ", ".join(map(str, BOOK_IDS[books & taken][:5]))
            draft.wrong(f"{where}.books", f"some are assigned already: {again}")
        taken |= books
        pipeline = entry["pipeline"]
        if not isinstance(pipeline, str):
            draft.wrong(f"{where}.pipeline", f"must be a preset's name or a TOML file, got {shown(pipeline)}")
            continue
        try:
            path = (layer.folder or Path.cwd()) / pipeline
            layers = _layers(path if pipeline.endswith(".toml") else pipeline)
            if _objective(layers) == AUTO:
                what = f"{pipeline} lets the venue choose for all books: name an objective"
                draft.wrong(f"{where}.pipeline", what)
                continue
            challenger = _merged(layers)
            if challenger.assign is not None and challenger.assign[0] != []:
                what = f"{pipeline} assigns books itself, which a pipeline of assigned books cannot"
                draft.wrong(
                    f"{where}.pipeline", f"{what}; give it another file, or `assign = []` in that one"
                )
                continue
            yield Assignment(entry["books"], _finished(challenger))
        except ConfigError as error:
            draft.problems += error.problems


def _leaves(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str, Any]]:
    """(stage path, option, value) of a nested table of overrides."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}.{name}" if path else name)
        else:
            yield path, name, value
