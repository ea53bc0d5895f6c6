"""What agents send: prices as the venue reads them, arrivals, lives."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("numba")

from hypothesis import given, settings
from hypothesis import strategies as st

from obmm.sim.background._agent_orders import (
    cut_to_tick,
    mid_price,
    outside_touch,
    send_limit,
    send_market,
    to_lots,
    to_tick,
)
from obmm.sim.background._layout import EV_PLACE_LIMIT, EV_PLACE_MARKET
from obmm.sim.exchange._layout import EV_CANCEL
from sim.living import BUY, SECOND, SELL, advance_to, take_events, world

AGENT = 1 + 200  # an initialization agent: it has funds left and does nothing by itself


@settings(max_examples=300)
@given(price=st.floats(0.01, 3000.0) | st.integers(1, 300_000).map(lambda k: k * 0.01))
def test_prices_are_cut_from_their_exact_binary_value(price: float) -> None:
    """Never rounded, whatever the product with 100 would be."""
    assert int(Fraction(price) * 100) == cut_to_tick(price)


def test_quotes_around_300_never_stand_on_four_ticks_of_a_quarter() -> None:
    """A multiple of the binary 0.01 just below its decimal loses a tick: 9 of 25 do, 4 of 25 stay empty."""
    ticks = np.arange(29_000, 31_000)
    sent = np.array([to_tick(tick / 100) for tick in ticks])
    assert {0, 1} == set((ticks - sent).tolist())
    assert {1, 2, 7, 8, 13, 14, 19, 20, 21} == set((ticks[sent < ticks] % 25).tolist())
    assert {2, 8, 14, 21} == set(range(25)) - set((sent % 25).tolist())


def test_sizes_are_cut_to_lots_and_never_negative() -> None:
    """Absurd sizes stay inside 64 bits."""
    assert [2999, 0, 0, 10**12] == [to_lots(size) for size in (0.29999, 0.00001, -5.0, 1e300)]


def test_the_mid_survives_an_empty_side() -> None:
    """Then the last one counts."""
    books, backgrounds = world(until_s=2)
    mid = mid_price(books[0], backgrounds[0])
    assert books[0]["touch"].sum() / 200 == pytest.approx(mid)
    books[0]["touch"][BUY] = 0
    assert mid == mid_price(books[0], backgrounds[0])


def test_a_limit_order_arrives_after_its_latency_and_lives_from_its_acknowledgement() -> None:
    """One latency to the exchange, one back, then the life."""
    books, backgrounds = world(until_s=1)
    take_events(books)
    send_limit(books[0], AGENT, BUY, 20_000, 1.5, 40_000_000, 3 * SECOND)
    (event,) = take_events(books)
    assert (SECOND + 40_000_000, EV_PLACE_LIMIT) == (event["time_ns"], event["kind"])
    send_limit(books[0], AGENT, BUY, 20_000, 1.5, 40_000_000, 3 * SECOND)
    orders_before = int(books[0]["accounts"][AGENT]["open_orders"])
    advance_to(books, backgrounds, 2)
    assert orders_before + 1 == books[0]["accounts"][AGENT]["open_orders"]
    (cancel,) = take_events(books)
    assert (4 * SECOND + 80_000_000, EV_CANCEL) == (cancel["time_ns"], cancel["kind"])


def test_a_refused_order_leaves_no_cancel_behind() -> None:
    """Too small for the venue."""
    books, backgrounds = world(until_s=1)
    take_events(books)
    send_limit(books[0], AGENT, BUY, 20_000, 0.2, 1_000_000, SECOND)
    advance_to(books, backgrounds, 2)
    assert 0 == take_events(books).size


def test_a_market_order_arrives_after_its_latency_and_trades() -> None:
    """It takes from the front of the opposite side."""
    books, _ = world(until_s=1)
    take_events(books)
    send_market(books[0], AGENT, SELL, 0.5, 250_000_000)
    (event,) = take_events(books)
    assert (SECOND + 250_000_000, EV_PLACE_MARKET, 5000) == (event["time_ns"], event["kind"], event["lots"])


def test_a_sliding_order_stops_one_tick_behind_the_opposite_touch() -> None:
    """Only if it would trade."""
    books, _ = world(until_s=2)
    b = books[0]
    bid, ask = b["touch"].tolist()
    assert [ask - 1, bid, bid + 1, ask] == [
        outside_touch(b, BUY, ask + 5),
        outside_touch(b, BUY, bid),
        outside_touch(b, SELL, bid - 5),
        outside_touch(b, SELL, ask),
    ]
    b["touch"][SELL] = 0
    assert ask + 5 == outside_touch(b, BUY, ask + 5)
