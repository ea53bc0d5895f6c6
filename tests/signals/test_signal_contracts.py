"""Every registered signal keeps the contract of stages, in its other forms too."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs
import pytest

import obmm.signals
from obmm.market import Stage
from obmm.settings.registry import registered
from obmm.testing import run_checks

OURS = {
    name: cls for name, cls in registered("signals").items() if cls.__module__.startswith("obmm.signals.")
}
FORMS: dict[str, Callable[[], Stage]] = {
    "mid of the others": partial(obmm.signals.Mid, own=False),
    "imbalance exponential": partial(obmm.signals.Imbalance, decay="exponential"),
    "imbalance distance": partial(obmm.signals.Imbalance, decay="distance", depths=(2, 30)),
    "microprice vamp": partial(obmm.signals.Microprice, depth=5),
    "microprice effective": partial(obmm.signals.Microprice, depth=5, form="effective"),
    "microprice same side": partial(obmm.signals.Microprice, depth=5, form="same_side"),
    "stoikov with a table": partial(obmm.signals.Stoikov, adjustment_ticks=(-5.0, 0.0, 5.0)),
    "volatility bipower": partial(obmm.signals.Volatility, returns="bipower", warm_s=0.0),
    "ofi per depth": partial(obmm.signals.Ofi, per_depth=True),
    "mlofi per depth": partial(obmm.signals.Mlofi, levels=10, per_depth=True),
    "mlofi weighted": partial(obmm.signals.Mlofi, levels=2, weights=(1.0, 0.5)),
    "trade flow over all books": partial(obmm.signals.TradeFlow, scope="all"),
    "inventory against zero": partial(obmm.signals.Inventory, reference="zero"),
    "ensemble of three": partial(
        obmm.signals.Ensemble, weights={"imbalance": -0.5, "trade_flow": 1.0, "momentum": -10.0}
    ),
}


@pytest.mark.parametrize("name", OURS)
def test_registered_signal_keeps_the_contract(name: str) -> None:
    """With default options."""
    assert [] == [result for result in run_checks(OURS[name]) if not result.passed]


@pytest.mark.parametrize("name", FORMS)
def test_other_form_keeps_the_contract(name: str) -> None:
    """With options that lead down another path."""
    assert [] == [result for result in run_checks(FORMS[name], "signals") if not result.passed]


@pytest.mark.parametrize("name", OURS)
def test_signal_says_what_it_is(name: str) -> None:
    """Unit, source and a sentence about each option are there for people."""
    cls = OURS[name]
    assert cls.unit
    assert cls.source
    assert cls.__doc__
    options = [field for field in attrs.fields(cls) if field.init]
    assert all(field.metadata.get("help") for field in options)
