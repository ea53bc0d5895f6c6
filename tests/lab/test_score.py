"""Scores of a run while it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from obmm.lab.groups import of_groups
from obmm.lab.recorded import Run, RunError
from obmm.lab.records import RunWriter, describe_venue
from obmm.lab.score import RunScores, score_run
from obmm.market import Feed, MarketState, NoticeKind, Notices, Tape, Venue
from obmm.scoring import ERAS, scorer_for
from obmm.testing import random_states, selected


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


def test_a_wide_state_is_cut_into_what_its_groups_say() -> None:
    """Touch, accounts, tape, fills and resets of each; what is about no book is told to all."""
    venue = Venue.of(4, groups=[0, 0, 1, 1], book_ids=[0, 1, 0, 1])
    state = random_states(3, 2, venue=venue, events_per_book=20.0)[1]
    kinds = [NoticeKind.FILL, NoticeKind.ACCEPTED, NoticeKind.RESET, NoticeKind.FILL]
    blank: dict[str, Any] = {f.name: np.full(4, -1) for f in attrs.fields(Notices)}
    notices = Notices(**blank | {"kind": kinds, "book": [3, 0, -1, 1], "message": ("",) * 4})
    state = attrs.evolve(state, notices=notices)
    for group, part in enumerate(of_groups(state, frozenset({Feed.TAPE}))):
        expected = selected(state, venue.group_rows[group])
        assert [0, 1] == part.venue.book_ids.tolist()
        assert (expected.accounts, expected.tape) == (part.accounts, part.tape)
        assert expected.bid_price.tolist() == part.bid_price.tolist()
    told = [(part.notices.kind.tolist(), part.notices.book.tolist()) for part in of_groups(state)]
    reset, fill = NoticeKind.RESET, NoticeKind.FILL
    assert [([reset, fill], [-1, 1]), ([fill, reset], [1, -1])] == told
    assert of_groups(state)[0].tape is None


def test_a_state_of_one_group_is_left_as_it_is() -> None:
    """Nothing is cut."""
    state = random_states(3, 1, n_books=2)[0]
    assert of_groups(state)[0] is state
