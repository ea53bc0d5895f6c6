"""`obmm check`: fit to go live, or not."""

from __future__ import annotations

from pathlib import Path

import pytest

#: A builder that bids above the ask of its book.
CROSSING = '''
import attrs
import numpy as np

from obmm.market import Quotes, Stage


@attrs.define
class Crossing(Stage):
    """Quotes across the book."""

    def __call__(self, state, signals, limits) -> Quotes:
        zero = np.zeros(state.n_books, dtype=np.int64)
        size = np.full((state.n_books, 1), 0.5)
        return Quotes(
            bid_price=state.ask_price[:, :1] + 1.0, bid_size=size, ask_price=state.bid_price[:, :1] - 1.0,
            ask_size=size, bid_reason=zero, ask_reason=zero,
        )
'''


#: As few stages as an agent can have: the least of its parts are checked.
BARE = """
[[gates]]
kind = "warmup"
min_age_s = 5
[[gates]]
kind = "inventory"
[builder]
kind = "touch"
size_base = 0.1
[placer]
kind = "amend"
"""


@pytest.fixture
def bare(obmm) -> str:
    """A configuration in the current folder."""
    Path("bare.toml").write_text(BARE)
    return "bare.toml"


def lines_of(said) -> list[list[str]]:
    """Words of each line of a report."""
    return [line.split() for line in said.out.splitlines()]


def test_a_configuration_passes(obmm, bare):
    """Every line is ok, the status 0; a size that is lifted is no failure, but the miner should know."""
    said = obmm("check", bare, "--books", "3", "--states", "40")
    marks = [words[0] for words in lines_of(said)[:-2]]
    assert (0, "", {"ok"}) == (said.status, said.err, set(marks))
    assert f"{len(marks)} passed, 0 failed" == said.out.splitlines()[-1]
    for what in ("answers every state", "obeys the venue's rules", "speaks the protocol", "a restart"):
        assert what in said.out
    assert "knows the venue's minimum size  a size below 0.25 was lifted to it on " in said.out


def test_the_report_as_json(obmm, bare):
    """`ok` for scripts, and every check with its detail."""
    said = obmm("check", bare, "--set", "size_base=0.5", "--books", "2", "--states", "40", "--json")
    told = said.json
    assert (0, True) == (said.status, told["ok"])
    assert {"area", "name", "ok", "detail"} == set(told["checks"][0])
    assert {"oracle", "contract", "2 books", "edges"} == {check["area"] for check in told["checks"]}
    assert "no size is below 0.25" in [check["detail"] for check in told["checks"]]


def test_a_builder_that_quotes_across_the_book_fails(obmm):
    """Found by its contract; the status is 1, in JSON too."""
    Path("crossing_stage.py").write_text(CROSSING)
    said = obmm("check", "crossing_stage:Crossing")
    assert 1 == said.status
    failed = [words for words in lines_of(said) if words and words[0] == "FAIL"]
    assert ["FAIL", "contract", "Crossing"] == failed[0][:3]
    assert any("bids" in line and "pass asks" in line for line in said.out.splitlines())
    assert "obmm.testing" not in said.out
    told = obmm("check", "crossing_stage:Crossing", "--json")
    assert (1, False) == (told.status, told.json["ok"])


@pytest.mark.parametrize("name", ["vpin", "obmm.signals:Vpin"])
def test_one_stage_is_checked_alone(name, obmm):
    """By its name, or by its class."""
    said = obmm("check", name)
    assert 0 == said.status
    assert {"ok", "contract", "Vpin"} == {word for words in lines_of(said)[:-2] for word in words[:3]}


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("imbalanc", "no preset is called 'imbalanc'"),
        ("gone.toml", "gone.toml: cannot be read"),
        ("no_such_module:X", "cannot import 'no_such_module'"),
        ("json:JSONDecoder", "is no stage"),
    ],
)
def test_what_is_not_there_cannot_be_checked(target, what, obmm):
    """Status 2: nothing was checked."""
    said = obmm("check", target)
    assert (2, "", 1) == (said.status, said.out, len(said.err.splitlines()))
    assert what in said.err


@pytest.mark.parametrize("words", [["--books", "1000000000"], ["--states", "1000000000000"]])
def test_markets_that_fit_no_memory_are_refused(words, obmm):
    """At once, with the bound."""
    said = obmm("check", "balanced", *words)
    assert 2 == said.status
    assert "Must be <= " in said.err


def test_the_machine_is_looked_at_instead_of_the_configuration(obmm, tmp_path):
    """With what to do where something is missing, and a status that says so."""
    said = obmm(
        "check", "touch", "--live", "--offline", "--wallet", "w", "--wallet-path", str(tmp_path), "--json"
    )
    found = {one["name"]: one for one in said.json["checks"]}
    assert (1, False) == (said.status, said.json["ok"])
    assert "btcli wallet new-hotkey --wallet-name w" in found["hotkey"]["detail"]
    assert found["answers"]["ok"]
    assert {"machine"} == {one["area"] for one in said.json["checks"]}
