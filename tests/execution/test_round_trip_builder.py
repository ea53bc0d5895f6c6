"""Open lots are worked toward a close that realises a gain."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.quote_scenes import scene
from obmm.execution import Cut, LadderBuilder, RoundTripBuilder, TouchBuilder
from obmm.execution.round_trip import LOTS_UNIT
from obmm.market import BUY, SELL, FloatArray, Limits, MarketState, Quotes, Signals
from obmm.market.lots import OpenLots
from obmm.signals import Lots
from obmm.testing import fills

#: (side, price, size, fee in quote)
Fill = tuple[int, float, float, float]


def told(opened: list[Fill], state: MarketState, close_base: float = 0.0, age_s: float = 0.0) -> FloatArray:
    """What the signal says of these fills, made `age_s` before the state."""
    then = state.time_ns - round(age_s * 1e9)
    lots = Lots(close_base=close_base)
    if opened:
        notices = fills([(0, *row) for row in opened], time_ns=then)
        lots(attrs.evolve(state, time_ns=then, notices=notices), Signals(n_books=1))
    return lots(attrs.evolve(state, time_ns=state.time_ns + 1), Signals(n_books=1))


def wished(builder: RoundTripBuilder, state: MarketState, opened: list[Fill], **lots: float) -> Quotes:
    """What the builder wants with these lots open."""
    signals = Signals(n_books=state.n_books)
    signals.add("lots", told(opened, state, **lots))
    return builder(state, signals, Limits.open(state.n_books))


def realised(opened: list[Fill], is_buy: bool, price: float, size: float, rate: float) -> float:
    """What the validator's book-keeping makes of a close, quote."""
    lots = OpenLots()
    for side, paid, base, fee in opened:
        lots.fill(side == BUY, base, paid, fee=fee, time_ns=0)
    return lots.fill(is_buy, size, price, fee=rate * price * size, time_ns=1).pnl


OPENED = st.lists(
    st.tuples(st.integers(29_000, 31_000), st.integers(1, 12), st.floats(-0.2, 0.2)), min_size=1, max_size=6
)


@settings(max_examples=60)
@given(
    rows=OPENED,
    long=st.booleans(),
    gain=st.floats(0.0, 40.0),
    rate=st.floats(-0.004, 0.004),
    close=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_a_close_realises_at_least_the_gain(
    rows: list[tuple[int, int, float]], long: bool, gain: float, rate: float, close: float
) -> None:
    """By the validator's own matching, whatever is open and wherever the market stands."""
    opened = [(BUY if long else SELL, ticks / 100, size / 4, fee) for ticks, size, fee in rows]
    state = scene(maker_rate=rate)
    builder = RoundTripBuilder(gain_bps=gain, patience_s=np.inf)
    quotes = wished(builder, state, opened, close_base=close)
    side = "ask" if long else "bid"
    price, size = getattr(quotes, f"{side}_price")[0, 0], getattr(quotes, f"{side}_size")[0, 0]
    paid = told(opened, state, close_base=close)[0, 7]
    assert realised(opened, not long, price, size, rate) >= gain / 1e4 * paid * size - 1e-7


@pytest.mark.parametrize(
    ("side", "paid", "expected"), [(BUY, 300.2, 300.3201), (SELL, 299.8, 299.6801)], ids=["long", "short"]
)
def test_inside_the_spread_it_asks_for_the_gain(side: int, paid: float, expected: float) -> None:
    """Others stand at 299.50 and 300.50, makers pay nothing."""
    state = scene()
    quotes = wished(RoundTripBuilder(gain_bps=4.0, exit_ticks=100.0), state, [(side, paid, 0.25, 0.0)])
    price = quotes.ask_price if side == BUY else quotes.bid_price
    assert expected == pytest.approx(price[0, 0], abs=2e-4)


def test_where_the_market_pays_more_it_stands_inside_the_others() -> None:
    """Bought at 290, others sell at 300.50."""
    quotes = wished(RoundTripBuilder(exit_ticks=2.0), scene(), [(BUY, 290.0, 0.25, 0.0)])
    assert 300.48 == pytest.approx(quotes.ask_price[0, 0])


def test_a_quote_does_not_reach_the_other_side() -> None:
    """Far inside a narrow spread it stays a tick away."""
    state = scene(bids=[(299.99, 9.0)], asks=[(300.01, 9.0)])
    quotes = wished(RoundTripBuilder(exit_ticks=50.0), state, [(BUY, 290.0, 0.25, 0.0)])
    assert 300.0 == pytest.approx(quotes.ask_price[0, 0])


def test_the_side_that_opens_is_the_other_builders() -> None:
    """All its levels, while the closing side has one."""
    state, ladder = scene(), LadderBuilder(levels=3)
    expected = ladder(state, Signals(n_books=1), Limits.open(1))
    quotes = wished(RoundTripBuilder(around=ladder), state, [(BUY, 300.0, 1.0, 0.0)])
    np.testing.assert_array_equal(expected.bid_price, quotes.bid_price)
    np.testing.assert_array_equal(expected.bid_size, quotes.bid_size)
    assert [True, False, False] == quotes.has_ask[0].tolist()


@pytest.mark.parametrize("opened", [[], [(BUY, 299.0, 0.2, 0.0)]], ids=["flat", "less than the minimum"])
def test_with_nothing_to_close_the_other_builder_is_heard(opened: list[Fill]) -> None:
    """Word for word."""
    state, inner = scene(), TouchBuilder(inside_ticks=2.0)
    expected = inner(state, Signals(n_books=1), Limits.open(1))
    quotes = wished(RoundTripBuilder(around=inner), state, opened)
    for field in attrs.fields(Quotes):
        np.testing.assert_array_equal(getattr(expected, field.name), getattr(quotes, field.name))


@settings(max_examples=40)
@given(
    ticks=st.integers(29_900, 30_100),
    size=st.floats(0.01, 0.24),
    long=st.booleans(),
    gain=st.floats(0.0, 20.0),
    rate=st.floats(-0.002, 0.002),
    levels=st.integers(1, 3),
)
def test_less_than_the_minimum_is_not_closed_below_the_gain(
    ticks: int, size: float, long: bool, gain: float, rate: float, levels: int
) -> None:
    """Whichever order of the other builder closes it, by the validator's own matching."""
    opened = [(BUY if long else SELL, ticks / 100, size, 0.0)]
    builder = RoundTripBuilder(gain_bps=gain, patience_s=np.inf, around=LadderBuilder(levels=levels))
    quotes = wished(builder, scene(maker_rate=rate), opened)
    prices = (quotes.ask_price if long else quotes.bid_price)[0]
    assert np.isfinite(prices).any()
    for price in prices[np.isfinite(prices)]:
        assert realised(opened, not long, price, size, rate) >= gain / 1e6 * ticks * size - 1e-7


def test_the_side_that_adds_to_less_than_the_minimum_is_left_alone() -> None:
    """A short of 0.2 base that is 40 bp under water: the bids go out to it, the asks stay."""
    state, inner = scene(), TouchBuilder(inside_ticks=2.0)
    expected = inner(state, Signals(n_books=1), Limits.open(1))
    quotes = wished(RoundTripBuilder(gain_bps=0.0, around=inner), state, [(SELL, 298.8, 0.2, 0.0)])
    np.testing.assert_array_equal(expected.ask_price, quotes.ask_price)
    assert 298.8 == pytest.approx(quotes.bid_price[0, 0])
    np.testing.assert_array_equal(expected.bid_size, quotes.bid_size)


@pytest.mark.parametrize(("age_s", "gain"), [(0.0, 10.0), (50.0, 4.0), (100.0, -2.0), (900.0, -2.0)])
def test_the_gain_falls_with_the_age_of_the_oldest_lot(age_s: float, gain: float) -> None:
    """From 10 to -2 bp over 100 s."""
    builder = RoundTripBuilder(gain_bps=10.0, late_gain_bps=-2.0, patience_s=100.0, exit_ticks=1e4)
    quotes = wished(builder, scene(time_s=2000.0), [(BUY, 300.0, 0.25, 0.0)], age_s=age_s)
    assert 300.0 * (1.0 + gain / 1e4) == pytest.approx(quotes.ask_price[0, 0])


@pytest.mark.parametrize(("gain_bps", "reaches"), [(9.0, True), (11.0, False)])
def test_a_gain_that_can_be_had_at_once_is_taken(gain_bps: float, reaches: bool) -> None:
    """Bought at 299.20 against a bid of 299.50: 10.03 bp before the taker rate, which is nothing here."""
    state = scene(taker_rate=0.0)
    quotes = wished(RoundTripBuilder(take_gain_bps=gain_bps), state, [(BUY, 299.2, 0.25, 0.0)])
    assert reaches == (quotes.ask_price[0, 0] <= 299.5)


@pytest.mark.parametrize(("take", "expected"), [(False, 300.5), (True, 299.5)])
def test_a_loss_of_so_many_wins_is_cut(take: bool, expected: float) -> None:
    """Bought at 301 and worth 300.50: 0.125 quote against a win of 4 bp, 0.0301."""
    state = scene()
    held = [(BUY, 301.0, 0.25, 0.0)]
    patient, hasty = (
        RoundTripBuilder(cut_wins=wins, cut_take=take, patience_s=np.inf) for wins in (4.2, 4.1)
    )
    assert wished(patient, state, held).ask_price[0, 0] > 301.0
    assert expected == pytest.approx(wished(hasty, state, held).ask_price[0, 0])


def test_a_typical_win_is_that_of_the_wins_so_far() -> None:
    """A win of 1 quote makes a loss of 0.125 small."""
    won = [(BUY, 300.0, 0.25, 0.0), (SELL, 304.0, 0.25, 0.0), (BUY, 301.0, 0.25, 0.0)]
    builder = RoundTripBuilder(cut_wins=0.2, patience_s=np.inf)
    assert wished(builder, scene(), won).ask_price[0, 0] > 301.0


def test_a_cut_is_told_once_with_what_it_costs() -> None:
    """And again only when the loss has been smaller in between."""
    builder, held = RoundTripBuilder(cut_wins=1.0), [(BUY, 301.0, 0.25, 0.0)]
    seen: list[list[float]] = []
    for ask in (300.5, 300.5, 301.5, 300.5):
        wished(builder, scene(asks=[(ask, 9.0)]), held)
        seen.append([one.loss_quote for one in builder.news if isinstance(one, Cut)])
    assert [[0.125], [], [], [0.125]] == [[round(loss, 9) for loss in state] for state in seen]


def test_a_cut_that_takes_meets_no_quote_of_its_own() -> None:
    """The other builder's bid at the touch gives way."""
    quotes = wished(RoundTripBuilder(cut_wins=1.0, cut_take=True), scene(), [(BUY, 301.0, 0.25, 0.0)])
    assert (0, 1) == (int(quotes.has_bid.sum()), int(quotes.has_ask.sum()))


@pytest.mark.parametrize("wrong", [{"patience_s": -1.0}, {"gain_bps": np.nan}, {"cut_wins": -0.5}])
def test_options_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    """With the name of the option."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RoundTripBuilder(**wrong)


def test_it_knows_the_signal_of_the_lots_by_its_unit() -> None:
    """Rooms do not import each other: the two say it each for itself."""
    assert Lots.unit == LOTS_UNIT
