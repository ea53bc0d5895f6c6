"""Inventory in units of its limit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import Accounts, MarketState, Signals, Venue
from obmm.risk import InventoryGate
from obmm.signals import Inventory

#: Worth 50,000 at 300: a limit of 0.30 is 50 base.
MID = 300.0


def inventory(base: float, base_initial: float, known: bool = True, **options: Any) -> float:
    """The signal of one account worth 50,000."""
    quote = 50_000.0 - MID * base  # The account is worth 50,000.
    accounts = Accounts.of(1, base=base, base_initial=base_initial, quote=quote, known=known)
    state = MarketState.of_books(Venue.of(1), [[(299.5, 1.0)]], [[(300.5, 1.0)]], accounts=accounts)
    return float(Inventory(**options)(state, Signals(n_books=1))[0])


def test_endowment_is_no_position() -> None:
    """An account that has traded nothing is flat, however much base it was given."""
    assert inventory(83.0, 83.0) == 0.0


def test_told_so_the_endowment_counts() -> None:
    """Against zero the same account is far over its limit."""
    assert pytest.approx(83.0 / 50.0) == inventory(83.0, 83.0, reference="zero")


@pytest.mark.parametrize(("position", "expected"), [(50.0, 1.0), (-50.0, -1.0), (125.0, 2.5), (5.0, 0.1)])
def test_unit_is_the_limit(position: float, expected: float) -> None:
    """±1 at 30 % of the worth, and beyond it without a bound."""
    assert pytest.approx(expected, rel=1e-12) == inventory(60.0 + position, 60.0)


def test_limit_scales() -> None:
    """Half the limit doubles the value."""
    assert pytest.approx(0.2) == inventory(65.0, 60.0, max_inventory_pct=0.15)


def test_borrowed_base_is_not_ours() -> None:
    """A loan is taken off, collateral put on."""
    accounts = Accounts.of(
        1, base=70.0, base_initial=60.0, quote=30_500.0, base_loan=10.0, base_collateral=5.0
    )
    state = MarketState.of_books(Venue.of(1), [[(299.5, 1.0)]], [[(300.5, 1.0)]], accounts=accounts)
    assert pytest.approx(0.1) == Inventory()(state, Signals(n_books=1))[0]


def test_limit_may_differ_between_books() -> None:
    """One limit per book."""
    accounts = Accounts.of(2, base=65.0, base_initial=60.0, quote=30_500.0)
    state = MarketState.of_books(Venue.of(2), [[(299.5, 1.0)]] * 2, [[(300.5, 1.0)]] * 2, accounts=accounts)
    value = Inventory(max_inventory_pct=np.array([0.30, 0.15]))(state, Signals(n_books=2))
    np.testing.assert_allclose([0.1, 0.2], value)


def test_unknown_account_is_nan() -> None:
    """Without an account there is nothing to measure."""
    assert math.isnan(inventory(60.0, 60.0, known=False))


def test_no_price_no_value() -> None:
    """A position in a book without a touch cannot be valued."""
    accounts = Accounts.of(1, base=65.0, base_initial=60.0)
    state = MarketState.of_books(Venue.of(1), [[(299.5, 1.0)]], [[]], accounts=accounts)
    assert math.isnan(Inventory()(state, Signals(n_books=1))[0])


@pytest.mark.parametrize("options", [{"max_inventory_pct": 0.0}, {"reference": "start"}])
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    """Mistakes show when the signal is made."""
    with pytest.raises(ValueError, match="must be"):
        Inventory(**options)


@given(st.floats(-50.0, 50.0), st.floats(-50.0, 50.0))
def test_is_monotone_in_the_position(one: float, other: float) -> None:
    """More base never means less inventory."""
    low, high = sorted((one, other))
    assert inventory(60.0 + low, 60.0) <= inventory(60.0 + high, 60.0)


@pytest.mark.parametrize("reference", ["endowment", "zero"])
@given(
    base=st.floats(0.0, 200.0),
    quote=st.floats(-1_000.0, 60_000.0),
    pct=st.floats(0.01, 1.0),
    mid=st.floats(10.0, 900.0),
)
def test_the_gate_and_the_signal_mean_one_limit(
    reference: Any, base: float, quote: float, pct: float, mid: float
) -> None:
    """At the gate's limit the signal is 1: both divide by what the account is worth."""
    accounts = Accounts.of(1, base=base, base_initial=60.0, quote=quote)
    state = MarketState.of_books(Venue.of(1), [[(mid - 0.5, 1.0)]], [[(mid + 0.5, 1.0)]], accounts=accounts)
    heard = Signals(n_books=1)
    share = float(Inventory(max_inventory_pct=pct, reference=reference)(state, heard)[0])
    limits = InventoryGate(max_inventory_pct=pct, reference=reference, soft_share=1.0)(state, heard)
    allowed = limits.enforced(accounts.position)
    position = accounts.position[0] if reference == "endowment" else accounts.base_own[0]
    if abs(abs(share) - 1.0) > 1e-9 and abs(position) > 1e-9:
        assert (abs(share) > 1.0) == (
            not (allowed.bid_allowed[0] if position > 0 else allowed.ask_allowed[0])
        )
