"""The position is measured against what is kept of the endowment."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.agent import resolve
from obmm.agent.pipeline import Pipeline
from obmm.market import Limits, Venue
from obmm.risk import DrawdownGate, EndowmentGate
from obmm.settings.toml import Layer
from risk.gate_scenes import applied, scene


@pytest.mark.parametrize(
    ("keep", "time_s", "expected"),
    [(0.0, 0.0, 0.0), (0.0, 1800.0, 40.0), (0.0, 9000.0, 80.0), (0.5, 9000.0, 40.0), (1.25, 3600.0, -20.0)],
)
def test_the_share_that_is_not_kept_becomes_a_position(keep: float, time_s: float, expected: float) -> None:
    """Of 80 base within an hour; more than all of it is to be bought."""
    state = scene(1, time_s=time_s)
    assert expected == pytest.approx(EndowmentGate(keep=keep).through(state).accounts.position[0])


def test_keeping_all_changes_nothing() -> None:
    """To the last bit."""
    state = scene(2, position=3.0, time_s=5000.0)
    seen = EndowmentGate().through(state)
    for field in attrs.fields(type(state.accounts)):
        np.testing.assert_array_equal(getattr(state.accounts, field.name), getattr(seen.accounts, field.name))


@given(keep=st.floats(0.0, 2.0), time_s=st.floats(0.0, 1e5), mid=st.floats(100.0, 900.0))
def test_selling_at_the_initial_price_wins_and_loses_nothing(keep: float, time_s: float, mid: float) -> None:
    """Own quote and base against what the account is said to have started with, at any price now."""
    gate, start = EndowmentGate(keep=keep), scene(1, time_s=time_s, mid=mid)
    sold = gate.through(start).accounts.position
    after = scene(
        1, time_s=time_s, mid=mid, position=-sold, quote=26_000.0 + 300.0 * sold, quote_initial=26_000.0
    )
    accounts = gate.through(after).accounts
    result = accounts.quote_own - accounts.quote_initial + accounts.position * mid
    assert 0.0 == pytest.approx(result[0], abs=1e-6)


def test_a_venue_that_tells_no_price_is_believed_to_have_started_at_the_first() -> None:
    """Which stays when the price moves on."""
    gate, venue = EndowmentGate(keep=0.0, over_s=0.0), Venue.of(1, initial_price=np.nan)
    for mid in (310.0, 350.0):
        seen = gate.through(scene(1, venue=venue, mid=mid))
    assert 26_000.0 + 80.0 * 310.0 == pytest.approx(seen.accounts.quote_initial[0])


def test_it_forbids_nothing_and_starts_no_drawdown() -> None:
    """Whose equity is the result of trading."""
    state = scene(1, time_s=4000.0)
    gate = EndowmentGate(keep=0.0)
    assert applied(gate, state).allows_no_more_than(Limits.open(1))
    assert Limits.open(1).allows_no_more_than(applied(gate, state))
    assert [False] == applied(DrawdownGate(threshold=0.001), gate.through(state)).reduce_only.tolist()


def test_all_stages_of_a_pipeline_see_the_position() -> None:
    """Past the bound of the inventory gate only the ask is left, down to the share that is kept."""
    table = {
        "gates": [{"kind": "inventory", "max_inventory_pct": 0.05}, {"kind": "endowment", "keep": 0.5}],
        "builder": {"kind": "touch", "size_base": 50.0, "min_edge_bps": 0.0},
        "placer": {"kind": "amend"},
    }
    pipeline = Pipeline.bind(resolve(Layer("test", table)), Venue.of(1))
    step = pipeline(scene(1, time_s=9000.0))
    assert (0, 1) == (int(step.quotes.has_bid.sum()), int(step.quotes.has_ask.sum()))
    assert 40.0 == step.quotes.ask_size[0, 0]
