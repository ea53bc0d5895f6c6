"""The one way kernels are compiled: no interpreter lock, results kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numba

from obmm.sim._store import KernelCache

#: A compiled record (one book, one account …): its fields are those of the dtypes in the layouts of wings.
Record: TypeAlias = Any
_F = TypeVar("_F", bound=Callable[..., Any])


def _widened(kind: Any) -> Any:
    """The type a kernel is compiled for when another kernel passes `kind`: all integers are int64."""
    types: Any = numba.types
    plain = types.unliteral(kind)
    return types.int64 if isinstance(plain, types.Integer) and plain.signed else plain


def kernel(function: _F) -> _F:
    """`function` compiled by numba on its first call and stored for the next process.

    Between kernels arguments are widened first: else each constant and each width of integer among the
    arguments would have a version of its own, and compiling would take more than twice as long.
    """
    numba_: Any = numba  # Its newest stubs lack what is used here.
    if numba_.config.DISABLE_JIT:
        raise RuntimeError("NUMBA_DISABLE_JIT is set, but the embedded market only runs compiled")
    # What kernels call needs no way in from Python, and half of the time goes into such ways in.
    entry: Any = numba_.njit(nogil=True)(function)
    part: Any = numba_.njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)
    entry._cache, part._cache = KernelCache(function, "entry"), KernelCache(function, "part")
    entry.get_call_template = lambda args, kws: part.get_call_template(tuple(map(_widened, args)), kws)
    entry.get_overload = part.get_overload
    return cast(_F, entry)
