"""Live recordings: a folder of files of frames, and an index.

    index.json        which files there are, which are gone, what was lost
    00000001.obmf     frames, from the oldest file that is still kept …
    00000002.obmf     … to the newest

Every file begins with a `Setup`, so that it can be read without those before it. A process that starts begins
a new file; one that is killed leaves its last file open, perhaps with half a frame at its end, which is
passed over and told. Anything else that is wrong is an error that names file and byte.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import attrs
import msgspec

from obmm.settings.files import write_whole
from obmm.wire.errors import WireError
from obmm.wire.frames import MAGIC, Frame, Setup, TornFrame, read_frame

INDEX, SUFFIX = "index.json", ".obmf"
FORMAT, VERSION = "obmm recording", 1

#: An index has some 200 bytes a file; more is some other file.
_MAX_INDEX = 2**26


class File(msgspec.Struct, kw_only=True):
    """One file of a recording.

    Attributes:
        name: Its name in the folder.
        frames: Frames in it.
        exchanges: Of these, requests with their answers.
        size: Bytes.
        first_ns: Wall clock of its first frame.
        last_ns: Wall clock of its last exchange; 0 while there is none.
        closed: Whether its writer ended it; the figures of an open one are those of some moment before.
    """

    name: str
    frames: int = 0
    exchanges: int = 0
    size: int = 0
    first_ns: int = 0
    last_ns: int = 0
    closed: bool = False


class Removed(msgspec.Struct, kw_only=True):
    """What had to go for the newest to have room.

    Attributes:
        files: How many.
        exchanges: How many were in them.
        size: Bytes.
        last_ns: Wall clock of the newest exchange among them.
    """

    files: int = 0
    exchanges: int = 0
    size: int = 0
    last_ns: int = 0


class Index(msgspec.Struct, kw_only=True):
    """What a folder holds.

    Attributes:
        files: The files, oldest first.
        removed: What is gone.
        lost: Exchanges that were never written, by what kept them out.
        format: Always `FORMAT`.
        version: Of the index.
    """

    files: list[File] = msgspec.field(default_factory=list)
    removed: Removed = msgspec.field(default_factory=Removed)
    lost: dict[str, int] = msgspec.field(default_factory=dict)
    format: str = FORMAT
    version: int = VERSION

    def write(self, folder: Path) -> None:
        """Write it into its folder, whole or not at all.

        Raises:
            OSError: The disk does not take it.
        """
        write_whole(folder / INDEX, msgspec.json.format(msgspec.json.encode(self)) + b"\n")


def is_recording(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a live recording, the folder or one of its files, rather than anything else.

    >>> is_recording("nowhere")
    False
    """
    path = Path(path)
    if path.is_dir():
        return (path / INDEX).is_file() or any(path.glob(f"*{SUFFIX}"))
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read_index(folder: Path) -> Index | None:
    """The index of a folder; None if there is none.

    Raises:
        WireError: It is damaged, or of another version.
    """
    path = folder / INDEX
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_INDEX + 1)
    except FileNotFoundError:
        return None
    try:
        index = msgspec.json.decode(data, type=Index)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        what = f"is damaged: {error}; remove it, the files tell the same but for what is gone"
        raise WireError(str(path), what) from error
    if index.format != FORMAT or index.version != VERSION:
        raise WireError(str(path), f"is no index of a recording that this obmm reads, version {VERSION}")
    if any(Path(file.name).name != file.name for file in index.files):
        raise WireError(str(path), "names files outside its folder")
    return index


@attrs.define
class Recording:
    """A live recording, read from its folder or from one of its files.

    Attributes:
        path: The folder or the file.
        index: Its index, that of what lies there where it has none.
        torn: Places at which a writer was killed within a frame, known when `frames` came there.

    Raises:
        WireError: There is no recording, or its index is damaged.
    """

    path: Path
    index: Index = attrs.field(init=False)
    torn: list[str] = attrs.field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        if not is_recording(self.path):
            raise WireError(str(self.path), "is no live recording: neither a folder of one nor a file of it")
        if self.path.is_dir():
            index = read_index(self.path)
            self.index = Index() if index is None else index
            known = {file.name for file in self.index.files}
            # Without an index, or with one that is older than the newest file.
            there = (path for path in self.path.glob(f"*{SUFFIX}") if path.name not in known)
            self.index.files += [File(name=path.name, size=path.stat().st_size) for path in there]
            self.index.files.sort(key=lambda file: file.name)
        else:
            self.index = Index(files=[File(name=self.path.name, size=self.path.stat().st_size)])

    @property
    def folder(self) -> Path:
        """The folder in which the files lie."""
        return self.path if self.path.is_dir() else self.path.parent

    def frames(self) -> Iterator[Frame]:
        """All frames, oldest first.

        Raises:
            WireError: A file is damaged or missing; the error names the file and the byte. The frames before
                have been yielded.
            OSError: A file cannot be read.
        """
        self.torn.clear()
        for file in self.index.files:
            yield from self._frames_of(file)

    def _frames_of(self, file: File) -> Iterator[Frame]:
        path = self.folder / file.name
        if not path.is_file():
            raise WireError(str(path), "is missing, although the index names it")
        with path.open("rb") as stream:
            size, at = path.stat().st_size, 0
            while True:
                where = f"{path} at byte {at}"
                try:
                    frame = read_frame(stream, where)
                except TornFrame as error:
                    if file.closed:
                        raise
                    self.torn.append(str(error))
                    return
                except WireError:
                    # A machine that went down may leave what was never written as zeros, at the very end.
                    stream.seek(at)
                    if file.closed or any(stream.read(size - at)):
                        raise
                    self.torn.append(f"{where}: nothing but zeros to the end")
                    return
                if frame is None:
                    break
                if at == 0 and not isinstance(frame.about, Setup):
                    raise WireError(where, "a file must begin with the configuration")
                yield frame
                at = stream.tell()
        if file.closed and at != file.size:
            raise WireError(f"{path} at byte {at}", f"the file ends; the index names {file.size} bytes")
