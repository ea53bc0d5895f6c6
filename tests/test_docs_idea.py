"""The walk from an idea to an answer: its stage, its configuration and its commands are as they stand."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from pathlib import Path

import pytest

from obmm.agent import resolve
from obmm.cli import app
from obmm.testing import checks_for, run_checks

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "idea.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Where the files of the page lie under the names in their first lines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for kind, text in re.findall(r"```(python|toml)\n(.*?)```", PAGE, re.DOTALL):
        name = re.match(r"# (\S+\.(?:toml|py))\n", text)
        assert name is not None, kind
        Path(name[1]).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_signal_keeps_its_contract(folder):
    """And the mean that the page warns of does not."""
    for check in checks_for(importlib.import_module("herd").Herd):
        check.run()
    text = (
        (folder / "herd.py")
        .read_text()
        .replace(
            "(1000.0 * group_sums(returns, state.venue) / books)[state.venue.groups]",
            "np.full(state.n_books, 1000.0 * returns.mean())",
        )
    )
    (folder / "plain.py").write_text(text)
    broken = [
        result.message for result in run_checks(importlib.import_module("plain").Herd) if result.message
    ]
    assert any("use market.group_sums" in what for what in broken)


def test_the_configuration_leans_as_the_page_says(folder):
    """The touch agent with the ensemble of three."""
    config = resolve("herding.toml")
    assert {"herd", "momentum", "imbalance"} == set(config.spec("signals.lean").build().weights)
    assert ("lean", 11.0) == (config.builder.build().signal, config.builder.build().signal_bps)


@pytest.mark.parametrize("line", re.findall(r"^obmm .*$", PAGE, re.MULTILINE))
def test_every_command_is_one(line):
    """With options that it has."""
    words = shlex.split(line)[1:]
    command, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert words[0].replace("-", "_") == command.__name__
    assert bound.arguments


def test_links_lead_somewhere():
    """To pages that are there."""
    for target in re.findall(r"\]\(([\w./-]+)\)", PAGE):
        assert (Path(__file__).resolve().parents[1] / "docs" / target).is_file(), target
