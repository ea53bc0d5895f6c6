"""Array types of the vocabulary, and the checks that constructors share.

Every array has the book on its first axis. Floats are float64, integers int64, flags bool; a missing price
is NaN and a missing size 0. What is handed from one part to the next is read-only and owned by nobody, so
that no stage can change what another one, the records or the scores see.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import attrs
import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
#: An option that is one number for all books, or an array (B,).
PerBook: TypeAlias = float | npt.NDArray[np.float64]

_Array = TypeVar("_Array", bound=npt.NDArray[Any])

BUY = 0
SELL = 1


def as_floats(values: npt.ArrayLike) -> FloatArray:
    """`values` as float64, shared when they already are."""
    return np.asarray(values, dtype=np.float64)


def as_ints(values: npt.ArrayLike) -> IntArray:
    """`values` as int64, shared when they already are."""
    return np.asarray(values, dtype=np.int64)


def as_flags(values: npt.ArrayLike) -> BoolArray:
    """`values` as bool, shared when they already are."""
    return np.asarray(values, dtype=np.bool_)


def zero_for_nan(values: FloatArray) -> FloatArray:
    """`values` with 0 where they are NaN; infinities stay. np.nan_to_num takes several times as long.

    >>> zero_for_nan(np.array([np.nan, 2.0]))
    array([0., 2.])
    """
    return np.where(np.isnan(values), 0.0, values)


def sealed(values: _Array) -> _Array:
    """A copy that nobody can write to, not even by setting its flag back; `values` if they are such.

    >>> prices = sealed(np.array([99.0, 101.0]))
    >>> prices[0] = 0.0
    Traceback (most recent call last):
    ValueError: assignment destination is read-only
    >>> prices.setflags(write=True)
    Traceback (most recent call last):
    ValueError: cannot set WRITEABLE flag to True of this array
    """
    base: object = values.base
    if type(base) is bytes:
        return values
    lent = isinstance(base, np.ndarray) and base.flags.writeable
    if base is not None and not lent and not values.flags.writeable:
        return values
    # Bytes never change, and numpy knows: an array that owns its memory could be made writable again.
    return cast(_Array, np.ndarray(values.shape, values.dtype, values.tobytes()))


def column(convert: Callable[[npt.ArrayLike], npt.NDArray[Any]], **options: Any) -> Any:
    """An attrs field holding an array converted by `convert`, read-only, compared by content."""

    def converted(values: npt.ArrayLike) -> npt.NDArray[Any]:
        return sealed(convert(values))

    return attrs.field(converter=converted, eq=attrs.cmp_using(eq=_same), **options)


def check_shape(owner: object, shape: tuple[int, ...], *names: str) -> None:
    """Raise ValueError unless each named array of `owner` has `shape`."""
    for name in names:
        found = getattr(owner, name).shape
        if found != shape:
            raise ValueError(f"{type(owner).__name__}.{name} has shape {found}, expected {shape}")


def check_offset(owner: object, offset: IntArray, n_rows: int) -> None:
    """Raise ValueError unless `offset` cuts `n_rows` rows into consecutive books."""
    ok = offset.ndim == 1 and offset.size >= 1 and offset[0] == 0 and offset[-1] == n_rows
    if not ok or bool((offset[1:] < offset[:-1]).any()):
        raise ValueError(
            f"{type(owner).__name__}.offset must rise from 0 to the number of rows ({n_rows}), got {offset!r}"
        )


def book_of_rows(offset: IntArray) -> IntArray:
    """Book index (N,) of each row cut by `offset` (B+1,)."""
    return np.arange(offset.size - 1).repeat(offset[1:] - offset[:-1])


def _same(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f" and b.dtype.kind == "f"))
