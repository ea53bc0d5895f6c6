"""How stages are found by name.

A class becomes known to configurations by one of the decorators `signal`, `gate`, `builder`, `placer`, by the
name `module:Class`, or by an entry point of the same group.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs

from obmm.market.stages import Builder, Gate, Placer, Signal
from obmm.settings.errors import did_you_mean, shown
from obmm.settings.modules import imported

T = TypeVar("T", bound=type)

#: Stage classes by group and name.
_REGISTRY: dict[str, dict[str, type]] = {"signals": {}, "gates": {}, "builders": {}, "placers": {}}
GROUPS = tuple(_REGISTRY)
#: Where each of them is written, known when it is registered.
_HOMES: dict[type, tuple[str, str]] = {}
#: The contract of each group.
PROTOCOLS: dict[str, Any] = {"signals": Signal, "gates": Gate, "builders": Builder, "placers": Placer}


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
    """Stage classes of a group by name: our own, and those that installed packages offer as entry points.

    An offer that cannot be loaded is left out with a warning.
    """
    found = dict(_REGISTRY[group])
    for point in importlib.metadata.entry_points(group=f"obmm.{group}"):
        if point.name not in found:
            try:
                found[point.name] = _offered(point, group)
            except LookupError as error:
                warnings.warn(str(error), stacklevel=2)
    return found


def find(group: str, kind: str, folders: Sequence[Path] = ()) -> type:
    """The stage class that a configuration calls `kind`: a registered name or `module:Class`.

    Args:
        group: "signals", "gates", "builders" or "placers".
        kind: The name.
        folders: Where modules are looked for before the installed ones, in this order.

    Raises:
        LookupError: There is none, or it is no stage of this group; the message says what comes near.

    >>> find("signals", "obmm.signals:Mid").__name__
    'Mid'
    """
    if not isinstance(kind, str):
        raise LookupError(f"must be a text, got {shown(kind)}")
    if ":" in kind:
        return _fitting(class_at(kind, folders), group, kind)
    if kind in _REGISTRY[group]:
        return _REGISTRY[group][kind]
    offers = [p for p in importlib.metadata.entry_points(group=f"obmm.{group}") if p.name == kind]
    if len({point.value for point in offers}) > 1:
        both = ", ".join(sorted({point.value for point in offers}))
        raise LookupError(f"several packages offer {kind!r}: write one of {both}")
    if offers:
        return _offered(offers[0], group)
    other = next((g for g in GROUPS if kind in _REGISTRY[g]), None)
    hint = f"it is a {other[:-1]}" if other else did_you_mean(kind, registered(group))
    raise LookupError(f"no {group[:-1]} is called {kind!r}: {hint}")


def name_of(group: str, cls: type) -> str:
    """The name under which a class is registered, else `module:Class`."""
    for name, found in _REGISTRY[group].items():
        if found is cls:
            return name
    return f"{cls.__module__.partition('@')[0]}:{cls.__qualname__}"


def class_at(path: str, folders: Sequence[Path] = ()) -> type:
    """The class that `module:Class` names.

    Raises:
        LookupError: There is none, or it is not ready to be a stage.

    >>> class_at("obmm.market:Signals").__name__
    'Signals'
    """
    module_name, _, class_name = path.partition(":")
    words = (*module_name.split("."), *class_name.split("."))
    if not all(word.isidentifier() for word in words):
        raise LookupError(f"{shown(path)} names no class: write module:Class, such as my_signal:MySignal")
    found: Any = imported(module_name, folders)
    for word in class_name.split("."):
        if not hasattr(found, word):
            classes = [name for name, value in vars(found).items() if isinstance(value, type)]
            near = did_you_mean(word, classes) if classes else "it has no classes"
            raise LookupError(f"module {module_name!r} has no {class_name!r}; {near}")
        found = getattr(found, word)
    if not isinstance(found, type):
        raise LookupError(f"{path!r} is not a class")
    return found


def _fitting(cls: type, group: str, kind: str) -> type:
    """`cls`, if it can be a stage of that group.

    Raises:
        LookupError: It cannot; the message says why.
    """
    if fault := _not_ready(cls):
        raise LookupError(f"{kind!r} is {fault}")
    called = next((vars(c)["__call__"] for c in cls.__mro__ if "__call__" in vars(c)), None)
    if called is None:
        raise LookupError(f"{kind!r} is no {group[:-1]}: it has no __call__")
    wanted = inspect.signature(PROTOCOLS[group].__call__)
    names = list(wanted.parameters)[1:]
    given = inspect.signature(called)
    other = _GROUP_OF_RESULT.get(_result(given), group if group == "signals" else None)
    if other not in (None, group):
        raise LookupError(f"{kind!r} is a {other[:-1]}, not a {group[:-1]}")
    try:
        given.bind("self", *names)
    except TypeError:
        shape = f"__call__(self, {', '.join(names)}) -> {_result(wanted)}"
        raise LookupError(f"{kind!r} is no {group[:-1]}: it needs {shape}") from None
    return cls


def _not_ready(cls: type) -> str:
    """Why a class has no options to set, if that is so."""
    if not attrs.has(cls):
        return "not an attrs class: decorate it with @attrs.define"
    if any(type(value).__name__ == "_CountingAttr" for value in vars(cls).values()):
        return "not finished: write @attrs.define below the decorator that registers it"
    return ""


_GROUP_OF_RESULT = {"Limits": "gates", "Quotes": "builders", "Orders": "placers", "FloatArray": "signals"}


def _result(signature: inspect.Signature) -> str:
    result = signature.return_annotation
    return result if isinstance(result, str) else getattr(result, "__name__", "")


def _registers(group: str, name: str) -> Callable[[T], T]:
    def register(cls: T) -> T:
        if fault := _not_ready(cls):
            raise ValueError(f"{cls.__qualname__} is {fault}")
        taken = _REGISTRY[group].get(name)
        home = _home(cls)
        if taken is not None and home != _HOMES.get(taken, home):
            other = f"{taken.__module__}:{taken.__qualname__}"
            raise ValueError(f"{group[:-1]} {name!r} is already {other}; choose another name")
        _REGISTRY[group][name] = cls
        _HOMES[cls] = home
        return cls

    return register


def _home(cls: type) -> tuple[str, str]:
    """File and name of a class: running a file again defines its classes anew."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return os.path.realpath(file) if file else cls.__module__, cls.__qualname__


def _offered(point: importlib.metadata.EntryPoint, group: str) -> type:
    """The class behind an entry point.

    Raises:
        LookupError: It cannot be loaded or is no such stage.
    """
    try:
        cls = point.load()
    except (Exception, SystemExit) as error:  # Somebody else's package may raise anything.
        told = f"{type(error).__name__}: {error}"
        raise LookupError(f"{point.name!r} of an installed package is not to be had: {told}") from error
    return _fitting(cls, group, point.value)
