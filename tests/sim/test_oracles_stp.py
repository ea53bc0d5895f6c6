"""Self-trade prevention: the aggressor's flag decides when it meets an order of its own agent.

The rows prepare the book with leverage, which only scales volumes; borrowing is not simulated, so the same
total volumes are sent plain. What leverage itself does (row 59) is refused, see the rows of the order kinds.
"""

from __future__ import annotations

import pytest

from sim.desk import ON_BOTH, Desk, open_desk
from sim.naive import BUY, SELL, Stp

pytestmark = ON_BOTH


def prepared(kind: str, *, fourth: bool = False) -> Desk:
    """Asks 301: 3 of agent 2 (then 2 of agent 4), then 3 of agent 3; 303: 2, 307: 8 of agent 9."""
    desk = open_desk(kind, dict.fromkeys((1, 2, 3, 4, 9), ("1001", "50001")))
    for volume, price in ((1, 297), (3, 291)):
        desk.buy(9, volume, price)
    for volume, price in ((2, 303), (8, 307)):
        desk.sell(9, volume, price)
    desk.buy(1, 5, 301)
    assert desk.bids() == [(301, 5), (297, 1), (291, 3)]
    desk.sell(2, 8, 301)
    if fourth:
        desk.sell(4, 2, 301)
    desk.sell(3, 3, 301)
    assert [(301, 8 if fourth else 6), (303, 2), (307, 8)] == desk.asks()
    return desk


def test_rows_46_to_48_cancel_oldest(kind):
    """The own order goes, the rest of the new one trades on and rests."""
    desk = prepared(kind)
    desk.buy(2, 5, 301, stp=Stp.CANCEL_OLDEST)
    assert desk.asks() == [(303, 2), (307, 8)]
    assert desk.bids()[0] == (301, 2)
    desk.sell(3, 6, 301, stp=Stp.CANCEL_OLDEST)
    assert desk.asks()[0] == (301, 4)
    desk.buy(3, 2, 301, stp=Stp.CANCEL_OLDEST)
    assert desk.bids()[0] == (301, 2)
    assert desk.asks()[0] == (303, 2)


def test_row_49_without_prevention_an_agent_trades_with_itself(kind):
    """2 of its 3 trade; its account is as before but for the reservation."""
    desk = prepared(kind)
    base, quote = desk.base(2), desk.quote(2)
    desk.buy(2, 2, 301, stp=Stp.NONE)
    assert desk.asks()[0] == (301, 4)
    assert (base[0] + 2, base[1] - 2) == desk.base(2)
    assert quote == desk.quote(2)


def test_row_50_cancel_newest_stops_at_once(kind):
    """The first counterparty is its own: nothing trades and nothing rests."""
    desk = prepared(kind)
    base, quote = desk.base(2), desk.quote(2)
    assert desk.buy(2, 5, 301, stp=Stp.CANCEL_NEWEST).code == "VALID"
    assert desk.asks()[0] == (301, 6)
    assert desk.bids()[0] == (297, 1)
    assert (base, quote) == (desk.base(2), desk.quote(2))


def test_rows_51_and_52_cancel_newest_keeps_the_trades_done(kind):
    """It trades with agent 2 until it meets its own order."""
    desk = prepared(kind)
    desk.buy(3, 2, 301, stp=Stp.CANCEL_NEWEST)
    assert desk.asks()[0] == (301, 4)
    desk.buy(3, 4, 301, stp=Stp.CANCEL_NEWEST)
    assert desk.asks()[0] == (301, 3)
    assert desk.bids()[0] == (297, 1)


def test_rows_53_to_55_cancel_both(kind):
    """The own order and what is left of the new one go."""
    desk = prepared(kind, fourth=True)
    desk.buy(2, 2, 301, stp=Stp.CANCEL_BOTH)
    assert desk.asks()[0] == (301, 5)
    desk.buy(3, 1, 301, stp=Stp.CANCEL_BOTH)
    assert desk.asks()[0] == (301, 4)
    desk.buy(3, 2, 301, stp=Stp.CANCEL_BOTH)
    assert desk.asks()[0] == (303, 2)
    assert desk.bids()[0] == (297, 1)


def test_rows_56_and_57_decrease_cancel(kind):
    """The smaller of the two goes, the larger loses its volume."""
    desk = prepared(kind)
    desk.buy(2, 2, 301, stp=Stp.DECREASE_CANCEL)
    assert desk.asks()[0] == (301, 4)
    assert len(desk.trades()) == 1
    desk.buy(2, 4, 301, stp=Stp.DECREASE_CANCEL)
    assert desk.asks()[0] == (303, 2)
    assert desk.trades()[-1][1] == 3


@pytest.mark.parametrize(
    ("stp", "volume", "asks_left", "bid_left"),
    [
        (Stp.NONE, 2, 1, 0),
        (Stp.CANCEL_OLDEST, 2, 0, 2),
        (Stp.CANCEL_NEWEST, 2, 3, 0),
        (Stp.CANCEL_BOTH, 2, 0, 0),
        (Stp.DECREASE_CANCEL, 2, 1, 0),
        (Stp.DECREASE_CANCEL, 3, 0, 0),
        (Stp.DECREASE_CANCEL, 5, 0, 2),
    ],
)
@pytest.mark.parametrize("mirrored", [False, True], ids=["buy", "row 58, the mirror image"])
def test_each_mode_on_a_single_own_order(kind, stp, volume, asks_left, bid_left, mirrored):
    """An own order of 3 meets one of the same agent; the reservations fit what rests."""
    desk = open_desk(kind, {1: ("100", "50000")})
    resting, incoming = (desk.buy, desk.sell) if mirrored else (desk.sell, desk.buy)
    near, far = (BUY, SELL) if mirrored else (SELL, BUY)
    resting(1, 3, 300)
    assert incoming(1, volume, 300, stp=stp).code == "VALID"
    assert asks_left * 10_000 == sum(v for _, v in desk.exchange.depth(near))
    assert bid_left * 10_000 == sum(v for _, v in desk.exchange.depth(far))
    bids, asks = (asks_left, bid_left) if mirrored else (bid_left, asks_left)
    assert (100 - asks, asks) == desk.base(1)
    assert (50_000 - 300 * bids, 300 * bids) == desk.quote(1)
