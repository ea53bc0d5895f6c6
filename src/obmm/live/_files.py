"""The files of a recording that is being made, and their index."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import BinaryIO

import attrs

from obmm.wire.recording import SUFFIX, File, Index, Recording, is_recording

#: Of all that may be kept a file is at most this part, so that room is made in small steps.
_PART = 4


@attrs.frozen(kw_only=True)
class Bounds:
    """How large a recording may become.

    Attributes:
        total_bytes: All files together; the oldest go when it is reached.
        file_bytes: A file, after which the next one begins.
        file_s: Real seconds, the same.

    Raises:
        ValueError: One is not positive.
    """

    total_bytes: int = attrs.field(default=20 * 10**9, validator=attrs.validators.gt(0))
    file_bytes: int = attrs.field(default=2**26, validator=attrs.validators.gt(0))
    file_s: float = attrs.field(default=3600.0, validator=attrs.validators.gt(0.0))

    @property
    def one_file(self) -> int:
        """Bytes after which the next file begins."""
        return min(self.file_bytes, max(self.total_bytes // _PART, 1))


class RecordingFiles:
    """Appends to the newest file of a folder, begins new ones, and lets the oldest go.

    What an append that fails has written is taken back: a file always ends with a whole frame, unless the
    process ends within one.

    Args:
        folder: The folder, which is there; what was recorded there before is added to.
        bounds: How much is kept.

    Raises:
        WireError: The folder holds a damaged index.
    """

    def __init__(self, folder: Path, bounds: Bounds) -> None:
        self.index = Recording(folder).index if is_recording(folder) else Index()
        for file in self.index.files:
            path = folder / file.name
            if not file.closed and path.is_file():
                # A process was killed, and its index is of the moment when it began the file.
                file.size = path.stat().st_size
        self._folder, self._bounds = folder, bounds
        self._stream: BinaryIO | None = None
        self._until_s = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time to begin a file."""
        file = self.index.files[-1] if self._stream is not None else None
        return file is None or file.size >= self._bounds.one_file or time.monotonic() >= self._until_s

    def begin(self, head: bytes, at_ns: int) -> None:
        """End the newest file, make room, and begin another one with the frame `head`.

        Raises:
            OSError: The disk does not take it; the next append or begin tries again.
        """
        self.end()
        self._make_room(len(head))
        last = self.index.files[-1].name if self.index.files else ""
        number = int(last.partition(".")[0]) + 1 if last else self.index.removed.files + 1
        path = self._folder / f"{number:08}{SUFFIX}"
        stream = path.open("xb", buffering=0)
        file = File(name=path.name, first_ns=at_ns)
        self.index.files.append(file)
        self._stream = stream
        try:
            self._write(head)
            self.index.write(self._folder)
        except OSError:
            self._stream = None
            self.index.files.pop()
            stream.close()
            path.unlink(missing_ok=True)
            raise
        self._until_s = time.monotonic() + self._bounds.file_s

    def append(self, data: bytes, at_ns: int = 0) -> None:
        """Add a frame to the newest file; that of an exchange names the wall clock of its request.

        Raises:
            OSError: The disk does not take it; the file is as before.
        """
        self._make_room(len(data))
        self._write(data)
        if at_ns:
            file = self.index.files[-1]
            file.exchanges, file.last_ns = file.exchanges + 1, at_ns

    def end(self) -> None:
        """End the newest file, if one is open.

        Raises:
            OSError: The disk does not take the index; the file is whole.
        """
        if self._stream is None:
            return
        stream, self._stream = self._stream, None
        self.index.files[-1].closed = True
        try:
            os.fsync(stream.fileno())
        finally:
            stream.close()
        self.index.write(self._folder)

    def _write(self, data: bytes) -> None:
        assert self._stream is not None
        file, rest = self.index.files[-1], memoryview(data)
        try:
            while rest:
                rest = rest[self._stream.write(rest) :]
        except OSError as error:
            self._stream.truncate(file.size)
            self._stream.seek(file.size)
            raise OSError(error.errno, error.strerror, str(self._folder / file.name)) from error
        file.size += len(data)
        file.frames += 1

    def _make_room(self, wanted: int) -> None:
        """Let the oldest files go until so many bytes fit; the newest stays, whatever its size."""
        index, open_files = self.index, int(self._stream is not None)
        while (
            len(index.files) > open_files
            and sum(file.size for file in index.files) + wanted > self._bounds.total_bytes
        ):
            file = index.files[0]
            (self._folder / file.name).unlink(missing_ok=True)
            index.files.pop(0)
            gone = index.removed
            gone.files, gone.exchanges = gone.files + 1, gone.exchanges + file.exchanges
            gone.size, gone.last_ns = gone.size + file.size, max(gone.last_ns, file.last_ns)
