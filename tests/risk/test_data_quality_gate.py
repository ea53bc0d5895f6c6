"""Bad data quieten their own book, with the right word."""

from __future__ import annotations

import numpy as np
import pytest

from obmm.market import Limits, Reason
from obmm.risk import DataQualityGate
from obmm.testing import Flaw, random_state, random_states, spoiled
from risk.gate_scenes import applied, scene

WORDS = {
    Flaw.EMPTY: Reason.EMPTY_BOOK,
    Flaw.NO_BIDS: Reason.ONE_SIDED,
    Flaw.NO_ASKS: Reason.ONE_SIDED,
    Flaw.CROSSED: Reason.CROSSED,
    Flaw.LOCKED: Reason.CROSSED,
    Flaw.NAN_PRICE: Reason.EMPTY_BOOK,
    Flaw.INFINITE_PRICE: Reason.ONE_SIDED,
    Flaw.NEGATIVE_PRICE: Reason.BAD_DATA,
    Flaw.NAN_SIZE: Reason.EMPTY_BOOK,
    Flaw.ZERO_SIZE: Reason.EMPTY_BOOK,
    Flaw.INFINITE_SIZE: Reason.BAD_DATA,
    Flaw.NO_ACCOUNT: Reason.NO_ACCOUNT,
    Flaw.NAN_ACCOUNT: Reason.BAD_DATA,
}


@pytest.mark.parametrize("flaw", WORDS, ids=lambda flaw: flaw.name)
def test_each_flaw_has_its_word(flaw: Flaw) -> None:
    """The flawed book closes with that reason; the others stay open."""
    state = spoiled(random_state(4, n_books=3), {1: flaw})
    limits = applied(DataQualityGate(), state)
    assert [True, False, True] == limits.bid_allowed.tolist() == limits.ask_allowed.tolist()
    assert [0, WORDS[flaw], 0] == limits.bid_reason.tolist() == limits.ask_reason.tolist()


@pytest.mark.parametrize("flaw", [Flaw.THIN, Flaw.HUGE_SIZE], ids=lambda flaw: flaw.name)
def test_odd_but_valid_books_stay_open(flaw: Flaw) -> None:
    """One level a side is enough, and a large size is no error."""
    state = spoiled(random_state(4, n_books=3), {1: flaw})
    assert applied(DataQualityGate(), state) == Limits.open(3)


def test_a_frozen_book_is_stale() -> None:
    """When no level changes for longer than the option allows, the data are not believed."""
    gate = DataQualityGate(max_still_s=5.0)
    open_at = [bool(applied(gate, scene(time_s=600 + i)).bid_allowed[0]) for i in range(8)]
    assert [True] * 6 + [False] * 2 == open_at
    limits = applied(gate, scene(time_s=608, mid=[300.0, 300.01]))
    assert [False, True] == limits.bid_allowed.tolist()
    assert [Reason.BAD_DATA, 0] == limits.bid_reason.tolist()


def test_a_moving_book_is_not_stale() -> None:
    """Any level that changes is a sign of life, missing levels are none of death."""
    gate = DataQualityGate(max_still_s=0.5)
    for state in random_states(2, 5, n_books=3, events_per_book=1.0):
        limits = applied(gate, state)
    assert limits.bid_allowed.all()


def test_staleness_may_differ_between_books() -> None:
    """An infinite patience for one book, a short one for another."""
    gate = DataQualityGate(max_still_s=np.array([np.inf, 2.0]))
    for i in range(4):
        limits = applied(gate, scene(time_s=600 + i))
    assert [True, False] == limits.bid_allowed.tolist()
