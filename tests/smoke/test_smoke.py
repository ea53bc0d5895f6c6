"""What must hold on every Python and with every allowed version of a dependency: `make smoke` runs it.

Small on purpose. Imports that a dependency moved, types that it spells anew and kernels that it compiles
otherwise show here within a minute.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from obmm import MarketMaker, preset_names, resolve
from obmm.market import Feed
from obmm.testing import random_states
from obmm.wire import Decoder, encode_request

PRESETS = preset_names()


def obmm(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command as a user starts it, every warning an error as in the tests."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "obmm", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_loads_and_answers(preset):
    """Fifty states of bad and good books, and not one is answered by a failed stage."""
    maker = MarketMaker(resolve(preset))
    answers = [maker.respond(state) for state in random_states(3, 50, n_books=6)]
    assert (0, 50) == (maker.errors, len(answers))


@pytest.mark.parametrize("engine", ["lz4", "zstd", "zlib"])
def test_requests_are_read_and_answered(engine):
    """From bytes to bytes, each compression: what was sent is what is seen, and an answer echoes it."""
    decoder, maker = Decoder(frozenset({Feed.TAPE, Feed.QUEUE}), uid=0), MarketMaker(resolve("touch"))
    for sent in random_states(5, 5, n_books=4):
        request = decoder.request(encode_request(sent, engine=engine), validator="hotkey")
        assert sent.time_ns == request.state.time_ns
        answer = json.loads(request.reply(maker.respond(request.state)))
        assert (sent.time_ns, engine) == (answer["timestamp"], answer["compression_engine"])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all runs."""
    return tmp_path_factory.mktemp("runs")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_simulates(preset, runs):
    """Two books for seventy-two seconds, to the end, with a page that one can open."""
    words = ["simulate", "--preset", preset, "--books", "2", "--hours", "0.02", "--out", preset, "--json"]
    done = obmm(*words, folder=runs)
    assert 0 == done.returncode, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert (True, 0) == (told["completed"], told["stage_errors"])
    assert (runs / preset / "report.html").is_file()


def test_a_run_is_scored_and_diagnosed(runs):
    """From its records alone."""
    name = PRESETS[0]
    for words in (["score", name, "--json"], ["diagnose", name, "--json"], ["report", name]):
        done = obmm(*words, folder=runs)
        assert 0 == done.returncode, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["presets"],
        ["stages"],
        ["stages", "skewed"],
        ["config", "explain", "balanced"],
        ["explain", "sample", "--book", "3", "--at", "660"],
        ["check", "touch", "--books", "8"],
        ["simulate", "--help"],
    ],
    ids=" ".join,
)
def test_every_kind_of_command_ends_well(words, tmp_path):
    """With something to read."""
    done = obmm(*words, folder=tmp_path)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "" != done.stdout


def test_a_misspelt_name_is_told_in_one_line(tmp_path):
    """On standard error, with exit status 2."""
    done = obmm("config", "explain", "balancd", folder=tmp_path)
    assert (2, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert "balanced" in done.stderr
