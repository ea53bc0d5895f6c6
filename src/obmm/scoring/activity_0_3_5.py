"""Activity and P&L factors of 0.3.5 to 0.6."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from obmm.market.arrays import FloatArray, IntArray, as_floats, as_ints
from obmm.scoring.eras import SECOND_NS, EraConstants
from obmm.scoring.pnl_score import pnl_reference_quote


def activity_window_start_ns(time_ns: int, era: EraConstants) -> int:
    """First sample time whose round-trip volume counts; the mixed units of 0.3.5 let everything count.

    >>> from obmm.scoring import ERAS
    >>> activity_window_start_ns(20_000 * 10**9, ERAS["0.5.4"]) // 10**9
    9200
    """
    scale = era.publish_interval_ns if era.mixed_units else 1
    return time_ns - era.kappa_lookback_ns * scale


def activity_factors_0_3_5(
    factors: npt.ArrayLike,
    roundtrip_volume: npt.ArrayLike,
    last_roundtrip_ns: npt.ArrayLike,
    time_ns: int,
    era: EraConstants,
) -> FloatArray:
    """Factors (B,) after one scoring of 0.3.5 and later.

    A book with a round trip in this sample or the one before gets `min(1 + volume / cap · impact, 2)`. Any
    other keeps its factor, or decays if a decay rate is set, faster the longer it has been idle. With the
    live constants (no impact, no decay) the factor is a switch: 0 until the first round trip, then 1.

    Args:
        factors: (B,) before the scoring; 0 at first.
        roundtrip_volume: (B,) volume of round trips in the window, quote.
        last_roundtrip_ns: (B,) newest sample time with round trips up to the current sample, 0 if none.
        time_ns: Time of the scoring.
        era: Gives cap, impact, decay and units.

    >>> from obmm.scoring import ERAS
    >>> activity_factors_0_3_5([0.0, 0.0], [5e3, 0.0], [1200 * 10**9, 0], 1300 * 10**9, ERAS["0.5.4"])
    array([1., 0.])
    """
    before, last_ns = as_floats(factors), as_ints(last_roundtrip_ns)
    sample_ns = time_ns // era.volume_sample_ns * era.volume_sample_ns
    active = (last_ns > 0) & (last_ns >= sample_ns - era.volume_sample_ns)
    earned = 1.0 + as_floats(roundtrip_volume) / era.volume_cap_quote * era.activity_impact
    idle = before if era.activity_decay_rate == 0.0 else _decayed(before, last_ns, time_ns, era)
    return np.where(active, np.minimum(earned, 2.0), idle)


def pnl_factors(pnl: npt.ArrayLike, era: EraConstants) -> FloatArray:
    """P&L factors (B,): `min(1 + (max(1 + pnl / reference, 0) − 1) · impact, 2)`.

    The validator looks its impact up under a name that the live configuration does not have, so it was 1 in
    practice; the constant `pnl_impact` is 0 for that reason.

    >>> from obmm.scoring import ERAS
    >>> import attrs
    >>> pnl_factors([6250.0], attrs.evolve(ERAS["0.5.4"], pnl_impact=0.5))
    array([1.5])
    """
    realised = as_floats(pnl)
    if era.pnl_impact == 0.0:
        return np.ones_like(realised)
    growth = np.maximum(1.0 + realised / pnl_reference_quote(realised.size, era), 0.0)
    return np.minimum(1.0 + (growth - 1.0) * era.pnl_impact, 2.0)


def _decayed(factors: FloatArray, last_ns: IntArray, time_ns: int, era: EraConstants) -> FloatArray:
    """Factors (B,) times base^min(max(f, 1)·acceleration, 100)."""
    interval_s = era.scoring_interval_ns / SECOND_NS
    lookback = era.kappa_lookback_ns
    n_lookback = lookback // interval_s if era.mixed_units else lookback / era.scoring_interval_ns
    window_ns = float(lookback * era.scoring_interval_ns if era.mixed_units else lookback)
    window_ns -= era.activity_grace_ns
    n_scorings = n_lookback - era.activity_grace_ns / era.scoring_interval_ns
    base = min(max(2.0 ** (-1.0 / n_scorings), 0.5), 0.9999) if n_scorings > 0.0 else 0.999
    idle_ns = (time_ns - last_ns).astype(np.float64)
    late = np.maximum(idle_ns - era.activity_grace_ns, 0.0) / window_ns
    acceleration = 1.0 + late**2 * era.activity_decay_rate
    return factors * base ** np.minimum(np.maximum(factors, 1.0) * acceleration, 100.0)
