"""What the preset `money` does on hand-made books."""

from __future__ import annotations

import numpy as np
import pytest

from obmm.agent import resolve
from obmm.market import Accounts, Limits, MarketState, Quotes, Reason, Signals, Venue

#: Half a spread of 16.7 bp, as resident makers of 0.5.4 quote, and one of 0.3 bp, as they do in 0.6.
WIDE, NARROW = 0.5, 0.01


def quoted(
    half_spread: float,
    *,
    lean: float = 0.0,
    hold: float = 0.0,
    position: float = 0.0,
    maker_rate: float = 0.0,
    taker_rate: float = 0.00023,
) -> Quotes:
    """What the builder of `money` wishes on one book around 300, of a bound of 16 base."""
    accounts = Accounts.of(
        1,
        base=80.0 + position,
        base_initial=80.0,
        quote=25_000.0,
        maker_rate=maker_rate,
        taker_rate=taker_rate,
    )
    books = [[(300.0 - half_spread, 50.0)]], [[(300.0 + half_spread, 50.0)]]
    state = MarketState.of_books(Venue.of(1), *books, accounts=accounts)
    signals = Signals(n_books=1)
    signals.add("lean", np.array([lean]))
    signals.add("hold", np.array([hold]))
    limits = Limits.of(1, position_limit=16.0, reason=Reason.CUSTOM)
    return resolve("money").builder.build()(state, signals, limits)


def test_on_a_wide_book_it_stands_a_tick_inside_on_both_sides():
    """Sixteen basis points from the middle, where thirteen are asked for."""
    quotes = quoted(WIDE)
    assert ([[299.51]], [[300.49]]) == (quotes.bid_price.tolist(), quotes.ask_price.tolist())
    assert ([[1.0]], [[1.0]]) == (quotes.bid_size.tolist(), quotes.ask_size.tolist())


@pytest.mark.parametrize(
    ("said", "bid", "ask"),
    [
        ({"lean": 0.3}, True, False),
        ({"lean": -0.3}, False, True),
        ({"position": 8.0}, False, True),
        ({"position": -8.0}, True, False),
        ({"maker_rate": 0.0006}, False, False),
    ],
    ids=["the flow goes up", "the flow goes down", "long", "short", "makers pay 6 bp"],
)
def test_the_side_that_would_lose_stays_empty(said: dict[str, float], bid: bool, ask: bool) -> None:
    """By the flow, by the position, by the fee."""
    quotes = quoted(WIDE, **said)
    assert (bid, ask) == (bool(quotes.has_bid[0, 0]), bool(quotes.has_ask[0, 0]))


def test_on_a_narrow_book_it_rests_nowhere():
    """A basis point of spread is less than the edge it asks for."""
    quotes = quoted(NARROW)
    assert (False, False) == (bool(quotes.has_bid[0, 0]), bool(quotes.has_ask[0, 0]))


@pytest.mark.parametrize(
    ("said", "price"),
    [
        ({"hold": 0.8}, 300.01),
        ({"hold": -0.8}, 299.99),
        ({"hold": -0.8, "position": 9.0}, 299.99),
    ],
    ids=["up", "down", "long, down"],
)
def test_on_a_narrow_book_it_takes_with_the_flow_of_the_book(said: dict[str, float], price: float) -> None:
    """A base at once, where that costs 2.6 bp."""
    quotes = quoted(NARROW, **said)
    side = np.array([quotes.bid_price, quotes.ask_price])
    assert [price] == side[np.isfinite(side)].tolist()


def test_on_a_wide_book_the_flow_is_not_followed_by_taking():
    """Half the spread and the fee are 19 bp."""
    quotes = quoted(WIDE, hold=0.8, lean=0.24)
    assert [[299.51]] == quotes.bid_price.tolist()


def test_paid_takes_go_toward_what_is_to_be_held():
    """A rebate of 20 bp exceeds half a spread of 16.7 by more than 0.8."""
    quotes = quoted(WIDE, taker_rate=-0.002, maker_rate=0.0022, hold=0.8)
    assert [[300.5]] == quotes.bid_price.tolist()
    assert not quotes.has_ask.any()
