"""`obmm compare`, from the words of a command line to what lies in its folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("scipy")
pytestmark = pytest.mark.usefixtures("compiled")

#: Two books for a minute and a half, in this process.
SMALL = ("--books", "2", "--hours", "0.025", "--scenario", "taos-0.5.4", "--jobs", "1")
KEYS = {"arms", "seeds", "metric", "means", "differences", "verdict", "wall_s", "book_seconds_per_second"}


def test_a_comparison_prints_json_and_leaves_a_folder(obmm) -> None:
    """The names that scripts read; the folder keeps the same."""
    said = obmm("compare", "touch", "--swap", "size_base=1", *SMALL, "--seeds", "2", "--out", "c", "--json")
    assert 0 == said.status
    told = said.json
    assert set(told) >= KEYS
    assert (["touch", "size_base=1"], [1, 2], "pnl_per_book_hour") == (
        told["arms"],
        told["seeds"],
        told["metric"],
    )
    assert {"mean", "low", "high"} == set(told["means"]["touch"])
    pnl, score = told["differences"]
    assert {"a", "b", "metric", "mean", "low", "high", "p", "seeds"} <= set(pnl)
    assert ("touch", "size_base=1", 2) == (pnl["a"], pnl["b"], pnl["seeds"])
    means = told["means"]
    assert pytest.approx(means["size_base=1"]["mean"] - means["touch"]["mean"]) == pnl["mean"]
    assert ("score_0.5.4", None) == (score["metric"], score["mean"])
    assert told["book_seconds_per_second"] > 0
    assert told["verdict"].startswith("Cannot tell yet whether size_base=1 is better than touch")
    assert json.loads(Path("c/comparison.json").read_text()) == told
    assert "<html" in Path("c/report.html").read_text(encoding="utf-8")
    ledger = [json.loads(line) for line in Path("seeds.jsonl").read_text().splitlines()]
    assert [("compare", [1, 2])] == [(use["purpose"], use["seeds"]) for use in ledger]


def test_the_terminal_says_the_verdict_first_and_goes_on_where_it_was(obmm) -> None:
    """A copy of itself: no difference, said in words; then on confirming seeds, which nobody used."""
    words = ("compare", "touch", "touch", *SMALL, "--eras", "none", "--out", "runs/c")
    said = obmm(*words, "--seeds", "1")
    first = " ".join(said.out.split())
    assert first.startswith("touch (2) and touch do not differ: every figure is the same on all 1 seed.")
    again = " ".join(obmm(*words, "--seeds", "1").out.split())
    assert "nothing had to be played" in again
    assert "compared on once: 1" in again
    fresh = obmm(*words, "--seeds", "1", "--confirm", "--json").json
    assert [1_000_000] == fresh["seeds"]
    assert [1_000_001] == obmm(*words, "--seeds", "1", "--confirm", "--json").json["seeds"]


def test_fields_make_a_matrix(obmm) -> None:
    """Each field with every arm and a verdict, on the terminal and in JSON."""
    words = ("compare", "touch", "balanced", *SMALL, "--seeds", "1", "--eras", "none", "--out", "f")
    said = obmm(*words, "--fields", "none", "own")
    lines = [line.split() for line in said.out.splitlines()]
    assert ["none", "touch"] in [line[:2] for line in lines]
    assert ["own", "touch"] in [line[:2] for line in lines]
    fields = obmm(*words, "--fields", "none", "own", "--json").json["fields"]
    assert [("none", 1), ("own", 1)] == [(f["field"], f["version"]) for f in fields]
    assert [{"touch", "balanced"}] * 2 == [set(f["means"]) for f in fields]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("compare",), "name a preset or a TOML file"),
        (("compare", "touch"), "name another configuration beside touch"),
        (("compare", "touch", "calm", "--metric", "pnl"), "did you mean"),
        (("compare", "touch", "calm", "--seeds", "0"), "--seeds 0 must be 1 to 10,000"),
        (("compare", "touch", "calm", "--seeds", "-1"), "--seeds -1 must be 1 to 10,000"),
        (("compare", "touch", "calm", "--seeds", "a"), "--seeds 'a' is no seed"),
        (("compare", "touch", "calm", "--seeds", "3..1"), "no range"),
        (("compare", "touch", "calm", "--seeds", "3", "4", "--confirm"), "chooses the seeds itself"),
        (("compare", "touch", "calm", "--eras", "0.5.44"), "did you mean '0.5.4'"),
        (("compare", "touch", "calm", "--rivals", "nobody"), "--rivals nobody"),
        (("compare", "touch", "calm", "--fields", "crowdd"), "did you mean 'crowd'"),
        (("compare", "touch", "calm", "--executor", "slurm"), "--executor 'slurm'"),
        (("compare", "touch", "calm", "--scenario", "taos-9"), "taos-9"),
    ],
)
def test_what_makes_no_comparison_is_refused_in_a_line(obmm, words, what) -> None:
    """Before anything is played, and without a folder."""
    said = obmm(*words)
    assert 2 == said.status
    assert what in said.err
    assert "Traceback" not in said.err
    assert not Path("runs").exists() or not list(Path("runs").glob("*/comparison.json"))


def test_on_a_recording_each_plays_the_recorded_flow(obmm) -> None:
    """As `obmm replay` plays it; a copy differs by nothing, and nobody is called better."""
    words = ("compare", "touch", "touch", "balanced", "--capture", "sample")
    told = obmm(*words, "--json").json
    assert ["touch", "touch (2)", "balanced"] == told["arms"]
    same, other = told["differences"]
    assert (0.0, 0.0, 0.0) == (same["mean"], same["low"], same["high"])
    replayed = obmm("replay", "sample", "--preset", "touch", "--json").json
    per = replayed["pnl"] / told["books"] / told["hours"]
    assert pytest.approx(per) == told["means"]["touch"]["mean"]
    assert pytest.approx(told["means"]["balanced"]["mean"] - per) == other["mean"]
    assert "touch (2) and touch do not differ" in told["verdict"]
    assert "better" not in told["verdict"]
    assert "Nobody reacted to the orders" in told["cautions"][0]
    assert not Path("runs").exists()


def test_what_is_not_known_book_by_book_is_refused_on_a_recording(obmm) -> None:
    """With what is."""
    said = obmm("compare", "touch", "calm", "--capture", "sample", "--metric", "win_rate")
    assert (2, True) == (said.status, "metric win_rate: is not known book by book" in said.err)


def test_what_only_the_embedded_market_has_is_refused_on_a_recording(obmm, tmp_path) -> None:
    """Rather than left unheard; and so is a folder without a recording."""
    words = ("compare", "touch", "calm", "--capture")
    said = obmm(*words, "sample", "--seeds", "3", "--until-sure")
    assert (2, True) == (said.status, "--seeds, --until-sure of the embedded market" in said.err)
    assert "holds no recording" in obmm(*words, str(tmp_path)).err
