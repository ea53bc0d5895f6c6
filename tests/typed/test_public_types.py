"""The public names under a strict type checker: what users write passes, their slips are found."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_MARK = re.compile(r"# error: ([a-z-]+)$")
_TOLD = re.compile(r"^(?:.*[/\\])?(\w+\.py):(\d+): error: .*\[([a-z-]+)\]$")


def marked(name: str) -> list[tuple[str, int, str]]:
    """File, line and code of each line that is marked as an error."""
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    found = ((number, _MARK.search(line)) for number, line in enumerate(lines, 1))
    return [(name, number, mark.group(1)) for number, mark in found if mark]


def test_a_type_checker_finds_the_slips_and_nothing_else() -> None:
    """`good.py` is clean, `bad.py` fails in the marked lines and in no other."""
    files = ("good.py", "bad.py")
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--no-pretty", "--hide-error-context"]
    done = subprocess.run(
        [*command, *(str(HERE / name) for name in files)], cwd=ROOT, capture_output=True, text=True
    )
    told = map(_TOLD.match, done.stdout.splitlines())
    # Of our own sources `make types` tells; they are not checked where obmm is installed.
    found = sorted((m[1], int(m[2]), m[3]) for m in told if m and m[1] in files)
    expected = sorted(mark for name in files for mark in marked(name))
    assert ("", expected) == (done.stderr, found), done.stdout
