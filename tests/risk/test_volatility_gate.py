"""Volatile books get tighter limits, without flicker."""

from __future__ import annotations

import numpy as np
import pytest

from obmm.market import Reason, Signals
from obmm.risk import VolatilityGate
from risk.gate_scenes import applied, scene, signals


def said(gate: VolatilityGate, second: int, volatility: float) -> bool:
    """Whether the first book counts as volatile."""
    state = scene(time_s=600.0 + second)
    return bool(applied(gate, state, signals(volatility=volatility)).spread_factor[0] > 1.0)


def test_above_the_threshold_limits_tighten() -> None:
    """Bounds x 0.8, spread x 1.2, with the reason, on the volatile book alone."""
    limits = applied(VolatilityGate(), scene(), signals(volatility=[0.0001, 0.0021]))
    assert [1.0, 0.8] == limits.position_factor.tolist()
    assert [1.0, 1.2] == limits.spread_factor.tolist()
    assert [0, Reason.VOLATILITY] == limits.bid_reason.tolist() == limits.ask_reason.tolist()


def test_above_a_multiple_of_its_own_slow_volatility() -> None:
    """A calm book that doubles its volatility is volatile long before the absolute threshold."""
    gate = VolatilityGate(multiple=2.0)
    assert not any(said(gate, i, 1e-4) for i in range(100))
    assert said(gate, 100, 2.1e-4)


def test_first_state_knows_no_slow_volatility() -> None:
    """Only the absolute threshold speaks before there is a past."""
    assert not said(VolatilityGate(), 0, 1.9e-3)
    assert said(VolatilityGate(), 0, 2.1e-3)


def test_regime_does_not_flicker() -> None:
    """Between 80 % and 100 % of the mark a regime stays what it was."""
    gate = VolatilityGate(threshold=1e-3, multiple=1e9, release_share=0.8)
    path = [0.9e-3, 1.1e-3, 0.9e-3, 1.0e-3, 0.85e-3, 0.79e-3, 0.9e-3, 1.0e-3]
    assert [said(gate, i, v) for i, v in enumerate(path)] == [
        *(False, True, True, True, True),
        *(False, False, False),
    ]


def test_missing_volatility_keeps_the_regime() -> None:
    """NaN neither raises an alarm nor ends one."""
    gate = VolatilityGate()
    assert not said(gate, 0, np.nan)
    assert said(gate, 1, 3e-3)
    assert said(gate, 2, np.nan)
    assert not said(gate, 3, 1e-4)


def test_slow_volatility_follows_a_lasting_change() -> None:
    """After some half-lives at a new level that level is normal: no alarm for ever."""
    gate = VolatilityGate(multiple=2.0, slow_halflife_s=60.0)
    for i in range(300):
        said(gate, i, 1e-4)
    alarms = [said(gate, 300 + i, 4e-4) for i in range(300)]
    assert alarms[0]
    assert not alarms[-1]


def test_unsettled_volatility_does_not_shape_the_past() -> None:
    """Values from before the warm-up are no measure of what is normal."""
    gate = VolatilityGate(multiple=2.0)
    for i in range(10):
        young = Signals(n_books=2, age_s=np.full(2, float(i)), warmup_s=60.0)
        young.add("volatility", np.full(2, 1e-5))
        gate(scene(time_s=600.0 + i), young)
    assert not said(gate, 10, 1e-4)


def test_slow_volatility_is_a_mean_with_the_given_half_life() -> None:
    """The mark is `multiple` times the weighted mean of the past, computed here term by term."""
    gate = VolatilityGate(multiple=3.0, slow_halflife_s=20.0, release_share=1.0)
    rng = np.random.default_rng(5)
    keep, past = 0.5 ** (1.0 / 20.0), []
    for i in range(200):
        value = float(rng.lognormal(-9.2, 1.0))
        weights = keep ** np.arange(len(past))[::-1]
        mark = min(0.002, 3.0 * float(weights @ past / weights.sum())) if past else 0.002
        assert (value > mark) == said(gate, i, value)
        past.append(value)


def test_signal_is_declared() -> None:
    """The pipeline learns the name of the signal from the gate."""
    assert frozenset({"bipower"}) == VolatilityGate(signal="bipower").needs


def test_a_multiple_below_one_is_refused() -> None:
    """It would call calm books volatile."""
    with pytest.raises(ValueError, match="multiple must be at least 1"):
        VolatilityGate(multiple=0.5)
