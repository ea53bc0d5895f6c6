"""Volatility per square root of a second."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import MarketState, Signals, Venue
from obmm.signals import Volatility
from strategies import histories

PRICES = (100.0, 100.1, 100.05, 100.2, 99.9, 100.0, 100.15)
#: Plain recursion from the first return on: no warm-up, no floor.
RAW: dict[str, Any] = {"warm_s": 0.0, "floor": 0.0, "default": 0.0}


def at(mid: float, second: float) -> MarketState:
    """One book around `mid`; NaN for an empty one."""
    sides = ([], []) if math.isnan(mid) else ([(mid - 0.01, 1.0)], [(mid + 0.01, 1.0)])
    return MarketState.of_books(Venue.of(1), [sides[0]], [sides[1]], time_ns=round(second * 1e9))


def run(mids: Sequence[float], seconds: Sequence[float] | None = None, **options: Any) -> list[float]:
    """Values of the signal over a path of mids, one per second unless said otherwise."""
    stage, times = Volatility(**options), range(len(mids)) if seconds is None else seconds
    states = [at(mid, second) for mid, second in zip(mids, times, strict=True)]
    return [float(stage(state, Signals(n_books=1))[0]) for state in states]


def test_exponentially_weighted_variance() -> None:
    """V = 0.94 v + 0.06 r², seeded with the first squared return."""
    last = run(PRICES, tau_s=-1.0 / math.log(0.94), **RAW)[-1]
    assert pytest.approx(1.5246357204688829e-6, rel=1e-9) == last**2


def test_warm_up_average_of_squares_is_realised_variance() -> None:
    """Averaged plainly, the six squared returns of the worked path give its realised variance."""
    last = run(PRICES, returns="squared", warm_s=6.0, floor=0.0)[-1]
    assert pytest.approx(1.573166348690126e-05 / 6, rel=1e-9) == last**2


def test_warm_up_average_of_products_is_bipower_variation() -> None:
    """Averaged plainly, the five products of neighbours give the bipower variation."""
    last = run(PRICES, returns="bipower", warm_s=5.0, floor=0.0)[-1]
    assert pytest.approx(1.6084400782260414e-05 / 5, rel=1e-9) == last**2


def test_unit_is_per_second_whatever_the_interval() -> None:
    """The same variance per second gives the same value, seen every second or every fourth."""
    every = run([100.0, 100.1] * 20, warm_s=10)[-1]
    steps = [100.0, 100.0 * math.exp(2.0 * math.log(1.001))] * 20
    fourth = run(steps, seconds=range(0, 160, 4), warm_s=10)[-1]
    assert pytest.approx(every, rel=1e-6) == fourth


def test_default_stands_until_warm() -> None:
    """The first 30 seconds report the default, then their average takes over."""
    values = run([100.0, 100.1] * 20, default=5e-4)
    assert [5e-4] * 30 == values[:30]
    assert pytest.approx(math.log(1.001), rel=1e-9) == values[30]


def test_still_market_reports_the_floor() -> None:
    """A mid that never moves has the least volatility there is."""
    assert run([100.0] * 40, floor=2e-6)[-1] == 2e-6


def test_bipower_ignores_a_single_jump() -> None:
    """One jump among still seconds moves the squared version only."""
    path = [100.0] * 40 + [105.0] * 5
    assert run(path, returns="bipower", floor=0.0)[-1] == 0.0
    assert run(path, floor=0.0)[-1] > 1e-3


def test_missed_states_spread_a_return_over_their_time() -> None:
    """After a gap of nine seconds the return counts as nine seconds' variance."""
    move = 100.0 * math.exp(0.003)
    assert pytest.approx(0.001, rel=1e-9) == run([100.0, move], seconds=[0, 9], **RAW)[-1]


def test_bad_book_keeps_its_last_value_and_forgets_the_hole() -> None:
    """While there is no touch the last value stands; afterwards the hole is a gap like any other."""
    path = [100.0, 100.1] * 20
    value = run(path)[-1]
    holed = run([*path, math.nan, math.nan, 100.1])
    assert [value, value] == holed[-3:-1]
    assert pytest.approx(run([*path, 100.1], seconds=[*range(40), 42])[-1]) == holed[-1]


def test_repeated_state_changes_nothing() -> None:
    """Seeing a state twice is seeing it once."""
    once, twice = (
        run([100.0, 100.1, 100.3], **RAW),
        run([100.0, 100.1, 100.1, 100.3], seconds=[0, 1, 1, 2], **RAW),
    )
    assert once[-1] == twice[-1]


def test_warm_up_is_declared() -> None:
    """The pipeline waits as long as the estimate takes."""
    assert Volatility(warm_s=45.0).warmup_s == 45.0


@pytest.mark.parametrize("options", [{"tau_s": 0.0}, {"returns": "cubed"}, {"floor": -1.0}, {"warm_s": -1.0}])
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    """Mistakes show when the signal is made."""
    with pytest.raises(ValueError, match="must be"):
        Volatility(**options)


def naive(states: Sequence[MarketState], book: int, stage: Volatility) -> float:
    """The recursion for one book, state by state."""
    last: tuple[float, float] | None = None
    before = variance = None
    seen = 0.0
    for state in states:
        if not state.sound[book]:
            continue
        mid, second = float(state.mid[book]), state.time_s
        if last is not None:
            dt = second - last[1]
            scaled = abs(math.log(mid / last[0])) / math.sqrt(dt)
            previous, before = before, scaled
            x = scaled**2 if stage.returns == "squared" else None
            if stage.returns == "bipower" and previous is not None:
                x = math.pi / 2.0 * scaled * previous
            if x is not None:
                seen += dt
                gain = dt / seen if seen <= stage.warm_s else 1.0 - math.exp(-dt / stage.tau_s)
                variance = x if variance is None else variance + gain * (x - variance)
        last = mid, second
    if variance is None or seen < stage.warm_s:
        return max(stage.default, stage.floor)
    return max(math.sqrt(variance), stage.floor)


@given(
    histories(max_states=12),
    st.sampled_from(["squared", "bipower"]),
    st.sampled_from([0.0, 2.5]),
    st.lists(st.sampled_from([1, 1, 3]), min_size=12, max_size=12),
)
def test_equals_the_recursion(
    states: list[MarketState], returns: str, warm_s: float, gaps: list[int]
) -> None:
    """All books at once, gaps and flaws included, give what a plain loop gives."""
    seconds = np.cumsum(gaps)
    states = [
        attrs.evolve(state, time_ns=int(second) * 10**9)
        for state, second in zip(states, seconds, strict=False)
    ]
    stage = Volatility(tau_s=5.0, returns=returns, warm_s=warm_s)
    n = states[0].n_books
    values = [stage(state, Signals(n_books=n)) for state in states][-1]
    expected = [naive(states, book, stage) for book in range(n)]
    np.testing.assert_allclose(expected, values, rtol=1e-7)
