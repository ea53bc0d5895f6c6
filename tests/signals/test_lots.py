"""Open round trips, as the validator will match them."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import BUY, SELL, Accounts, FloatArray, MarketState, Notices, Signals, Venue
from obmm.market.lots import OpenLots
from obmm.signals import Lots
from obmm.testing import fills
from scoring.reference import assert_close, cases


def state(time_ns: int, notices: Notices | None = None, maker_rate: float = 0.0) -> MarketState:
    """One book at 299.50 / 300.50."""
    bare = MarketState.of_books(
        Venue.of(1),
        [[(299.5, 9.0)]],
        [[(300.5, 9.0)]],
        time_ns=time_ns,
        accounts=Accounts.of(1, base=80.0, quote=25_000.0, maker_rate=maker_rate),
    )
    return bare if notices is None else attrs.evolve(bare, notices=notices)


def told(lots: Lots, *args: Any, **more: Any) -> FloatArray:
    """The six columns of the only book."""
    return lots(state(*args, **more), Signals(n_books=1))[0]


@pytest.mark.parametrize(("case", "tolerance"), cases("fifo_0_5_4"))
def test_it_realises_what_the_validator_does(case: dict[str, Any], tolerance: Any) -> None:
    """Fill by fill, and what is left open."""
    lots = Lots()
    for second, (fill, expected) in enumerate(
        zip(case["input"]["fills"], case["expected"]["per_fill"], strict=True)
    ):
        side = BUY if fill["is_buy"] else SELL
        row = (0, side, fill["price"], fill["quantity"], fill["fee"])
        value = told(lots, second * 10**9, fills([row]))
        assert_close(expected["realized_pnl"], value[4], tolerance["float64"])
    left = sum(lot[1] for lot in case["expected"]["longs"]) - sum(
        lot[1] for lot in case["expected"]["shorts"]
    )
    assert_close(left, value[0], tolerance["float64"])


ROWS = st.lists(
    st.tuples(
        st.booleans(), st.integers(1, 40), st.integers(29_000, 31_000), st.floats(-0.5, 0.5), st.booleans()
    ),
    max_size=30,
)


@given(ROWS)
def test_it_is_the_same_however_fills_come_together(
    rows: list[tuple[bool, int, int, float, bool]],
) -> None:
    """Several fills in one state realise what they do one by one."""
    lots, plain, at, waiting, realised = Lots(), OpenLots(), 0, [], 0.0
    for is_buy, size, ticks, fee, last in rows:
        waiting.append((0, BUY if is_buy else SELL, ticks / 100, size / 4, fee))
        realised += plain.fill(is_buy, size / 4, ticks / 100, fee=fee, time_ns=0).pnl
        if last:
            at += 1
            assert realised == pytest.approx(told(lots, at, fills(waiting))[4])
            waiting, realised = [], 0.0
            held = sum(lot.size_base for lot in plain.longs) - sum(lot.size_base for lot in plain.shorts)
            assert held == told(lots, at)[0]


def test_closing_at_the_stated_price_pays_for_what_was_paid() -> None:
    """Two lots of 1 and 3 base, fees of opening included."""
    lots = Lots()
    price = told(lots, 0, fills([(0, BUY, 300.0, 1.0, 0.12), (0, BUY, 301.0, 3.0, -0.04)]))[1]
    assert 300.77 == pytest.approx(price)
    assert 0.0 == pytest.approx(told(lots, 1, fills([(0, SELL, price, 4.0, 0.0)]))[4])


@pytest.mark.parametrize(("side", "size"), [(BUY, 2.0), (SELL, -2.0)])
def test_it_says_what_a_passive_close_would_realise(side: int, size: float) -> None:
    """The long sells at the ask, the short buys at the bid, both pay the maker rate."""
    lots = Lots()
    value = told(lots, 0, fills([(0, side, 300.0, 2.0, 0.0)]), maker_rate=0.001)
    assert size == value[0]
    out = 300.5 if side == BUY else 299.5
    expected = 2.0 * ((out - 300.0) * np.sign(size) - 0.001 * out)
    assert expected == pytest.approx(value[3])
    close = fills([(0, 1 - side, out, 2.0, 0.002 * out)])
    assert expected == pytest.approx(told(lots, 1, close)[4])


def test_the_oldest_lot_tells_the_age() -> None:
    """A close of the first lot leaves the age of the second."""
    lots = Lots()
    for second, side, size in ((0, BUY, 1.0), (4, BUY, 1.0), (7, SELL, 1.0)):
        value = told(lots, second * 10**9, fills([(0, side, 300.0, size, 0.0)], time_ns=second * 10**9))
    assert 3.0 == value[2]


def test_the_typical_win_forgets_losses_and_follows_wins() -> None:
    """Half of the weight is that of the last two wins."""
    lots, at = Lots(wins=2.0), 0
    for price in (301.0, 298.0, 302.0):
        told(lots, at, fills([(0, BUY, 300.0, 1.0, 0.0)]))
        value = told(lots, at + 1, fills([(0, SELL, price, 1.0, 0.0)]))
        at += 2
    value = told(lots, at)
    assert 1.0 + (1.0 - 0.5**0.5) == pytest.approx(value[5])


def test_a_state_seen_twice_counts_once() -> None:
    """Its fills are the same fills."""
    lots, notices = Lots(), fills([(0, BUY, 300.0, 1.0, 0.0)])
    assert [1.0, 1.0] == [told(lots, 5, notices)[0], told(lots, 5, notices)[0]]


@pytest.mark.parametrize(
    ("close_base", "expected"),
    [
        (0.0, (0.25, 300.0)),
        (1.0, (1.0, 300.0)),
        (1.5, (1.5, 301.0)),
        (1.8, (2.0, 301.5)),
        (9.0, (2.0, 301.5)),
    ],
)
def test_the_next_close_is_of_the_oldest_lots(close_base: float, expected: tuple[float, float]) -> None:
    """One base each at 300 and 303; what would be left below the minimum of 0.25 goes with it."""
    value = told(
        Lots(close_base=close_base), 0, fills([(0, BUY, 300.0, 1.0, 0.0), (0, BUY, 303.0, 1.0, 0.0)])
    )
    assert expected == (value[6], pytest.approx(value[7]))


def test_what_is_below_the_minimum_cannot_be_closed() -> None:
    """A fifth of a base."""
    assert 0.0 == told(Lots(), 0, fills([(0, SELL, 300.0, 0.2, 0.0)]))[6]


def test_the_next_close_pays_for_its_part_of_the_fee() -> None:
    """Half of a short lot, opened with a fee of 0.2 on two base."""
    value = told(Lots(close_base=1.0), 0, fills([(0, SELL, 300.0, 2.0, 0.2)]))
    assert (1.0, 299.9) == (value[6], pytest.approx(value[7]))
