"""The command line, run in this process."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import structlog

from obmm.cli import main


@attrs.frozen
class Said:
    """What a command left behind: exit status, standard output, standard error."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The standard output, which must be JSON and nothing else."""
        return json.loads(self.out)


Obmm = Callable[..., Said]


@pytest.fixture(scope="session")
def compiled() -> None:
    """The market is compiled, so that no command tells of it where a test expects silence."""
    pytest.importorskip("numba")
    from obmm.sim import warmup

    warmup()


@pytest.fixture
def obmm(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Obmm]:
    """Runs a command in an empty folder: `obmm("presets", "--json").json`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    # Commands look for stages of one's own in the current folder.
    monkeypatch.setattr(sys, "path", list(sys.path))
    modules = set(sys.modules)

    def run(*words: str) -> Said:
        status = 0
        try:
            main(words)
        except SystemExit as stopped:
            status = int(stopped.code or 0)
        out, err = capsys.readouterr()
        return Said(status, out, err)

    yield run
    structlog.reset_defaults()
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
