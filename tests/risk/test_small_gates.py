"""Warm-up, end of the simulation, manual orders."""

from __future__ import annotations

import numpy as np

from obmm.market import Limits, Reason, Signals, Venue
from obmm.risk import EndingGate, Override, OverrideGate, WarmupGate
from risk.gate_scenes import applied, scene


def test_a_book_opens_when_it_is_old_enough() -> None:
    """Each book waits for its own age."""
    signals = Signals(n_books=2, age_s=np.array([59.0, 60.0]), warmup_s=60.0)
    limits = applied(WarmupGate(), scene(), signals)
    assert [False, True] == limits.bid_allowed.tolist() == limits.ask_allowed.tolist()
    assert [Reason.WARMING_UP, 0] == limits.bid_reason.tolist()


def test_warm_up_may_be_longer_than_the_signals_need() -> None:
    """The option is a minimum, and never shortens what the signals need."""
    signals = Signals(n_books=2, age_s=np.array([70.0, 130.0]), warmup_s=60.0)
    assert [False, True] == applied(WarmupGate(min_age_s=120.0), scene(), signals).bid_allowed.tolist()
    assert [True, True] == applied(WarmupGate(min_age_s=1.0), scene(), signals).bid_allowed.tolist()


def test_without_signals_nothing_waits() -> None:
    """No warm-up dead-lock: a pipeline without signals is warm at once."""
    assert applied(WarmupGate(), scene(), Signals(n_books=2, age_s=np.zeros(2))) == Limits.open(2)


def test_no_new_positions_at_the_end() -> None:
    """From 300 s before the end only reducing is left."""
    gate = EndingGate(before_s=300.0)
    assert applied(gate, scene(time_s=86_099)) == Limits.open(2)
    limits = applied(gate, scene(time_s=86_100))
    assert [True, True] == limits.reduce_only.tolist()
    assert [Reason.SIMULATION_ENDING] * 2 == limits.bid_reason.tolist()


def test_an_unknown_end_never_comes() -> None:
    """A venue that does not tell its duration is never late."""
    assert applied(EndingGate(), scene(time_s=1e6, venue=Venue.of(2, duration_ns=0))) == Limits.open(2)


def test_an_order_for_one_book_leaves_the_others() -> None:
    """Off closes both sides, reduce-only says so, tight narrows; each where it was ordered."""
    gate = OverrideGate()
    books = np.eye(4, dtype=np.bool_)
    gate.overrides = [(books[0], Override.OFF), (books[1], Override.REDUCE_ONLY), (books[2], Override.TIGHT)]
    limits = applied(gate, scene(4))
    assert [False, True, True, True] == limits.bid_allowed.tolist() == limits.ask_allowed.tolist()
    assert [False, True, False, False] == limits.reduce_only.tolist()
    assert [1.0, 1.0, 0.5, 1.0] == limits.bid_size_factor.tolist() == limits.position_factor.tolist()
    assert [1.0, 1.0, 1.5, 1.0] == limits.spread_factor.tolist()
    assert [Reason.OVERRIDE, Reason.OVERRIDE, Reason.OVERRIDE_TIGHT, 0] == limits.bid_reason.tolist()


def test_modes_are_plain_words() -> None:
    """What stands in a file is what the gate knows."""
    assert ["off", "reduce-only", "tight"] == [mode.value for mode in Override]
    assert Override("off") is Override.OFF


def test_orders_are_forgotten_on_reset() -> None:
    """A new simulation starts without manual orders until they are given again."""
    gate = OverrideGate()
    gate.overrides = [(np.ones(2, dtype=np.bool_), Override.OFF)]
    gate.reset()
    assert applied(gate, scene()) == Limits.open(2)
