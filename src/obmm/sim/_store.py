"""Compiled kernels kept for the next process, whatever happens to the folder they lie in.

One file per kernel and types of arguments, written aside and renamed, with a digest in front: what is cut,
empty or damaged counts as missing and is replaced. Processes that miss the same kernel at the same time wait
for the first of them instead of compiling it too. Where nothing can be written the market runs all the same,
compiled anew at each start, and one warning says so.

numba's own store is not used: it is keyed by the file of a kernel but not by those of the kernels it calls,
an unreadable file of it ends in an exception at each start, and two processes that add to the same index at
the same time can exchange two kernels.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numba
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from obmm.sim._ahead import compile_ahead

if sys.platform != "win32":
    import fcntl

# Typed in the newest numba alone.
_pack: Any = dumps
_rebuild: Any = CompileResult._rebuild
_log = logging.getLogger(__name__)

_KEEP_S = 30 * 86_400
#: Nobody waits longer than this for a kernel that another process compiles.
_PATIENCE_S = 300.0
#: What comes from the market's room: constants and record types.
_MARKET_SOURCES = ("arrays.py", "notices.py", "orders.py")


def sources_digest(room: Path) -> str:
    """A fingerprint of numba, Python and all sources that kernels in `room` can depend on, 16 hex digits."""
    sources = {path.relative_to(room).as_posix(): path for path in room.rglob("*.py")}
    sources |= {f"market/{name}": room.parent / "market" / name for name in _MARKET_SOURCES}
    digest = hashlib.sha256(f"{numba.__version__} {sys.implementation.cache_tag}".encode())
    for name, path in sorted(sources.items()):
        digest.update(name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _root() -> Path | None:
    """Where stores of all versions lie; None if there is no home at all."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return Path(given)
    cache = os.environ.get("XDG_CACHE_HOME")
    with suppress(RuntimeError):
        return Path(cache or Path.home() / ".cache") / "obmm" / "kernels"
    return None


class Store:
    """A folder of compiled kernels, or no folder; no method raises because of the folder."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._told = False
        self._complained = False

    def missing(self) -> None:
        """Say once that a kernel must be compiled, and get help for the others."""
        if self._told:
            return
        self._told = True
        reason = self._unusable()
        if reason:
            self._complained = True
            _log.warning(
                "compiling the market, about half a minute, and again at each start: %s; "
                "NUMBA_CACHE_DIR can name a folder that can be written",
                reason,
            )
        else:
            _log.info("compiling the market, about half a minute, once")
            compile_ahead()

    def read(self, name: str) -> bytes | None:
        """What was written under `name`; None if nothing was, or it is damaged."""
        if self.folder is None:
            return None
        try:
            content = (self.folder / name).read_bytes()
        except OSError:
            return None
        digest, body = content[:32], content[32:]
        return body if hashlib.sha256(body).digest() == digest else None

    def write(self, name: str, body: bytes) -> None:
        """Keep `body` under `name`; a warning, once, if that is impossible."""
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Not a private file: whoever may read the folder may read its kernels.
            aside = self.folder / f"new-{uuid.uuid4().hex}"
            try:
                with open(aside, "xb") as file:
                    file.write(hashlib.sha256(body).digest() + body)
                os.replace(aside, self.folder / name)
            except BaseException:
                with suppress(OSError):
                    os.unlink(aside)
                raise
        except OSError as error:
            if not self._complained:
                self._complained = True
                _log.warning("the compiled market cannot be kept: %s", error)

    def lock(self, name: str) -> BinaryIO | None:
        """Wait until no other process compiles the kernel `name`; what must be closed when it is kept."""
        if sys.platform == "win32" or self.folder is None:
            return None
        try:
            file = open(self.folder / f"{name}.lock", "ab")  # noqa: SIM115 - held while the kernel is compiled
        except OSError:
            return None
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            if _is_ours(file):
                return file
            time.sleep(0.02)
        file.close()
        return None

    def unlock(self, name: str, lock: BinaryIO | None) -> None:
        """Let the others have the kernel `name`."""
        if lock is not None and self.folder is not None:
            with suppress(OSError):
                os.unlink(self.folder / f"{name}.lock")
            lock.close()

    def _unusable(self) -> str:
        """Why nothing can be written here; empty if something can."""
        if self.folder is None:
            return "there is no home folder to keep it in"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self.folder).close()
        except OSError as error:
            return f"{self.folder} cannot be written ({error.strerror})"
        return ""


def _is_ours(file: BinaryIO) -> bool:
    """Whether this process holds the lock; also where the file system knows no locks."""
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True
    return True


_root_folder = _root()
#: The store of these sources.
STORE = Store(_root_folder and _root_folder / sources_digest(Path(__file__).parent))


class KernelCache:
    """What numba asks for a compiled kernel, and gives it when it has compiled one.

    Args:
        function: The kernel's source.
        role: Tells apart compilations of one function with different options.
    """

    def __init__(self, function: Callable[..., Any], role: str) -> None:
        code = function.__code__
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}".replace(
            "<", ""
        ).replace(">", "")
        self._identity = (
            f"{role} {function.__module__} {_file_digest(code.co_filename)} {code.co_firstlineno}"
        )
        self._locks: dict[Any, BinaryIO | None] = {}
        self.cache_path = str(STORE.folder)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kernel for arguments `sig`, None if it must be compiled."""
        target_context.refresh()
        name = self._file(sig, target_context.codegen())
        found = self._rebuilt(name, target_context)
        if found is None:
            STORE.missing()
            lock = STORE.lock(name)
            found = self._rebuilt(name, target_context)
            if found is None:
                self._locks[sig] = lock
            else:
                STORE.unlock(name, lock)
        return found

    def save_overload(self, sig: Any, result: Any) -> None:
        """Keep what was compiled for arguments `sig`."""
        name = self._file(sig, result.codegen)
        if not result.lifted and not result.library.has_dynamic_globals:
            STORE.write(name, _pack(result._reduce()))
        STORE.unlock(name, self._locks.pop(sig, None))

    def flush(self) -> None:
        """Nothing to do: what is stored does not go stale."""

    def _file(self, sig: Any, codegen: Any) -> str:
        key = f"{self._identity} {sig!r} {codegen.magic_tuple()!r}"
        return f"{self._name}-{hashlib.sha256(key.encode()).hexdigest()[:24]}"

    def _rebuilt(self, name: str, target_context: Any) -> Any:
        body = STORE.read(name)
        if body is None:
            return None
        return _rebuild(target_context, *pickle.loads(body))


@cache
def _file_digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def forget_old_kernels() -> None:
    """Remove kernels of other versions of the sources that no process has used for a month."""
    with suppress(OSError):
        for folder in _root_folder.glob("[0-9a-f]" * 16) if _root_folder else ():
            if folder != STORE.folder and time.time() - folder.stat().st_mtime > _KEEP_S:
                shutil.rmtree(folder, ignore_errors=True)
