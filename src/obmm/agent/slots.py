"""Stages while layers of settings are merged: what was said of each, and of the stages inside it."""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from obmm.agent.config import Setting
from obmm.settings.registry import PROTOCOLS, find, name_of
from obmm.settings.structure import option_names


@attrs.define
class Slot:
    """A stage in the making.

    Attributes:
        group: The group of its class, or the class itself where an option admits no other.
        kind: What its class is called, and where that was said.
        folders: Where modules of the user's own are looked for.
        options: What was said of it.
        parts: Stages that it holds as options.
    """

    group: str | type
    kind: Setting
    folders: tuple[Path, ...] = ()
    options: dict[str, Setting] = attrs.field(factory=dict)
    parts: dict[str, Slot] = attrs.field(factory=dict)

    def found(self) -> type:
        """Its class.

        Raises:
            LookupError: There is none of that kind.
        """
        if isinstance(self.group, str):
            return find(self.group, self.kind.value, self.folders)
        return self.group

    @property
    def cls(self) -> type | None:
        """Its class, None if there is none of that kind."""
        try:
            return self.found()
        except LookupError:
            return None

    @property
    def option_names(self) -> list[str]:
        """Options of its class."""
        return [] if self.cls is None else option_names(self.cls)

    def take(self, options: Mapping[str, Any], origin: str, where: str, folders: tuple[Path, ...]) -> None:
        """Lay options over those that are there."""
        kinds = {} if self.cls is None else parts_of(self.cls)
        for name, value in options.items():
            if name in kinds and isinstance(value, dict):
                self._take_part(name, kinds[name], value, origin, f"{where}.{name}", folders)
            else:
                self.parts.pop(name, None)
                self.options[name] = Setting(value, origin)

    def complete(self) -> None:
        """Make the parts explicit that its class has by default."""
        for name in parts_of(self.cls) if self.cls is not None else ():
            if name not in self.options and name not in self.parts:
                self._default_part(name)
        for part in self.parts.values():
            part.complete()

    def walk(self, path: str) -> Iterator[tuple[str, Slot]]:
        """This stage and its parts, with their paths."""
        yield path, self
        for name, part in self.parts.items():
            yield from part.walk(f"{path}.{name}")

    def _take_part(
        self,
        name: str,
        group: str | type,
        table: Mapping[str, Any],
        origin: str,
        where: str,
        folders: tuple[Path, ...],
    ) -> None:
        if name not in self.parts:
            self._default_part(name)
        known = self.parts.get(name)
        options, kind = dict(table), None
        if isinstance(group, str):
            kind = options.pop("kind", None)
        if known is None or kind not in (None, known.kind.value):
            known = self.parts[name] = Slot(group, Setting(kind, f"{origin}: {where}"), folders)
        self.options.pop(name, None)
        known.take(options, origin, where, folders)

    def _default_part(self, name: str) -> None:
        """The part that the class has if nothing is said, with what differs from the part's own defaults."""
        cls = self.cls
        assert cls is not None
        stage = _default(attrs.fields_dict(cls)[name])
        group = parts_of(cls)[name]
        if stage is None or not attrs.has(type(stage)):
            return
        kind = name_of(group, type(stage)) if isinstance(group, str) else name
        part = Slot(group, Setting(kind, "default"))
        for field in attrs.fields(type(stage)):
            value = getattr(stage, field.name)
            if field.init and repr(value) != repr(_default(field)):
                part.options[field.name] = Setting(value, "default")
        self.parts[name] = part


def _default(field: attrs.Attribute[Any]) -> Any:
    default: Any = field.default
    make = getattr(default, "factory", None)
    if make is not None:
        return None if default.takes_self else make()
    return None if default is attrs.NOTHING else default


@functools.lru_cache(maxsize=256)
def parts_of(cls: type) -> Mapping[str, str | type]:
    """Options of a class that are stages: by name their group, or their class if there is but one.

    >>> from obmm.execution import LadderBuilder, SkewedBuilder
    >>> parts_of(LadderBuilder), parts_of(SkewedBuilder)
    ({'around': 'builders'}, {'controller': <class 'obmm.execution.fill_rate.FillRate'>})
    """
    try:
        hints = typing.get_type_hints(cls)
    except Exception:  # An annotation of the user's may name what is not there; `structure` tells it.
        return {}
    found: dict[str, str | type] = {}
    for name in option_names(cls):
        hint = _without_none(hints.get(name))
        group = next((group for group, protocol in PROTOCOLS.items() if hint is protocol), None)
        if group is not None:
            found[name] = group
        elif isinstance(hint, type) and attrs.has(hint):
            found[name] = hint
    return found


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        others = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        return others[0] if len(others) == 1 else hint
    return hint
