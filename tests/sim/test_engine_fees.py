"""Fee arithmetic and the dynamic policy against exact and published numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from obmm.market import FeePolicy
from obmm.sim.exchange._fees import MAKER, TAKER, fee_units, rate_e16, record_volume, set_maker_ratio
from obmm.sim.exchange._setup import make_book

QUOTE = 10**10


@given(st.integers(-(10**15), 10**15), st.integers(0, 9 * 10**17))
@example(150_000_000_000_000, 5 * 10**17)
@example(-150_000_000_000_000, 5 * 10**17)
@example(1, 10**16 - 1)
def test_fee_is_the_exact_product_cut_toward_zero(rate: int, units: int) -> None:
    """Python's unbounded integers give the same."""
    exact = abs(rate) * units // 10**16
    assert (exact if rate >= 0 else -exact) == fee_units(rate, units)


@given(st.floats(0.0, 1.0))
def test_rates_agree_with_the_policy_that_states_publish(maker_ratio: float) -> None:
    """The book's rates and those of `FeePolicy` are one formula."""
    policy = FeePolicy()
    book = BOOKS[0]
    set_maker_ratio(book, maker_ratio)
    assert float(policy.maker_rate(maker_ratio)) == pytest.approx(float(book["maker_rate"]), abs=1e-15)
    assert float(policy.taker_rate(maker_ratio)) == pytest.approx(float(book["taker_rate"]), abs=1e-15)
    assert book["rates_e16"].tolist() == [rate_e16(book["maker_rate"]), rate_e16(book["taker_rate"])]


BOOKS = make_book(fees=FeePolicy())


def test_volume_of_one_instant_shares_a_slot() -> None:
    """Three records at one time take one slot; the next time takes another."""
    book = make_book(fees=FeePolicy(history_slots=3))[0]
    book["now_ns"] = 5
    for role in (MAKER, TAKER, MAKER):
        record_volume(book, 0, role, QUOTE)
    assert book["fee_count"] == 1
    book["now_ns"] = 6
    record_volume(book, 0, MAKER, QUOTE)
    assert book["fee_count"] == 2
    assert book["fee_total"].tolist() == [3 * QUOTE, QUOTE]


def test_oldest_slot_leaves_the_window() -> None:
    """With three slots the ratio is that of the last full slots before the present instant."""
    book = make_book(fees=FeePolicy(history_slots=3))[0]
    for now, role in enumerate([MAKER, MAKER, TAKER, TAKER, TAKER], start=1):
        book["now_ns"] = now
        record_volume(book, 0, role, QUOTE)
    assert book["mtr"] == 1 / 3


def test_background_trades_and_an_exogenous_ratio_leave_the_history_alone() -> None:
    """Only miners move the ratio, and nobody where it is given from outside."""
    book = make_book(fees=FeePolicy(history_slots=1), n_miners=2)[0]
    book["now_ns"] = 1
    record_volume(book, 2, MAKER, QUOTE)
    assert book["fee_count"] == 0
    book["fees_exogenous"] = 1
    record_volume(book, 1, MAKER, QUOTE)
    assert book["fee_count"] == 0


def test_more_history_than_room_is_refused() -> None:
    """The window of the ratio is bounded by the book's memory."""
    with pytest.raises(ValueError, match="history_slots"):
        make_book(fees=FeePolicy(history_slots=513))
    with pytest.raises(ValueError, match="n_miners"):
        make_book(n_miners=0)
    with pytest.raises(ValueError, match="tiers"):
        make_book(tiers=[(0.0, 0.0, 0.0)] * 9)


def test_books_start_at_the_target() -> None:
    """Makers pay nothing and takers 2.3 bp until a history exists."""
    book = make_book(fees=FeePolicy())[0]
    assert (book["mtr"], book["maker_rate"], book["taker_rate"]) == (0.4, 0.0, 0.00023)
    assert np.array_equal([0, 2_300_000_000_000], book["rates_e16"])
