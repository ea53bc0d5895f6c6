"""One process at a time in a folder."""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO

import attrs

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

#: The file that is locked; it stays when its holder is gone, and then locks nothing.
LOCK = ".lock"
#: Where Windows locks a byte: behind the text, which others must be able to read.
_BYTE = 1 << 20
#: What a file system says that knows no locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class InUse(OSError):
    """Another process works in the folder."""


@attrs.define
class FolderLock:
    """Holds a folder until it is released or the process ends, however it ends.

    The system frees the lock with the process, so nothing has to be cleaned up after a crash. Where the file
    system knows no locks, nobody is kept out.

    Attributes:
        folder: The folder, which is there.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lock = FolderLock(Path(folder))
    ...     lock.acquire()
    ...     holder(Path(folder))["pid"] == os.getpid()
    ...     lock.release()
    ...     holder(Path(folder))
    True
    """

    folder: Path
    _file: BinaryIO | None = attrs.field(init=False, default=None)

    def acquire(self) -> None:
        """Take the folder.

        Raises:
            InUse: Another process has it; the message says which, and since when.
            OSError: The lock file cannot be written.
        """
        path = self.folder / LOCK
        file = path.open("a+b")
        if not _locked(file):
            told = _told(file)
            file.close()
            raise InUse(f"{self.folder} is in use by {_words(told)}; wait for it, or name another folder")
        try:
            file.truncate(0)
            since = datetime.now(timezone.utc).isoformat(timespec="seconds")
            file.write(json.dumps({"pid": os.getpid(), "since": since}).encode())
            file.flush()
        except OSError as error:
            file.close()
            raise OSError(error.errno, error.strerror, str(path)) from error
        self._file = file

    def release(self) -> None:
        """Let the folder go."""
        if self._file is not None:
            self._file.close()
            self._file = None


def holder(folder: Path) -> Mapping[str, Any] | None:
    """`pid` and `since` of the process that works in `folder`, as far as it says; None if there is none."""
    try:
        file = (folder / LOCK).open("r+b")
    except OSError:
        return None
    with file:
        return None if _locked(file) else _told(file)


def _locked(file: BinaryIO) -> bool:
    """Lock an open file, until it is closed; whether nobody else has it."""
    # A reader that only looks holds the lock for a moment; that must not keep a run out.
    for _ in range(20):
        if _locked_at_once(file):
            return True
        time.sleep(0.005)
    return False


def _locked_at_once(file: BinaryIO) -> bool:
    try:
        if sys.platform == "win32":
            file.seek(_BYTE)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _NO_LOCKS
    return True


def _told(file: BinaryIO) -> dict[str, Any]:
    file.seek(0)
    try:
        told = json.loads(file.read())
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _words(told: Mapping[str, Any]) -> str:
    if "pid" not in told:
        return "another process"
    return f"process {told['pid']} since {told.get('since', 'some time')}"
