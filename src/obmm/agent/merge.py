"""Layers of settings laid over one another, base first; what is wrong is gathered, not raised."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from obmm.agent.config import LISTS, SINGLE, Setting
from obmm.agent.objective import AUTO, OBJECTIVES
from obmm.agent.slots import Slot
from obmm.settings.errors import Problem, did_you_mean, shown
from obmm.settings.toml import Layer

#: Section of a configuration → group of stages.
GROUPS = {"signals": "signals", "gates": "gates", "builder": "builders", "placer": "placers"}
#: `tune` says what `obmm tune` may try; to an agent it says nothing.
_TOP = ("extends", "description", "objective", *GROUPS, "books", "assign", "tune")
#: What an entry says of itself, beside the options of its stage.
_OF_ENTRY = ("kind", "name", "enabled")
_NAME = re.compile(r"[A-Za-z0-9_:-]+")

#: (section, name); a single stage is named like its section.
Key = tuple[str, str]


def path_of(key: Key) -> str:
    """How messages and parameters name a stage: `gates.inventory`, `builder`."""
    return f"{key[0]}.{key[1]}" if key[0] in LISTS else key[0]


@attrs.define
class Draft:
    """A configuration in the making.

    Attributes:
        name: Origin of the layer on top.
        stages: What was said of each stage.
        books: Selector, table and origin of each `[books]` entry, base first.
        assign: The `[[assign]]` entries in force, and their layer.
        description: That of the layer on top.
        objective: What it plays for, by the highest layer that says it.
        problems: Everything that is wrong so far.
    """

    name: str
    stages: dict[Key, Slot] = attrs.field(factory=dict)
    books: list[tuple[str, Any, str]] = attrs.field(factory=list)
    assign: tuple[Any, Layer] | None = None
    description: str = ""
    objective: str = ""
    problems: list[Problem] = attrs.field(factory=list)

    def wrong(self, where: str, what: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(where, what))

    def merge(self, layer: Layer) -> None:
        """Lay one source over what is there."""
        origin, table = layer.origin, layer.table
        # A stage of one's own lies beside the file that names it, or where one works.
        folders = (*([layer.folder] if layer.folder is not None else []), Path.cwd())
        for key in table:
            if key not in _TOP:
                self.wrong(f"{origin}: {key}", f"unknown section; {did_you_mean(key, _TOP)}")
        self.description = table.get("description", "")
        if not isinstance(self.description, str):
            self.wrong(f"{origin}: description", f"must be a text, got {shown(self.description)}")
        objective = table.get("objective", self.objective)
        if not isinstance(objective, str) or objective not in ("", AUTO, *OBJECTIVES):
            hint = did_you_mean(str(objective), (*OBJECTIVES, AUTO))
            self.wrong(f"{origin}: objective", f"{shown(objective)} is none; {hint}")
        else:
            self.objective = objective
        for section in LISTS:
            entries = table.get(section, [])
            if not isinstance(entries, list):
                self.wrong(f"{origin}: {section}", f"is a list: write [[{section}]]")
                continue
            said: dict[str, int] = {}
            for i, entry in enumerate(entries):
                name = self._stage(section, entry, f"{origin}: {section}[{i}]", origin, folders)
                if name is not None and said.setdefault(name, i) != i:
                    what = f"{section}[{said[name]}] is called {name!r} too: give each a name of its own"
                    self.wrong(f"{origin}: {section}[{i}]", f"{what}, such as name = {name + '_2'!r}")
        for section in SINGLE:
            if section in table:
                self._stage(section, table[section], f"{origin}: {section}", origin, folders)
        books = table.get("books", {})
        if isinstance(books, dict):
            self.books += [(selector, part, origin) for selector, part in books.items()]
        else:
            self.wrong(f"{origin}: books", "is a table: write [books.7]")
        if "assign" in table:
            self.assign = (table["assign"], layer)

    def _stage(
        self, section: str, entry: Any, where: str, origin: str, folders: tuple[Path, ...]
    ) -> str | None:
        """Merge one entry; its name, unless it is none."""
        if not isinstance(entry, dict):
            self.wrong(where, "is a table")
            return None
        kind, name = entry.get("kind"), entry.get("name", entry.get("kind"))
        if not self._well_said(section, entry, where):
            return None
        if section in SINGLE:
            name = section
        known = self.stages.get((section, str(name)))
        if kind is None and known is None:
            have = [key[1] for key in self.stages if key[0] == section]
            hint = did_you_mean(str(name or ""), have)
            self.wrong(where, f"needs a kind, or the name of a stage of the base: {hint}")
            return None
        if entry.get("enabled") is False:
            if kind is not None:
                self._must_exist(section, kind, where, folders)
            self.stages.pop((section, str(name)), None)
            return str(name)
        if known is None or kind not in (None, known.kind.value):
            known = self.stages[section, str(name)] = Slot(GROUPS[section], Setting(kind, where), folders)
        options = {key: value for key, value in entry.items() if key not in _OF_ENTRY}
        known.take(options, origin, path_of((section, str(name))), folders)
        return str(name)

    def _well_said(self, section: str, entry: Mapping[str, Any], where: str) -> bool:
        """Whether kind, name and enabled are of the right types."""
        before = len(self.problems)
        if not isinstance(entry.get("kind", ""), str):
            self.wrong(f"{where}.kind", f"must be a text, got {shown(entry['kind'])}")
        name = entry.get("name")
        if section in SINGLE:
            if "name" in entry:
                self.wrong(f"{where}.name", f"there is only one {section}: leave the name out")
            if entry.get("enabled", True) is False:
                self.wrong(f"{where}.enabled", f"there must be a {section}: give another kind instead")
        elif "name" in entry and not (isinstance(name, str) and _NAME.fullmatch(name)):
            self.wrong(f"{where}.name", f"must be letters, digits, _ and -, got {shown(name)}")
        if not isinstance(entry.get("enabled", True), bool):
            self.wrong(f"{where}.enabled", f"must be true or false, got {shown(entry['enabled'])}")
        return len(self.problems) == before

    def _must_exist(self, section: str, kind: str, where: str, folders: tuple[Path, ...]) -> None:
        try:
            Slot(GROUPS[section], Setting(kind, where), folders).found()
        except LookupError as error:
            self.wrong(f"{where}.kind", str(error))
