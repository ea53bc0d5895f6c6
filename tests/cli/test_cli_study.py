"""`obmm study`: what signals know."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from obmm.agent import resolve
from obmm.lab.trials import Ledger


def test_tables_and_sentences(obmm):
    """An overview, each signal in full, memory, relations, and the combination as TOML."""
    said = obmm("study", "imbalance", "trade_flow", "--capture", "sample", "--horizon", "5")
    assert (0, "") == (said.status, said.err)
    lines = said.out.splitlines()
    assert "recording sample: 8 books, 120 states, 0.03 hours" == lines[0]
    for title in ("Correlation with the next return", "imbalance, in full", "By itself", "With each other"):
        assert any(line.startswith(title) for line in lines)
    assert any(line.startswith("Together, for the next 5 s: ") for line in lines)
    assert 'extends = "balanced"' in lines


def test_everything_as_json(obmm):
    """The keys that others read, and no figure that is not known as anything but null."""
    told = obmm("study", "imbalance", "trade_flow", "--capture", "sample", "--json").json
    assert ["imbalance", "trade_flow"] == [signal["name"] for signal in told["signals"]]
    horizons = told["signals"][0]["horizons"]
    assert [1, 5, 10, 30, 60, 300] == [row["horizon_s"] for row in horizons]
    assert {"correlation", "low", "high", "hit_rate", "contemporaneous"} <= set(horizons[0])
    assert (None, "does not vary") == (horizons[-1]["correlation"], horizons[-1]["reading"])
    assert 1.0 == told["correlations"]["imbalance"]["imbalance"]


def test_a_proposal_and_a_page_are_written(obmm):
    """The configuration runs at once; the page needs nothing else; a file that is there stays."""
    words = ["study", "imbalance", "momentum", "--capture", "sample", "--horizon", "5", "--toml", "lean.toml"]
    said = obmm(*words, "--out", "pages/study.html")
    assert (0, "") == (said.status, said.err)
    assert {"imbalance", "momentum"} == set(resolve("lean.toml").spec("signals.lean").build().weights)
    page = Path("pages/study.html").read_text()
    assert "What imbalance and momentum know" in page
    charts = json.loads(page.split('id="charts">')[1].split("</script>")[0])
    assert {"decay", "quantiles", "itself"} == set(charts)
    again = obmm(*words)
    assert (2, "obmm: lean.toml exists already; --force overwrites it\n") == (again.status, again.err)
    assert 0 == obmm(*words, "--force").status


def test_seeds_of_the_embedded_market(obmm, compiled):
    """Several stretches, classes apart."""
    words = ["--scenario", "taos-0.6.2", "--seeds", "1", "2", "--books", "4", "--hours", "0.03"]
    told = obmm("study", "imbalance", *words, "--json").json
    assert (["seed 1", "seed 2"], 216, 4) == (told["stretches"], told["states"], told["books"])
    assert set(told["classes"]) == set(told["signals"][0]["classes"])
    assert {"imbalance"} == set(told["blend"]["weights"])
    (use,) = Ledger(Path("runs/seeds.jsonl")).uses("taos-0.6.2")
    assert ("study", (1, 2)) == (use.purpose, use.seeds)


def test_signals_of_a_run(obmm, compiled):
    """As recorded, with nothing but the folder."""
    obmm("simulate", "--books", "2", "--hours", "0.02", "--out", "run")
    told = obmm("study", "--run", "run", "--json").json
    assert ["fair", "volatility", "imbalance", "trade_flow", "lean"] == [s["name"] for s in told["signals"]]
    assert "--toml needs them named" in obmm("study", "--run", "run", "--toml", "x.toml").err


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--capture", "sample"], "name a signal"),
        (["imbalanc", "--capture", "sample"], "did you mean 'imbalance'?"),
        (["imbalance", "--capture", "gone.zst"], "gone.zst: No such file or directory"),
        (["imbalance", "--capture", "sample", "--run", "x"], "give a recording or a run, not both"),
        (["imbalance", "--run", "x"], "holds no run"),
        (["volatility", "--capture", "sample", "--toml", "x.toml"], "no signal can be weighed"),
        (["imbalance", "--scenario", "taos-9"], "taos-9"),
    ],
)
def test_what_cannot_be_studied_is_told_in_one_line(words, what, obmm):
    """Status 2, nothing on stdout."""
    said = obmm("study", *words)
    assert (2, "", 1) == (said.status, said.out, len(said.err.splitlines()))
    assert what in said.err
