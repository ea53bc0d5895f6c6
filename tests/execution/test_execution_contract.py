"""Every builder and the placer keep the contract of stages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from obmm.execution import (
    AmendPlacer,
    FillRate,
    FollowingBuilder,
    LadderBuilder,
    ModelBuilder,
    RoundTripBuilder,
    SkewedBuilder,
    TakingBuilder,
    TouchBuilder,
)
from obmm.settings.registry import registered
from obmm.testing import checks_for

BUILDERS: dict[str, Callable[[], Any]] = {
    "skewed": lambda: SkewedBuilder(signal="imbalance", controller=FillRate(interval_s=5.0)),
    "touch": lambda: TouchBuilder(inside_ticks=3.0, fair="microprice", size_base=0.1),
    "ladder": lambda: LadderBuilder(
        around=SkewedBuilder(), levels=4, step_ticks=0.0, step_bps=1.0, size_growth=1.5
    ),
    "model": ModelBuilder,
    "model, exact": lambda: ModelBuilder(form="glft_exact", most=4, size_base=5.0),
    "model, horizon": lambda: ModelBuilder(form="avellaneda_stoikov", signal="imbalance", signal_bps=3.0),
    "model, penalty": lambda: ModelBuilder(form="cartea_jaimungal", adverse_bps=1.0, most=4),
    "taking": lambda: TakingBuilder(
        around=TouchBuilder(depth_base=20.0), edge_bps=-40.0, flat_cost_bps=20.0, every_s=3.0
    ),
    "following": lambda: FollowingBuilder(
        around=LadderBuilder(levels=3),
        signal="imbalance",
        gain=3.0,
        flat_cost_bps=20.0,
        join_bps=float("inf"),
    ),
    "round_trip": lambda: RoundTripBuilder(
        around=LadderBuilder(levels=3), patience_s=5.0, late_gain_bps=-5.0, take_gain_bps=-20.0, cut_wins=9.0
    ),
    "round_trip, cutting": lambda: RoundTripBuilder(cut_wins=0.5, cut_take=True),
}
PLACERS: dict[str, Callable[[], Any]] = {
    "amend": AmendPlacer,
    "amend, taking": lambda: AmendPlacer(take=True),
}
CHECKS = [
    pytest.param(check.run, id=f"{name}: {check.name}")
    for group, stages in (("builders", BUILDERS), ("placers", PLACERS))
    for name, make in stages.items()
    for check in checks_for(make, group)
]


@pytest.mark.parametrize(("group", "tried"), [("builders", BUILDERS), ("placers", PLACERS)])
def test_every_registered_stage_is_tried(group: str, tried: dict[str, Any]) -> None:
    """A builder or placer that is added joins the lists above."""
    ours = {name for name, cls in registered(group).items() if cls.__module__.startswith("obmm.execution")}
    assert ours == {name.partition(",")[0] for name in tried}


@pytest.mark.parametrize("check", CHECKS)
def test_keeps_the_contract(check: Callable[[], None]) -> None:
    """One rule of the contract, one stage."""
    check()
