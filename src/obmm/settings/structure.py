"""From plain tables to stage options: typed, strict, every problem reported."""

from __future__ import annotations

import types
import typing
from typing import Any

import attrs
import cattrs
import numpy as np
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError

from obmm.settings.errors import did_you_mean

#: (path below the stage, what is wrong)
Complaint = tuple[str, str]


def structure(options: dict[str, Any], cls: type) -> tuple[Any, list[Complaint]]:
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
    try:
        return _CONVERTER.structure(options, cls), []
    except ClassValidationError as error:
        return None, list(_complaints(error, ""))
    except (TypeError, ValueError) as error:
        return None, [("", str(error))]


def option_names(cls: type) -> list[str]:
    """Options of a stage class, in order."""
    return [f.name for f in attrs.fields(cls) if f.init]


def _complaints(error: BaseException, path: str) -> typing.Iterator[Complaint]:
    if isinstance(error, (ClassValidationError, IterableValidationError)):
        for child in error.exceptions:
            notes = getattr(child, "__notes__", [])
            steps = [step for note in notes if (step := _step(note)) is not None]
            yield from _complaints(child, _join(path, steps[-1]) if steps else path)
    elif isinstance(error, ForbiddenExtraKeysError):
        for name in sorted(error.extra_fields):
            yield _join(path, name), f"unknown option; {did_you_mean(name, option_names(error.cl))}"
    elif isinstance(error, KeyError):
        yield path, "is required"
    else:
        yield path, str(error) or type(error).__name__


def _step(note: object) -> str | None:
    if isinstance(note, cattrs.AttributeValidationNote):
        return note.name
    if isinstance(note, cattrs.IterableValidationNote):
        return f"[{note.index}]"
    return None


def _join(path: str, step: str) -> str:
    return f"{path}{step}" if step.startswith("[") or not path else f"{path}.{step}"


def _flag(value: Any, _: Any) -> bool:
    # A parameter word arrives as a float: 0 and 1 are the only numbers that mean a flag.
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    raise ValueError(f"must be true or false, got {value!r}")


def _whole(value: Any, _: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != np.floor(value):
        raise ValueError(f"must be a whole number, got {value!r}")
    return int(value)


def _number(value: Any, _: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise ValueError(f"must be a number, got {value!r}")
    return float(value)


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a text, got {value!r}")
    return value


def _choice(value: Any, kind: Any) -> Any:
    known = typing.get_args(kind)
    if value not in known:
        raise ValueError(f"must be one of {', '.join(map(repr, known))}, got {value!r}")
    return value


def _one_or_more(value: Any, kind: Any) -> tuple[Any, ...]:
    # `depths=5` on a command line means a list of one.
    of_item: Any = types.GenericAlias(list, typing.get_args(kind)[:1])
    return tuple(_CONVERTER.structure(value if isinstance(value, (list, tuple)) else [value], of_item))


def _origin(kind: Any) -> Any:
    return typing.get_origin(kind)


def _is_array_union(kind: Any) -> bool:
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return False
    return any(_is_array(arg) for arg in typing.get_args(kind))


def _is_array(kind: Any) -> bool:
    """Whether `kind` is an array's type; from numpy 2.5 `NDArray` is an alias that keeps its name."""
    origin = typing.get_origin(kind)
    return origin is np.ndarray or typing.get_origin(getattr(origin, "__value__", None)) is np.ndarray


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    converter.register_structure_hook(bool, _flag)
    converter.register_structure_hook(int, _whole)
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook_func(lambda kind: _origin(kind) is typing.Literal, _choice)
    converter.register_structure_hook_func(
        lambda kind: _origin(kind) is tuple and typing.get_args(kind)[1:] == (...,), _one_or_more
    )
    # One number; arrays are made by overrides of single books, never written.
    converter.register_structure_hook_func(_is_array_union, lambda value, _: _number(value, float))
    return converter


_CONVERTER = _converter()
