"""A run on disk is what happened, however it ended."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from lab import tiny_run

pytest.importorskip("pyarrow")

from obmm.agent import Decision
from obmm.lab import records
from obmm.lab.recorded import EmptyRun, Run, RunError
from obmm.lab.records import RunWriter, describe_venue
from obmm.lab.summary import summarise
from obmm.lab.tables import COLUMNS
from obmm.market import Reason, Signals, Venue
from obmm.settings.lock import InUse, holder

ABOUT = {"accounts": {}, "venue": describe_venue(tiny_run.VENUE)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The tiny run, read back."""
    folder = tmp_path_factory.mktemp("records") / "tiny"
    tiny_run.write(folder, drawdown_stops={"5": 2})
    return Run(folder)


def test_every_table_has_its_columns(run):
    """Also those in which nothing happened."""
    assert {name: list(columns) for name, columns in COLUMNS.items()} == {
        name: list(run.table(name)) for name in COLUMNS
    }
    assert 0 == run.table("scores")["value"].size


def test_states_hold_the_touch_and_the_account_of_every_book(run):
    """By the book's own id, one row per state and book."""
    times, (bid, ask, base, position, own_bid, own_ask) = run.grid(
        tiny_run.UID, "bid", "ask", "base", "position", "own_bid", "own_ask"
    )
    assert [second * 10**9 for second in tiny_run.SECONDS] == times.tolist()
    np.testing.assert_allclose([mid - 0.5 for mid in tiny_run.MIDS], bid[:, 0])
    assert np.isnan(bid[1, 1])
    assert np.isnan(ask[1, 1])
    assert list(tiny_run.BASE) == base[:, 0].tolist()
    assert [value - 10.0 for value in tiny_run.BASE] == position[:, 0].tolist()
    assert (99.5, 101.5) == (own_bid[3, 0], own_ask[3, 0])
    assert np.isnan(own_bid[3, 1])
    assert [3, 9] == sorted(set(run.table("states")["book"].tolist()))


def test_fills_hold_both_parties_and_our_side(run):
    """Maker or taker, and who the other was."""
    fills = run.of("fills", tiny_run.UID)
    assert ([0, 0, 1], [True, True, False]) == (fills["side"].tolist(), fills["maker"].tolist())
    assert ([-3] * 3, [3] * 3) == (fills["other"].tolist(), fills["book"].tolist())
    assert [-0.02, -0.01, 0.10] == fills["fee"].tolist()


def test_trades_are_those_of_the_tape_and_nothing_else(run):
    """Placements and cancels are no trades."""
    trades = run.table("trades")
    assert ([2.0, 1.0, 1.0], [3, 3, 3]) == (trades["size"].tolist(), trades["book"].tolist())


def test_rejects_keep_the_reason_of_the_venue(run):
    """A notice without a book is not one of them."""
    rejects = run.table("rejects")
    assert (["INSUFFICIENT_QUOTE"], [9], [9]) == (
        rejects["reason"].tolist(),
        rejects["book"].tolist(),
        rejects["client_id"].tolist(),
    )


def test_orders_and_answers_are_those_of_the_decisions(run):
    """Four instructions in eight answers."""
    orders = run.table("orders")
    assert ([0, 0, 0, 2], [3, 3, 9, 3]) == (orders["kind"].tolist(), orders["book"].tolist())
    assert [float(i + 1) for i in range(8)] == run.table("answers")["respond_ms"].tolist()


def test_reasons_and_limits_of_the_decision_stand_beside_the_state(run):
    """So that a quiet minute can be explained afterwards."""
    _, (why, limit) = run.grid(tiny_run.UID, "bid_reason", "position_limit")
    assert [int(Reason.WARMING_UP)] * 4 + [int(Reason.VOLATILITY)] * 4 == why[:, 1].tolist()
    assert [tiny_run.LIMIT] * 8 == limit[:, 0].tolist()
    assert np.isinf(limit[:, 1]).all()


def with_signals(i: int, *told: tuple[str, Any, list[bool]]) -> Decision:
    """The `i`-th decision, made by a pipeline for each signal: name, values, books."""
    made, steps = tiny_run.decision(i), []
    for name, value, books in told:
        signals = Signals(n_books=2)
        signals.add(name, np.array(value))
        steps.append(attrs.evolve(made.steps[0], signals=signals, books=np.array(books)))
    return attrs.evolve(made, steps=tuple(steps))


def written(folder: Path, *decisions: Decision) -> Run:
    """A run of these decisions, a part for each."""
    with RunWriter(folder) as writer:
        writer.start(ABOUT)
        for made in decisions:
            writer.add({tiny_run.UID: made.state}, {tiny_run.UID: made})
            writer.close_part()
        writer.end("as planned")
    return Run(folder)


def test_signals_of_each_decision_are_recorded_under_their_names(tmp_path: Path):
    """A column each, numbered where a signal has several, or the name of a column that is always there."""
    both = [True, True]
    signals = (
        ("lean", [0.25, -0.5], both),
        ("pca", [[1.0, 2.0], [3.0, 4.0]], both),
        ("book", [7.0, 8.0], both),
    )
    table = written(tmp_path, with_signals(0, *signals)).table("signals")
    assert {name: column.tolist() for name, column in table.items()} == {
        "uid": [tiny_run.UID] * 2,
        "time_ns": [600 * 10**9] * 2,
        "book": [3, 9],
        "lean": [0.25, -0.5],
        "pca.0": [1.0, 3.0],
        "pca.1": [2.0, 4.0],
        "book.0": [7.0, 8.0],
    }


def test_a_signal_stands_on_the_books_of_the_pipelines_that_have_it(tmp_path: Path):
    """Two pipelines, two books: the other's is NaN, as is a state in which the pipeline failed."""
    first = with_signals(0, ("lean", [0.25, 9.0], [True, False]), ("flow", [9.0, 0.5], [False, True]))
    second = with_signals(1, ("lean", [-0.25, 9.0], [True, False]))
    failed = attrs.evolve(tiny_run.decision(2), steps=())
    run = written(tmp_path, first, second, failed)
    nan = np.nan
    np.testing.assert_array_equal([[0.25, nan], [-0.25, nan], [nan, nan]], run.signal(tiny_run.UID, "lean"))
    np.testing.assert_array_equal([[nan, 0.5], [nan, nan], [nan, nan]], run.signal(tiny_run.UID, "flow"))


def test_the_first_column_of_a_signal_is_what_its_name_means(tmp_path: Path):
    """As builders read it."""
    run = written(tmp_path, with_signals(0, ("pca", [[1.0, 2.0], [3.0, 4.0]], [True, True])))
    assert [[1.0, 3.0]] == run.signal(tiny_run.UID, "pca").tolist()
    assert run.signal(tiny_run.UID, "pc") is None


def test_what_no_float32_can_hold_is_infinite(tmp_path: Path):
    """No warning, no error."""
    run = written(tmp_path, with_signals(0, ("huge", [1e300, -1e300], [True, True])))
    assert [[np.inf, -np.inf]] == run.signal(tiny_run.UID, "huge").tolist()


def test_signals_that_could_not_be_written_are_read_from_memory(tmp_path: Path, monkeypatch):
    """They count like those on the disk."""

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with RunWriter(tmp_path) as writer:
        writer.start(ABOUT)
        made = with_signals(0, ("lean", [0.25, -0.5], [True, True]))
        writer.add({tiny_run.UID: made.state}, {tiny_run.UID: made})
        with monkeypatch.context() as patch:
            patch.setattr(records, "write_whole", full)
            writer.close_part()
        run = Run(tmp_path, writer.tail())
        assert [[0.25, -0.5]] == run.signal(tiny_run.UID, "lean").tolist()


def test_a_damaged_part_of_signals_is_told(tmp_path: Path):
    """By its path, when the signal is asked for."""
    run = written(tmp_path, with_signals(0, ("lean", [0.25, -0.5], [True, True])))
    part = tmp_path / "signals" / "0000.parquet"
    part.write_bytes(part.read_bytes()[:50])
    with pytest.raises(RunError, match=r"signals.*is damaged or cut"):
        run.signal(tiny_run.UID, "lean")


def test_a_run_of_before_signals_were_recorded_is_read(tmp_path: Path):
    """It has none, and all else."""
    run = written(tmp_path, with_signals(0, ("lean", [0.25, -0.5], [True, True])))
    shutil.rmtree(tmp_path / "signals")
    about = json.loads((tmp_path / "run.json").read_text())
    del about["rows"]["signals"]
    (tmp_path / "run.json").write_text(json.dumps(about))
    run = Run(tmp_path)
    assert run.signal(tiny_run.UID, "lean") is None
    assert 0 == run.table("signals")["uid"].size
    assert 2 == run.table("states")["uid"].size


def test_the_description_says_what_the_result_depends_on(run):
    """Versions, venue, and what was added at the end."""
    assert {"obmm", "python", "numpy"} == set(run.about["versions"])
    assert describe_venue(tiny_run.VENUE) == run.about["venue"]
    assert (True, {"5": 2}) == (run.about["completed"], run.about["drawdown_stops"])


def test_only_the_columns_that_are_asked_for_are_read(run):
    """A long run has more than memory may hold; the same values come out either way."""
    again = Run(run.folder)
    assert ["price", "size"] == list(again.of("fills", tiny_run.UID, ("price", "size")))
    assert {("fills", name) for name in ("price", "size", "uid")} == set(again._columns)
    np.testing.assert_equal(again.table("fills"), run.table("fills"))


def test_rows_of_another_account_are_not_mixed_in(run):
    """Accounts share tables."""
    assert 0 == run.of("fills", 6)["size"].size


def two_states(writer: RunWriter) -> None:
    """The first two states of the tiny run."""
    for i in range(2):
        writer.add({tiny_run.UID: tiny_run.state(i)}, {tiny_run.UID: tiny_run.decision(i)})


def test_an_interrupted_run_can_be_read(tmp_path: Path):
    """What was done is on disk, and the description says that it is not all."""

    def interrupted() -> None:
        with RunWriter(tmp_path) as writer:
            writer.start(ABOUT)
            two_states(writer)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    run = Run(tmp_path)
    assert (False, 4) == (run.about["completed"], run.table("states")["bid"].size)
    assert "ended early (KeyboardInterrupt)" == run.early
    assert 2 == run.table("fills")["size"].size


def test_a_run_in_parts_reads_like_one_in_one(tmp_path: Path):
    """Table by table, whatever the part in which something happened."""
    tiny_run.write(tmp_path / "one")
    tiny_run.write(tmp_path / "parts", parts=True)
    one, parts = Run(tmp_path / "one"), Run(tmp_path / "parts")
    assert (1, 8) == (one.about["parts"], parts.about["parts"])
    for name in COLUMNS:
        np.testing.assert_equal(parts.table(name), one.table(name))
    assert 2 == len(list((tmp_path / "parts" / "rejects").iterdir()))


def test_what_waits_in_memory_is_bounded(tmp_path: Path, monkeypatch):
    """By rows; and by time, so that a killed run loses little."""
    monkeypatch.setattr(records, "PART_ROWS", 5)
    with RunWriter(tmp_path) as writer:
        writer.start(ABOUT)
        assert not writer.due
        two_states(writer)
        assert writer.due
        writer.close_part()
        assert not writer.due
        monkeypatch.setattr(records, "PART_S", 0.0)
        monkeypatch.setattr(records, "PART_SHARE", 0.0)
        monkeypatch.setattr(records, "PART_COST", 0.0)
        writer.close_part()
        assert writer.due


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from lab import tiny_run
from obmm.lab.records import RunWriter, describe_venue
with RunWriter(Path(sys.argv[1])) as writer:
    writer.start({"accounts": {"5": {}}, "venue": describe_venue(tiny_run.VENUE)})
    for i in range(8):
        writer.add({5: tiny_run.state(i)}, {5: tiny_run.decision(i)})
        if i == int(sys.argv[3]):
            writer.close_part(scores={"5": {}})
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(folder: Path, part_after: int) -> None:
    """A process that writes eight states and a part after one of them, and is then killed by force."""
    tests = str(Path(__file__).resolve().parents[1])
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder), tests, str(part_after)], check=False)
    assert -signal.SIGKILL == done.returncode


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_run_is_read_as_far_as_its_last_part(tmp_path: Path):
    """Every table, and what was told with it; its lock is free."""
    killed(tmp_path / "run", 2)
    run = Run(tmp_path / "run")
    assert ("ended early (killed before it could say why)", False, {"5": {}}) == (
        run.early, run.about["completed"], run.about["scores"],
    )  # fmt: skip
    assert (6, 2, 4) == tuple(run.table(n)["time_ns"].size for n in ("states", "fills", "orders"))
    assert summarise(run, 5)["seconds"] == 3
    assert holder(tmp_path / "run") is None


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_run_that_was_killed_before_its_first_part_says_so(tmp_path: Path):
    """In one line; and a new run may take its place."""
    killed(tmp_path / "run", 99)
    with pytest.raises(EmptyRun, match=r"run holds no state: the run ended early \(killed before"):
        summarise(Run(tmp_path / "run"), 5)
    tiny_run.write(tmp_path / "run")


def test_files_of_a_part_that_was_not_finished_are_not_read(tmp_path: Path):
    """Only what `run.json` names counts; what a writer left aside is no part."""
    tiny_run.write(tmp_path, parts=True)
    states = tmp_path / "states"
    (states / "0008.parquet").write_bytes((states / "0007.parquet").read_bytes())
    (states / ".0009.parquet.17").write_bytes(b"PAR1")
    assert 16 == Run(tmp_path).table("states")["bid"].size


def test_a_finished_run_is_replaced_only_when_asked(tmp_path: Path):
    """The refusal says whose it is and what to do; nothing of the old tables is left afterwards."""
    tiny_run.write(tmp_path, parts=True)
    (tmp_path / "report.html").write_text("old")
    created = Run(tmp_path).about["created"]
    expected = f"holds the run of {created}; --force replaces it, or choose another --out"
    with pytest.raises(FileExistsError, match="holds the run of") as refused:
        tiny_run.write(tmp_path)
    assert (expected, 8) == (refused.value.strerror, Run(tmp_path).about["parts"])
    with RunWriter(tmp_path, force=True) as writer:
        writer.start({"accounts": {}, "venue": describe_venue(Venue.of(1))})
        writer.close_part()
    assert [0] * len(COLUMNS) == [len(next(iter(Run(tmp_path).table(n).values()))) for n in COLUMNS]
    assert not (tmp_path / "report.html").exists()


def test_a_run_that_cannot_begin_leaves_the_old_one(tmp_path: Path):
    """With `force` too: what lies there goes only when something takes its place."""
    tiny_run.write(tmp_path / "old")

    def fail(folder: Path) -> None:
        with RunWriter(folder, force=True):
            raise RuntimeError

    for name in ("old", "new"):
        with pytest.raises(RuntimeError):
            fail(tmp_path / name)
    assert 16 == Run(tmp_path / "old").table("states")["bid"].size
    assert ["old"] == [path.name for path in tmp_path.iterdir()]


def test_a_folder_is_written_by_one_run_at_a_time(tmp_path: Path):
    """The second is refused with the process and the time of the first; force does not help."""
    with RunWriter(tmp_path / "run") as writer:
        writer.start(ABOUT)
        two_states(writer)
        writer.close_part()
        with (
            pytest.raises(InUse, match=f"run is in use by process {os.getpid()} since 20"),
            RunWriter(tmp_path / "run", force=True),
        ):
            pass
        assert f"still going on in process {os.getpid()}" in Run(tmp_path / "run").early
        assert 4 == Run(tmp_path / "run").table("states")["bid"].size
    assert holder(tmp_path / "run") is None


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path):
    """A slip in `--out` must not scatter tables among somebody's work, force or not."""
    (tmp_path / "thesis.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(FileExistsError, match="holds files that are no run"), RunWriter(tmp_path, force):
            pass
    assert ["thesis.txt"] == [path.name for path in tmp_path.iterdir()]


def test_a_folder_without_a_run_says_so(tmp_path: Path):
    """By name."""
    with pytest.raises(RunError, match=r"holds no run: run\.json is missing"):
        Run(tmp_path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"{", "run.json is cut or damaged"),
        (b"", "run.json is cut or damaged"),
        (b"\xff\xfe{", "run.json is cut or damaged"),
        (b"[" * 100_000, "run.json is cut or damaged"),
        (b"null", "holds no table of names and values"),
        (b"{}", "does not describe a run: 'accounts' is missing"),
        (b'{"accounts": {}, "venue": 3}', "does not describe a run: 'venue' must be dict, not 3"),
        (
            b'{"accounts": {}, "venue": {}, "parts": 0, "rows": {}, "completed": true}',
            "'book_ids' of its venue is missing",
        ),
    ],
)
def test_a_damaged_description_is_told(content: bytes, what: str, tmp_path: Path):
    """In a line that says what is missing; a new run does not replace the tables unasked."""
    tiny_run.write(tmp_path)
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(RunError, match=what) as told:
        Run(tmp_path)
    assert 1 == len(str(told.value).splitlines())
    with pytest.raises(FileExistsError, match="holds a run that cannot be read; --force replaces it"):
        tiny_run.write(tmp_path)
    tiny_run.write(tmp_path, force=True)


def cut(path: Path) -> None:
    """Take the end off a file."""
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (cut, r"states.0001\.parquet is damaged or cut"),
        (lambda path: path.write_bytes(b""), r"states.0001\.parquet is damaged or cut"),
        (Path.unlink, "states: 14 of the 16 rows that run.json names are there: a part is missing"),
    ],
)
def test_a_damaged_part_is_told(damage: Callable[[Path], Any], what: str, tmp_path: Path):
    """By its name."""
    tiny_run.write(tmp_path, parts=True)
    damage(tmp_path / "states" / "0001.parquet")
    with pytest.raises(RunError, match=what) as told:
        Run(tmp_path).table("states")
    assert 1 == len(str(told.value).splitlines())


def test_the_description_is_there_from_the_first_moment(tmp_path: Path):
    """A run that is killed can still be named."""
    with RunWriter(tmp_path / "run") as writer:
        writer.start({"accounts": {}, "venue": {}, "seed": 7})
        about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (7, False) == (about["seed"], about["completed"])


@pytest.mark.parametrize("whole_files", [1, 3, 9, 20])
def test_a_full_disk_costs_no_figure(whole_files: int, tmp_path: Path, monkeypatch):
    """What is not written stays in memory, the file is named, and the folder says that it is not all."""
    written: list[Path] = []
    real = records.write_whole

    def full(path: Path, content: bytes) -> None:
        if len(written) >= whole_files:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        written.append(path)
        real(path, content)

    monkeypatch.setattr(records, "write_whole", full)
    with RunWriter(tmp_path) as writer:
        writer.start(ABOUT)
        for i in range(len(tiny_run.SECONDS)):
            made = tiny_run.decision(i)
            writer.add({tiny_run.UID: made.state}, {tiny_run.UID: made})
            writer.close_part()
        writer.end("as planned")
    assert writer.problem is not None
    assert writer.problem.endswith(": No space left on device")
    assert str(tmp_path) in writer.problem
    monkeypatch.setattr(records, "write_whole", real)
    tiny_run.write(tmp_path.with_name(f"whole-{whole_files}"))
    told, whole = Run(tmp_path, writer.tail()), Run(tmp_path.with_name(f"whole-{whole_files}"))
    for name in COLUMNS:
        np.testing.assert_equal(told.table(name), whole.table(name))
    assert (False, False) == (told.about["completed"], Run(tmp_path).about["completed"])
    assert [] == list(tmp_path.rglob(".*.parquet*"))
