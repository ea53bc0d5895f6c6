"""Runs survive what machines do: signals, kills, full disks, two runs at once, slow and failing agents."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("numba")
pytest.importorskip("pyarrow")

from obmm.lab.recorded import Run

pytestmark = pytest.mark.usefixtures("compiled")

#: One book, a simulated minute.
SHORT = ("--books", "1", "--hours", "0.0167")
OBMM = [sys.executable, "-m", "obmm"]
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such signal")


def begun(folder: Path, parts: int = 1) -> subprocess.Popen[str]:
    """A long run in a process of its own that has written so many parts."""
    words = ["simulate", "--books", "1", "--hours", "20", "--threads", "1", "--out", str(folder)]
    process = subprocess.Popen(
        [*OBMM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder.parent
    )
    deadline = time.monotonic() + 240.0
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the run ended by itself: {process.communicate()}")
        try:
            if json.loads((folder / "run.json").read_text())["parts"] >= parts:
                return process
        except FileNotFoundError:
            pass
        time.sleep(0.02)
    process.kill()
    pytest.fail("no part was written")


@posix
@pytest.mark.parametrize(("name", "status"), [("SIGHUP", 129), ("SIGTERM", 143), ("SIGINT", 130)])
def test_a_signal_ends_a_run_that_can_be_read(name: str, status: int, tmp_path: Path, obmm):
    """Status, summary, description and page agree; so does a report made later."""
    process = begun(tmp_path / "run")
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=240)
    about = Run(tmp_path / "run").about
    assert (status, name, False) == (process.returncode, about["ended"], about["completed"]), err
    first = next(line for line in out.splitlines() if " of 20.00 hours" in line)
    done = first.split(" of 20.00 hours")[0].split()[-1]
    assert f"ended early ({name})" in out
    assert f"ended early ({name})" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert f"the run ended early ({name}) after {done} of 20.00 hours" in obmm("report", "run").out


@posix
def test_a_run_that_is_killed_by_force_can_be_read(tmp_path: Path, obmm):
    """Reported, scored and diagnosed as far as its last part; its folder is free again."""
    process = begun(tmp_path / "run", parts=2)
    process.kill()
    process.communicate(timeout=60)
    early = "ended early (killed before it could say why)"
    for command in ("report", "score", "diagnose"):
        said = obmm(command, "run")
        assert (0, "") == (said.status, said.err), command
        assert early in " ".join(said.out.replace("The run", "the run").split()), command
    again = obmm("simulate", *SHORT, "--out", "run")
    assert (2, True) == (again.status, ", which ended early; --force replaces it" in again.err)
    assert 0 == obmm("simulate", *SHORT, "--out", "run", "--force").status
    assert Run(Path("run")).about["completed"]


@posix
def test_a_folder_in_use_is_refused(tmp_path: Path, obmm):
    """Force or not, with the process that has it; that one is not disturbed."""
    process = begun(tmp_path / "run")
    for words in ([], ["--force"]):
        said = obmm("simulate", *SHORT, "--out", "run", *words)
        assert (2, "", 1) == (said.status, said.out, len(said.err.splitlines()))
        assert f"obmm: run is in use by process {process.pid} since 20" in said.err
    assert f"still going on in process {process.pid}" in obmm("score", "run").out
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=240)
    assert 143 == process.returncode


def test_a_finished_run_is_not_replaced_unasked(obmm):
    """The refusal says which run it is and what to do; forced, the new one takes its place."""
    obmm("simulate", *SHORT, "--out", "run")
    created = Run(Path("run")).about["created"]
    said = obmm("simulate", *SHORT, "--seed", "9", "--out", "run")
    assert (
        f"obmm: run: holds the run of {created}; --force replaces it, or choose another --out\n" == said.err
    )
    assert (2, "", 1) == (said.status, said.out, Run(Path("run")).about["seed"])
    assert 0 == obmm("simulate", *SHORT, "--seed", "9", "--out", "run", "--force").status
    assert 9 == Run(Path("run")).about["seed"]
    assert 2 == obmm("replay", "sample", "--until", "610", "--out", "run").status


def test_a_file_that_was_edited_gets_a_folder_of_its_own(obmm):
    """Its hash stands in the name."""
    names = []
    for size in (0.5, 0.7):
        Path("mine.toml").write_text(f'extends = "touch"\n[builder]\nsize_base = {size}\n')
        said = obmm("simulate", *SHORT, "--preset", "mine.toml", "--json")
        names.append((said.status, said.json["run"], said.json["config_hash"]))
    assert [0, 0] == [status for status, _, _ in names]
    assert all(Path(name).name.endswith(f"-{told}") for _, name, told in names)
    assert names[0][1] != names[1][1]


@pytest.mark.parametrize("command", ["report", "score", "diagnose"])
@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda run: (run / "run.json").write_text("{"), "run.json is cut or damaged"),
        (lambda run: (run / "run.json").unlink(), "run holds no run: run.json is missing"),
        (lambda run: shutil.rmtree(run / "states"), "states: 0 of the"),
        (lambda run: (run / "fills" / "0000.parquet").write_bytes(b"x"), "0000.parquet is damaged or cut"),
    ],
)
def test_a_damaged_run_is_told_in_a_line(command: str, damage: Callable[[Path], object], what: str, obmm):
    """With what is missing, and status 2."""
    obmm("simulate", *SHORT, "--out", "run")
    damage(Path("run"))
    said = obmm(command, "run")
    assert (2, "", 1) == (said.status, said.out, len(said.err.splitlines()))
    assert what in said.err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes a file system of so many kilobytes; skipped where that is not allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(kilobytes: int) -> Path:
        words = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(disk)]
        if (
            shutil.which("mount") is None
            or subprocess.run(words, capture_output=True, check=False).returncode
        ):
            pytest.skip("no file system can be mounted here: that takes root")
        return disk

    yield mount
    subprocess.run(["umount", str(disk)], capture_output=True, check=False)


@pytest.mark.parametrize(("kilobytes", "named"), [(32, "disk/run/"), (64, "disk/run/"), (400, "report.html")])
def test_a_full_disk_costs_no_figure(kilobytes: int, named: str, small_disk, obmm):
    """Whatever did not fit is named, the status is 2, and no page is cut off."""
    disk = small_disk(kilobytes)
    said = obmm("simulate", *SHORT, "--out", str(disk / "run"))
    assert 2 == said.status
    assert "P&L of trading, fees included" in said.out
    assert "obmm: could not be written: " in said.err
    assert named in said.err
    assert "No space left on device" in said.err
    assert not (disk / "run" / "report.html").exists()
    assert 0 == len(list(disk.rglob(".*.parquet.*"))) + len(list(disk.rglob(".report*")))


def test_a_page_that_cannot_be_written_costs_no_figure(obmm, monkeypatch):
    """As where the disk is full for the page alone: the records are whole, and the run is complete."""

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(import_module("obmm.lab.report.page.page"), "write_whole", full)
    said = obmm("simulate", *SHORT, "--out", "run", "--json")
    page = str(Path("run") / "report.html")
    assert (2, True, f"{page}: No space left on device") == (
        said.status, said.json["completed"], said.json["unwritten"],
    )  # fmt: skip
    assert f"obmm: could not be written: {page}: No space left on device\n" == said.err


def stage(name: str, body: str) -> None:
    """A stage of one's own and a configuration `mine.toml` with it."""
    Path(f"{name}.py").write_text(
        "import time\nimport attrs\nimport numpy as np\nfrom obmm.market import Stage\n\n"
        f"@attrs.define\nclass Mine(Stage):\n    def __call__(self, state, signals):\n        {body}\n"
        "        return np.zeros(state.n_books)\n"
    )
    Path("mine.toml").write_text(f'extends = "touch"\n[[signals]]\nkind = "{name}:Mine"\nname = "mine"\n')


def test_a_slow_agent_is_charged_the_time_it_takes(obmm):
    """Once it has shown that it is slow throughout, and the output says so; a quick one never is."""
    stage("slow_stage", "time.sleep(0.03)")
    words = ("simulate", "--books", "1", "--hours", "0.006", "--out", "run", "--force")
    told = obmm(*words, "--preset", "mine.toml", "--response-ms", "10", "--json").json
    assert told["seconds"] - 4 == told["charged"]["answers"]
    assert told["charged"]["mean_ms"] >= 30.0
    out = obmm(*words, "--preset", "mine.toml", "--response-ms", "10").out
    assert "of the answers were charged the time they took" in out
    assert 0 == obmm(*words, "--json").json["charged"]["answers"]


def test_an_agent_that_fails_on_every_state_does_not_end_well(obmm):
    """Status 1; terminal and page say it first."""
    stage("failing_stage_of_runs", "raise RuntimeError('spoiled')")
    said = obmm("simulate", "--books", "1", "--hours", "0.003", "--preset", "mine.toml", "--out", "run")
    lines = [line for line in said.out.splitlines() if line]
    assert (1, True) == (said.status, lines[1].startswith("a stage failed on every state, so the agent did"))
    page = (Path("run") / "report.html").read_text(encoding="utf-8")
    assert "A stage of the agent failed on every state, so it did nothing" in page
    assert 1 == obmm("replay", "sample", "--until", "605", "--preset", "mine.toml").status


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--until", "120"], "its clock begins at 600 s, --until is 120"),
        (["--from", "5000"], "--from is 5000"),
        (["--from", "650", "--until", "640"], "--from is 650"),
        (["--from", "nan"], "Invalid value"),
        (["--until", "nan"], "Invalid value"),
        (["--from", "-1"], "Invalid value"),
    ],
)
def test_a_span_without_a_state_is_told(words: list[str], what: str, obmm):
    """With the clock of the recording."""
    said = obmm("replay", "sample", *words)
    assert (2, "", 1) == (said.status, said.out, len(said.err.splitlines()))
    assert what in said.err


def test_progress_is_told_without_a_terminal(obmm, monkeypatch):
    """A line now and then, with the time that is left; standard output stays pure."""
    monkeypatch.setattr("obmm.cli._progress.LINE_S", 0.0)
    said = obmm("simulate", *SHORT, "--out", "run", "--json")
    lines = [line for line in said.err.splitlines() if line.startswith("balanced on taos-0.6.2: 0:00:")]
    assert said.json["completed"]
    assert lines
    assert all("x real time" in line for line in lines)
    assert lines[-1].endswith("left")


@pytest.mark.parametrize("hours", ["nan", "-1", "0", "inf", "1e300", "ten", "10001"])
def test_hours_that_make_no_sense_are_refused(hours: str, obmm):
    """Before anything starts."""
    said = obmm("simulate", "--books", "1", "--hours", hours)
    assert (2, "", 1) == (said.status, said.out, len(said.err.splitlines()))
    assert "hours" in said.err
    assert not Path("runs").exists()


@pytest.mark.parametrize("command", [("simulate", "--books", "1"), ("replay", "sample")])
def test_a_seed_that_no_generator_takes_is_refused(command: tuple[str, ...], obmm):
    """Not with the traceback of one."""
    said = obmm(*command, "--seed", str(2**63))
    assert (2, "", 1) == (said.status, said.out, len(said.err.splitlines()))
    assert "--seed" in said.err
