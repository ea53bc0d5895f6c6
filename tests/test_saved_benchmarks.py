"""Figures of speed that are kept, and told beside those of an earlier run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[1] / "benchmarks" / "saved.py"


@pytest.fixture(name="saved")
def saved_module() -> ModuleType:
    """The module, which lies beside the benchmarks and in no package."""
    spec = importlib.util.spec_from_file_location("saved", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_was_saved_is_what_is_loaded(saved: ModuleType, tmp_path: Path) -> None:
    """In a folder that need not be there."""
    figures = {"decode of 8 books, p50, ms": 0.25, "first start, s": 61.0}
    assert figures == saved.load(saved.save(figures, tmp_path / "new"))


def test_figures_stand_beside_those_of_the_base(saved: ModuleType) -> None:
    """With their ratio; what only one of the two runs has, stands alone."""
    expected = [("both", 3.0, 2.0, 1.5), ("new", 1.0, None, None), ("old", None, 4.0, None)]
    assert expected == list(saved.beside({"both": 3.0, "new": 1.0}, {"both": 2.0, "old": 4.0}))


def test_a_base_of_nought_has_no_ratio(saved: ModuleType) -> None:
    """A figure too small to be measured is no error."""
    assert [("a", 3.0, 0.0, None)] == list(saved.beside({"a": 3.0}, {"a": 0.0}))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"figures": []}', '{"figures": {"a": "fast"}}'])
def test_a_base_that_is_none_is_told_in_one_line(saved: ModuleType, tmp_path: Path, text: str) -> None:
    """Before anything is measured."""
    path = tmp_path / "base.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit, match=r"^BASE: .*base\.json holds no figures that `make bench` wrote$"):
        saved.load(path)


def test_a_base_that_is_not_there_is_told_in_one_line(saved: ModuleType, tmp_path: Path) -> None:
    """With the reason."""
    with pytest.raises(SystemExit, match=r"^BASE: .*none\.json: No such file or directory$"):
        saved.load(tmp_path / "none.json")
