"""`obmm completion`: the shell knows commands, options and values."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from obmm.cli import _COMMANDS

#: Prints what bash offers for the words it is given, the last of them unfinished.
OFFER = """
source ./obmm.bash
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_obmm; printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash on this machine")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["si"], {"simulate"}),
        (["co"], {"compare", "config", "completion", "control"}),
        (["simulate", "--sc"], {"--scenario"}),
        (["config", "ex"], {"explain"}),
        (["new-stage", "mine", "--group", "b"], {"builder"}),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_bash_offers_what_fits(words, offered, obmm):
    """And nothing else."""
    Path("obmm.bash").write_text(obmm("completion", "bash").out)
    command = ["bash", "-u", "-c", OFFER, "bash", "obmm", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    assert offered == set(done.stdout.split())


@pytest.mark.parametrize(("shell", "head"), [("zsh", "#compdef obmm"), ("fish", "complete -c obmm")])
def test_zsh_and_fish_are_told_every_command(shell, head, obmm):
    """In their own language; its syntax is checked where the shell is there."""
    said = obmm("completion", shell)
    assert (0, "") == (said.status, said.err)
    assert head in said.out
    assert [] == [name for name in _COMMANDS if name not in said.out]
    if (program := shutil.which(shell)) is not None:
        subprocess.run([program, "-n"], input=said.out, text=True, check=True)


def test_another_shell_is_refused(obmm):
    """With those that there are."""
    said = obmm("completion", "tcsh")
    assert 2 == said.status
    assert "bash" in said.err
