"""A run of eight states and two books, small enough to be recomputed by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np

from obmm.agent import Decision
from obmm.agent.decision import Step
from obmm.lab.recorded import PLANNED
from obmm.lab.records import RunWriter, describe_venue
from obmm.market import (
    Accounts,
    EventKind,
    Limits,
    MarketState,
    NoticeKind,
    Notices,
    OpenOrders,
    Orders,
    Quotes,
    Reason,
    Signals,
    Tape,
    Venue,
)

#: Simulated seconds of the states.
SECONDS = (600, 601, 605, 610, 630, 660, 720, 900)
#: Mid of book 3; that of book 9 is 50 throughout, and unknown in the second state.
MIDS = (100.0, 101.0, 102.0, 100.0, 99.0, 104.0, 103.0, 98.0)
VENUE = attrs.evolve(Venue.of(2), book_ids=np.array([3, 9]))
LIMIT = 10.0
UID = 5

#: Own fills on book 3: second, side, price, size, fee, whether we were the maker, order, client id.
FILLS = (
    (600.5, 0, 99.5, 2.0, -0.02, True, 70, 7),
    (600.7, 0, 99.5, 1.0, -0.01, True, 70, 7),
    (605.0, 1, 102.5, 1.0, 0.10, False, 71, 8),
)
#: Base and quote of book 3 at each state; book 9 keeps 100 and 500.
BASE = (10.0, 13.0, 13.0, 12.0, 12.0, 12.0, 12.0, 12.0)
QUOTE = (
    1000.0,
    *([1000.0 - 3 * 99.5 + 0.03] * 2),
    *([1000.0 - 3 * 99.5 + 0.03 + 102.5 - 0.10] * 5),
)


def state(i: int) -> MarketState:
    """The `i`-th state as the account `UID` sees it."""
    half = 0.5
    second = [(49.5, 4.0)], [(50.5, 4.0)]
    books = [[(MIDS[i] - half, 5.0)], second[0] if i != 1 else []]
    asks = [[(MIDS[i] + half, 6.0)], second[1] if i != 1 else []]
    accounts = Accounts.of(
        2,
        base=[BASE[i], 100.0],
        quote=[QUOTE[i], 500.0],
        base_initial=[BASE[0], 100.0],
        quote_initial=[QUOTE[0], 500.0],
        maker_rate=0.001,
    )
    seen = MarketState.of_books(
        VENUE,
        books,
        asks,
        time_ns=SECONDS[i] * 10**9,
        uid=UID,
        accounts=accounts,
        open_orders=standing(i),
        tape=tape(i),
    )
    return attrs.evolve(seen, maker_ratio=np.array([0.4, 0.6]), notices=notices(i))


def _told(i: int) -> list[tuple[Any, ...]]:
    """Fills between the state before and this one."""
    before = SECONDS[i - 1] if i else 0
    return [fill for fill in FILLS if before <= fill[0] < SECONDS[i]]


def notices(i: int) -> Notices:
    """The fills since the last state; with the third also a reject on book 9 and a global notice."""
    rows = [
        {
            "kind": NoticeKind.FILL, "time_ns": round(t * 1e9), "book": 0, "order_id": order,
            "client_id": client, "side": side, "price": price, "size": size, "fee": fee, "trade_id": order,
            "maker_id": UID if maker else -3, "taker_id": -3 if maker else UID, "message": "",
        }
        for t, side, price, size, fee, maker, order, client in _told(i)
    ]  # fmt: skip
    blank = {
        "time_ns": SECONDS[i] * 10**9, "order_id": -1, "fee": 0.0, "trade_id": -1, "maker_id": -1,
        "taker_id": -1,
    }  # fmt: skip
    if i == 2:
        rows.append(
            {**blank, "kind": NoticeKind.REJECTED, "book": 1, "client_id": 9, "side": 0, "price": 49.0,
             "size": 0.5, "message": "INSUFFICIENT_QUOTE"}
        )  # fmt: skip
        rows.append(
            {**blank, "kind": NoticeKind.STARTED, "book": -1, "client_id": -1, "side": -1, "price": np.nan,
             "size": np.nan, "message": ""}
        )  # fmt: skip
    names = [field.name for field in attrs.fields(Notices)]
    return Notices(**{name: [row[name] for row in rows] for name in names})


def standing(i: int) -> OpenOrders:
    """Two bids and an ask of ours on book 3 from the second state on."""
    n = 3 if i else 0
    return OpenOrders(
        offset=np.array([0, n, n]),
        order_id=np.arange(70, 70 + n),
        client_id=np.arange(n),
        side=np.array([0, 0, 1][:n]),
        price=np.array([99.0, 99.5, 101.5][:n]),
        size=np.full(n, 1.0),
        time_ns=np.zeros(n, dtype=np.int64),
        queue_ahead=np.full(n, np.nan),
    )


def tape(i: int) -> Tape:
    """The own fills as trades of the market, with a placement that is none before them."""
    told = _told(i)
    n = len(told) + 1
    none = [-1] * n
    columns: dict[str, Any] = {
        "offset": [0, n, n],
        "kind": [EventKind.ORDER, *[EventKind.TRADE] * len(told)],
        "time_ns": [SECONDS[i] * 10**9, *(round(fill[0] * 1e9) for fill in told)],
        "side": [0, *(1 - fill[1] if fill[5] else fill[1] for fill in told)],
        "price": [99.0, *(fill[2] for fill in told)],
        "size": [1.0, *(fill[3] for fill in told)],
        "order_id": none,
        "taker_order_id": none,
        "maker_id": [-1, *(UID if fill[5] else -3 for fill in told)],
        "taker_id": [-1, *(-3 if fill[5] else UID for fill in told)],
        "maker_fee": [0.0, *(fill[4] if fill[5] else 0.0 for fill in told)],
        "taker_fee": [0.0, *(0.0 if fill[5] else fill[4] for fill in told)],
        "client_id": none,
    }
    return Tape(**columns)


def decision(i: int) -> Decision:
    """Three placements in the first two answers and a cancel in the third; book 9 is closed half the time."""
    if i == 0:
        orders = Orders.limits(
            n_books=2, book=[0, 0], side=[0, 1], price=[99.5, 102.5], size=[3.0, 1.0], client_id=[7, 8]
        )
    elif i == 1:
        orders = Orders.limits(n_books=2, book=[1], side=[0], price=[49.0], size=[0.5], client_id=[9])
    elif i == 2:
        orders = Orders.cancels(n_books=2, book=[0], order_id=[72])
    else:
        orders = Orders.none(2)
    nothing = np.full((2, 1), np.nan)
    zero = np.zeros(2, dtype=np.int64)
    limits = attrs.evolve(Limits.open(2), position_limit=np.array([LIMIT, np.inf]))
    step = Step(
        name="tiny",
        books=np.array([True, True]),
        signals=Signals(n_books=2),
        limits=limits,
        quotes=Quotes(
            bid_price=nothing, bid_size=np.zeros((2, 1)), ask_price=nothing, ask_size=np.zeros((2, 1)),
            bid_reason=zero, ask_reason=zero,
        ),
        orders=orders,
    )  # fmt: skip
    return Decision(
        state=state(i),
        orders=orders,
        steps=(step,),
        bid_reason=np.array([0, Reason.WARMING_UP if i < 4 else Reason.VOLATILITY]),
        ask_reason=zero,
        elapsed_ms=float(i + 1),
        config_hash="",
    )


def write(folder: Path, *, force: bool = False, parts: bool = False, **finish: Any) -> None:
    """Record the run in `folder`, if asked with a part for each state."""
    about = {
        "kind": "simulate",
        "accounts": {str(UID): {"name": "tiny", "config_hash": "", "config": {}}},
        "config_hash": "",
        "venue": describe_venue(VENUE),
    }
    with RunWriter(folder, force=force) as writer:
        writer.start(about)
        for i in range(len(SECONDS)):
            made = decision(i)
            writer.add({UID: made.state}, {UID: made})
            if parts:
                writer.close_part()
        writer.end(PLANNED, **finish)
