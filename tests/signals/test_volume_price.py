"""The price of a unit of turnover."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from obmm.market import BUY, Accounts, FloatArray, MarketState, Signals, Venue
from obmm.signals import VolumePrice
from obmm.testing import fills


def state(time_s: float, quote: float = 0.0, venue: Venue | None = None, **accounts: Any) -> MarketState:
    """One book at 300 on which `quote` has just traded."""
    bare = MarketState.of_books(
        venue or Venue.of(1),
        [[(299.9, 9.0)]],
        [[(300.1, 9.0)]],
        time_ns=round(time_s * 1e9),
        accounts=Accounts.of(1, base=80.0, quote=26_000.0, **accounts),
    )
    return attrs.evolve(bare, notices=fills([(0, BUY, 300.0, quote / 300.0, 0.0)])) if quote else bare


def run(stage: VolumePrice, per_hour: float, hours: float, start_h: float = 0.0, **more: Any) -> FloatArray:
    """What it says after so many hours of an even turnover, a fill a minute."""
    value = np.zeros(4)
    for minute in range(round(start_h * 60), round((start_h + hours) * 60)):
        value = stage(state(60.0 * minute, per_hour / 60.0, **more), Signals(n_books=1))[0]
    return value


def test_at_the_even_pace_the_price_stays() -> None:
    """Nine tenths of 500,000 over 24 hours."""
    stage = VolumePrice(start_bps=9.0, step_bps_per_h=10.0, tau_s=1800.0)
    before = run(stage, 18_750.0, 4.0)[2]
    assert before == pytest.approx(run(stage, 18_750.0, 1.0, 4.0)[2], abs=0.3)


def test_too_much_turnover_raises_it_and_too_little_lowers_it() -> None:
    """By what is stated per hour at most."""
    busy, idle = (
        VolumePrice(start_bps=5.0, step_bps_per_h=4.0),
        VolumePrice(start_bps=5.0, step_bps_per_h=4.0),
    )
    assert 5.0 < run(busy, 100_000.0, 1.0)[2] <= 9.0
    assert 1.0 == pytest.approx(run(idle, 0.0, 1.0)[2], abs=0.1)


def test_it_stays_within_its_bounds() -> None:
    """Not below nothing, not above the most."""
    assert 0.0 == run(VolumePrice(start_bps=1.0), 0.0, 2.0)[2]
    assert 3.0 == run(VolumePrice(start_bps=1.0, most_bps=3.0), 200_000.0, 2.0)[2]


def test_what_a_book_did_not_spend_early_it_may_spend_later() -> None:
    """After twelve idle hours twice the even pace is the even pace."""
    stage = VolumePrice(start_bps=0.0, step_bps_per_h=10.0, tau_s=600.0)
    run(stage, 0.0, 12.0)
    assert 1.0 > run(stage, 37_000.0, 3.0, 12.0)[2]
    fresh = VolumePrice(start_bps=0.0, step_bps_per_h=10.0, tau_s=600.0)
    assert 10.0 < run(fresh, 37_000.0, 3.0)[2]


def test_a_simulation_that_ends_sooner_leaves_fewer_hours() -> None:
    """Of six, the budget may go in six."""
    venue = Venue.of(1, duration_ns=6 * 3600 * 10**9)
    assert 0.0 == run(VolumePrice(start_bps=0.0, step_bps_per_h=10.0), 70_000.0, 3.0, venue=venue)[2]
    assert (
        5.0
        < run(
            VolumePrice(start_bps=0.0, step_bps_per_h=10.0), 70_000.0, 3.0, venue=Venue.of(1, duration_ns=0)
        )[2]
    )


def test_what_the_venue_tells_counts_if_it_is_more() -> None:
    """Own fills of before this agent began are in it."""
    value = VolumePrice()(state(60.0, traded_quote=225_000.0), Signals(n_books=1))[0]
    assert 0.5 == pytest.approx(value[3])


@pytest.mark.parametrize(
    ("told", "expected"),
    [([[0.001, -0.002, 0.3]], (0.0011, -0.0019)), ([0.001], (0.0011, 0.0003)), ([np.nan], (0.0005, 0.0003))],
)
def test_it_comes_on_top_of_the_rates_of_a_signal(told: Any, expected: tuple[float, float]) -> None:
    """Of its first two columns, of the maker rate alone, or of the account where it is not known."""
    signals = Signals(n_books=1)
    signals.add("margin", np.array(told))
    stage = VolumePrice(rates="margin", start_bps=1.0)
    value = stage(state(60.0, maker_rate=0.0004, taker_rate=0.0002), signals)[0]
    assert expected == pytest.approx(tuple(value[:2]))
