"""Stages named on the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from obmm.agent import ConfigError
from obmm.lab.stage_target import is_stage, stage_of
from obmm.risk import InventoryGate
from obmm.signals import Vpin


@pytest.fixture(autouse=True)
def _paths(monkeypatch, tmp_path):
    """An empty current folder, and the module path as it was afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("vpin", ("signals", Vpin)),
        ("obmm.signals:Vpin", ("signals", Vpin)),
        ("obmm.risk:InventoryGate", ("gates", InventoryGate)),
    ],
)
def test_a_name_or_a_class_means_the_stage(target, expected):
    """With the group it belongs to."""
    assert is_stage(target)
    assert expected == stage_of(target)


def test_a_class_in_the_current_folder_is_found():
    """Its group is told by its arguments and the annotation of its result."""
    Path("here_stage.py").write_text(
        "class Here:\n    def __call__(self, state, signals) -> 'Limits':\n        return None\n"
    )
    group, cls = stage_of("here_stage:Here")
    assert ("gates", "Here") == (group, cls.__name__)


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("no_such_module:X", "cannot import 'no_such_module'"),
        ("no_such_stage", "no stage is called so: there are amend"),
        ("vpim", "did you mean 'vpin'?"),
        ("json:JSONDecoder", "is no stage"),
        ("old_stage:Old", "annotate the result, it tells gate and signal apart"),
    ],
)
def test_what_is_no_stage_is_told(target, what):
    """As a problem with its place."""
    Path("old_stage.py").write_text(
        "class Old:\n    def __call__(self, state, signals, limits) -> 'Limits':\n        return limits\n"
    )
    with pytest.raises(ConfigError) as refused:
        stage_of(target)
    assert target == refused.value.problems[0].where
    assert what in refused.value.problems[0].what


def test_presets_and_files_are_no_stages():
    """`obmm check` takes both kinds of names."""
    assert [False, False] == [is_stage(name) for name in ("balanced", "my.toml")]
