"""Order-flow imbalance at the touch and level by level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import MarketState, Signals, Stage, Venue
from obmm.signals import Mlofi, Ofi
from obmm.testing import Flaw
from strategies import histories

Levels = list[tuple[float, float]]
#: Five successive quotes (bid, size, ask, size) and what each transition brings.
QUOTES = [
    (100.00, 30.0, 100.02, 10.0),
    (100.00, 25.0, 100.02, 10.0),
    (100.01, 5.0, 100.02, 12.0),
    (100.01, 5.0, 100.03, 40.0),
    (100.00, 20.0, 100.02, 8.0),
]
EVENTS = [-5.0, 3.0, 12.0, -13.0]


def book(bids: Levels, asks: Levels, second: float) -> MarketState:
    """One book."""
    return MarketState.of_books(Venue.of(1), [bids], [asks], time_ns=round(second * 1e9))


def run(stage: Stage, states: Sequence[MarketState]) -> list[np.ndarray]:
    """Values of one book over states."""
    return [stage(state, Signals(n_books=state.n_books))[0] for state in states]


def quoted() -> list[MarketState]:
    """The worked example, one quote per second."""
    return [book([(b, bq)], [(a, aq)], second) for second, (b, bq, a, aq) in enumerate(QUOTES)]


def test_sum_over_the_worked_example() -> None:
    """Without decay the events -5, 3, 12, -13 add up to -3."""
    values = run(Ofi(tau_s=math.inf), quoted())
    assert math.isnan(values[0])
    np.testing.assert_allclose(np.cumsum(EVENTS), values[1:], atol=1e-12)
    assert values[-1] == -3.0


def test_decay_by_elapsed_time() -> None:
    """Each event weighs e^{-age/τ}."""
    tau_s = 2.0
    expected = sum(e * math.exp(-(4 - second) / tau_s) for second, e in enumerate(EVENTS, start=1))
    assert pytest.approx(expected, rel=1e-12) == run(Ofi(tau_s=tau_s), quoted())[-1]


def test_levels_of_the_worked_example() -> None:
    """Two levels: 8 at the touch, 70 behind it."""
    before = book([(100.00, 30.0), (99.99, 20.0)], [(100.02, 10.0), (100.03, 40.0)], 0)
    after = book([(100.01, 5.0), (100.00, 30.0)], [(100.02, 7.0), (100.04, 30.0)], 1)
    assert [8.0, 70.0] == run(Mlofi(levels=2, tau_s=math.inf), [before, after])[-1].tolist()
    weighted = run(Mlofi(levels=2, tau_s=math.inf, weights=[1.0, 0.1]), [before, after])[-1]
    assert pytest.approx(15.0) == weighted


def test_first_level_is_the_flow_at_the_touch() -> None:
    """The first column equals the signal at the touch."""
    touch, levels = run(Ofi(), quoted()), run(Mlofi(levels=3), quoted())
    np.testing.assert_allclose(touch[1:], [value[0] for value in levels[1:]])


def test_disappearing_level_is_withdrawn_depth() -> None:
    """A second bid level that goes takes its size away, and brings it when it is back."""
    two, one = [(100.00, 30.0), (99.99, 20.0)], [(100.00, 30.0)]
    states = [book(bids, [(100.02, 10.0)], s) for s, bids in enumerate([two, one, two])]
    values = run(Mlofi(levels=2, tau_s=math.inf), states)
    assert [0.0, -20.0] == values[1].tolist()
    assert [0.0, 0.0] == values[2].tolist()


def test_more_levels_than_the_book_shows_are_zero() -> None:
    """Levels that no state has had no flow, in units of depth too."""
    for per_depth in (False, True):
        values = run(Mlofi(levels=4, per_depth=per_depth), quoted())
        assert [0.0, 0.0, 0.0] == values[-1][1:].tolist()


def test_per_depth_is_free_of_the_unit_of_size() -> None:
    """Tenfold sizes leave the flow in multiples of depth unchanged."""
    larger = [book([(b, 10 * bq)], [(a, 10 * aq)], s) for s, (b, bq, a, aq) in enumerate(QUOTES)]
    plain = run(Ofi(per_depth=True), quoted())
    assert pytest.approx(plain[-1], rel=1e-12) == run(Ofi(per_depth=True), larger)[-1]


def test_per_depth_divides_by_the_mean_size_of_the_touch() -> None:
    """Without decay: the sum of events over the mean of both sides' sizes in all states."""
    mean = np.mean([(bq + aq) / 2 for _, bq, _, aq in QUOTES])
    assert pytest.approx(-3.0 / mean) == run(Ofi(tau_s=math.inf, per_depth=True), quoted())[-1]


def test_bad_book_is_skipped() -> None:
    """A crossed state in between changes nothing but its own value."""
    states = quoted()
    crossed = book([(100.05, 1.0)], [(100.0, 1.0)], 1.5)
    values = run(Ofi(tau_s=math.inf), [*states[:2], crossed, *states[2:]])
    assert math.isnan(values[2])
    assert values[-1] == -3.0


def test_weights_must_match_levels() -> None:
    """Mistakes show when the signal is made."""
    with pytest.raises(ValueError, match="1 weights given for 5 levels"):
        Mlofi(weights=[1.0])


def naive_event(before: MarketState, after: MarketState, index: int) -> float:
    """e_n by its four indicator functions."""
    p0, q0 = before.best_bid[index], before.bid_size[index, 0]
    p1, q1 = after.best_bid[index], after.bid_size[index, 0]
    a0, s0 = before.best_ask[index], before.ask_size[index, 0]
    a1, s1 = after.best_ask[index], after.ask_size[index, 0]
    return float((p1 >= p0) * q1 - (p1 <= p0) * q0 - (a1 <= a0) * s1 + (a1 >= a0) * s0)


@given(histories(flaws=tuple(set(Flaw) - {Flaw.HUGE_SIZE})), st.sampled_from([math.inf, 3.0]))
def test_equals_the_definition(states: list[MarketState], tau_s: float) -> None:
    """All books at once give the sum over pairs of sound states."""
    stage: Any = Ofi(tau_s=tau_s)
    values = [stage(state, Signals(n_books=state.n_books)) for state in states][-1]
    for index in range(states[0].n_books):
        total, seen, before = 0.0, False, None
        for state in states:
            total *= math.exp(-1.0 / tau_s)
            if state.sound[index]:
                if before is not None:
                    total += naive_event(before, state, index)
                    seen = True
                before = state
        known = seen and states[-1].sound[index]
        assert pytest.approx(total if known else math.nan, nan_ok=True, abs=1e-9) == values[index]
