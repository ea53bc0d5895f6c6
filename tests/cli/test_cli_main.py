"""The `obmm` command as a whole: help, mistakes, exit status."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

import obmm.cli
from obmm.cli import main

COMMANDS = (
    "simulate", "check", "presets", "config", "stages", "new-stage", "explain", "replay", "fidelity",
    "run", "export-agent", "score", "report", "diagnose", "bench", "warmup",
)  # fmt: skip
#: Commands whose help is held to the house's form here.
TAUGHT = [name for name in COMMANDS if name not in ("config", "report", "diagnose")]


def test_help_lists_every_command_under_its_heading(obmm):
    """In the order in which a newcomer needs them."""
    said = obmm("--help")
    lines = said.out.splitlines()
    listed = [line.split()[1] for line in lines if line.startswith("│") and line.split()[1] in COMMANDS]
    assert (0, list(COMMANDS)) == (said.status, listed)
    for heading in ("Start here", "Build an agent", "Try it on a market", "Go live", "Know what it earns"):
        assert heading in said.out


def test_no_command_at_all_prints_the_help(obmm):
    """It is what somebody who types `obmm` wants."""
    assert "Start here" in obmm().out


@pytest.mark.parametrize("command", TAUGHT)
def test_the_help_of_a_command_teaches(command, obmm):
    """All that its docstring says, an example to copy, and no flag twice."""
    said = obmm(command, "--help")
    lines = [line.strip() for line in said.out.splitlines()]
    examples = [line for line in lines if line.startswith(f"obmm {command} ")]
    assert (0, f"Usage: obmm {command}") == (said.status, lines[0].partition(" [")[0].partition(" --")[0])
    assert examples or command in ("warmup", "bench")
    assert "--no-" not in said.out


def test_the_version_is_the_packages(obmm):
    """`obmm --version`."""
    import obmm as package

    assert f"{package.__version__}\n" == obmm("--version").out


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["simulat"], "no command is called 'simulat'; did you mean 'simulate'?"),
        (["xyzzy"], "no command is called 'xyzzy'; there are alerts, bench, check"),
        (["config", "expain"], "Try `obmm config --help`."),
        (["presets", "--jsn"], "Try `obmm presets --help`."),
        (["presets", "balanced", "touch"], "Try `obmm presets --help`."),
        (["check", "--books", "0"], 'Invalid value "0" for --books. Must be >= 1.'),
        (["simulate", "--seed", "1.5"], "must be a whole number, got '1.5'"),
        (["simulate", "--hours", "inf"], 'Invalid value "inf" for --hours'),
        (["simulate", "--hours", "-1"], "Must be > 0"),
        (["explain", "sample", "--at", "3"], "--book requires an argument"),
    ],
)
def test_a_slip_of_the_fingers_is_one_line(words, what, obmm):
    """Status 2, nothing on stdout, and the way to the help."""
    said = obmm(*words)
    assert (2, "", 1) == (said.status, said.out, len(said.err.splitlines()))
    assert said.err.startswith("obmm: ")
    assert what in said.err


@pytest.mark.parametrize("package", ["numba", "pyarrow"])
def test_a_missing_extra_is_named_before_any_work(package, obmm, monkeypatch):
    """One sentence with the command that installs it."""
    monkeypatch.setitem(sys.modules, package, None)
    extra = {"numba": "sim", "pyarrow": "records"}[package]
    said = obmm("simulate", "--books", "1", "--hours", "0.01")
    assert (2, f"obmm: {package} is not installed; run: pip install 'obmm[{extra}]'\n") == (
        said.status,
        said.err,
    )


def test_all_missing_extras_are_named_at_once(obmm, monkeypatch):
    """Nobody installs twice."""
    for package in ("numba", "pyarrow"):
        monkeypatch.setitem(sys.modules, package, None)
    assert "numba and pyarrow are not installed; run: pip install 'obmm[sim,records]'" in obmm("simulate").err


def test_an_interrupt_ends_with_status_130(monkeypatch):
    """As shells expect."""

    def interrupted(words: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(obmm.cli, "_run", interrupted)
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert 130 == stopped.value.code


def test_a_defect_of_ours_keeps_its_traceback(monkeypatch):
    """It is not dressed up as a mistake of the user."""

    def broken(words: list[str]) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(obmm.cli, "_run", broken)
    with pytest.raises(ZeroDivisionError):
        main([])


def test_a_reader_that_has_seen_enough_is_no_error():
    """`obmm stages | head -1`: no traceback, nothing on stderr."""
    command = [sys.executable, "-m", "obmm", "config", "explain"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"" == process.stderr.read()
    assert -signal.SIGPIPE != process.returncode


def test_help_loads_neither_numpy_nor_the_agent():
    """`obmm --help` comes at once: it needs only the list of commands."""
    code = (
        "import sys\n"
        "from obmm.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = ('numpy', 'obmm.agent', 'structlog', 'numba')\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stderr
