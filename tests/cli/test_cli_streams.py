"""Standard streams as machines have them: closed, full, broken, narrow."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="closes streams by the shell")

#: A command of each kind of output: table, JSON, plain text, files, help, a mistake.
COMMANDS = (
    "presets",
    "presets --json",
    "presets balanced",
    "stages",
    "stages imbalance",
    "config explain balanced",
    "new-stage mine --group gate",
    "explain sample --book 3 --at 605",
    "--help",
    "config --help",
    "--version",
)
ODD = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "COLUMNS": "0", "LINES": "-1", "TERM": "dumb"}


def run(
    words: str, folder: Path, redirect: str = "", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """A command of the shell, its streams redirected; without a home."""
    kept = {name: value for name, value in os.environ.items() if name not in ("HOME", "TERM", "COLUMNS")}
    line = f"{shlex.quote(sys.executable)} -m obmm {words} {redirect}"
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, cwd=folder, env={**kept, **(env or {})}, check=False
    )


@pytest.mark.parametrize("words", COMMANDS)
def test_a_narrow_encoding_and_no_terminal_spoil_nothing(words, tmp_path):
    """Standard input and error closed, ASCII, absurd sizes of the terminal, no home."""
    done = run(words, tmp_path, "2>&- <&-", ODD)
    assert (0, b"") == (done.returncode, done.stderr)
    assert done.stdout.isascii()
    assert done.stdout.strip()


@pytest.mark.parametrize("words", COMMANDS)
def test_without_standard_output_the_work_is_done(words, tmp_path):
    """As some daemons start programs."""
    done = run(words, tmp_path, ">&-")
    assert (0, b"", b"") == (done.returncode, done.stdout, done.stderr)
    assert ("new-stage" in words) == any(tmp_path.iterdir())


@pytest.mark.parametrize("words", ["presets", "presets --json", "--help", "config explain balanced"])
def test_a_full_standard_output_is_told_in_one_line(words, tmp_path):
    """Whoever redirected it lacks what was asked for."""
    done = run(words, tmp_path, "> /dev/full")
    assert (2, b"obmm: standard output: No space left on device\n") == (done.returncode, done.stderr)


def test_a_full_standard_error_is_told_to_nobody(tmp_path):
    """The exit status tells of the mistake all the same."""
    assert (2, b"") == ((done := run("presetss", tmp_path, "2> /dev/full")).returncode, done.stderr)
    assert 0 == run("presets", tmp_path, "2> /dev/full").returncode


def test_all_streams_may_be_closed(tmp_path):
    """And a file that is opened then does not become standard output."""
    done = run("new-stage mine --group gate", tmp_path, "<&- >&- 2>&-")
    assert 0 == done.returncode
    assert not [path for path in tmp_path.rglob("*.py") if "wrote" in path.read_text()]


@pytest.mark.parametrize("words", ["presets", "--help", "config explain balanced", "presets --json"])
def test_a_reader_that_leaves_ends_a_command_well(words, tmp_path):
    """`obmm presets | head -1`."""
    done = run(words, tmp_path, "| head -1; exit ${PIPESTATUS[0]}")
    assert (0, 1, b"") == (done.returncode, len(done.stdout.splitlines()), done.stderr)


def test_what_an_encoding_lacks_is_written_in_ascii(tmp_path):
    """A dash for a dash, words for signs, no box of question marks."""
    done = run("stages trade_flow", tmp_path, env={**ODD, "COLUMNS": "300"})
    assert b"sum s v" in done.stdout
    assert b"-1 ... 1" in done.stdout
    shown = run("stages trade_flow", tmp_path, env={**ODD, "PYTHONIOENCODING": "cp1252"}).stdout
    assert "Trade-flow imbalance from the tape: sum s v" in shown.decode("cp1252")
    assert "-1 … 1" in shown.decode("cp1252")


def test_a_simulation_needs_no_streams(tmp_path):
    """It runs, is saved and can be reported, whatever became of standard output and error."""
    done = run("simulate --books 1 --hours 0.005 --out closed", tmp_path, ">&- 2> /dev/full")
    assert (0, b"", b"") == (done.returncode, done.stdout, done.stderr)
    assert {"run.json", "report.html"} <= {path.name for path in (tmp_path / "closed").iterdir()}
    narrow = run("report closed", tmp_path, "2>&-", ODD)
    assert 0 == narrow.returncode
    assert narrow.stdout.isascii()


def test_without_compilation_the_market_says_so(tmp_path):
    """NUMBA_DISABLE_JIT=1 is set by those who debug their own kernels."""
    done = run("simulate --books 1 --hours 0.005", tmp_path, env={"NUMBA_DISABLE_JIT": "1"})
    assert (2, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert b"unset it" in done.stderr


def test_a_configuration_may_have_the_line_ends_of_windows(tmp_path):
    """Git makes them so there."""
    (tmp_path / "mine.toml").write_bytes(b'extends = "touch"\r\ndescription = "mine"\r\n')
    assert 0 == run("config explain mine.toml", tmp_path).returncode
