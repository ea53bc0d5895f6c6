"""Quiet where the maker rate itself is too high."""

from __future__ import annotations

import numpy as np

from obmm.market import Limits, Reason
from obmm.risk import FeeGate
from risk.gate_scenes import applied, scene


def test_a_rate_beyond_the_bound_closes_both_sides() -> None:
    """25 bp is the bound by default; the bound itself is allowed."""
    limits = applied(FeeGate(), scene(maker_rate=[0.0025, 0.00251]))
    assert [True, False] == limits.bid_allowed.tolist() == limits.ask_allowed.tolist()
    assert [0, Reason.FEES] == limits.bid_reason.tolist()


def test_a_rebate_closes_nothing() -> None:
    """However large."""
    assert Limits.open(2) == applied(FeeGate(max_rate_bps=0.0), scene(maker_rate=-0.015))


def test_a_rebate_may_be_asked_for() -> None:
    """A negative bound quotes for a rebate only."""
    limits = applied(FeeGate(max_rate_bps=-2.0), scene(maker_rate=[0.0, -0.0003]))
    assert [False, True] == limits.bid_allowed.tolist()


def test_spreads_and_sizes_are_left_alone() -> None:
    """The edge after the fee is the builder's."""
    limits = applied(FeeGate(), scene(maker_rate=0.0024))
    assert Limits.open(2) == limits


def test_the_bound_may_differ_between_books() -> None:
    """As every option marked so."""
    gate = FeeGate(max_rate_bps=np.array([5.0, 15.0]))
    assert [False, True] == applied(gate, scene(maker_rate=0.001)).ask_allowed.tolist()


def test_an_unknown_rate_says_nothing() -> None:
    """Bad accounts are for the data gate to judge."""
    assert Limits.open(2) == applied(FeeGate(), scene(maker_rate=np.nan))
