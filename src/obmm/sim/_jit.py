"""The one way kernels are compiled: no interpreter lock, results kept on disk.

numba drops a stored kernel when the file of that very function changes, but not when a function it calls
changes. Kernels are therefore stored under a digest of all their sources, so that what runs is what is
written.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

import numba

#: A compiled record (one book, one account …): its fields are those of the dtypes in `_layout`.
Record: TypeAlias = Any
_F = TypeVar("_F", bound=Callable[..., Any])

_KEEP_S = 30 * 86_400


def _sources_digest() -> str:
    room = Path(__file__).parent
    market = room.parent / "market"
    # Kernels, and where their constants and record types come from.
    sources = {room / name for name in ("_jit.py", "_layout.py", "_background_layout.py", "_parameters.py")}
    sources |= {market / name for name in ("arrays.py", "notices.py", "orders.py")}
    sources |= {path for path in room.glob("*.py") if b"@kernel" in path.read_bytes()}
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(sources):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _store() -> Path:
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "obmm" / "kernels"


#: Where the compiled kernels of these sources lie.
CACHE_DIR = _store() / _sources_digest()


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
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = str(CACHE_DIR)
    try:
        compiled: Any = numba.njit(cache=True, nogil=True)(function)
    finally:
        config.CACHE_DIR = before
    resolve = compiled.get_call_template
    compiled.get_call_template = lambda args, kws: resolve(tuple(map(_widened, args)), kws)
    return cast(_F, compiled)


def forget_old_kernels() -> None:
    """Remove kernels of other versions of the sources that no process has used for a month."""
    for folder in _store().glob("[0-9a-f]" * 16):
        if folder != CACHE_DIR and time.time() - folder.stat().st_mtime > _KEEP_S:
            shutil.rmtree(folder, ignore_errors=True)
