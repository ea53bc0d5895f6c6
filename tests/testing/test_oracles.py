"""Worked examples that every installation recomputes."""

from __future__ import annotations

import pytest

from obmm.testing import oracles
from obmm.testing.oracles import ORACLES


@pytest.mark.parametrize("name", ORACLES)
def test_this_installation_recomputes_it(name):
    """The figures that were found right are told."""
    assert "" != ORACLES[name]()


def test_the_first_public_microprice_example_is_put_right():
    """Heavy asks pull the fair price to the bid: 100.10, not 100.90."""
    told = ORACLES["microprice, weighted mid and multi-level"]()
    assert "100.1" == told.partition(",")[0]


@pytest.mark.parametrize(
    ("stage", "spoilt", "name"),
    [
        ("Microprice", "Mid", "microprice, weighted mid and multi-level"),
        ("Ofi", "Momentum", "order-flow imbalance (Cont, Kukanov & Stoikov)"),
    ],
)
def test_a_stage_that_computes_something_else_is_found(stage, spoilt, name, monkeypatch):
    """Another stage in its place takes other options or gives other figures."""
    import obmm.signals

    monkeypatch.setattr(oracles, stage, getattr(obmm.signals, spoilt))
    with pytest.raises((AssertionError, TypeError)):
        ORACLES[name]()


def test_a_figure_that_is_off_is_told_beside_the_expected_one(monkeypatch):
    """Ten times too large."""
    good = oracles.TradeFlow

    def wrong(**options):
        stage = good(**options)
        return lambda state, signals: 10.0 * stage(state, signals)

    monkeypatch.setattr(oracles, "TradeFlow", wrong)
    with pytest.raises(AssertionError, match=r"expected \[0\.714.*got \[7\.14"):
        ORACLES["trade-flow imbalance"]()
