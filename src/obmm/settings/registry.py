"""How stages are found by name.

A class becomes known to configurations by one of the decorators `signal`, `gate`, `builder`, `placer`, by the
name `module:Class`, or by an entry point of the same group.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable
from typing import TypeVar

from obmm.settings.errors import did_you_mean

T = TypeVar("T", bound=type)

#: Stage classes by group and name.
_REGISTRY: dict[str, dict[str, type]] = {"signals": {}, "gates": {}, "builders": {}, "placers": {}}
GROUPS = tuple(_REGISTRY)


def signal(name: str) -> Callable[[T], T]:
    """Register a signal class under `name`."""
    return _registers("signals", name)


def gate(name: str) -> Callable[[T], T]:
    """Register a gate class under `name`."""
    return _registers("gates", name)


def builder(name: str) -> Callable[[T], T]:
    """Register a builder class under `name`."""
    return _registers("builders", name)


def placer(name: str) -> Callable[[T], T]:
    """Register a placer class under `name`."""
    return _registers("placers", name)


def registered(group: str) -> dict[str, type]:
    """Stage classes of a group by name: our own, and those that installed packages offer as entry points."""
    found = dict(_REGISTRY[group])
    for point in importlib.metadata.entry_points(group=f"obmm.{group}"):
        found.setdefault(point.name, point.load())
    return found


def find(group: str, kind: str) -> type:
    """The stage class that a configuration calls `kind`: a registered name or `module:Class`.

    Raises:
        LookupError: There is none; the message says what comes near.

    >>> find("signals", "obmm.market:Signals").__name__
    'Signals'
    """
    if ":" in kind:
        return _imported(kind)
    if kind in _REGISTRY[group]:
        return _REGISTRY[group][kind]
    known = registered(group)
    if kind in known:
        return known[kind]
    raise LookupError(f"no {group[:-1]} is called {kind!r}: {did_you_mean(kind, known)}")


def name_of(group: str, cls: type) -> str:
    """The name under which a class is registered, else `module:Class`."""
    for name, found in _REGISTRY[group].items():
        if found is cls:
            return name
    return f"{cls.__module__}:{cls.__qualname__}"


def _registers(group: str, name: str) -> Callable[[T], T]:
    def register(cls: T) -> T:
        taken = _REGISTRY[group].get(name)
        if taken is not None and taken.__qualname__ != cls.__qualname__:
            raise ValueError(f"{group[:-1]} {name!r} is already {taken.__module__}:{taken.__qualname__}")
        _REGISTRY[group][name] = cls
        return cls

    return register


def _imported(path: str) -> type:
    module_name, _, class_name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, SyntaxError) as error:
        raise LookupError(f"cannot import {module_name!r} for {path!r}: {error}") from error
    except AttributeError:
        raise LookupError(f"module {module_name!r} has no {class_name!r}") from None
    if not isinstance(found, type):
        raise LookupError(f"{path!r} is not a class")
    return found
