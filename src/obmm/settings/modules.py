"""Modules of the user's own: found beside the file that names them, each file a module of its own.

Python knows a module by its name alone, so that `a/mine.py` and `b/mine.py` would be one, and a file that was
edited would stay as it was first read. Here a module is known by its file and what the file says.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.machinery
import importlib.util
import os
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import attrs

#: Modules that were run here, by their files, each with the digest of what the file said.
_RUN: dict[str, tuple[str, ModuleType]] = {}
_LOCK = threading.RLock()
_SUFFIXES = (*importlib.machinery.SOURCE_SUFFIXES, *importlib.machinery.EXTENSION_SUFFIXES)


def imported(name: str, folders: Sequence[Path]) -> ModuleType:
    """The module of that name: of the first folder that has it, else whatever `import` finds.

    Raises:
        LookupError: There is none, or it cannot be run; the message says where it failed.
    """
    try:
        with _LOCK:
            for folder in folders:
                file = _file(folder, name)
                if file is not None:
                    return _beside(name, file, folder)
            return importlib.import_module(name)
    except (Exception, SystemExit) as error:  # A module of the user's may raise anything, or leave.
        raise LookupError(f"cannot import {name!r}: {_told(error)}") from error


@attrs.frozen
class Sources:
    """What a user's class is made of.

    Attributes:
        module: The module, by the name under which it lies in its folder.
        parts: Files by the names of their modules.
        files: The same files by their paths below the folder.
    """

    module: str
    parts: Mapping[str, str]
    files: Mapping[str, Path]


def own_sources(cls: type) -> Sources | None:
    """The file that a user's class was read from and the files beside it which that imports.

    None for classes of ours, of installed packages, and of no file.
    """
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    if module is None or file is None or cls.__module__.partition(".")[0] == "obmm" or _is_installed(file):
        return None
    # A program that was started has no name of its own.
    name = module.__spec__.name if module.__spec__ is not None else module.__name__
    name = Path(file).stem if name == "__main__" else name
    folder = Path(os.path.realpath(file)).parents[name.count(".") + (Path(file).stem == "__init__")]
    parts = _closure(name, os.path.realpath(file), folder)
    files = {Path(path).relative_to(folder).as_posix(): Path(path) for path in parts.values()}
    packages = {parent / "__init__.py" for path in files for parent in Path(path).parents[:-1]}
    files |= {path.as_posix(): folder / path for path in packages if (folder / path).is_file()}
    return Sources(name, parts, files)


def source_digest(cls: type) -> str:
    """A digest of the file that a user's class was read from and of the files beside it which that imports.

    Empty for classes of ours, of installed packages, and of no file.
    """
    files = source_files(cls)
    if not files:
        return ""
    digest = hashlib.sha256()
    for part, path in sorted(files.items()):
        said, _ = _RUN.get(path, (_digest(path), None))
        digest.update(f"{part}\0{said}\0".encode())
    return digest.hexdigest()[:16]


def source_files(cls: type) -> dict[str, str]:
    """The file that a user's class was read from and those beside it which that imports, by module.

    None for classes of ours, of installed packages, and of no file.
    """
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    if module is None or file is None or cls.__module__.partition(".")[0] == "obmm" or _is_installed(file):
        return {}
    name = module.__spec__.name if module.__spec__ is not None else module.__name__
    folder = Path(os.path.realpath(file)).parents[name.count(".") + (Path(file).stem == "__init__")]
    return _closure(name, os.path.realpath(file), folder)


def _beside(name: str, file: str, folder: Path) -> ModuleType:
    parts = _closure(name, file, folder)
    known = sys.modules.get(name)
    if file not in _RUN and os.path.realpath(getattr(known, "__file__", None) or "") == file:
        return sys.modules[name]
    changed = [path for path in parts.values() if path in _RUN and _RUN[path][0] != _digest(path)]
    if file in _RUN and not changed:
        return _RUN[file][1]
    if str(folder) not in sys.path:
        # For what a stage imports only when it is called.
        sys.path.append(str(folder))
    finder = _Beside(folder, name.partition(".")[0], parts)
    with _names_free(finder, changed):
        return importlib.import_module(name)


class _Beside(importlib.machinery.PathFinder):
    """Finds the modules of one folder before any of the same name elsewhere."""

    def __init__(self, folder: Path, asked: str, parts: Mapping[str, str]) -> None:
        self.folder, self.asked, self.parts = folder, asked, parts
        self.found: dict[str, importlib.machinery.ModuleSpec] = {}

    def find_spec(  # type: ignore[override]
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        top = name.partition(".")[0]
        if top != self.asked and top not in {part.partition(".")[0] for part in self.parts}:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, [str(self.folder)] if path is None else path)
        if spec is None:
            return None
        if isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Fresh(name, spec.loader.path)
        self.found[name] = spec
        return spec


class _Fresh(importlib.machinery.SourceFileLoader):
    """Runs what the file says now: a stored compilation may be of the same second."""

    digest = ""

    def get_code(self, fullname: str) -> object:  # type: ignore[override]
        data = self.get_data(self.path)
        self.digest = hashlib.sha256(data).hexdigest()
        return self.source_to_code(data, self.path)


@contextmanager
def _names_free(finder: _Beside, changed: Sequence[str]) -> Iterator[None]:
    """While modules of a folder are run, others of their names step aside; afterwards each has its own."""
    others: dict[str, ModuleType] = {}
    tops = {finder.asked, *(name.partition(".")[0] for name in finder.parts)}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in tops:
            file = os.path.realpath(getattr(module, "__file__", None) or "")
            if changed or file not in _RUN or file not in finder.parts.values():
                others[name] = sys.modules.pop(name)
    sys.meta_path.insert(0, finder)
    importlib.invalidate_caches()
    done = False
    try:
        yield
        done = True
    finally:
        sys.meta_path.remove(finder)
        run = {name: sys.modules.pop(name) for name in finder.found if name in sys.modules}
        if done:
            for name, module in run.items():
                _keep(name, module, taken=name in others)
        sys.modules.update(others)


def _keep(name: str, module: ModuleType, taken: bool) -> None:
    """Enter a module that was run, under a name of its own if another has the plain one."""
    spec = module.__spec__
    digest = getattr(spec.loader, "digest", "") if spec is not None else ""
    file = getattr(module, "__file__", None)  # A folder without __init__.py has none.
    if file is not None:
        _RUN[os.path.realpath(file)] = (digest or _digest(file), module)
    if taken:
        own = f"{name}@{hashlib.sha256(f'{file} {digest}'.encode()).hexdigest()[:8]}"
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == name:
                value.__module__ = own
        module.__name__ = own
        name = own
    sys.modules[name] = module


def _file(folder: Path, name: str) -> str | None:
    """The file of a module below a folder; none for names of ours."""
    if name.partition(".")[0] == "obmm":
        return None
    base = folder.joinpath(*name.split("."))
    for path in (base / "__init__.py", *(base.with_name(base.name + suffix) for suffix in _SUFFIXES)):
        if path.is_file():
            return os.path.realpath(path)
    return None


def _closure(name: str, file: str, folder: Path) -> dict[str, str]:
    """The module and those of its folder that it imports, directly or not: files by name."""
    found = {name: file}
    waiting = [name]
    while waiting:
        part = waiting.pop()
        for wanted in _imports(part, found[part]):
            at = _file(folder, wanted) if wanted not in found else None
            if at is not None and wanted.partition(".")[0] not in sys.stdlib_module_names:
                found[wanted] = at
                waiting.append(wanted)
    return found


def _imports(name: str, file: str) -> Iterator[str]:
    """Names of the modules that a source may import, wherever in it."""
    try:
        with open(file, "rb") as source:
            tree = ast.parse(source.read())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return  # Running it says what is wrong.
    package = name if Path(file).name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*filter(None, above), *([node.module] if node.module else [])])
            yield from filter(None, (base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names)))


def _digest(file: str) -> str:
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return ""


def _is_installed(file: str) -> bool:
    return not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)


def _told(error: BaseException) -> str:
    """What went wrong while a module was run, and on which line of it."""
    if isinstance(error, SyntaxError) or (isinstance(error, ImportError) and not error.__traceback__):
        return str(error)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen")]
    ours = os.path.dirname(__file__)
    frames = [f for f in frames if not f.filename.startswith((ours, os.path.dirname(importlib.__file__)))]
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    if isinstance(error, ModuleNotFoundError):
        return f"{error}{place}"
    if isinstance(error, SystemExit):
        return f"it ends the program{place}"
    return f"{type(error).__name__}: {error}{place}"
