"""`obmm explain`: one decision, step by step."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_every_step_of_a_decision_is_told(obmm):
    """From what the book shows to the instructions, each under its heading."""
    said = obmm("explain", "sample", "--book", "3", "--at", "660")
    lines = said.out.splitlines()
    assert (0, "") == (said.status, said.err)
    assert lines[0].startswith("book 3 at 660 s  preset balanced  hash ")
    titles = [
        "What it sees", "Signals", "Gates, each by itself", "Quotes wanted",
        "Instructions, most urgent first", "Quiet or narrowed because of",
    ]  # fmt: skip
    assert titles == [line for line in lines if line in titles]
    gates = [line.split() for line in lines]
    assert ["warmup", "open", "open"] in [words[:3] for words in gates]


def test_the_same_as_json(obmm):
    """Plain values; a side that nothing speaks against has no reason."""
    told = obmm("explain", "sample", "--book", "3", "--at", "660", "--json").json
    assert (3, 660.0, "preset balanced", "preset balanced") == (
        told["book"],
        told["time_s"],
        told["config"],
        told["pipeline"],
    )
    assert ["fair", "volatility", "imbalance", "trade_flow", "lean"] == [s["name"] for s in told["signals"]]
    assert "all together" == told["gates"][-1]["name"]
    assert {"bid", "ask"} == set(told["reasons"])
    assert {"bid", "ask"} == {quote["side"] for quote in told["quotes"]}


def test_during_the_warm_up_the_gate_says_so(obmm):
    """Nothing is wanted, and the reason stands at the end."""
    told = obmm("explain", "sample", "--book", "0", "--at", "0", "--json").json
    warm = next(gate for gate in told["gates"] if gate["name"] == "warmup")
    assert ("closed: warming_up", "closed: warming_up") == (warm["bid"], warm["ask"])
    assert {"bid": "warming_up", "ask": "warming_up"} == told["reasons"]
    assert ([], []) == (told["quotes"], told["orders"])
    out = obmm("explain", "sample", "--book", "0", "--at", "0").out
    assert "Quotes wanted\nnothing\n" in out


def test_the_pipeline_of_the_book_is_the_one_told(obmm):
    """Of an A/B over books, with the units of its own signals."""
    Path("ab.toml").write_text('extends = "balanced"\n[[assign]]\nbooks = "even"\npipeline = "touch"\n')
    told = obmm("explain", "sample", "--book", "2", "--at", "640", "--preset", "ab.toml", "--json").json
    assert ("ab.toml", "preset touch") == (told["config"], told["pipeline"])
    assert [("volatility", "log return per √s")] == [(s["name"], s["unit"]) for s in told["signals"]]
    out = obmm("explain", "sample", "--book", "2", "--at", "640", "--preset", "ab.toml").out
    assert "ab.toml, pipeline preset touch" in out.splitlines()[0]


def test_an_agent_that_fails_has_no_decision_to_show(obmm):
    """What was raised is told, and where to look."""
    Path("spoilt_stage.py").write_text(
        "import attrs\nfrom obmm.market import Stage\n\n@attrs.define\nclass Spoilt(Stage):\n"
        "    def __call__(self, state, signals):\n        raise RuntimeError('spoiled')\n"
    )
    Path("spoilt.toml").write_text(
        'extends = "touch"\nsignals = [{ kind = "spoilt_stage:Spoilt", name = "bad" }]\n'
    )
    said = obmm("explain", "sample", "--book", "3", "--at", "602", "--preset", "spoilt.toml")
    assert (2, "") == (said.status, said.out)
    assert (
        "obmm: spoilt.toml: a stage failed, signals.bad: RuntimeError: spoiled; `obmm check` says where"
        in said.err
    )


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["sample", "--book", "99", "--at", "1"], "has no book 99; it has 0, 1, 2, 3, 4, 5, 6, 7"),
        (["sample", "--book", "0", "--at", "9999"], "ends before 9999 s, at 719 s"),
        (["gone.jsonl.zst", "--book", "0", "--at", "1"], "gone.jsonl.zst: No such file or directory"),
        (["text.toml", "--book", "0", "--at", "1"], "text.toml: damaged zstd data"),
        (["sample", "--book", "0", "--at", "1", "--preset", "bal"], "no preset is called 'bal'"),
    ],
)
def test_what_cannot_be_explained_is_told_in_one_line(words, what, obmm):
    """Status 2, nothing on stdout."""
    Path("text.toml").write_text("x = 1\n")
    said = obmm("explain", *words)
    assert (2, "", 1) == (said.status, said.out, len(said.err.splitlines()))
    assert what in said.err


def test_a_decision_of_a_run(obmm, compiled):
    """Made again, or told from its records at once; it has its own configuration."""
    obmm("simulate", "--preset", "touch", "--books", "2", "--hours", "0.02", "--out", "run")
    said = obmm("explain", "run", "--book", "1", "--at", "660")
    assert (0, "") == (said.status, said.err)
    assert "The run was made again up to here, and agrees with its records." in said.out.splitlines()
    assert "Own orders that rest" in said.out
    told = obmm("explain", "run", "--book", "1", "--at", "660", "--recorded", "--json").json
    assert (None, None, "it was not run again") == (told["gates"], told["quotes"], told["records"]["note"])
    out = obmm("explain", "run", "--book", "1", "--at", "660", "--recorded").out
    assert "Gates, each by itself" not in out
    refused = obmm("explain", "run", "--book", "1", "--at", "660", "--preset", "touch")
    assert (2, "obmm: run is a run, which has a configuration: leave out --preset and --set\n") == (
        refused.status,
        refused.err,
    )
    assert "ends before 9999 s, at 671 s" in obmm("explain", "run", "--book", "1", "--at", "9999").err
    assert "holds no run" in obmm("explain", ".", "--book", "1", "--at", "9").err
