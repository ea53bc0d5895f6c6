"""`obmm init`: what it writes works at once, and what is there stays."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from obmm.agent import resolve
from obmm.cli import app


def test_the_tests_of_the_project_pass(obmm):
    """In a process of their own, as its Makefile runs them."""
    assert 0 == obmm("init", "mine").status
    make = ["make", "--silent", "test", f"PYTHON={sys.executable}"]
    environment = {**os.environ, "PYTEST_ADDOPTS": "-q -p no:cacheprovider"}
    done = subprocess.run(make, cwd="mine", capture_output=True, text=True, env=environment, check=False)
    assert (0, "") == (done.returncode, done.stderr), done.stdout
    assert re.search(r"\d\d passed", done.stdout)


def test_its_agent_goes_live_without_breaking_a_rule(obmm, monkeypatch):
    """The preset with the signal of one's own, from the folder or from outside."""
    obmm("init", "mine")
    assert "my_signal:MySignal" == resolve(Path("mine/agent.toml")).spec("signals.lean").kind
    monkeypatch.chdir("mine")
    said = obmm("check", "agent.toml", "--books", "2", "--states", "40")
    assert (0, " 0 failed") == (said.status, said.out.splitlines()[-1].partition(",")[2]), said.out


def test_every_command_of_its_makefile_is_one(obmm):
    """With options that it has."""
    obmm("init", "mine")
    lines = re.findall(r"^\t\$\(OBMM\) (.*)$", Path("mine/Makefile").read_text(), re.MULTILINE)
    assert {"check", "study", "simulate", "compare"} == {line.split()[0] for line in lines}
    for line in lines:
        command, _, _ = app.parse_args(shlex.split(line), exit_on_error=False, print_error=False)
        assert line.split()[0] == command.__name__


def test_files_that_exist_are_not_touched(obmm):
    """One is enough for nothing to be written; other files do not matter."""
    Path("mine").mkdir()
    Path("mine/agent.toml").write_text("precious")
    said = obmm("init", "mine")
    assert (2, "") == (said.status, said.out)
    assert "mine/agent.toml exist already; nothing was written" in said.err
    assert ["agent.toml"] == [path.name for path in Path("mine").iterdir()]
    assert "precious" == Path("mine/agent.toml").read_text()
    Path("mine/agent.toml").rename("mine/notes.toml")
    assert 0 == obmm("init", "mine").status


def test_a_folder_that_is_a_file_is_refused(obmm):
    """In one line."""
    Path("mine").write_text("a file")
    said = obmm("init", "mine")
    assert (2, 1) == (said.status, len(said.err.splitlines()))
    assert "a file" == Path("mine").read_text()
