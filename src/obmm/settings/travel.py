"""Classes of stages on their way to another process, on this machine or another.

The code of a user's own stage goes along. That of obmm and of installed packages must be there already, and
be the same: what it says is compared.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import attrs

from obmm.settings.errors import ConfigError, Problem
from obmm.settings.modules import imported, own_sources


@attrs.frozen
class Packed:
    """A class as it travels.

    Attributes:
        module: Its module.
        name: Its name in it.
        files: Files of the user's own that it is made of: path below one folder → content; none for code that
            is installed.
        digest: What that code says.
    """

    module: str
    name: str
    files: Mapping[str, bytes]
    digest: str


def pack(cls: type) -> Packed:
    """A class, ready to travel.

    Raises:
        ConfigError: It was written where no file keeps it.

    >>> from obmm.signals import Mid
    >>> unpack(pack(Mid)) is Mid
    True
    """
    sources = own_sources(cls)
    if sources is not None:
        files = {path: file.read_bytes() for path, file in sorted(sources.files.items())}
        return Packed(sources.module, cls.__qualname__, files, _digest_of(files))
    if getattr(sys.modules.get(cls.__module__), "__file__", None) is None:
        what = "lives in no file, so that no other process can have it: write it into one"
        raise ConfigError([Problem(f"{cls.__module__}:{cls.__qualname__}", what)])
    module = cls.__module__.partition("@")[0]
    return Packed(module, cls.__qualname__, {}, installed_digest(module))


def unpack(packed: Packed) -> type:
    """The class here.

    Raises:
        ConfigError: Its package is not installed here, or says something else.
    """
    where = f"{packed.module}:{packed.name}"
    try:
        if not packed.files:
            there = installed_digest(packed.module)
            if there != packed.digest:
                top = packed.module.partition(".")[0]
                what = f"{top} is another one here ({there}) than where the run was planned ({packed.digest})"
                raise LookupError(f"{what}; install the same on both, and change neither meanwhile")
        found: object = imported(packed.module, [_unfolded(packed)] if packed.files else [])
        for word in packed.name.split("."):
            found = getattr(found, word)
    except (LookupError, AttributeError) as error:
        raise ConfigError([Problem(where, str(error))]) from None
    assert isinstance(found, type)
    return found


@functools.lru_cache(maxsize=64)
def installed_digest(module: str) -> str:
    """A fingerprint of all Python sources of the package that `module` belongs to, 16 hex digits.

    Raises:
        LookupError: No such package is installed.
    """
    top = module.partition(".")[0]
    spec = importlib.util.find_spec(top) if top not in sys.modules else sys.modules[top].__spec__
    if spec is None:
        raise LookupError(
            f"no package {top!r} is installed here; install the one that the run was planned with"
        )
    files: dict[str, Path] = {}
    for folder in map(Path, spec.submodule_search_locations or ()):
        files |= {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.py")}
    if not files and spec.origin is not None:
        files = {Path(spec.origin).name: Path(spec.origin)}
    return _digest_of({name: path.read_bytes() for name, path in sorted(files.items())})


def _digest_of(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


#: Folders with code that came here, by what it says; they end with the process.
_FOLDERS: dict[str, Path] = {}


def _unfolded(packed: Packed) -> Path:
    """A folder with the files of a class."""
    folder = _FOLDERS.get(packed.digest)
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="obmm-stages-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        write_sources(packed.files, folder)
        _FOLDERS[packed.digest] = folder
    return folder


def write_sources(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files below `folder`, which is made.

    Raises:
        ConfigError: A name leads out of it.
        OSError: One cannot be written.
    """
    for name, content in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ConfigError([Problem(name, "leads out of the folder that it belongs to")])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
