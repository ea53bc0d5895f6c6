"""Modules of the user's own: each file its own, and what it says decides."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from obmm.agent import resolve
from obmm.settings import ConfigError, modules, registry
from obmm.settings.modules import imported, source_digest

STAGE = """
import attrs, numpy as np
from obmm.market import MarketState, Signals, Stage
{more}

@attrs.define
class Mine(Stage):
    def __call__(self, state: MarketState, signals: Signals) -> 'FloatArray':
        return np.full(state.n_books, {value})
"""
TOML = 'extends = "balanced"\nsignals = [{ kind = "ab_mine:Mine", name = "mine" }]\n'


@pytest.fixture(autouse=True)
def _python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Modules, paths and stages as they were, afterwards; an empty current folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(modules, "_RUN", {})
    monkeypatch.setattr(registry, "_REGISTRY", {group: dict(of) for group, of in registry._REGISTRY.items()})
    before = dict(sys.modules)
    yield
    for name in set(sys.modules) - set(before):
        del sys.modules[name]


def written(folder: Path, value: float, more: str = "") -> Path:
    """A folder with a stage and the configuration that uses it."""
    folder.mkdir(exist_ok=True)
    (folder / "ab_mine.py").write_text(STAGE.format(value=value, more=more))
    (folder / "my.toml").write_text(TOML)
    return folder / "my.toml"


def value_of(path: Path, param: float | None = None) -> float:
    """What the stage of a configuration gives."""
    from obmm.testing import random_state

    state = random_state(1, n_books=1)
    stage = resolve(path).spec("signals.mine").build()
    return float(stage(state, None)[0])


def test_two_files_of_one_name_are_two_modules(tmp_path: Path) -> None:
    """A comparison of a and b compares a with b, in any order, and each can be pickled."""
    a, b = written(tmp_path / "a", 1.0), written(tmp_path / "b", 2.0)
    assert [1.0, 2.0, 1.0] == [value_of(path) for path in (a, b, a)]
    configs = resolve(a), resolve(b)
    assert configs[0].hash != configs[1].hash
    for config in configs:
        stage = config.spec("signals.mine").build()
        assert stage == pickle.loads(pickle.dumps(stage))


def test_the_same_source_in_two_folders_is_the_same_agent(tmp_path: Path) -> None:
    """What it says decides, not where it lies."""
    a, b = written(tmp_path / "a", 1.0), written(tmp_path / "b", 1.0)
    assert resolve(a).hash == resolve(b).hash


def test_modules_beside_are_their_own_too(tmp_path: Path) -> None:
    """Each folder's module imports that folder's other modules."""
    paths = []
    for folder, number in (("a", 1.0), ("b", 2.0)):
        paths.append(written(tmp_path / folder, "NUMBER", "from ab_numbers import NUMBER"))  # type: ignore[arg-type]
        (tmp_path / folder / "ab_numbers.py").write_text(f"NUMBER = {number}\n")
    assert [1.0, 2.0, 1.0] == [value_of(path) for path in (*paths, paths[0])]
    assert resolve(paths[0]).hash != resolve(paths[1]).hash


@pytest.mark.parametrize("edited", ["ab_mine.py", "ab_numbers.py"])
def test_an_edited_file_is_run_anew(edited: str, tmp_path: Path) -> None:
    """Within the same second and of the same length; its hash is another."""
    path = written(tmp_path / "a", "NUMBER", "from ab_numbers import NUMBER")  # type: ignore[arg-type]
    (tmp_path / "a" / "ab_numbers.py").write_text("NUMBER = 3.0\n")
    first = resolve(path)
    assert 3.0 == value_of(path)
    file = tmp_path / "a" / edited
    before = file.stat()
    file.write_text(file.read_text().replace("= 3.0", "= 5.0").replace(", NUMBER)", ", 5.0   )"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert 5.0 == value_of(path)
    assert first.hash != resolve(path).hash


def test_an_unchanged_file_is_run_once(tmp_path: Path) -> None:
    """Two configurations that name one file share its classes."""
    path = written(tmp_path / "a", 1.0)
    assert resolve(path).spec("signals.mine").cls is resolve(path).spec("signals.mine").cls


def test_a_module_that_is_imported_already_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script's own class stays the same class."""
    path = written(tmp_path / "a", 1.0)
    monkeypatch.syspath_prepend(tmp_path / "a")
    import ab_mine  # type: ignore[import-not-found]

    assert ab_mine.Mine is resolve(path).spec("signals.mine").cls


def test_a_module_of_the_current_folder_is_found(tmp_path: Path) -> None:
    """Where a person works, behind the folder of the file."""
    path = written(tmp_path / "a", 1.0)
    (tmp_path / "a" / "ab_mine.py").rename("ab_mine.py")
    assert 1.0 == value_of(path)


def test_ours_and_installed_stages_have_no_source_to_tell() -> None:
    """Their versions are told elsewhere."""
    assert ["", ""] == [source_digest(resolve("balanced").builder.cls), source_digest(pytest.Item)]
    assert "sources" not in resolve("balanced").as_table()


@pytest.mark.parametrize(
    ("source", "what"),
    [
        (
            "import sys\nsys.exit(3)\n",
            r"cannot import 'ab_mine': it ends the program \(ab_mine\.py, line 2\)",
        ),
        ("1 / 0\n", r"ZeroDivisionError: division by zero \(ab_mine\.py, line 1\)"),
        ("def f(:\n", r"ab_mine\.py, line 1"),
        ("import ab_none\n", r"No module named 'ab_none' \(ab_mine\.py, line 1\)"),
        ("from numpy import no_such\n", r"cannot import name 'no_such'"),
        ("x = 1\n", r"module 'ab_mine' has no 'Mine'; it has no classes"),
        ("class Mien: ...\n", r"module 'ab_mine' has no 'Mine'; did you mean 'Mien'\?"),
        ("class Mine: ...\n", r"'ab_mine:Mine' is not an attrs class"),
        ("Mine = 3\n", r"'ab_mine:Mine' is not a class"),
        ("\0", "cannot import 'ab_mine'"),
    ],
)
def test_a_module_that_does_not_import_is_told_in_one_line(source: str, what: str, tmp_path: Path) -> None:
    """With the place in the configuration and, where it helps, in the module."""
    path = written(tmp_path / "a", 1.0)
    (tmp_path / "a" / "ab_mine.py").write_text(source)
    with pytest.raises(ConfigError, match=what) as caught:
        resolve(path)
    (problem,) = caught.value.problems
    assert f"{path}: signals[0].kind" == problem.where
    assert "\n" not in str(problem)


@pytest.mark.parametrize(
    "kind", [":X", "mod:", ":", ".mod:X", "mod:X:Y", "a b:X", "mod/x:X", "mod..x:X", "mod:1"]
)
def test_what_names_no_class_is_told(kind: str, tmp_path: Path) -> None:
    """With the form that does."""
    path = written(tmp_path / "a", 1.0)
    path.write_text(TOML.replace("ab_mine:Mine", kind))
    with pytest.raises(ConfigError, match="names no class: write module:Class, such as my_signal:MySignal"):
        resolve(path)


def test_a_name_taken_by_another_module_is_refused(tmp_path: Path) -> None:
    """The same file may be run again, another may not take its name."""
    register = "from obmm.settings import signal"
    paths = [written(tmp_path / folder, 1.0, register) for folder in "ab"]
    for path in paths:
        file = path.parent / "ab_mine.py"
        file.write_text(file.read_text().replace("@attrs.define", '@signal("ab_taken")\n@attrs.define'))
    resolve(paths[0])
    with pytest.raises(ConfigError, match="signal 'ab_taken' is already ab_mine:Mine; choose another name"):
        resolve(paths[1])
    file = paths[0].parent / "ab_mine.py"
    file.write_text(file.read_text() + "\n# edited\n")
    resolve(paths[0])


def test_decorators_in_the_wrong_order_are_refused(tmp_path: Path) -> None:
    """Else the registered class would have no options."""
    path = written(tmp_path / "a", 1.0, "from obmm.settings import signal")
    file = path.parent / "ab_mine.py"
    file.write_text(file.read_text().replace("@attrs.define", '@attrs.define\n@signal("ab_wrong")'))
    with pytest.raises(ConfigError, match=r"write @attrs.define below|not an attrs class"):
        resolve(path)


def test_a_package_and_its_parts_are_found(tmp_path: Path) -> None:
    """With imports of its own inside."""
    folder = tmp_path / "a" / "ab_package"
    path = written(tmp_path / "a", "NUMBER", "from .numbers import NUMBER")  # type: ignore[arg-type]
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "numbers.py").write_text("NUMBER = 4.0\n")
    (tmp_path / "a" / "ab_mine.py").rename(folder / "mine.py")
    path.write_text(TOML.replace("ab_mine:Mine", "ab_package.mine:Mine"))
    assert 4.0 == value_of(path)
    first = resolve(path).hash
    (folder / "numbers.py").write_text("NUMBER = 5.0\n")
    assert 5.0 == value_of(path)
    assert first != resolve(path).hash


def test_an_ordinary_module_needs_no_folder() -> None:
    """Whatever `import` finds."""
    assert pickle is imported("pickle", ())
