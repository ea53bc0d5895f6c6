"""A live recording that is read while it grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from obmm.wire.errors import WireError
from obmm.wire.frames import Frame, TornFrame, read_frame
from obmm.wire.recording import SUFFIX, Recording

#: Real seconds between two looks whether there is more.
LOOK_S = 0.2


@attrs.define
class Growing(Recording):
    """A recording whose frames do not end while `going`, but for the first reading of them.

    Attributes:
        going: Whether to wait for more.
        read: How many readings there were.

    Raises:
        WireError: There is no recording.
    """

    going: Callable[[], bool] = attrs.field(kw_only=True)
    read: int = attrs.field(init=False, default=0)

    def frames(self) -> Iterator[Frame]:
        """All frames, oldest first, and those to come from the second reading on.

        Raises:
            WireError: A file is damaged.
        """
        self.read += 1
        if self.read == 1 or not self.path.is_dir():
            yield from super().frames()
            return
        path, at = self._after(None), 0
        while path is not None:
            newer = self._after(path)
            for frame, end in _from(path, at):
                yield frame
                at = end
            if newer is not None:
                path, at = newer, 0
            elif self.going():
                time.sleep(LOOK_S)
            else:
                return

    def _after(self, path: Path | None) -> Path | None:
        """The oldest file that is newer than `path`."""
        files = sorted(self.path.glob(f"*{SUFFIX}"))
        return next((file for file in files if path is None or file.name > path.name), None)


def _from(path: Path, at: int) -> Iterator[tuple[Frame, int]]:
    """The whole frames of a file from a byte on, each with where it ends."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:  # It had to make room for newer ones.
        return
    with stream:
        stream.seek(at)
        while True:
            try:
                frame = read_frame(stream, f"{path} at byte {at}")
            except TornFrame:
                return
            except WireError:
                # What the system has not written yet reads as zeros.
                stream.seek(at)
                if any(stream.read()):
                    raise
                return
            if frame is None:
                return
            at = stream.tell()
            yield frame, at
