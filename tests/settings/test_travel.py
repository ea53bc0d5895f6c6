"""Stages on their way to another process: the user's own go along, installed ones must be the same."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

import obmm
from obmm.agent import Config, resolve
from obmm.settings import ConfigError, Problem, travel
from obmm.settings.travel import Packed, pack, unpack, write_sources
from obmm.signals import Mid

STAGE = """
import attrs, numpy as np
from obmm.market import Stage
from travelling_pkg.values import VALUE

@attrs.define
class Mine(Stage):
    factor: float = 1.0
    def __call__(self, state, signals):
        return np.full(state.n_books, VALUE * self.factor)
"""
TOML = 'extends = "balanced"\nsignals = [{ kind = "travelling_pkg.mine:Mine", name = "mine", factor = 3 }]\n'
#: What another process makes of a configuration: nothing of the user's is on its path.
ELSEWHERE = """
import pickle, sys
config = pickle.load(sys.stdin.buffer)
stage = config.spec("signals.mine").build()
from obmm.testing import random_state
print(config.hash, float(stage(random_state(1, n_books=1), None)[0]))
"""


@pytest.fixture
def own(tmp_path: Path) -> Config:
    """A configuration with a signal of the user's own, which imports a module beside it."""
    package = tmp_path / "travelling_pkg"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "mine.py").write_text(STAGE)
    (package / "values.py").write_text("VALUE = 14.0\n")
    (tmp_path / "my.toml").write_text(TOML)
    return resolve(tmp_path / "my.toml")


def test_own_stage_travels(own: Config, tmp_path: Path) -> None:
    """Another process in another folder gets the stage, its module's neighbours, and the same hash."""
    (tmp_path / "elsewhere").mkdir()
    environment = os.environ | {"PYTHONPATH": str(Path(obmm.__file__).parents[1])}

    told = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        input=pickle.dumps(own),
        capture_output=True,
        cwd=tmp_path / "elsewhere",
        env=environment,
        check=True,
    )

    assert f"{own.hash} 42.0" == told.stdout.decode().strip()


def test_presets_travel_as_they_are() -> None:
    """Our own stages are the same classes at the other end, parts and origins too."""
    config = resolve("balanced", ["max_inventory_pct=0.1"])

    assert config == pickle.loads(pickle.dumps(config))


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that says something else is named, with what to do."""
    packed = attrs.evolve(pack(Mid), digest="0123456789abcdef")

    with pytest.raises(ConfigError, match=r"prices:Mid: obmm is another one here .* install the same"):
        unpack(packed)


def test_package_that_is_missing_is_named() -> None:
    """Nothing is imported from elsewhere in its place."""
    with pytest.raises(ConfigError, match="no package 'nowhere_pkg' is installed here"):
        unpack(Packed("nowhere_pkg.mine", "Mine", {}, "0" * 16))


def test_stage_without_a_file_is_refused() -> None:
    """A class typed into a session exists nowhere else."""
    cls = attrs.make_class("Typed", {})
    cls.__module__ = "typed_into_a_session"

    with pytest.raises(ConfigError, match="typed_into_a_session:Typed: lives in no file"):
        pack(cls)


def test_sources_stay_in_their_folder(tmp_path: Path) -> None:
    """A name that leads out of the folder is refused before anything is written."""
    with pytest.raises(ConfigError, match="leads out of the folder"):
        write_sources({"../up.py": b""}, tmp_path / "in")

    assert not (tmp_path / "up.py").exists()


def test_code_arrives_once(own: Config) -> None:
    """The same code, sent twice, lies in one folder."""
    unpack(pack(own.spec("signals.mine").cls))
    before = dict(travel._FOLDERS)

    unpack(pack(own.spec("signals.mine").cls))

    assert before == travel._FOLDERS


def test_errors_travel() -> None:
    """A list of problems is the same list at the other end."""
    error = ConfigError([Problem("a", "is wrong"), Problem("b", "too")], of="the file")

    copy = pickle.loads(pickle.dumps(error))

    assert (str(error), error.problems) == (str(copy), copy.problems)
