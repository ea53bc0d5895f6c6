"""Scenarios: everything that defines an embedded market except its seed and its size.

A scenario is a TOML file; those that ship with the package reproduce the production markets by version.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import attrs
import cattrs
import numpy as np
from cattrs.errors import (
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
)

from obmm.market.arrays import IntArray
from obmm.market.fees import FeePolicy
from obmm.sim._parameters import KINDS, Asset, Delay, Rivals, VenueRules

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["DEFAULT_SCENARIO", "Scenario", "ScenarioError", "scenario_names"]

DEFAULT_SCENARIO = "taos-0.5.4"
_SHIPPED = resources.files("obmm.sim") / "scenarios"
_MISSPELT = re.compile(r"^(\S+): unknown key \(did you mean (\w+)\?\)$", re.MULTILINE)
_T = TypeVar("_T")


class ScenarioError(ValueError):
    """A scenario that cannot be used: every fault of the file, each with its path, in one message."""


def scenario_names() -> list[str]:
    """Names of the scenarios that ship with the package.

    >>> scenario_names()
    ['taos-0.1.51', 'taos-0.5.4', 'taos-0.6.2']
    """
    return sorted(entry.name[: -len(".toml")] for entry in _SHIPPED.iterdir() if entry.name.endswith(".toml"))


@attrs.frozen(kw_only=True)
class Scenario:
    """A market to simulate: rules, fees, delays, assets with their background, default rivals.

    Attributes:
        name: What results call it.
        venue: Clock, layout and limits.
        fees: Fee policy.
        delay: How answer times become simulated delays.
        rivals: The other miners, unless the run names others.
        assets: Classes of books, in the order of production's books.

    >>> market = Scenario.load("taos-0.6.2")
    >>> [(asset.name, asset.initial_price) for asset in market.assets]
    [('simulation_0', 300.0), ('simulation_1', 29.57)]
    >>> market.asset_of_book(4).tolist()
    [0, 0, 0, 1]
    """

    name: str
    venue: VenueRules
    fees: FeePolicy
    delay: Delay
    rivals: Rivals
    assets: tuple[Asset, ...] = attrs.field(validator=attrs.validators.min_len(1))

    @classmethod
    def load(cls, name_or_path: str | Path) -> Scenario:
        """The scenario of that name, or of the TOML file at that path.

        Raises:
            ScenarioError: No such scenario, or the file has faults; all of them are told at once.
        """
        text = str(name_or_path)
        path = Path(name_or_path)
        if text in scenario_names():
            source = (_SHIPPED / f"{text}.toml").read_text(encoding="utf-8")
        elif path.suffix == ".toml" or path.is_file():
            try:
                source = path.read_text(encoding="utf-8")
            except OSError as error:
                raise ScenarioError(f"scenario {text}: {error.strerror or error}") from error
        else:
            raise ScenarioError(
                f"scenario {text!r} is neither one of {', '.join(scenario_names())} nor a TOML file"
                + _suggestion(text, scenario_names())
            )
        return cls.parse(source, origin=text)

    @classmethod
    def parse(cls, source: str, origin: str = "scenario") -> Scenario:
        """The scenario written in the TOML text `source`; `origin` names it in errors.

        Raises:
            ScenarioError: The text has faults; all of them are told at once.
        """
        try:
            table = tomllib.loads(source)
        except tomllib.TOMLDecodeError as error:
            raise ScenarioError(f"scenario {origin}: not TOML: {error}") from error
        if isinstance(table.get("assets"), list):
            table["assets"] = _inherited(table["assets"])
        try:
            return _converter().structure(table, cls)
        except ClassValidationError as error:
            faults = _without_echoes(_faults(error, ""))
            lines = "".join(f"\n  {fault}" for fault in faults)
            raise ScenarioError(f"scenario {origin}: {len(faults)} fault(s){lines}") from error

    def asset_of_book(self, n_books: int) -> IntArray:
        """Index of the asset of each of `n_books` books (n_books,), in production's proportions and order."""
        blocks = np.array([asset.blocks for asset in self.assets])
        share = np.cumsum(blocks) / blocks.sum()
        return np.searchsorted(share, (np.arange(n_books) + 0.5) / n_books).astype(np.int64)


def _inherited(assets: Sequence[Any]) -> list[Any]:
    """Each asset table completed by the one before it; a table of another kind replaces the whole."""
    complete: list[Any] = []
    for table in assets:
        complete.append(_merged(complete[-1], table) if complete else table)
    return complete


def _merged(base: Any, change: Any) -> Any:
    if not (isinstance(base, Mapping) and isinstance(change, Mapping)):
        return change
    if "kind" in change and change["kind"] != base.get("kind"):
        return change
    return {**base, **{key: _merged(base.get(key), value) for key, value in change.items()}}


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(bool, lambda value, _: _exactly(bool, "true or false", value))
    converter.register_structure_hook(int, lambda value, _: _exactly(int, "a whole number", value))
    converter.register_structure_hook(str, lambda value, _: _exactly(str, "a text in quotes", value))
    converter.register_structure_hook(float, lambda value, _: _number(value))
    converter.register_structure_hook_func(_is_literal, _word)
    for union, classes in KINDS.items():
        converter.register_structure_hook(union, _by_kind(converter, classes))
    return converter


def _exactly(wanted: type[_T], words: str, value: object) -> _T:
    if type(value) is not wanted:
        raise ValueError(f"must be {words}, got {value!r}")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"must be a number, got {value!r}")
    return float(value)


def _is_literal(kind: Any) -> bool:
    origin: object = get_origin(kind)
    return origin is Literal


def _word(value: object, kind: Any) -> object:
    words = get_args(kind)
    if value not in words:
        raise ValueError(f"must be {' or '.join(words)}, got {value!r}{_suggestion(str(value), words)}")
    return value


def _by_kind(converter: cattrs.Converter, classes: dict[str, type]) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _: Any) -> Any:
        kind = value.get("kind") if isinstance(value, Mapping) else None
        if kind not in classes:
            raise ValueError(
                f"kind must be {' or '.join(classes)}, got {kind!r}{_suggestion(str(kind), classes)}"
            )
        return converter.structure({key: v for key, v in value.items() if key != "kind"}, classes[kind])

    return structure


def _faults(error: BaseException, path: str) -> list[str]:
    """One line per fault below `error`, each "path: what is wrong"."""
    if isinstance(error, (ClassValidationError, IterableValidationError)):
        named, unnamed = error.group_exceptions()
        lines: list[str] = []
        for inner, note in named:
            place = f"[{note.index}]" if isinstance(note, IterableValidationNote) else f".{note.name}"
            lines += _faults(inner, path + place)
        for inner in unnamed:
            lines += _faults(inner, path)
        return lines
    at = path.lstrip(".") or "file"
    if isinstance(error, ForbiddenExtraKeysError):
        known = [field.name for field in attrs.fields(error.cl)]
        dot = f"{at}." if path else ""
        return [f"{dot}{key}: unknown key{_suggestion(key, known)}" for key in sorted(error.extra_fields)]
    if isinstance(error, KeyError):
        return [f"{at}: missing"]
    return [f"{at}: {error}"]


def _without_echoes(faults: list[str]) -> list[str]:
    """A misspelt key also leaves the right one missing: telling the first is enough."""
    named = {
        f"{unknown.rpartition('.')[0]}.{known}: missing".lstrip(".")
        for unknown, known in _MISSPELT.findall("\n".join(faults))
    }
    return [fault for fault in faults if fault not in named]


def _suggestion(word: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
