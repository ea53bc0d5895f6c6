"""The cookbook: every file of every page is written as it stands, checked and run."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from pathlib import Path

import pytest
import structlog

from obmm.agent import MarketMaker, resolve
from obmm.cli import app, main
from obmm.settings.toml import file_layer
from obmm.testing import checks_for, random_states
from obmm.testing.rules import violations

BOOK = Path(__file__).resolve().parents[1] / "docs" / "cookbook"
PAGES = sorted(path.name for path in BOOK.glob("*.md") if path.name != "index.md")
#: Stages that the pages check, one command each.
STAGES = {"votes:Votes", "stampede:Stampede", "modest:Modest", "paced:Paced"}
#: Every line of the pages' shell blocks.
LINES = [
    line
    for page in PAGES
    for block in re.findall(r"```sh\n(.*?)```", (BOOK / page).read_text(encoding="utf-8"), re.DOTALL)
    for line in block.splitlines()
]


def files(page: str) -> dict[str, str]:
    """Name → text of the files that a page shows."""
    text = (BOOK / page).read_text(encoding="utf-8")
    found = re.findall(r"```(?:python|toml)\n(# (\S+)\n.*?)```", text, re.DOTALL)
    assert len(re.findall(r"```(?:python|toml)\n", text)) == len(found), "a block without its file's name"
    return {name: body for body, name in found}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The files of all recipes, and the package installed as pip would."""
    for page in PAGES:
        for name, text in files(page).items():
            (tmp_path / name).write_text(text, encoding="utf-8")
    package = tmp_path / "herdsman"
    package.mkdir()
    (package / "__init__.py").touch()
    for name in ("votes.py", "stampede.py"):
        (package / name).write_text((tmp_path / name).read_text(encoding="utf-8"), encoding="utf-8")
    project = file_layer(tmp_path / "pyproject.toml").table["project"]
    info = tmp_path / "herdsman-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: herdsman\nVersion: 1.0\n")
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    known = set(sys.modules)
    yield tmp_path
    structlog.reset_defaults()
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.parametrize("name", ["votes", "stampede", "modest", "paced", "herdsman"])
def test_every_configuration_is_an_agent_that_quotes(name):
    """With the recipe's own stage in it, by its file or by its short name."""
    config = resolve(Path(f"{name}.toml"))
    own = "herdsman." if name == "herdsman" else name
    assert any(own in spec.cls.__module__ or spec.kind.startswith(f"{name}:") for spec in config.specs)
    maker, sent = MarketMaker(config), 0
    for state in random_states(1, 60, n_books=4):
        orders = maker.respond(state)
        assert [] == violations(state, orders)
        sent += len(orders)
    assert (0, True) == (maker.errors, sent > 0)


def test_the_package_has_a_test_that_holds_its_stages_to_the_contract():
    """Both of them."""
    tests = importlib.import_module("test_stages")
    counts = [len(list(checks_for(stage))) for stage in (tests.Votes, tests.Stampede)]
    assert sum(counts) == len(tests.CHECKS)
    assert 20 <= min(counts)


def test_the_placer_keeps_its_bound():
    """Where ours would place more, and reaches it."""
    maker = MarketMaker(resolve(Path("paced.toml"), ["placer.most=5"]))
    placed = [int((~maker.respond(state).is_cancel).sum()) for state in random_states(1, 60, n_books=8)]
    assert 5 == max(placed)


def test_every_stage_is_checked_by_a_command():
    """Which holds it to the whole contract of its kind."""
    assert STAGES == {line.split()[2] for line in LINES if ":" in line}


@pytest.mark.parametrize("line", LINES)
def test_every_command_runs(line, capsys):
    """Those that take long are only read, with options that they have; their agents are run above."""
    words = shlex.split(line)[1:]
    if words[0] in ("simulate", "study") or (words[0] == "check" and words[1].endswith(".toml")):
        command, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
        assert words[0] == command.__name__
        assert bound.arguments
        return
    try:
        main(words)
        status = 0
    except SystemExit as stopped:
        status = int(stopped.code or 0)
    assert (0, "") == (status, capsys.readouterr().err)
