"""The price band: reference, refusals, what becomes of the rest, widening."""

from __future__ import annotations

import numpy as np
import pytest

from obmm.sim._jit import Record, kernel
from obmm.sim.exchange._accounts import open_account
from obmm.sim.exchange._band import band_traded, sample_band
from obmm.sim.exchange._layout import BUY, GTC, INSUFFICIENT_QUOTE, SELL, STP_OLDEST, VALID
from obmm.sim.exchange._orders import end_step, limit_order, market_order, place_limit, place_market
from obmm.sim.exchange._setup import make_book

SECOND = 10**9


def banded(band: float = 0.1) -> Record:
    """A book whose reference is 300: one trade there, then an empty book."""
    b = make_book(min_lots=1, price_band=band)[0]
    for agent in range(3):
        open_account(b, agent, 10**9, 10**17)
    place_limit(b, 0, SELL, 30_000, 1, False)
    place_market(b, 1, BUY, 1)
    step(b)
    return b


def step(b: Record, n: int = 1) -> None:
    """Let publish intervals end."""
    for _ in range(n):
        b["now_ns"] += SECOND
        end_step(b)


@kernel
def feed(books: np.ndarray, prices: np.ndarray, lows: np.ndarray) -> None:
    """Sample one price a second and note the lower end of the band."""
    b = books[0]
    for i in range(prices.size):
        band_traded(b, prices[i])
        sample_band(b)
        lows[i] = b.band_low


def test_band_stands_around_the_median_of_the_last_300_seconds() -> None:
    """Against numpy's median of a random walk."""
    walk = 30_000 + np.cumsum(np.random.default_rng(1).integers(-50, 51, size=1000))
    books = make_book(price_band=0.1)
    lows = np.zeros(1000, dtype=np.int64)
    feed(books, walk, lows)
    medians = [np.median(walk[max(0, i - 299) : i + 1]) for i in range(1000)]
    expected = np.ceil(np.array(medians) * 0.9 - 1e-6)
    assert np.array_equal(expected, lows)


def test_no_trade_outside_the_band() -> None:
    """A sweep stops at the last allowed price; the market order's rest is dropped."""
    b = banded()
    assert (b["band_low"], b["band_high"]) == (27_000, 33_000)
    for tick in (32_000, 33_000, 33_001):
        place_limit(b, 0, SELL, tick, 10, False)
    assert place_market(b, 1, BUY, 30) == VALID
    assert b["filled_lots"] == 20
    assert b["touch"][SELL] == 33_001


def test_crossing_rest_that_may_not_match_is_dropped() -> None:
    """A limit order that still crosses is not left to cross the book."""
    b = banded()
    place_limit(b, 0, SELL, 34_000, 10, False)
    assert place_limit(b, 1, BUY, 35_000, 10, False) == VALID
    assert (b["filled_lots"], b["placed_slot"]) == (0, 0)
    assert b["accounts"][1]["quote_reserved"] == 0


def test_rest_that_no_longer_crosses_rests() -> None:
    """Below the first forbidden ask the remainder stands in the book."""
    b = banded()
    place_limit(b, 0, SELL, 32_000, 10, False)
    place_limit(b, 0, SELL, 34_000, 10, False)
    assert place_limit(b, 1, BUY, 33_900, 15, False) == VALID
    assert (b["filled_lots"], b["touch"][BUY]) == (10, 33_900)


def test_an_active_band_asks_buyers_for_the_whole_limit_value() -> None:
    """The need is price times size even where the walk is cheaper."""
    b = banded()
    place_limit(b, 0, SELL, 30_000, 10, False)
    open_account(b, 2, 0, 31_000 * 10 * 10_000)
    assert limit_order(b, 2, BUY, 31_001, 10, False, GTC, False, STP_OLDEST, -1) == INSUFFICIENT_QUOTE
    assert limit_order(b, 2, BUY, 31_000, 10, False, GTC, False, STP_OLDEST, -1) == VALID


def test_self_trades_do_not_move_the_reference() -> None:
    """Only trades between two accounts are sampled."""
    b = banded()
    place_limit(b, 0, SELL, 31_000, 10, False)
    assert market_order(b, 0, BUY, 10, False, 0, 0, -1) == VALID
    assert (b["last_tick"], b["band_tick"]) == (31_000, 30_000)


def test_band_widens_after_a_refusal_and_a_silent_minute() -> None:
    """One more width per minute without a trade, back to one at the next trade."""
    b = banded()
    place_limit(b, 0, SELL, 35_000, 10, False)
    step(b, 61)
    assert b["band_high"] == 33_000
    place_market(b, 1, BUY, 5)
    step(b, 60)
    assert b["band_high"] == 36_000
    place_market(b, 1, BUY, 5)
    assert b["filled_lots"] == 5
    step(b)
    assert b["band_high"] == 33_000


@pytest.mark.parametrize("band", [0.0])
def test_without_a_band_every_price_trades(band: float) -> None:
    """Zero switches it off."""
    b = banded(band)
    place_limit(b, 0, SELL, 90_000, 10, False)
    place_market(b, 1, BUY, 10)
    assert b["last_tick"] == 90_000
