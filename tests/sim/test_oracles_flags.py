"""What each order flag accepts and refuses, on a small book and on one with spent orders still in it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sim.desk import ON_BOTH, Desk, open_desk
from sim.naive import Stp, Tif

pytestmark = ON_BOTH

CV = "CONTRACT_VIOLATION"
SIZE = "MINIMUM_ORDER_SIZE_VIOLATION"
MAKER, OTHER, TRADER = 3, 4, 1


def small_book(kind: str) -> Desk:
    """Bids 1@297, 3@291; asks 2@303, 8@307; every agent owns 1001 base and 50001 quote."""
    desk = open_desk(kind, dict.fromkeys((TRADER, 2, MAKER, OTHER), ("1001", "50001")))
    for volume, price in ((1, 297), (3, 291)):
        desk.buy(MAKER, volume, price)
    for volume, price in ((2, 303), (8, 307)):
        desk.sell(MAKER, volume, price)
    return desk


def haunted_book(kind: str) -> Desk:
    """The small book with a fully filled ask at 300 and a fully filled bid at 298 in the same step."""
    desk = small_book(kind)
    desk.sell(MAKER, 1, 300)
    desk.buy(OTHER, 1, 300)
    desk.buy(MAKER, 1, 298)
    desk.sell(OTHER, 1, 298)
    return desk


IOC, FOK = {"tif": Tif.IOC}, {"tif": Tif.FOK}
POST = {"post_only": True}
POST_NONE = {"post_only": True, "stp": Stp.NONE}


@pytest.mark.parametrize(
    ("side", "volume", "price", "flags", "code"),
    [
        pytest.param("buy", 1, 303, IOC, "VALID", id="row 1"),
        pytest.param("buy", 5, 307, IOC, "VALID", id="row 2"),
        pytest.param("buy", 1, 290, IOC, CV, id="row 3"),
        pytest.param("sell", 1, 297, IOC, "VALID", id="row 4"),
        pytest.param("sell", 1, 310, IOC, CV, id="row 5"),
        pytest.param("buy", 1, 303, IOC | POST, CV, id="row 6"),
        pytest.param("buy", 2, 303, FOK, "VALID", id="row 10, all of a level"),
        pytest.param("buy", 5, 303, FOK, CV, id="row 10, more than the level"),
        pytest.param("buy", 5, 307, FOK, "VALID", id="row 10, two levels"),
        pytest.param("sell", 4, 291, FOK, "VALID", id="row 11, all bids"),
        pytest.param("sell", 3, 297, FOK, CV, id="row 11, more than the level"),
        pytest.param("buy", 2, 307, FOK | POST, CV, id="row 12"),
        pytest.param("buy", 1, 302, POST_NONE, "VALID", id="row 14, below the ask"),
        pytest.param("buy", 1, 303, POST_NONE, CV, id="row 14, at the ask"),
        pytest.param("buy", 1, 310, POST_NONE, CV, id="row 14, through the asks"),
        pytest.param("sell", 1, 298, POST_NONE, "VALID", id="row 15, above the bid"),
        pytest.param("sell", 1, 297, POST_NONE, CV, id="row 15, at the bid"),
        pytest.param("sell", 1, 290, POST_NONE, CV, id="row 15, through the bids"),
        pytest.param("buy", 1, 302, IOC | POST, CV, id="row 16, IOC"),
        pytest.param("buy", 1, 302, FOK | POST, CV, id="row 16, FOK"),
        pytest.param("buy", 1, 302, {}, "VALID", id="row 20, one"),
        pytest.param("buy", "0.0001", 302, {}, "VALID", id="row 20, a lot"),
        pytest.param("sell", 1, 298, {}, "VALID", id="row 20, sell"),
        pytest.param("buy", "0.01", 302, {"in_quote": True}, SIZE, id="row 21, less than a lot"),
        pytest.param("buy", 1, 302, {"in_quote": True}, "VALID", id="row 21, one quote"),
    ],
)
def test_a_flag_on_the_small_book_is_answered_as_in_the_row(kind, side, volume, price, flags, code):
    """Acceptance or reject code of one order."""
    assert code == getattr(small_book(kind), side)(TRADER, volume, price, **flags).code


@pytest.mark.parametrize(
    ("side", "volume", "price", "flags", "code"),
    [
        pytest.param("buy", 1, 301, IOC, CV, id="row 8, only the spent ask"),
        pytest.param("buy", 1, 303, IOC, "VALID", id="row 8, a living ask"),
        pytest.param("sell", 1, 298, IOC, CV, id="row 9, only the spent bid"),
        pytest.param("sell", 1, 297, IOC, "VALID", id="row 9, a living bid"),
        pytest.param("buy", 2, 303, FOK, "VALID", id="row 13, buy 2"),
        pytest.param("buy", 5, 303, FOK, CV, id="row 13, buy 5"),
        pytest.param("sell", 1, 297, FOK, "VALID", id="row 13, sell 1"),
        pytest.param("sell", 3, 297, FOK, CV, id="row 13, sell 3"),
        pytest.param("buy", 1, 301, POST, "VALID", id="row 17, through the spent ask"),
        pytest.param("buy", 1, 303, POST, CV, id="row 17, at a living ask"),
        pytest.param("sell", 1, 298, POST, "VALID", id="row 18, at the spent bid"),
        pytest.param("sell", 1, 297, POST, CV, id="row 18, at a living bid"),
        pytest.param("buy", 1, 301, POST_NONE, "VALID", id="row 19, buy"),
        pytest.param("sell", 1, 298, POST_NONE, "VALID", id="row 19, sell"),
    ],
)
def test_a_spent_order_is_no_counterparty(kind, side, volume, price, flags, code):
    """Orders filled within the step do not count for IOC, FOK or post-only."""
    assert code == getattr(haunted_book(kind), side)(TRADER, volume, price, **flags).code


def test_row_7_an_ioc_order_is_cut_to_what_is_there(kind):
    """5 wanted at 303 where 2 stand: accepted with 2, nothing rests."""
    desk = small_book(kind)
    reply = desk.buy(TRADER, 5, 303, **IOC)
    assert (reply.code, reply.volume) == ("VALID", 20_000)
    assert desk.asks() == [(307, 8)]
    assert desk.bids() == [(297, 1), (291, 3)]
    assert (Decimal("50001") - 606, 0) == desk.quote(TRADER)


@pytest.mark.parametrize(
    ("volume", "code"), [("0.25", "VALID"), ("0.2499", SIZE)], ids=["row 22, minimum", "row 22, a lot less"]
)
def test_row_22_the_minimum_of_a_limit_order(kind, volume, code):
    """A quarter of a base unit is the smallest order of the production venue."""
    desk = open_desk(kind, {TRADER: ("100", "50000")}, min_volume="0.25")
    assert code == desk.buy(TRADER, volume, 300).code


@pytest.mark.parametrize(
    ("volume", "price", "code"),
    [
        (0, 300, "INVALID_VOLUME"),
        (-1, 300, "INVALID_VOLUME"),
        (1, 0, "INVALID_PRICE"),
        (1, -3, "INVALID_PRICE"),
    ],
)
def test_row_25_nothing_is_no_volume_and_no_price(kind, volume, price, code):
    """Zero and negative numbers have codes of their own, the volume's first."""
    assert code == small_book(kind).buy(TRADER, volume, price).code


def test_row_26_the_101st_order_is_refused_and_a_market_order_is_not(kind):
    """100 resting orders per agent and book; market orders do not count."""
    desk = small_book(kind)
    for tick in range(100):
        assert desk.buy(TRADER, 1, Decimal(250) + tick * Decimal("0.01")).code == "VALID"
    assert desk.buy(TRADER, 1, 249).code == "EXCEEDING_MAX_ORDERS"
    assert desk.market_buy(TRADER, 1).code == "VALID"
    assert desk.buy(2, 1, 249).code == "VALID"


def test_an_order_filled_within_the_step_still_counts_as_open(kind):
    """Of 100 orders one is filled: the next is refused until the step ends."""
    desk = small_book(kind)
    desk.buy(TRADER, 1, 298)
    for tick in range(99):
        desk.buy(TRADER, 1, Decimal(250) + tick * Decimal("0.01"))
    desk.market_sell(2, 1)
    assert desk.buy(TRADER, 1, 249).code == "EXCEEDING_MAX_ORDERS"
    desk.exchange.end_step()
    assert desk.buy(TRADER, 1, 249).code == "VALID"


def test_row_27_a_market_order_needs_someone_to_trade_with(kind):
    """No ask at all: EMPTY_BOOK."""
    desk = open_desk(kind, {TRADER: ("100", "50000")})
    desk.buy(TRADER, 1, 290)
    assert desk.market_buy(TRADER, 1).code == "EMPTY_BOOK"


def test_a_market_order_against_spent_orders_is_accepted_and_finds_nothing(kind):
    """The queue still holds the filled ask, so the book does not count as empty until the step ends."""
    desk = open_desk(kind, {TRADER: ("100", "50000"), 2: ("100", "50000")})
    desk.sell(2, 1, 300)
    desk.market_buy(TRADER, 1)
    assert desk.market_buy(TRADER, 1).code == "VALID"
    assert len(desk.trades()) == 1
    desk.exchange.end_step()
    assert desk.market_buy(TRADER, 1).code == "EMPTY_BOOK"


def test_from_0_6_on_a_side_of_spent_orders_alone_is_empty(kind):
    """EMPTY_BOOK at once; while another ask stands it trades with that one."""
    desk = open_desk(kind, {TRADER: ("100", "50000"), 2: ("100", "50000")}, ghosts_hold_a_side=False)
    desk.sell(2, 1, 300)
    desk.sell(2, 1, 301)
    desk.market_buy(TRADER, 1)
    assert desk.market_buy(TRADER, 1).code == "VALID"
    assert desk.market_buy(TRADER, 1).code == "EMPTY_BOOK"
    assert [price for price, _ in desk.trades()] == [300, 301]


@pytest.mark.parametrize("ends", ["filled", "cancelled", "resting"])
def test_row_28_a_gtt_timer_is_never_withdrawn(kind, ends):
    """After 5 s the order is cancelled, or its owner hears that there was nothing to cancel."""
    desk = open_desk(kind, {TRADER: ("100", "50000"), 2: ("100", "50000")})
    order = desk.buy(TRADER, 1, 299, tif=Tif.GTT, expiry_ns=5_000_000_000)
    due = desk.now + 5_000_000_000
    desk.now = 2_000_000_000
    if ends == "filled":
        desk.market_sell(2, 1)
    if ends == "cancelled":
        desk.cancel(TRADER, order)
    before = desk.quote(TRADER), desk.base(TRADER)
    desk.exchange.advance(due)
    assert [(due, TRADER, order.order_id, ends == "resting")] == desk.exchange.expiries
    assert desk.bids() == []
    if ends != "resting":
        assert before == (desk.quote(TRADER), desk.base(TRADER))


def test_gtt_without_an_expiry_rests_for_good(kind):
    """No timer, no notice."""
    desk = open_desk(kind, {TRADER: ("100", "50000")})
    desk.buy(TRADER, 1, 299, tif=Tif.GTT)
    desk.exchange.advance(10**15)
    assert desk.bids() == [(299, 1)]
    assert desk.exchange.expiries == []


@pytest.mark.parametrize(
    ("stp", "code"),
    [
        pytest.param(Stp.NONE, "VALID", id="NONE counts own"),
        pytest.param(Stp.CANCEL_OLDEST, "VALID", id="CO skips own"),
        pytest.param(Stp.CANCEL_NEWEST, CV, id="CN refuses at own"),
        pytest.param(Stp.CANCEL_BOTH, CV, id="CB refuses at own"),
        pytest.param(Stp.DECREASE_CANCEL, "VALID", id="DC counts own"),
    ],
)
def test_ioc_meets_an_own_order(kind, stp, code):
    """Own ask 1@302 before a foreign 2@303; 2 wanted at 303."""
    desk = small_book(kind)
    desk.sell(TRADER, 1, 302)
    assert code == desk.buy(TRADER, 2, 303, stp=stp, **IOC).code


@pytest.mark.parametrize(
    ("stp", "code"),
    [
        pytest.param(Stp.NONE, "VALID", id="NONE counts own"),
        pytest.param(Stp.CANCEL_OLDEST, CV, id="CO skips own"),
        pytest.param(Stp.CANCEL_NEWEST, CV, id="CN refuses at own"),
        pytest.param(Stp.CANCEL_BOTH, "VALID", id="CB accepts at own"),
        pytest.param(Stp.DECREASE_CANCEL, "VALID", id="DC counts own"),
    ],
)
def test_fok_meets_an_own_order(kind, stp, code):
    """Own ask 1@302 before a foreign 2@303; 3 wanted at 303."""
    desk = small_book(kind)
    desk.sell(TRADER, 1, 302)
    assert code == desk.buy(TRADER, 3, 303, stp=stp, **FOK).code


@pytest.mark.parametrize(
    ("stp", "volume", "price", "code"),
    [
        pytest.param(Stp.CANCEL_OLDEST, 1, 302, "VALID", id="CO crosses only own"),
        pytest.param(Stp.CANCEL_OLDEST, 1, 303, CV, id="CO crosses others too"),
        pytest.param(Stp.CANCEL_NEWEST, 1, 302, CV, id="CN crosses own"),
        pytest.param(Stp.NONE, 1, 302, CV, id="NONE crosses own"),
        pytest.param(Stp.CANCEL_BOTH, 1, 303, "VALID", id="CB meets own first"),
        pytest.param(Stp.DECREASE_CANCEL, 2, 302, "VALID", id="DC own smaller than the order"),
        pytest.param(Stp.DECREASE_CANCEL, 1, 302, CV, id="DC own as large as the order"),
        pytest.param(Stp.DECREASE_CANCEL, 2, 303, CV, id="DC crosses others too"),
    ],
)
def test_post_only_meets_an_own_order(kind, stp, volume, price, code):
    """Own ask 1@302 before foreign asks; a post-only buy crosses it."""
    desk = small_book(kind)
    desk.sell(TRADER, 1, 302)
    assert code == desk.buy(TRADER, volume, price, stp=stp, **POST).code
