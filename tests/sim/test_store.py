"""Compiled kernels on disk: damaged, shared, impossible to keep."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import obmm.sim
from obmm.sim._store import Store, sources_digest

ROOM = Path(obmm.sim.__file__).parent
SMALL = """
import logging, resource, sys
logging.basicConfig(level=logging.INFO, format="%(message)s")
from obmm.sim import _ahead, _store
_ahead.allowed = False
from obmm.sim._jit import kernel

@kernel
def inner(x: int) -> int:
    return x + 1

@kernel
def outer(x: int) -> int:
    return 2 * inner(x)

if "small" in sys.argv:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
assert outer(3) == 8
print(sum(outer.stats.cache_misses.values()))
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A program with two kernels, one of which calls the other."""
    path = tmp_path / "small.py"
    path.write_text(SMALL)
    return path


def start(script: Path, *words: str, **env: str) -> subprocess.Popen[str]:
    """Run it in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "XDG_"))}
    return subprocess.Popen(
        [sys.executable, str(script), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**kept, **env},
    )


def said(process: subprocess.Popen[str]) -> tuple[int, str, list[str]]:
    """Exit status, standard output, lines of standard error."""
    out, err = process.communicate(timeout=120)
    return process.returncode, out.strip(), err.splitlines()


ONCE = ["compiling the market, about half a minute, once"]


def test_what_is_kept_comes_back(tmp_path):
    """Byte by byte, under its name, and nothing else lies there."""
    store = Store(tmp_path / "a" / "b")
    store.write("one", b"body")
    assert (b"body", None) == (store.read("one"), store.read("two"))
    assert ["one"] == os.listdir(tmp_path / "a" / "b")


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[:20], lambda b: b[:-1], lambda b: b[:-4] + bytes(4)]
)
def test_what_is_damaged_counts_as_missing(damage, tmp_path):
    """Cut, empty, or zeros where a power cut left them; written again it is whole."""
    store = Store(tmp_path)
    store.write("one", b"body")
    (tmp_path / "one").write_bytes(damage((tmp_path / "one").read_bytes()))
    assert store.read("one") is None
    store.write("one", b"anew")
    assert b"anew" == store.read("one")


def test_a_folder_that_cannot_be_is_told_once(tmp_path, caplog):
    """With a way out; no method raises."""
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "kernels")
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            store.missing()
            store.write("one", b"body")
    assert (None, None) == (store.read("one"), store.lock("one"))
    assert ["WARNING"] == [record.levelname for record in caplog.records]
    assert "NUMBA_CACHE_DIR" in caplog.text


def test_a_disk_that_fills_up_is_told_once(script, tmp_path):
    """Part of a file is not left behind, and the market runs."""
    status, _, lines = said(start(script, "small", NUMBA_CACHE_DIR=str(tmp_path / "kept")))
    assert (0, ONCE[0]) == (status, lines[0])
    assert ["the compiled market cannot be kept: [Errno 27] File too large"] == lines[1:]
    assert [] == [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]


def test_cut_files_are_built_anew(script, tmp_path):
    """The start after that finds them whole and says nothing."""
    env = {"NUMBA_CACHE_DIR": str(tmp_path / "kept")}
    assert (0, "1", ONCE) == said(start(script, **env))
    assert (0, "0", []) == said(start(script, **env))
    for path in (tmp_path / "kept").rglob("*"):
        if path.is_file():
            os.truncate(path, 100)
    assert (0, "1", ONCE) == said(start(script, **env))
    assert (0, "0", []) == said(start(script, **env))


@pytest.mark.skipif(os.name == "nt", reason="no locks there: each compiles for itself")
def test_eight_starts_at_once_compile_once(script, tmp_path):
    """The others wait for it; nothing is left of their locks."""
    together = [start(script, NUMBA_CACHE_DIR=str(tmp_path / "kept")) for _ in range(8)]
    results = [said(process) for process in together]
    assert [0] * 8 == [status for status, _, _ in results]
    assert 2 == len([path for path in (tmp_path / "kept").rglob("*") if path.is_file()])


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_without_a_home_it_runs_after_one_warning(script):
    """Read-only installations and containers have none."""
    status, out, lines = said(start(script, HOME="/proc/nohome"))
    assert (0, "1", 1) == (status, out, len(lines))
    assert "NUMBA_CACHE_DIR" in lines[0]


def test_every_source_of_a_kernel_is_in_the_digest(tmp_path):
    """A change in any file of the room, or in what it takes from the market's, compiles anew."""
    room = shutil.copytree(ROOM, tmp_path / "sim")
    shutil.copytree(ROOM.parent / "market", tmp_path / "market")
    seen = {sources_digest(room)}
    kernels = [path for path in room.rglob("*.py") if "kernel" in path.read_text()]
    for path in [*kernels, tmp_path / "market" / "arrays.py"]:
        path.write_text(path.read_text() + "\n# changed\n")
        seen.add(sources_digest(room))
    assert len(kernels) + 2 == len(seen)
    elsewhere = [p for p in ROOM.parent.rglob("*.py") if "@kernel" in p.read_text() and ROOM not in p.parents]
    assert [] == elsewhere
