"""An order of an amount of quote does what the same order in base does.

Rows 61 and 63 scale the resting and the new order by leverage; the same total volumes are sent plain.
"""

from __future__ import annotations

import pytest

from sim.desk import ON_BOTH, Desk, open_desk

pytestmark = ON_BOTH

ROWS = [
    pytest.param(
        ("sell", "6.2", "301"), ("buy", "4.2", "299.5"), "sell", "1.2", "299.5", "359.4", id="row 60"
    ),
    pytest.param(
        ("sell", "8.06", "301"), ("buy", "3.5", "299"), "sell", "1.788", "299", "534.612", id="row 61"
    ),
    pytest.param(("sell", "6.2", "301"), None, "buy", "1.2", "301", "361.2", id="row 62"),
    pytest.param(("sell", "13.26", "301"), None, "buy", "1.8", "301", "541.8", id="row 63"),
    pytest.param(("buy", "44.54", "299.95"), None, "sell", "22.27", "299.95", "6679.8865", id="row 64"),
]


def prepared(kind: str, *orders: tuple[str, str, str] | None) -> Desk:
    """A book with the given orders of agent 2."""
    desk = open_desk(kind, dict.fromkeys((1, 2), ("1001", "50001")))
    for order in orders:
        if order is not None:
            getattr(desk, order[0])(2, *order[1:])
    return desk


@pytest.mark.parametrize(("first", "second", "side", "base", "price", "quote"), ROWS)
def test_limit_orders_in_quote_and_in_base_leave_the_same_book(kind, first, second, side, base, price, quote):
    """Books and accounts agree after either."""
    in_base, in_quote = prepared(kind, first, second), prepared(kind, first, second)
    assert getattr(in_base, side)(1, base, price).code == "VALID"
    assert getattr(in_quote, side)(1, quote, price, in_quote=True).code == "VALID"
    assert state(in_base) == state(in_quote)


@pytest.mark.parametrize(("first", "second", "side", "base", "price", "quote"), ROWS)
def test_row_65_market_orders_in_quote_and_in_base_leave_the_same_book(
    kind, first, second, side, base, price, quote
):
    """The same five as market orders."""
    in_base, in_quote = prepared(kind, first, second), prepared(kind, first, second)
    assert getattr(in_base, f"market_{side}")(1, base).code == "VALID"
    assert getattr(in_quote, f"market_{side}")(1, quote, in_quote=True).code == "VALID"
    assert state(in_base) == state(in_quote)


def test_a_quote_amount_walks_the_levels_and_cuts_the_last_slice_to_a_lot(kind):
    """450 quote: 1@300 and 150/300.01 = 0.4999(8) at the next level."""
    desk = prepared(kind, ("sell", "1", "300"), ("sell", "1", "300.01"))
    assert desk.market_buy(1, 450, in_quote=True).code == "VALID"
    assert [volume for _, volume in desk.exchange.trades()] == [10_000, 4_999]


def test_a_quote_amount_below_the_minimum_is_refused(kind):
    """50 quote at 300.45 are 0.1664 base; 100 are 0.3328."""
    desk = open_desk(kind, dict.fromkeys((1, 2), ("1001", "50001")), min_volume="0.25")
    desk.sell(2, 5, "300.45")
    assert desk.market_buy(1, 50, in_quote=True).code == "MINIMUM_ORDER_SIZE_VIOLATION"
    assert desk.market_buy(1, 100, in_quote=True).code == "VALID"
    assert [volume for _, volume in desk.exchange.trades()] == [3_328]


def state(desk: Desk) -> tuple[object, ...]:
    """What a row compares."""
    return desk.bids(), desk.asks(), desk.trades(), *((desk.base(a), desk.quote(a)) for a in (1, 2))
