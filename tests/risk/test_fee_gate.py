"""Wider or quiet where the maker fee eats the edge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import Reason
from obmm.risk import FeeGate
from risk.gate_scenes import applied, scene, signals, without_bids


def test_a_fee_widens_until_the_edge_is_restored() -> None:
    """5 bp of half-spread less 4 bp of fee leave 1; 6 are needed for an edge of 2."""
    limits = applied(FeeGate(half_spread_bps=5.0, min_edge_bps=2.0), scene(maker_rate=[0.0004, 0.0003]))
    assert limits.spread_factor.tolist() == pytest.approx([1.2, 1.0])
    assert [Reason.FEES_WIDE, 0] == limits.bid_reason.tolist() == limits.ask_reason.tolist()


def test_a_fee_too_large_closes() -> None:
    """Beyond the largest widening both sides are quiet, and nothing is widened any more."""
    limits = applied(FeeGate(half_spread_bps=5.0, max_spread_factor=2.0), scene(maker_rate=[0.0009, 0.0008]))
    assert [False, True] == limits.bid_allowed.tolist() == limits.ask_allowed.tolist()
    assert limits.spread_factor.tolist() == pytest.approx([1.0, 2.0])
    assert [Reason.FEES, Reason.FEES_WIDE] == limits.bid_reason.tolist()


def test_a_rebate_adds_to_the_edge() -> None:
    """With 3 bp of rebate a half-spread of 1 bp earns 4."""
    limits = applied(FeeGate(half_spread_bps=1.0, min_edge_bps=4.0), scene(maker_rate=-0.0003))
    assert limits.spread_factor.tolist() == pytest.approx([1.0, 1.0])


def test_at_the_touch_each_side_is_judged_by_its_own_distance() -> None:
    """A touch 10 bp below and 23 bp above the fair value pays 12 bp on one side only."""
    gate = FeeGate(reference="touch", fair="fair", min_edge_bps=2.0)
    state = scene(half_spread=0.5, maker_rate=0.001)
    limits = applied(gate, state, signals(fair=[299.8, 300.0]))
    assert [False, True] == limits.bid_allowed.tolist()
    assert [True, True] == limits.ask_allowed.tolist()
    assert [Reason.FEES, 0] == limits.bid_reason.tolist()


def test_at_the_touch_the_middle_is_the_fair_value_by_default() -> None:
    """16.7 bp to the middle earn a fee of 14 bp and an edge of 2, not one of 15."""
    gate = FeeGate(reference="touch", min_edge_bps=2.0)
    assert applied(gate, scene(maker_rate=[0.0014, 0.0015])).bid_allowed.tolist() == [True, False]


def test_without_a_touch_fees_say_nothing() -> None:
    """An empty side is for the data gate to judge."""
    gate = FeeGate(reference="touch", min_edge_bps=20.0)
    assert applied(gate, without_bids(scene(), 0)).bid_allowed.tolist() == [True, False]


def test_the_fair_value_is_needed_only_at_the_touch() -> None:
    """Needs follow the mode."""
    assert frozenset({"fair"}) == FeeGate(reference="touch", fair="fair").needs
    assert frozenset() == FeeGate(fair="fair").needs == FeeGate(reference="touch").needs


@given(rate=st.floats(-0.015, 0.015), half=st.floats(0.5, 50.0), edge=st.floats(-5.0, 20.0))
def test_an_open_side_always_keeps_its_edge(rate: float, half: float, edge: float) -> None:
    """Half-spread x factor - rate is at least the minimum wherever quoting is allowed."""
    gate = FeeGate(half_spread_bps=half, min_edge_bps=edge)
    limits = applied(gate, scene(1, maker_rate=rate))
    kept = half * limits.spread_factor - 1e4 * rate >= edge - 1e-9
    assert np.all(kept | ~limits.bid_allowed)
    assert limits.spread_factor[0] <= 2.0
