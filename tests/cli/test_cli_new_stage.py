"""`obmm new-stage`: what it writes works at once."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from obmm.agent import MarketMaker, resolve
from obmm.testing import checks_for, random_states
from obmm.testing.rules import violations

CLASS = {"signal": "MySignal", "gate": "MyGate", "builder": "MyBuilder"}


@pytest.mark.parametrize("group", CLASS)
def test_the_skeleton_keeps_the_contract(group, obmm):
    """And says how it is checked, used and tested."""
    said = obmm("new-stage", f"my_{group}", "--group", group)
    assert 0 == said.status
    assert f"obmm check my_{group}:{CLASS[group]}" in said.out
    assert f"obmm simulate --preset my_{group}.toml" in said.out
    checked = obmm("check", f"my_{group}:{CLASS[group]}")
    assert (0, "0 failed") == (checked.status, checked.out.splitlines()[-1].partition(", ")[2])


@pytest.mark.parametrize("group", CLASS)
def test_its_configuration_uses_it(group, obmm):
    """The TOML beside it resolves to an agent with the stage, which quotes."""
    obmm("new-stage", f"used_{group}", "--group", group)
    config = resolve(Path(f"used_{group}.toml"))
    assert any(spec.kind.startswith(f"used_{group}:") for spec in config.specs)
    maker, sent = MarketMaker(config), 0
    for state in random_states(1, 60, n_books=2):
        orders = maker.respond(state)
        assert [] == violations(state, orders)
        sent += len(orders)
    assert (0, True) == (maker.errors, sent > 0)


def test_its_test_holds_the_contract(obmm, monkeypatch):
    """One case per check of the contract."""
    obmm("new-stage", "tested_signal")
    monkeypatch.syspath_prepend(".")
    test = runpy.run_path("test_tested_signal.py")["test_keeps_the_contract_of_a_stage"]
    (mark,) = test.pytestmark
    name, cases = mark.args
    stage = runpy.run_path("tested_signal.py")["TestedSignal"]
    assert ("check", [check.name for check in checks_for(stage)]) == (name, [check.name for check in cases])
    for case in cases:
        test(case)


def test_it_is_at_most_fifteen_lines(obmm):
    """Of code: the class with its decorator, its docstring and blank lines not counted."""
    obmm("new-stage", "short_signal")
    lines = Path("short_signal.py").read_text().splitlines()
    assert 15 >= len([line for line in lines if line.strip() and '"""' not in line])


def test_another_folder_is_made(obmm):
    """And the advice leads there."""
    said = obmm("new-stage", "far_signal", "--folder", "stages/mine")
    assert Path("stages/mine/far_signal.py").is_file()
    assert "cd stages/mine && obmm check far_signal:FarSignal" in said.out
    assert "--preset stages/mine/far_signal.toml" in said.out


def test_files_that_exist_are_not_overwritten(obmm):
    """Unless told to."""
    obmm("new-stage", "kept_signal")
    Path("kept_signal.py").write_text("mine")
    said = obmm("new-stage", "kept_signal")
    assert (2, "mine") == (said.status, Path("kept_signal.py").read_text())
    assert "kept_signal.py, test_kept_signal.py, kept_signal.toml exist already; --force" in said.err
    assert 0 == obmm("new-stage", "kept_signal", "--force").status
    assert "mine" != Path("kept_signal.py").read_text()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["my-signal"], "'my-signal' is no Python name"),
        (["class"], "'class' is no Python name"),
        (["json"], "a module called 'json' exists in Python or an installed package"),
        (["x", "--group", "placer"], 'Choose from: "signal", "gate", "builder"'),
        (["x", "--folder", "a_file"], "a_file: File exists"),
    ],
)
def test_a_name_that_cannot_work_is_refused(words, what, obmm):
    """Before anything is written."""
    Path("a_file").write_text("")
    said = obmm("new-stage", *words)
    assert (2, "", ["a_file"]) == (said.status, said.out, [path.name for path in Path().iterdir()])
    assert what in said.err


@pytest.mark.parametrize(
    ("name", "what"),
    [
        (
            "my-signal",
            "'my-signal' is no Python name; use letters, digits and underscores, such as my_signal",
        ),
        ("1", "'1' is no Python name; use letters, digits and underscores, such as"),
        ("stage", "a class of that name is one of obmm's own; choose another, such as my_stage"),
    ],
)
def test_a_name_that_would_not_work_is_refused(name, what, obmm):
    """With one that would."""
    said = obmm("new-stage", name)
    assert 2 == said.status
    assert what.removesuffix(", such as") in said.err


def test_hints_can_be_pasted(obmm):
    """Also where a folder's name has blanks."""
    said = obmm("new-stage", "my_blank", "--folder", "my stages")
    assert "check it:  cd 'my stages' && obmm check my_blank:MyBlank" in said.out
    assert "use it:    obmm simulate --preset 'my stages/my_blank.toml'" in said.out
