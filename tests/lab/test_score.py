"""Scores of a run while it goes on."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest

from obmm.lab.recorded import Run, RunError
from obmm.lab.records import RunWriter, describe_venue
from obmm.lab.score import RunScores, score_run
from obmm.market import MarketState, Tape
from obmm.scoring import ERAS, scorer_for
from obmm.testing import random_states


def quiet_run(seconds: int, n_books: int = 2) -> list[MarketState]:
    """States without trades."""
    return [
        attrs.evolve(state, tape=Tape.empty(n_books)) for state in random_states(5, seconds, n_books=n_books)
    ]


def test_no_account_of_a_run_is_burnt() -> None:
    """The subnet's uid 0 takes what 0.3.5 burns; a run's account 0 is an ordinary miner and takes its due."""
    scores = RunScores(("0.3.5",))
    for state in quiet_run(10):
        scores.observe({0: state, 1: attrs.evolve(state, uid=1)})
    weights = [scores.told(uid)["0.3.5"]["figures"]["weight"] for uid in (0, 1)]
    assert weights[0] == weights[1]


def test_every_scoring_is_kept_in_order() -> None:
    """Each scoring is taken once, also in pieces, and the newest is what is told."""
    scores, scorer, live = RunScores(("0.5.4",)), scorer_for(ERAS["0.5.4"]), []
    told: list[tuple[int, float]] = []
    for i, state in enumerate(quiet_run(25)):
        scores.observe({0: state})
        found = scorer.observe(state)
        live += [] if found is None else [(found.time_ns, found.figures["score"])]
        if i in (11, 24):
            table = scores.take()
            rows = zip(table["name"], table["time_ns"], table["value"], strict=True)
            told += [(time, value) for name, time, value in rows if name == "score"]
    assert live == told
    assert len(live) == scores.told(0)["0.5.4"]["scorings"]


def test_records_of_several_simulations_are_refused(tmp_path: Path) -> None:
    """Events are told by the clock, so a clock that runs back makes no sense of them."""
    pytest.importorskip("pyarrow")
    states = quiet_run(4)
    about = {"accounts": {"0": {}}, "venue": describe_venue(states[0].venue)}
    with RunWriter(tmp_path) as writer:
        writer.start(about)
        for state in (states[2], states[3], states[0]):
            writer.add({0: state}, {})
    with pytest.raises(RunError, match="runs back"):
        score_run(Run(tmp_path), ("0.5.4",))


def test_what_a_figure_lacks_is_not_a_number() -> None:
    """A ratio that does not exist yet is kept as NaN."""
    scores = RunScores(("0.1.51",))
    for state in quiet_run(6):
        scores.observe({0: state})
    assert np.isnan(scores.told(0)["0.1.51"]["figures"]["sharpe_total"])
