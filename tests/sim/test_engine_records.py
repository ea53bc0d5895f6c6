"""The tape and the trade counters: order of events, ids, fees."""

from __future__ import annotations

from obmm.market import FeePolicy
from obmm.sim._jit import Record
from obmm.sim.exchange._accounts import open_account
from obmm.sim.exchange._layout import (
    BUY,
    FILLED_SELL,
    GTC,
    SELL,
    STP_OLDEST,
    TAPE_CANCEL,
    TAPE_ORDER,
    TAPE_TRADE,
)
from obmm.sim.exchange._matching import clear_touched
from obmm.sim.exchange._orders import cancel_order, limit_order, place_limit, place_market
from obmm.sim.exchange._setup import make_book


def taped() -> Record:
    """A book with two miners and two background accounts and its tape on."""
    b = make_book(min_lots=1, n_miners=2, fees=FeePolicy())[0]
    b["tape_on"] = 1
    for agent in range(4):
        open_account(b, agent, 10**9, 10**17)
    return b


def tape(b: Record, *names: str) -> list[tuple[int, ...]]:
    """Columns of the tape."""
    return [tuple(int(row[name]) for name in names) for row in b["tape"][: int(b["tape_count"])]]


def test_a_marketable_order_writes_its_trades_before_itself() -> None:
    """The order event comes last and carries what was left; a filled order leaves none."""
    b = taped()
    place_limit(b, 2, SELL, 30_000, 10, False)
    place_limit(b, 3, BUY, 30_000, 25, False)
    place_limit(b, 2, SELL, 30_000, 15, False)
    expected = [
        (TAPE_ORDER, SELL, 30_000, 10, 1),
        (TAPE_TRADE, BUY, 30_000, 10, 1),
        (TAPE_ORDER, BUY, 30_000, 15, 2),
        (TAPE_TRADE, SELL, 30_000, 15, 2),
    ]
    assert expected == tape(b, "kind", "side", "tick", "lots", "order_id")


def test_trades_carry_published_ids_and_fees() -> None:
    """Miners appear by uid, the background by negative numbers; fees are in quote units."""
    b = taped()
    place_limit(b, 2, SELL, 30_000, 10_000, False)
    place_limit(b, 1, BUY, 30_000, 10_000, False)
    assert tape(b, "maker_id", "taker_id", "maker_fee", "taker_fee", "taker_order_id")[1:] == [
        (-1, 1, 0, 690_000_000, 2)
    ]
    place_limit(b, 3, SELL, 30_000, 10_000, False)
    place_market(b, 0, BUY, 10_000)
    assert tape(b, "maker_id", "taker_id")[-1] == (-2, 0)


def test_a_market_order_that_finds_too_little_is_listed_without_a_price() -> None:
    """Its event carries the volume that was dropped."""
    b = taped()
    place_limit(b, 2, SELL, 30_000, 10, False)
    place_market(b, 3, BUY, 25)
    assert tape(b, "kind", "side", "tick", "lots", "order_id")[-1] == (TAPE_ORDER, BUY, 0, 15, 2)


def test_cancels_carry_the_cancelled_volume() -> None:
    """A partial and a full cancel of one order."""
    b = taped()
    limit_order(b, 0, BUY, 29_000, 10, False, GTC, False, STP_OLDEST, 77)
    slot, order_id = int(b["placed_slot"]), int(b["placed_id"])
    cancel_order(b, slot, order_id, 4)
    cancel_order(b, slot, order_id, 0)
    assert tape(b, "kind", "lots", "client_id") == [
        (TAPE_ORDER, 10, 77),
        (TAPE_CANCEL, 4, -1),
        (TAPE_CANCEL, 6, -1),
    ]


def test_fills_of_makers_are_flagged_once_per_account() -> None:
    """The background sees which accounts were hit and on which side."""
    b = taped()
    place_limit(b, 2, SELL, 30_000, 10, False)
    place_limit(b, 2, SELL, 30_000, 10, False)
    place_market(b, 3, BUY, 20)
    assert b["touched_count"] == 1
    assert b["touched"][0] == 2
    assert b["accounts"][2]["filled"] == FILLED_SELL
    assert (b["accounts"][2]["net_lots"], b["accounts"][3]["net_lots"]) == (-20, 20)
    clear_touched(b)
    assert (b["touched_count"], b["accounts"][2]["filled"]) == (0, 0)


def test_trade_counters_add_up() -> None:
    """Number, volume, last price and the ring of trades."""
    b = taped()
    place_limit(b, 2, SELL, 30_000, 10, False)
    place_limit(b, 2, SELL, 30_100, 10, False)
    b["now_ns"] = 7
    place_market(b, 3, BUY, 15)
    assert tuple(int(b[name]) for name in ("trades_done", "traded_lots", "last_tick", "last_trade_ns")) == (
        2,
        15,
        30_100,
        7,
    )
    assert b["traded_units"] == (30_000 * 10 + 30_100 * 5) * 10_000
    assert [(int(t["tick"]), int(t["lots"])) for t in b["trades"][:2]] == [(30_000, 10), (30_100, 5)]
