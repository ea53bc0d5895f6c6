"""Every gate keeps the contract of stages, in every mode it offers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from obmm.market import Gate
from obmm.risk import (
    DataQualityGate,
    DrawdownGate,
    EndingGate,
    EndowmentGate,
    ExposureGate,
    FeeGate,
    InventoryGate,
    Override,
    OverrideGate,
    TiersGate,
    TurnoverGate,
    VolatilityGate,
    WarmupGate,
)
from obmm.settings.registry import registered
from obmm.testing import checks_for


def overridden() -> Gate:
    """A gate under all kinds of manual orders."""
    gate = OverrideGate()
    gate.overrides = [(np.ones(5, dtype=np.bool_), what) for what in Override]
    return gate


MODES: dict[str, Callable[[], Any]] = {
    "data_quality": DataQualityGate,
    "data_quality, stale": lambda: DataQualityGate(max_still_s=5.0),
    "drawdown": lambda: DrawdownGate(threshold=0.001, cooldown_s=10.0),
    "drawdown, start, portfolio, value": lambda: DrawdownGate(
        threshold=0.001, reference="start", scope="portfolio", measure="value"
    ),
    "ending": lambda: EndingGate(before_s=85_780.0),
    "endowment": lambda: EndowmentGate(keep=0.0),
    "exposure": lambda: ExposureGate(max_share=0.01),
    "fees": lambda: FeeGate(max_rate_bps=0.0),
    "inventory": lambda: InventoryGate(max_inventory_pct=0.05),
    "inventory, zero": lambda: InventoryGate(reference="zero"),
    "override": OverrideGate,
    "tiers": lambda: TiersGate(least_bps=-5.0, small_share=0.5),
    "turnover": lambda: TurnoverGate(reserve_share=0.8, burst_share=0.001),
    "volatility": lambda: VolatilityGate(threshold=1e-5),
    "warmup": lambda: WarmupGate(min_age_s=20.0),
}
CHECKS = [
    pytest.param(check.run, id=f"{mode}: {check.name}")
    for mode, make in MODES.items()
    for check in checks_for(make, "gates")
]


def test_every_registered_gate_is_tried() -> None:
    """A gate that is added joins the modes above."""
    ours = {name for name, cls in registered("gates").items() if cls.__module__.startswith("obmm.risk")}
    assert ours == {mode.partition(",")[0] for mode in MODES}


@pytest.mark.parametrize("check", CHECKS)
def test_keeps_the_contract(check: Callable[[], None]) -> None:
    """One rule of the contract, one gate."""
    check()
