"""The rates of the next unit of volume."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import BUY, Accounts, EventKind, Feed, FeePolicy, MarketState, Signals, Tape, Venue
from obmm.signals import FeeMargin
from obmm.sim import Scenario, SimulatedMarket

FEES = FeePolicy()


def traded(rows: list[tuple[int, float, int, int]], ratio: float = np.nan, uid: int = 0) -> MarketState:
    """One book after trades of (instant, quote, maker, taker), whose maker share is published as `ratio`."""
    n, price = len(rows), 300.0
    instant, quote, maker, taker = (np.array(column) for column in zip(*rows, strict=True))
    none = np.full(n, -1)
    tape = Tape(
        offset=np.array([0, n]),
        kind=np.full(n, int(EventKind.TRADE)),
        time_ns=instant,
        side=np.full(n, BUY),
        price=np.full(n, price),
        size=quote / price,
        order_id=none,
        taker_order_id=none,
        maker_id=maker,
        taker_id=taker,
        maker_fee=np.zeros(n),
        taker_fee=np.zeros(n),
        client_id=none,
    )
    accounts = Accounts.of(
        1,
        base=80.0,
        quote=25_000.0,
        maker_rate=FEES.maker_rate([ratio]),
        taker_rate=FEES.taker_rate([ratio]),
    )
    state = MarketState.of_books(
        Venue.of(1), [[(299.5, 9.0)]], [[(300.5, 9.0)]], time_ns=10**9, accounts=accounts, uid=uid
    )
    return attrs.evolve(state, tape=tape, maker_ratio=np.array([ratio]))


VOLUME = st.floats(100.0, 50_000.0)


@given(own=st.tuples(VOLUME, VOLUME), others=st.tuples(VOLUME, VOLUME))
def test_it_is_the_derivative_of_all_that_the_window_costs_us(
    own: tuple[float, float], others: tuple[float, float]
) -> None:
    """Fees of our whole volume in the window, with one quote more of either kind."""

    def cost(passive: float, aggressive: float) -> float:
        x = (passive + others[0]) / (passive + aggressive + sum(others))
        return float(passive * rate(FEES.maker_rate, x) + aggressive * rate(FEES.taker_rate, x))

    def rate(of: object, x: float) -> float:
        # The venue's rates step where the gap is cut to three decimals; the smooth curve is differentiated.
        return float(of(x))  # type: ignore[operator]

    ratio = (own[0] + others[0]) / (sum(own) + sum(others))
    state = traded(
        [(1, own[0], 0, -1), (2, own[1], -1, 0), (3, others[0], 5, -1), (4, others[1], -1, 6)], ratio
    )
    maker, taker, _, volume = FeeMargin(others_quote=0.0)(state, Signals(n_books=1))[0]
    assert sum(own) + sum(others) == pytest.approx(volume)
    if abs(ratio - FEES.target_mtr) < 0.002:
        return
    step = 0.01
    expected = cost(own[0] + step, own[1]) - cost(own[0] - step, own[1])
    assert expected / (2 * step) == pytest.approx(maker, abs=2e-6)
    expected = cost(own[0], own[1] + step) - cost(own[0], own[1] - step)
    assert expected / (2 * step) == pytest.approx(taker, abs=2e-6)


def test_without_volume_of_ours_it_is_the_present_rate() -> None:
    """Others' trades alone."""
    state = traded([(1, 500.0, 5, 6)], ratio=0.6)
    value = FeeMargin()(state, Signals(n_books=1))[0]
    assert [FEES.maker_rate(0.6), FEES.taker_rate(0.6), 0.0] == value[:3].tolist()


def test_background_trades_do_not_count() -> None:
    """Only miners' volume moves the rates."""
    state = traded([(1, 500.0, -3, -4), (2, 300.0, -3, 0)])
    assert 300.0 == FeeMargin()(state, Signals(n_books=1))[0, 3]


def test_the_window_holds_so_many_instants() -> None:
    """Trades of one instant are one slot; the oldest slots leave."""
    venue_slots = FEES.history_slots
    rows = [(1, 7.0, 0, -1), (1, 5.0, 5, -1), *((i, 1.0, 5, 6) for i in range(2, venue_slots + 2))]
    state = traded(rows)
    assert 2.0 * venue_slots == pytest.approx(FeeMargin()(state, Signals(n_books=1))[0, 3])


def test_others_are_assumed_before_they_are_seen() -> None:
    """One fill of ours in an empty window is a small share, not all there is."""
    state = traded([(1, 75.0, 0, -1)], ratio=0.6)
    shares = [FeeMargin(others_quote=q)(state, Signals(n_books=1))[0, 2] for q in (0.0, 30_000.0)]
    assert [1.0, pytest.approx(75.0 / (75.0 + 30_000.0 * 299 / 300))] == shares


def test_without_a_tape_the_rates_are_the_present_ones() -> None:
    """Nothing is known of anybody's volume."""
    state = attrs.evolve(traded([(1, 500.0, 0, -1)], ratio=0.6), tape=None)
    assert [FEES.maker_rate(0.6), FEES.taker_rate(0.6)] == FeeMargin()(state, Signals(n_books=1))[
        0, :2
    ].tolist()


def test_the_counted_share_is_the_published_one() -> None:
    """In the embedded market, once the window is full; only the newest instant is not in it yet."""
    scenario = Scenario.load("taos-0.5.4")
    rivals = attrs.evolve(scenario.rivals, makers=4, takers=20)
    margin, off = FeeMargin(), []
    with SimulatedMarket(scenario, books=2, seed=3, rivals=rivals, feeds=frozenset({Feed.TAPE})) as market:
        for states in market.states(seconds=2400.0):
            value = margin(states[0], Signals(n_books=2))
            full = np.array([len(slots) == FEES.history_slots for slots in margin._slots or ()])
            share = margin._sums[:, 0] / np.maximum(value[:, 3], 1.0)
            off += np.abs(share - states[0].maker_ratio)[full].tolist()
    assert len(off) > 1000
    assert max(off) < 0.01
