"""From plain tables to objects with options: typed, strict, every problem reported."""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import cattrs
import numpy as np
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError
from cattrs.gen import make_dict_structure_fn

from obmm.market import FloatArray
from obmm.settings.errors import did_you_mean, shown

#: (path below the object, what is wrong)
Complaint = tuple[str, str]
#: Of a type, the classes that the key `kind` of its table chooses from.
Kinds = Mapping[Any, Mapping[str, type]]


class Structure:
    """Makes objects of plain tables.

    Args:
        kinds: Types of which several classes exist, and the names by which a table's `kind` chooses one.
    """

    def __init__(self, kinds: Kinds | None = None) -> None:
        self._converter = _converter(kinds or {})

    def __call__(self, options: Mapping[str, Any], cls: type) -> tuple[Any, list[Complaint]]:
        """An instance of the attrs class `cls` with `options`, or None and everything that is wrong.

        Values that are instances of an option's class already stay as they are. Whatever the class itself
        raises becomes a complaint too.
        """
        try:
            return self._converter.structure(options, cls), []
        except ClassValidationError as error:
            return None, _without_echoes(list(_complaints(error, "")))
        except (Exception, SystemExit) as error:  # A class of the user's may raise anything.
            return None, [("", _said(error))]


def structure(options: Mapping[str, Any], cls: type) -> tuple[Any, list[Complaint]]:
    """An instance of the attrs class `cls` with `options`, or None and everything that is wrong.

    >>> import attrs
    >>> @attrs.define
    ... class Stage:
    ...     depth: int = 5
    >>> structure({"depth": 3.0}, Stage)
    (Stage(depth=3), [])
    >>> structure({"dept": 3, "depth": "x"}, Stage)
    (None, [('depth', "must be a whole number, got 'x'"), ('dept', "unknown option; did you mean 'depth'?")])
    """
    return _PLAIN(options, cls)


def option_names(cls: type) -> list[str]:
    """Options of a class, in order."""
    return [f.name for f in attrs.fields(cls) if f.init]


def _complaints(error: BaseException, path: str) -> Iterator[Complaint]:
    if isinstance(error, (ClassValidationError, IterableValidationError)):
        for child in error.exceptions:
            notes = getattr(child, "__notes__", [])
            steps = [step for note in notes if (step := _step(note)) is not None]
            yield from _complaints(child, _join(path, steps[-1]) if steps else path)
    elif isinstance(error, ForbiddenExtraKeysError):
        for name in sorted(error.extra_fields):
            yield _join(path, name), f"unknown option; {did_you_mean(name, option_names(error.cl))}"
    elif isinstance(error, KeyError) and path.rpartition(".")[2] in error.args:
        yield path, "is required"
    else:
        yield path, _said(error)


def _said(error: BaseException) -> str:
    """What an error says; of one that was not meant for the user, its name as well."""
    if isinstance(error, (ValueError, TypeError)) and str(error):
        return str(error)
    return f"is refused: {type(error).__name__}: {error}"


def _without_echoes(complaints: list[Complaint]) -> list[Complaint]:
    """A misspelt key also leaves the right one missing: telling the first is enough."""
    meant = {
        _join(path.rpartition(".")[0], what.partition("did you mean '")[2].rstrip("'?"))
        for path, what in complaints
        if "did you mean" in what
    }
    return [c for c in complaints if not (c[1] == "is required" and c[0] in meant)]


def _step(note: object) -> str | None:
    if isinstance(note, cattrs.AttributeValidationNote):
        return note.name
    if isinstance(note, cattrs.IterableValidationNote):
        return f"[{note.index}]"
    return None


def _join(path: str, step: str) -> str:
    return f"{path}{step}" if step.startswith("[") or not path else f"{path}.{step}"


def _flag(value: Any, _: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"must be true or false, got {shown(value)}")
    return bool(value)


def _whole(value: Any, _: Any) -> int:
    if not _is_number(value) or value != value or value in (np.inf, -np.inf) or value != int(value):
        raise ValueError(f"must be a whole number, got {shown(value)}")
    return int(value)


def _number(value: Any, _: Any) -> float:
    if not _is_number(value) or value != value:
        raise ValueError(f"must be a number, got {shown(value)}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"is too large a number: {shown(value)}") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a text, got {shown(value)}")
    return value


def _choice(value: Any, kind: Any) -> Any:
    known = typing.get_args(kind)
    if not isinstance(value, (str, int, float)) or value not in known:
        hint = f"; {did_you_mean(value, known)}" if isinstance(value, str) and len(known) > 1 else ""
        hint = hint if "mean" in hint else ""
        raise ValueError(f"must be one of {', '.join(map(repr, known))}, got {shown(value)}{hint}")
    return value


def _one_or_more(value: Any, kind: Any, convert: Callable[[Any, Any], Any]) -> tuple[Any, ...]:
    # `depths=5` on a command line means a list of one.
    of_item: Any = types.GenericAlias(list, typing.get_args(kind)[:1])
    return tuple(convert(list(value) if isinstance(value, (list, tuple)) else [value], of_item))


def _table(value: Any, cls: Any, made: Callable[[Any, Any], Any]) -> Any:
    if isinstance(value, cls):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"must be a table of options, got {shown(value)}")
    return made(value, cls)


def _made_already(value: Any, protocol: Any) -> Any:
    if not isinstance(value, protocol):
        raise ValueError(f"must be a table with a kind, got {shown(value)}")
    return value


def _one_of_kinds(value: Any, _: Any, classes: Mapping[str, type], convert: Callable[[Any, Any], Any]) -> Any:
    if isinstance(value, tuple(classes.values())):
        return value
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if not isinstance(kind, str) or kind not in classes:
        hint = did_you_mean(kind, classes) if isinstance(kind, str) else f"there are {', '.join(classes)}"
        raise ValueError(f"needs a kind, got {shown(kind if isinstance(value, Mapping) else value)}; {hint}")
    return convert({key: item for key, item in value.items() if key != "kind"}, classes[kind])


def _array(value: Any, _: Any) -> FloatArray:
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.array(np.nan)
    if np.isnan(array).any():
        raise ValueError(f"must be numbers, got {shown(value)}")
    return array


def _is_array_union(kind: Any) -> bool:
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return False
    return any(_is_array(arg) for arg in typing.get_args(kind))


def _is_array(kind: Any) -> bool:
    """Whether `kind` is an array's type; from numpy 2.5 `NDArray` is an alias that keeps its name."""
    origin = typing.get_origin(kind)
    return origin is np.ndarray or typing.get_origin(getattr(origin, "__value__", None)) is np.ndarray


def _origin(kind: Any) -> Any:
    return typing.get_origin(kind)


def _converter(kinds: Kinds) -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    convert = converter.structure
    converter.register_structure_hook(bool, _flag)
    converter.register_structure_hook(int, _whole)
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook_func(lambda kind: _origin(kind) is typing.Literal, _choice)
    converter.register_structure_hook_func(
        lambda kind: _origin(kind) is tuple and typing.get_args(kind)[1:] == (...,),
        lambda value, kind: _one_or_more(value, kind, convert),
    )
    # One number; arrays are made by overrides of single books, never written.
    converter.register_structure_hook_func(_is_array, _array)
    converter.register_structure_hook_func(_is_array_union, lambda value, _: _number(value, float))
    converter.register_structure_hook_func(
        lambda kind: getattr(kind, "_is_runtime_protocol", False), _made_already
    )
    converter.register_structure_hook_factory(
        attrs.has, lambda cls: functools.partial(_table, made=make_dict_structure_fn(cls, converter))
    )
    for union, classes in kinds.items():
        converter.register_structure_hook(
            union, functools.partial(_one_of_kinds, classes=classes, convert=convert)
        )
    return converter


_PLAIN = Structure()
