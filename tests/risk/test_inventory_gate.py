"""The position of a book is bounded by its wealth, and the endowment is no position."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import Reason
from obmm.risk import InventoryGate
from risk.gate_scenes import applied, scene, without_bids


def test_limit_is_a_share_of_wealth_at_mid() -> None:
    """30 % of 50,000 quote at 300 are 50 base; one side closes at 40."""
    limits = applied(InventoryGate(max_inventory_pct=0.3, soft_share=0.8), scene())
    assert [50.0, 50.0] == limits.position_limit.tolist()
    assert [40.0, 40.0] == limits.position_soft.tolist()


def test_the_endowment_is_no_position() -> None:
    """A miner that starts with half of its wealth in base quotes both sides on every book."""
    state = scene(base_initial=[10.0, 83.3])
    limits = applied(InventoryGate(max_inventory_pct=0.1), state).enforced(state.accounts.position)
    assert limits.bid_allowed.all()
    assert limits.ask_allowed.all()


def test_one_side_closes_at_the_soft_share_and_one_remains_at_the_limit() -> None:
    """Long beyond 80 % no more bids; at the limit reduce-only, with reasons."""
    state = scene(3, position=[45.0, -45.0, 60.0], quote=[26_000.0 - 45 * 300, 26_000.0 + 45 * 300, 8_000.0])
    limits = applied(InventoryGate(max_inventory_pct=0.3), state).enforced(state.accounts.position)
    assert [False, True, False] == limits.bid_allowed.tolist()
    assert [True, False, True] == limits.ask_allowed.tolist()
    assert [False, False, True] == limits.reduce_only.tolist()
    assert [Reason.NEAR_LIMIT, 0, Reason.POSITION_LIMIT] == limits.bid_reason.tolist()


def test_reference_zero_counts_all_base() -> None:
    """Measured against zero, 80 base of endowment lie beyond a limit of 50 and no more may be bought."""
    state = scene(base_initial=[80.0, 45.0], quote=[26_000.0, 36_500.0])
    limits = applied(InventoryGate(max_inventory_pct=0.3, reference="zero"), state)
    assert [False, False] == limits.bid_allowed.tolist()
    assert [True, True] == limits.ask_allowed.tolist()
    assert [Reason.POSITION_LIMIT, Reason.NEAR_LIMIT] == limits.bid_reason.tolist()


def test_reference_zero_closes_asks_of_borrowed_base() -> None:
    """A base debt beyond the limit leaves only bids."""
    state = scene(1, base_initial=0.0, position=-60.0, quote=68_000.0)
    limits = applied(InventoryGate(max_inventory_pct=0.3, reference="zero"), state)
    assert (True, False) == (bool(limits.bid_allowed[0]), bool(limits.ask_allowed[0]))


def test_a_hole_in_the_book_leaves_the_limit() -> None:
    """Without a mid the last one counts; before the first sound book the venue's initial price does."""
    gate = InventoryGate(max_inventory_pct=0.3)
    before = applied(gate, without_bids(scene(mid=300.0), 0))
    assert [50.0, 50.0] == before.position_limit.tolist()
    applied(gate, scene(mid=320.0))
    after = applied(gate, without_bids(scene(mid=[390.0, 320.0]), 0))
    assert after.position_limit[0] == after.position_limit[1]


@pytest.mark.parametrize("pct", [-0.1, 30.0])
def test_a_nonsensical_share_is_refused(pct: float) -> None:
    """Options are checked when the gate is made, arrays too."""
    with pytest.raises(
        ValueError, match=r"max_inventory_pct must be in 0…1 \(a fraction: 0\.30 means 30 %\), got"
    ):
        InventoryGate(max_inventory_pct=pct)
    with pytest.raises(ValueError, match="soft_share must be in 0…1"):
        InventoryGate(soft_share=np.array([0.5, 1.5]))


@given(st.floats(0.0, 100.0), st.floats(0.0, 100.0))
def test_more_inventory_never_opens_the_adding_side(a: float, b: float) -> None:
    """Permission to buy falls with the position."""
    low, high = sorted((a, b))
    state = scene(position=[low, high], quote=[26_000.0 - low * 300, 26_000.0 - high * 300])
    limits = applied(InventoryGate(), state).enforced(state.accounts.position)
    assert limits.bid_allowed[1] <= limits.bid_allowed[0]
