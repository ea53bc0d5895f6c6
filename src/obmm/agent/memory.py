"""What an object remembers, as plain values that a file can hold, and back.

Only data goes there and comes back: numbers, texts, arrays, and lists, tables, queues and sets of these. A
class is never named, so nothing that a file says is ever run: values return into objects that the
configuration made.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Collection, Mapping
from typing import Any

import attrs
import numpy as np

#: Kinds of numpy arrays that are kept: flags, integers, floats, complex numbers, texts.
_KINDS = "biufcU"
#: What a msgpack integer can be.
_LEAST, _MOST = -(2**63), 2**64
#: Values inside each other; what nests deeper, or within itself, is not kept.
_MAX_DEPTH = 16
_SIMPLE = frozenset({bool, float, str, bytes})
_NUMBERS = frozenset({bool, int, float})
_TAGS: Mapping[type, str] = {list: "l", tuple: "t", set: "s", frozenset: "f", deque: "q"}
#: What a stage tells of its last state is told.
_PASSING = frozenset({"news"})


class NotKept(Exception):
    """A value that no file holds; the message says where it is and what."""


class Misfit(ValueError):
    """Values that do not fit the object they should return to; the message says where."""


def told_of(stage: object) -> dict[str, Any]:
    """What `stage` remembers, by attribute, as plain values that share nothing with it.

    Options are no memory, unless they are stages themselves or, on a class of the user's, containers that it
    may have changed.

    Raises:
        NotKept: It remembers something else than data.

    >>> from obmm.signals import Momentum
    >>> told_of(Momentum())
    {'_past': ['q', None, []]}
    """
    told = {}
    for name in _names(stage):
        value = getattr(stage, name)
        told[name] = ["o", told_of(value)] if _is_part(stage, name, value) else plain(value, name)
    return told


def give_back(stage: object, told: Mapping[str, Any]) -> None:
    """Let `stage`, new from the configuration, remember what `told_of` told of one like it.

    Raises:
        Misfit: It has other attributes, or a value is none that `told_of` tells; nothing is said of how much
            of it has been given back.
    """
    if not isinstance(told, Mapping):
        raise Misfit("no table of attributes")
    missing = [name for name in _names(stage) if name not in told]
    strange = set(told) - set(_names(stage)) if not hasattr(stage, "__dict__") else set()
    if missing or strange:
        other = ", ".join(sorted([*missing, *strange]))
        raise Misfit(f"it tells of other attributes of a {type(stage).__name__}: {other}")
    for name, value in told.items():
        current = getattr(stage, name, None)
        if _is_part(stage, name, current):
            if not (isinstance(value, list) and len(value) == 2 and value[0] == "o"):
                raise Misfit(f"{name} is no stage there")
            give_back(current, value[1])
        else:
            # Past converters and validators: it is what was there.
            object.__setattr__(stage, name, value_of(value, name))


def _names(stage: object) -> list[str]:
    """The attributes in which an object may remember something, and its parts."""
    cls = type(stage)
    own = cls.__module__.partition(".")[0] != "obmm"
    found: dict[str, None] = {}
    fields = attrs.fields(cls) if attrs.has(cls) else ()
    for field in fields:
        value = getattr(stage, field.name, None)
        changeable = own and isinstance(value, (list, dict, set, deque, bytearray))
        if not field.init or changeable or _is_part(stage, field.name, value):
            found[field.name] = None
    options = {field.name for field in fields}
    for name in getattr(stage, "__dict__", ()):
        if name not in options and not _is_computed(cls, name):
            found[name] = None
    return [name for name in found if name not in _PASSING]


def _is_computed(cls: type, name: str) -> bool:
    """Whether it is a property that keeps what it computed."""
    return isinstance(getattr(cls, name, None), functools.cached_property)


def _is_part(stage: object, name: str, value: object) -> bool:
    """Whether an attribute is an option that holds a stage of its own."""
    cls: Any = type(stage)
    if not (attrs.has(type(value)) and attrs.has(cls)):
        return False
    field = attrs.fields_dict(cls).get(name)
    return field is not None and field.init


def plain(value: Any, where: str) -> Any:
    """A value as msgpack can hold it, sharing nothing with it.

    Raises:
        NotKept: It holds something else than data, `where` in it.

    >>> value_of(plain((1, np.zeros(2)), "pair"), "pair")
    (1, array([0., 0.]))
    """
    try:
        return _plain(value, 0)
    except NotKept as why:
        raise NotKept(f"{where} {why}") from None


def _plain(value: Any, depth: int) -> Any:
    kind = type(value)
    if value is None or kind in _SIMPLE:
        return value
    if kind is int:
        return value if _LEAST <= value < _MOST else ["i", str(value)]
    if depth >= _MAX_DEPTH:
        raise NotKept("nests too deeply")
    if kind is np.ndarray and value.dtype.kind in _KINDS:
        return ["a", value.dtype.str, list(value.shape), value.tobytes()]
    if isinstance(value, np.generic) and value.dtype.kind in _KINDS:
        return ["n", value.dtype.str, value.tobytes()]
    if kind is dict:
        return ["d", [[_plain(k, depth + 1), _plain(v, depth + 1)] for k, v in value.items()]]
    if kind is bytearray:
        return ["b", bytes(value)]
    tag = _TAGS.get(kind)
    if tag is None:
        raise NotKept(f"holds a {kind.__name__}")
    # Most items are numbers, thousands of them: each by itself would hold up the answer.
    items = list(value) if _are_numbers(value) else [_plain(item, depth + 1) for item in value]
    return ["q", value.maxlen, items] if kind is deque else [tag, items]


def _are_numbers(items: Collection[Any]) -> bool:
    """Whether items are floats and flags, or integers that a file can hold, and nothing else."""
    kinds = set(map(type, items))
    if not kinds <= _NUMBERS:
        return False
    # A NaN hides no large integer: where one is compared, nothing is within the bounds.
    return int not in kinds or (min(items) >= _LEAST and max(items) < _MOST)


def value_of(told: Any, where: str) -> Any:
    """The value of which `plain` told.

    Raises:
        Misfit: It told of none.
    """
    if told is None or type(told) in (bool, int, float, str, bytes):
        return told
    if not isinstance(told, list):
        raise Misfit(f"{where} cannot be read")
    try:
        return _MADE[told[0]](where, *told[1:])
    except Misfit:
        raise
    except (TypeError, ValueError, KeyError, IndexError, OverflowError, MemoryError) as error:
        raise Misfit(f"{where} cannot be read") from error


def _array(where: str, kind: str, shape: list[int], data: bytes) -> Any:
    dtype = np.dtype(kind)
    if dtype.kind not in _KINDS:
        raise Misfit(f"{where} is an array of {dtype}")
    # A copy, because what is read from bytes cannot be written to.
    return np.frombuffer(data, dtype).reshape(shape).copy()


def _scalar(where: str, kind: str, data: bytes) -> Any:
    return _array(where, kind, [], data)[()]


def _items(where: str, items: list[Any]) -> list[Any]:
    return [value_of(item, f"{where}[{i}]") for i, item in enumerate(items)]


_MADE: dict[str, Any] = {
    "a": _array,
    "n": _scalar,
    "i": lambda _, text: int(text),
    "b": lambda _, data: bytearray(data),
    "l": _items,
    "t": lambda where, items: tuple(_items(where, items)),
    "s": lambda where, items: set(_items(where, items)),
    "f": lambda where, items: frozenset(_items(where, items)),
    "q": lambda where, maxlen, items: deque(_items(where, items), maxlen),
    "d": lambda where, pairs: {value_of(k, where): value_of(v, f"{where}[{k!r:.40}]") for k, v in pairs},
}
