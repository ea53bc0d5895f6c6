"""A run on disk is what happened."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lab import tiny_run

pytest.importorskip("pyarrow")

from obmm.lab import records
from obmm.lab.records import COLUMNS, Run, RunWriter, describe_venue
from obmm.market import Reason, Venue


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


def test_the_description_says_what_the_result_depends_on(run):
    """Versions, venue, and what was added at the end."""
    assert {"obmm", "python", "numpy"} == set(run.about["versions"])
    assert describe_venue(tiny_run.VENUE) == run.about["venue"]
    assert (True, {"5": 2}) == (run.about["completed"], run.about["drawdown_stops"])


def test_rows_of_another_account_are_not_mixed_in(run):
    """Accounts share tables."""
    assert 0 == run.of("fills", 6)["size"].size


def test_an_interrupted_run_can_be_read(tmp_path: Path):
    """What was done is on disk, and the description says that it is not all."""

    def interrupted() -> None:
        with RunWriter(tmp_path, {"venue": describe_venue(tiny_run.VENUE)}) as writer:
            for i in range(3):
                writer.account(tiny_run.state(i), tiny_run.decision(i))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    run = Run(tmp_path)
    assert (False, 6) == (run.about["completed"], run.table("states")["bid"].size)
    assert 2 == run.table("fills")["size"].size


def test_long_runs_are_written_in_parts(tmp_path: Path, monkeypatch):
    """Memory does not grow with the run, and the parts read as one."""
    monkeypatch.setattr(records, "FLUSH_STATES", 3)
    whole = tmp_path / "parts"
    tiny_run.write(whole)
    assert 16 == Run(whole).table("states")["bid"].size
    assert [2.0, 1.0, 1.0] == Run(whole).table("fills")["size"].tolist()


def test_a_new_run_replaces_the_old_one(tmp_path: Path):
    """Nothing of the old tables is left."""
    tiny_run.write(tmp_path / "run")
    with RunWriter(tmp_path / "run", {"venue": describe_venue(Venue.of(1))}):
        pass
    assert [0] * len(COLUMNS) == [len(next(iter(Run(tmp_path / "run").table(n).values()))) for n in COLUMNS]


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path):
    """A slip in `--out` must not scatter tables among somebody's work."""
    (tmp_path / "thesis.txt").write_text("mine")
    with (
        pytest.raises(FileExistsError, match="holds files that are no run"),
        RunWriter(tmp_path, {"venue": {}}),
    ):
        pass
    assert ["thesis.txt"] == [path.name for path in tmp_path.iterdir()]


def test_a_folder_without_a_run_says_so(tmp_path: Path):
    """By name."""
    with pytest.raises(FileNotFoundError, match=r"holds no run: run\.json is missing"):
        Run(tmp_path)


def test_a_table_that_was_cut_off_is_told(tmp_path: Path):
    """A killed process leaves files without an end."""
    tiny_run.write(tmp_path / "run")
    path = tmp_path / "run" / "states.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(OSError, match="has no end: the run was killed"):
        Run(tmp_path / "run").table("states")


def test_the_description_is_there_from_the_first_moment(tmp_path: Path):
    """A run that is killed can still be named."""
    with RunWriter(tmp_path / "run", {"venue": {}, "seed": 7}):
        about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (7, False) == (about["seed"], about["completed"])
