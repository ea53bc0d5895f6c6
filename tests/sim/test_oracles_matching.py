"""Price-time matching, reservations and balances without fees."""

from __future__ import annotations

from decimal import Decimal

from sim.desk import ON_BOTH, Desk, open_desk

pytestmark = ON_BOTH

ONE, TWO = 1, 2


def quoting_desk(kind: str, *, two: bool = True) -> Desk:
    """Agent 1 (100 base, 5000 quote) bids 1@99 and offers 1@101; agent 2 owns the same."""
    desk = open_desk(kind, dict.fromkeys((ONE, TWO) if two else (ONE,), ("100", "5000")))
    desk.buy(ONE, 1, 99)
    desk.sell(ONE, 1, 101)
    return desk


def test_row_29_resting_orders_reserve_what_they_may_cost(kind):
    """A bid reserves its quote, an offer its base."""
    desk = quoting_desk(kind)
    assert desk.base(ONE) == (99, 1)
    assert desk.quote(ONE) == (4901, 99)


def test_row_30_a_market_order_cancels_the_own_bid_and_finds_no_other(kind):
    """Cancel-oldest: no trade, the bid is gone, the market order dropped."""
    desk = quoting_desk(kind)
    assert desk.market_sell(ONE, 1).code == "VALID"
    assert (desk.bids(), desk.asks(), desk.trades()) == ([], [(101, 1)], [])
    assert desk.base(ONE) == (99, 1)
    assert desk.quote(ONE) == (5000, 0)


def test_row_31_a_market_sell_hits_the_bid(kind):
    """Both accounts move by one base and 99 quote."""
    desk = quoting_desk(kind)
    desk.market_sell(TWO, 1)
    assert (sum(desk.base(ONE)), sum(desk.quote(ONE))) == (101, 4901)
    assert (sum(desk.base(TWO)), sum(desk.quote(TWO))) == (99, 5099)


def test_row_32_a_market_buy_lifts_the_offer(kind):
    """The seller's bid stays reserved."""
    desk = quoting_desk(kind)
    desk.market_buy(TWO, 1)
    assert (desk.base(ONE), desk.quote(ONE)) == ((99, 0), (5002, 99))
    assert (desk.base(TWO), desk.quote(TWO)) == ((101, 0), (4899, 0))


def test_row_33_what_a_market_order_cannot_fill_is_dropped(kind):
    """2 wanted, 1 there: nothing rests and nothing stays reserved."""
    desk = quoting_desk(kind)
    desk.market_buy(TWO, 2)
    assert (desk.base(TWO), desk.quote(TWO)) == ((101, 0), (4899, 0))
    assert desk.asks() == []


def test_row_34_a_partial_fill_leaves_the_rest_reserved(kind):
    """Half of the offer trades."""
    desk = quoting_desk(kind)
    desk.market_buy(TWO, "0.5")
    assert [(101, Decimal("0.5"))] == desk.asks()
    assert ((99, Decimal("0.5")), (Decimal("4951.5"), 99)) == (desk.base(ONE), desk.quote(ONE))
    assert ((Decimal("100.5"), 0), (Decimal("4949.5"), 0)) == (desk.base(TWO), desk.quote(TWO))


def test_rows_35_to_38_cancels_release_what_they_cancel(kind):
    """Full, partial, and by more than what is left."""
    desk = open_desk(kind, {ONE: ("100", "5000"), TWO: ("100", "5000")})
    first = desk.buy(ONE, 2, 99)
    second = desk.buy(ONE, 5, "99.5")
    offer = desk.sell(ONE, 3, 101)
    desk.sell(ONE, 4, 102)
    behind = desk.sell(TWO, 1, 101)

    assert desk.cancel(ONE, first)
    assert (Decimal("4502.5"), Decimal("497.5")) == desk.quote(ONE)

    assert desk.cancel(ONE, offer, "1.5")
    assert (Decimal("94.5"), Decimal("5.5")) == desk.base(ONE)
    queue = [(order, agent) for order, agent, _ in desk.exchange.queue(1, 10_100)]
    assert [(offer.order_id, ONE), (behind.order_id, TWO)] == queue

    assert desk.cancel(ONE, second, "4.5")
    assert [(Decimal("99.5"), Decimal("0.5"))] == desk.bids()
    assert Decimal("49.75") == desk.quote(ONE)[1]

    assert desk.cancel(ONE, offer, "2.5")
    assert desk.asks() == [(101, 1), (102, 4)]
    assert desk.base(ONE) == (96, 4)


def test_row_39_cancelling_what_is_not_there_changes_nothing(kind):
    """Unknown, foreign, filled and already cancelled orders."""
    desk = quoting_desk(kind)
    filled = desk.buy(TWO, 1, 100)
    desk.market_sell(ONE, 1)
    gone = desk.buy(TWO, 1, 98)
    desk.cancel(TWO, gone)
    foreign = desk.buy(ONE, 1, 97)
    before = desk.bids(), desk.asks(), desk.base(TWO), desk.quote(TWO)
    for order in (999, filled, gone, foreign):
        assert not desk.cancel(TWO, order)
    assert before == (desk.bids(), desk.asks(), desk.base(TWO), desk.quote(TWO))


def test_row_40_the_older_order_trades_first(kind):
    """1@300 of X, then 1@300 of Y: 1.5 takes X whole and half of Y."""
    desk = open_desk(kind, dict.fromkeys((1, 2, 3), ("100", "5000")))
    desk.sell(1, 1, 300)
    newer = desk.sell(2, 1, 300)
    desk.buy(3, "1.5", 300)
    assert [(300, 1), (300, Decimal("0.5"))] == desk.trades()
    assert [(newer.order_id, 2, 5_000)] == desk.exchange.queue(1, 30_000)


def test_row_41_the_rest_of_a_crossing_buy_stands_at_its_limit(kind):
    """1 trades at 300, 2 rest at 300.50 and reserve 601."""
    desk = open_desk(kind, dict.fromkeys((1, 3), ("100", "5000")))
    desk.sell(1, 1, 300)
    desk.sell(1, 1, 301)
    desk.buy(3, 3, "300.5")
    assert desk.trades() == [(300, 1)]
    assert [(Decimal("300.5"), 2)] == desk.bids()
    assert desk.quote(3) == (5000 - 300 - 601, 601)


def test_row_42_a_crossing_buy_needs_the_resting_prices_not_its_limit(kind):
    """601.00 are needed for 2@305 against 300 and 301, not 610."""
    for quote, code in (("600.99", "INSUFFICIENT_QUOTE"), ("601", "VALID")):
        desk = open_desk(kind, {1: ("100", "5000"), 3: ("0", quote)})
        desk.sell(1, 1, 300)
        desk.sell(1, 1, 301)
        assert code == desk.buy(3, 2, 305).code


def test_row_43_a_market_sell_needs_all_it_asks_for(kind):
    """10 wanted, 9 owned, 1 to be had: INSUFFICIENT_BASE."""
    desk = open_desk(kind, {1: ("100", "5000"), 3: ("9", "0")})
    desk.buy(1, 1, 99)
    assert desk.market_sell(3, 10).code == "INSUFFICIENT_BASE"
    assert desk.market_sell(3, 9).code == "VALID"


def test_row_44_a_market_buy_needs_only_what_it_can_get(kind):
    """10 wanted, 1 to be had, quote for 1."""
    desk = open_desk(kind, {1: ("100", "5000"), 3: ("0", "101")})
    desk.sell(1, 1, 101)
    assert desk.market_buy(3, 10).code == "VALID"
    assert (desk.base(3), desk.quote(3)) == ((1, 0), (0, 0))


def test_row_45_max_slippage_bounds_the_price(kind):
    """0.001 above 300.00 allows 300.30 and not 300.31; the rest is dropped."""
    desk = open_desk(kind, dict.fromkeys((1, 3), ("100", "5000")))
    for price in ("300", "300.30", "300.31"):
        desk.sell(1, 1, price)
    desk.market_buy(3, 3, max_slippage="0.001")
    assert [(300, 1), (Decimal("300.30"), 1)] == desk.trades()
    assert [(Decimal("300.31"), 1)] == desk.asks()
    assert desk.bids() == []


def test_max_slippage_of_a_sell_is_cut_toward_zero_too(kind):
    """0.001 below 299.99 is 299.69001, cut to 299.69."""
    desk = open_desk(kind, dict.fromkeys((1, 3), ("100", "5000")))
    for price in ("299.99", "299.69", "299.68"):
        desk.buy(1, 1, price)
    desk.market_sell(3, 3, max_slippage="0.001")
    assert [(Decimal("299.99"), 1), (Decimal("299.69"), 1)] == desk.trades()
