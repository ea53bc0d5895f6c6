"""`obmm runs`: what became of the runs of a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

from lab import tiny_run


def test_runs_are_listed_filtered_and_ordered(obmm):
    """A row each, with the hash, and why one is not whole."""
    tiny_run.write(Path("runs/one"))
    tiny_run.write(Path("runs/two"))
    Path("runs/two/run.json").write_text("{")
    said = obmm("runs", "--uid", str(tiny_run.UID))
    assert (0, "") == (said.status, said.err)
    lines = said.out.splitlines()
    assert "2 runs below runs, money in quote" == lines[0]
    assert "one" in said.out
    assert "is cut or damaged" in said.out
    told = obmm("runs", "runs", "--uid", "5", "--where", "pnl!=0", "--where", "completed=true", "--json").json
    assert [("runs/one", "tiny", 2)] == [(row["run"], row["config"], row["books"]) for row in told]
    assert 1 == len(obmm("runs", "--sort", "pnl", "--limit", "1", "--json").json)
    assert "no run of 2 below runs is such a one" in obmm("runs", "--where", "pnl>1e9").out


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ([], "runs: is no folder"),
        ([".", "--where", "x"], "is no condition"),
        ([".", "--sort", "x"], "there is no column 'x'"),
    ],
)
def test_what_cannot_be_listed_is_told_in_one_line(words, what, obmm):
    """Status 2, nothing on stdout."""
    said = obmm("runs", *words)
    assert (2, "", 1) == (said.status, said.out, len(said.err.splitlines()))
    assert what in said.err
