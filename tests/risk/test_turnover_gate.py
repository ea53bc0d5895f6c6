"""The volume cap is spent over the day, with room kept for closing."""

from __future__ import annotations

import numpy as np
import pytest

from obmm.market import Limits, Reason, Venue
from obmm.risk import TurnoverGate
from risk.gate_scenes import applied, scene

CAP = 500_000.0


def test_reduce_only_when_the_reserve_is_reached() -> None:
    """90 % used leaves only closing; the cap itself leaves nothing."""
    state = scene(3, traded_quote=[449_000.0, 450_000.0, CAP])
    limits = applied(TurnoverGate(reserve_share=0.1), state)
    assert [False, True, True] == limits.reduce_only.tolist()
    assert [True, True, False] == limits.bid_allowed.tolist() == limits.ask_allowed.tolist()
    assert [0, Reason.TURNOVER, Reason.TURNOVER] == limits.bid_reason.tolist()


def test_enough_is_left_to_close_the_position() -> None:
    """A position worth 60,000 needs 60,000 of turnover to close, more than the reserve."""
    state = scene(position=[200.0, 0.0], traded_quote=[445_000.0, 445_000.0])
    assert [True, False] == applied(TurnoverGate(reserve_share=0.1), state).reduce_only.tolist()


def test_no_cap_no_limit() -> None:
    """Where the venue has no cap, nothing is too much."""
    venue = Venue.of(2, turnover_cap_quote=np.inf)
    gate = TurnoverGate()
    for i in range(3):
        limits = applied(gate, scene(time_s=600 + i, venue=venue, fills=[(0, 300.0, 1e6)], traded_quote=1e9))
        assert limits == Limits.open(2)


def test_a_burst_shrinks_sizes_then_leaves_only_closing() -> None:
    """The bucket holds 5 % of the cap, 25,000: sizes shrink from half of it on, full it closes."""
    gate = TurnoverGate(burst_share=0.05)
    factors, reducing = [], []
    for i in range(6):
        limits = applied(gate, scene(time_s=600, fills=[(0, 250.0, 20.0)] if i else []))
        factors.append(float(limits.bid_size_factor[0]))
        reducing.append(bool(limits.reduce_only[0]))
    assert factors == pytest.approx([1.0, 1.0, 1.0, 0.8, 0.4, 1.0])
    assert [False] * 5 + [True] == reducing
    assert limits.ask_reason.tolist() == [Reason.TURNOVER, 0]


def test_pace_is_told_as_narrowing() -> None:
    """A book that is only ahead of its pace is narrowed, not closed."""
    gate = TurnoverGate(burst_share=0.05)
    limits = applied(gate, scene(fills=[(1, 300.0, 50.0)]))
    assert [0, Reason.TURNOVER_PACE] == limits.bid_reason.tolist()


def test_the_bucket_drains_at_an_even_pace() -> None:
    """What an even pace would have traded meanwhile is forgotten: 450,000 per day, 18,750 per hour."""
    gate = TurnoverGate(reserve_share=0.1, burst_share=0.05)
    assert applied(gate, scene(fills=[(0, 250.0, 100.0)])).reduce_only[0]
    assert applied(gate, scene(time_s=600 + 3_599.0)).bid_size_factor[0] == 1.0
    half = TurnoverGate(reserve_share=0.1, burst_share=0.05)
    applied(half, scene(fills=[(0, 250.0, 100.0)]))
    assert applied(half, scene(time_s=600 + 1_800.0)).bid_size_factor[0] == pytest.approx(0.75)


def test_untold_turnover_is_counted_from_fills() -> None:
    """Where the venue does not tell, our own fills count, for one day."""
    gate = TurnoverGate(burst_share=1.0)
    used = [(0, 300.0, 1_500.0), (0, 300.0, 1.0), (1, 300.0, 1.0)]
    assert applied(gate, scene(time_s=600, fills=used)).reduce_only.tolist() == [True, False]
    assert applied(gate, scene(time_s=86_000)).reduce_only.tolist() == [True, False]
    assert applied(gate, scene(time_s=600 + 86_400)).reduce_only.tolist() == [False, False]


def test_a_gap_of_days_forgets_everything() -> None:
    """A long silence empties every slot once."""
    gate = TurnoverGate(burst_share=1.0)
    applied(gate, scene(time_s=600, fills=[(0, 300.0, 1_600.0)]))
    assert not applied(gate, scene(time_s=600 + 5 * 86_400)).reduce_only.any()


def test_the_larger_count_wins() -> None:
    """The venue's number may lag a state behind our fills, and ours knows nothing of before we came."""
    gate = TurnoverGate(burst_share=1.0)
    state = scene(traded_quote=[10_000.0, 460_000.0], fills=[(0, 300.0, 1_520.0)])
    assert applied(gate, state).reduce_only.tolist() == [True, True]


def test_fills_without_price_count_nothing() -> None:
    """A notice with a hole does not make the count NaN."""
    gate = TurnoverGate(burst_share=1.0)
    applied(gate, scene(fills=[(0, float("nan"), 5.0)]))
    assert applied(gate, scene(fills=[(0, 300.0, 1_600.0)])).reduce_only.tolist() == [True, False]
