"""Return of the mid over a recent span."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from obmm.market import MarketState, Signals, Venue
from obmm.signals import Momentum


def run(mids: Sequence[float], seconds: Sequence[int] | None = None, horizon_s: float = 2.0) -> list[float]:
    """Values over a path of mids, NaN for an empty book, one per second unless said otherwise."""
    stage, venue, values = Momentum(horizon_s=horizon_s), Venue.of(1), []
    for mid, second in zip(mids, range(len(mids)) if seconds is None else seconds, strict=True):
        bids, asks = ([], []) if math.isnan(mid) else ([(mid - 1, 1.0)], [(mid + 1, 1.0)])
        state = MarketState.of_books(venue, [bids], [asks], time_ns=second * 10**9)
        values.append(float(stage(state, Signals(n_books=1))[0]))
    return values


def test_log_return_over_the_horizon() -> None:
    """Two seconds back, from the third state on."""
    values = run([100.0, 101.0, 102.0, 103.0])
    np.testing.assert_allclose(
        [math.nan, math.nan, math.log(1.02), math.log(103 / 101)], values, equal_nan=True, rtol=1e-12
    )


def test_hole_costs_the_values_that_touch_it() -> None:
    """NaN while the book is empty and when the empty state is the reference."""
    values = run([100.0, 101.0, math.nan, 103.0, 104.0, 105.0])
    assert [True, True, True, False, True, False] == np.isnan(values).tolist()


def test_gap_uses_the_nearest_older_state() -> None:
    """With states at 0, 1, 4 the return at 4 is measured from 1; three seconds are within two horizons."""
    assert pytest.approx(math.log(104 / 101)) == run([100.0, 101.0, 104.0], [0, 1, 4])[-1]


def test_long_gap_has_nothing_to_compare_with() -> None:
    """After ten seconds of silence the value is NaN, and comes back two seconds later."""
    values = run([100.0, 101.0, 102.0, 103.0, 104.0], [0, 1, 11, 12, 13])
    assert [True, True, True, True, False] == np.isnan(values).tolist()


def test_repeated_state_changes_nothing() -> None:
    """Seeing a state twice is seeing it once."""
    once = run([100.0, 101.0, 102.0, 103.0])
    twice = run([100.0, 101.0, 101.0, 102.0, 103.0], [0, 1, 1, 2, 3])
    assert once[-1] == twice[-1]


def test_horizon_is_its_warm_up() -> None:
    """The pipeline waits for the first value; a horizon must be positive."""
    assert Momentum(horizon_s=7.0).warmup_s == 7.0
    with pytest.raises(ValueError, match="'horizon_s' must be > 0"):
        Momentum(horizon_s=0.0)
