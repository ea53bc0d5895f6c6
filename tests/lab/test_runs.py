"""The list of runs below a folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")

from lab import tiny_run
from obmm.agent import ConfigError
from obmm.lab.recorded import Run
from obmm.lab.runs import COLUMNS, RunRow, by_column, kept, runs_in
from obmm.lab.summary import summarise


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A whole run, one in parts, one that ended early, and one that is damaged, in folders of folders."""
    top = tmp_path_factory.mktemp("runs")
    tiny_run.write(top / "a" / "whole")
    tiny_run.write(top / "a" / "parts", parts=True)
    shutil.copytree(top / "a" / "whole", top / "early")
    about = json.loads((top / "early" / "run.json").read_text())
    about |= {"completed": False, "ended": "SIGINT", "created": "2020-01-01T00:00:00+00:00", "seed": 4}
    (top / "early" / "run.json").write_text(json.dumps(about))
    (top / "damaged").mkdir()
    (top / "damaged" / "run.json").write_text("{")
    (top / "notes").mkdir()
    return top


def test_every_run_is_found_with_the_figures_of_its_summary(folder):
    """At any depth, the newest first, whether it lies in one part or in many."""
    rows = {Path(row.run).relative_to(folder).as_posix(): row for row in runs_in(folder, tiny_run.UID)}
    assert {"a/whole", "a/parts", "early", "damaged"} == set(rows)
    told = summarise(Run(folder / "a" / "whole"), tiny_run.UID)
    for name in ("a/whole", "a/parts"):
        assert (told["pnl"], told["hours"]) == pytest.approx((rows[name].pnl, rows[name].hours))
        assert told["pnl_per_book_hour"] == pytest.approx(rows[name].pnl_per_book_hour)
        assert ("tiny", 2, "as planned", True) == (
            rows[name].config, rows[name].books, rows[name].ended, rows[name].completed
        )  # fmt: skip
    assert ("ended early (SIGINT)", False, 4) == (
        rows["early"].ended, rows["early"].completed, rows["early"].seed
    )  # fmt: skip
    assert "is cut or damaged" in rows["damaged"].ended
    created = [row.created for row in runs_in(folder)]
    assert sorted(created, reverse=True) == created


def test_the_hour_is_found_in_many_parts(tmp_path, monkeypatch):
    """Only the ends and what lies at the hour are read; the figure is that of the whole run's summary."""
    monkeypatch.setattr(tiny_run, "SECONDS", (600, 1500, 2400, 3300, 4100, 4300, 5100, 7800))
    tiny_run.write(tmp_path / "run", parts=True)
    run, (row,) = Run(tmp_path / "run"), runs_in(tmp_path, tiny_run.UID)
    assert 8 == run.about["parts"]
    told = summarise(run, tiny_run.UID)
    # Two base more than at first: at 104 an hour later, at 98 in the end; book 9 does nothing.
    assert pytest.approx(-12.0 / 2 / 1.0) == told["pnl_after_first_hour"]
    assert pytest.approx(told["pnl_after_first_hour"]) == row.pnl_after_first_hour


def test_an_account_that_is_not_there_has_no_figures(folder):
    """It is listed all the same."""
    row = next(row for row in runs_in(folder, uid=0) if row.run.endswith("whole"))
    assert ("no such account", True) == (row.config, bool(np.isnan(row.pnl)))


ROWS = [
    RunRow(run="a", pnl=3.0, config="touch", seed=1, completed=True),
    RunRow(run="b", pnl=-1.0, config="my Touch", seed=2),
    RunRow(run="c", config="balanced"),
]


@pytest.mark.parametrize(
    ("conditions", "names"),
    [
        ([], "abc"),
        (["pnl>0"], "a"),
        (["pnl <= 3"], "ab"),
        (["pnl!=3"], "bc"),
        (["config~touch"], "ab"),
        (["config=TOUCH"], "a"),
        (["config~touch", "seed>=2"], "b"),
        (["completed=true"], "a"),
        (["seed=1"], "a"),
        (["hash="], "abc"),
    ],
)
def test_conditions(conditions, names):
    """All of them hold; what is not known holds none but !=."""
    assert list(names) == [row.run for row in kept(ROWS, conditions)]


@pytest.mark.parametrize(
    ("condition", "what"),
    [
        ("pnl", "is no condition; write column>value"),
        ("pln>0", "did you mean 'pnl'?"),
        ("pnl>much", "pnl is a figure, 'much' is none"),
        ("scores=1", "there is no column 'scores'"),
    ],
)
def test_what_is_no_condition(condition, what):
    """Told with the condition."""
    with pytest.raises(ConfigError, match=condition) as raised:
        kept(ROWS, [condition])
    assert what in str(raised.value)


def test_order():
    """Texts from a to z, figures from the largest down, unknown ones last."""
    assert ["c", "b", "a"] == [row.run for row in by_column(ROWS, "config")]
    assert ["a", "b", "c"] == [row.run for row in by_column(ROWS, "pnl")]
    assert ["b", "a", "c"] == [row.run for row in by_column(ROWS, "seed")]
    assert [3] * len(COLUMNS) == [len(by_column(ROWS, column)) for column in COLUMNS]
    with pytest.raises(ConfigError, match="there is no column 'money'"):
        by_column(ROWS, "money")


def test_a_folder_that_is_not_there(tmp_path):
    """Says what makes one."""
    with pytest.raises(ConfigError, match="is no folder"):
        runs_in(tmp_path / "gone")
