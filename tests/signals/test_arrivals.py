"""How often aggressive orders reach how far."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from obmm.market import BUY, EventKind, FloatArray, MarketState, Signals, Tape, Venue
from obmm.signals import Arrivals

MID, HALF_BPS = 300.0, 5.0


def state(second: int, reaches_bps: list[float]) -> MarketState:
    """One book at ±5 bp after aggressive buys that each walked in two trades to so many bp."""
    half = MID * HALF_BPS / 1e4
    bare = MarketState.of_books(
        Venue.of(1, price_decimals=np.array([6])),
        [[(MID - half, 9.0)]],
        [[(MID + half, 9.0)]],
        time_ns=second * 10**9,
    )
    price = [p for bps in reaches_bps for p in (MID + half, MID * (1.0 + bps / 1e4))]
    n = len(price)
    at = np.repeat(np.arange(len(reaches_bps)), 2) + (second - 1) * 10**9 + 1
    none = np.full(n, -1)
    tape = Tape(
        offset=np.array([0, n]),
        kind=np.full(n, int(EventKind.TRADE)),
        time_ns=at,
        side=np.full(n, BUY),
        price=np.array(price, dtype=np.float64),
        size=np.ones(n),
        order_id=none,
        taker_order_id=none,
        maker_id=none,
        taker_id=none,
        maker_fee=np.zeros(n),
        taker_fee=np.zeros(n),
        client_id=none,
    )
    return attrs.evolve(bare, tape=tape)


def value(stage: Arrivals, *args: object) -> FloatArray:
    """A, k and their errors of the only book."""
    return stage(state(*args), Signals(n_books=1))[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(("a", "k"), [(0.5, 0.2), (2.0, 0.1)])
def test_it_finds_the_law_that_orders_follow(a: float, k: float) -> None:
    """An hour of Poisson arrivals on both sides; the stated error is that of the estimate, three times."""
    rng, stage = np.random.default_rng(4), Arrivals(tau_s=1e6)
    at_touch = 2.0 * a * np.exp(-k * HALF_BPS)
    for second in range(3_600):
        found = value(
            stage, second + 1, (HALF_BPS + rng.exponential(1.0 / k, rng.poisson(at_touch))).tolist()
        )
    assert k == pytest.approx(found[1], rel=3 * found[2])
    assert a == pytest.approx(found[0], rel=3 * found[3])
    assert 0.0 < found[2] < 0.2
    assert 0.0 < found[3] < 0.2


def test_until_enough_is_seen_the_defaults_stand() -> None:
    """And their error says so."""
    stage = Arrivals(least_orders=20.0, default_a=0.03, default_k=0.07)
    assert [0.03, 0.07, 1.0, 1.0] == value(stage, 1, [6.0] * 10).tolist()


def test_orders_that_all_reach_as_far_tell_no_decay() -> None:
    """A flat line has no k."""
    stage = Arrivals()
    for second in range(5):
        found = value(stage, second + 1, [40.0] * 20)
    assert [0.05, 0.1, 1.0, 1.0] == found.tolist()


def test_old_orders_are_forgotten() -> None:
    """After ten time constants without any, the defaults are back."""
    stage, rng = Arrivals(tau_s=60.0), np.random.default_rng(1)
    for second in range(60):
        found = value(stage, second + 1, (HALF_BPS + rng.exponential(5.0, 2)).tolist())
    assert found[2] < 1.0
    assert 1.0 == value(stage, 700, [])[2]


def test_a_state_without_a_tape_changes_nothing() -> None:
    """What was estimated stands, so that quotes do."""
    stage, rng = Arrivals(tau_s=1e6), np.random.default_rng(1)
    for second in range(60):
        found = value(stage, second + 1, (HALF_BPS + rng.exponential(5.0, 2)).tolist())
    without = stage(attrs.evolve(state(61, []), tape=None), Signals(n_books=1))[0]
    np.testing.assert_allclose(found[1:], without[1:], rtol=1e-6)
