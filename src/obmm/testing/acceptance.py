"""What a venue that accepts everything makes of instructions: for tests of placers and agents."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market import (
    BUY,
    SELL,
    FloatArray,
    InstructionKind,
    MarketState,
    OpenOrders,
    Orders,
    TimeInForce,
)


def accepted(state: MarketState, orders: Orders) -> MarketState:
    """The state after every cancel and limit order of `orders` has been carried out and nothing has traded.

    Own open orders and free balances change; the visible book, which is not consulted, does not. Market
    orders are left out, and what would trade at once or not at all comes to nothing.

    Raises:
        KeyError: An order that is to be cancelled is not open.

    >>> from obmm.testing import random_state
    >>> state = attrs.evolve(random_state(1, n_books=1), open_orders=OpenOrders.empty(1))
    >>> bid = Orders.limits(n_books=1, book=[0], side=[0], price=[299.0], size=[0.5])
    >>> accepted(state, bid).open_orders
    OpenOrders(1 books, 1 orders)
    """
    own = state.open_orders
    left = _left(own, orders)
    kept = np.flatnonzero(left > 0.0)
    resting = (orders.time_in_force == TimeInForce.GTC) | (orders.time_in_force == TimeInForce.GTT)
    placed = np.flatnonzero((orders.kind == InstructionKind.LIMIT) & resting)
    book = np.concatenate([own.book[kept], orders.book[placed]])
    by_book = np.argsort(book, kind="stable")
    next_id = int(own.order_id.max(initial=0)) + 1
    columns = {
        "order_id": (own.order_id[kept], next_id + np.arange(placed.size)),
        "client_id": (own.client_id[kept], orders.client_id[placed]),
        "side": (own.side[kept], orders.side[placed]),
        "price": (own.price[kept], orders.price[placed]),
        "size": (left[kept], orders.size[placed]),
        "time_ns": (own.time_ns[kept], np.full(placed.size, state.time_ns)),
        "queue_ahead": (own.queue_ahead[kept], np.full(placed.size, np.nan)),
    }
    after = OpenOrders(
        offset=np.concatenate([[0], np.cumsum(np.bincount(book, minlength=state.n_books))]),
        **{name: np.concatenate(parts)[by_book] for name, parts in columns.items()},
    )
    accounts = state.accounts
    base = _bound(after, SELL, after.size) - _bound(own, SELL, own.size)
    quote = _bound(after, BUY, after.size * after.price) - _bound(own, BUY, own.size * own.price)
    free = attrs.evolve(accounts, base_free=accounts.base_free - base, quote_free=accounts.quote_free - quote)
    return attrs.evolve(state, open_orders=after, accounts=free)


def _left(own: OpenOrders, orders: Orders) -> FloatArray:
    """(N,) what cancels leave of each open order."""
    row = {key: i for i, key in enumerate(zip(own.book.tolist(), own.order_id.tolist(), strict=True))}
    left: FloatArray = own.size.copy()
    for i in np.flatnonzero(orders.is_cancel):
        open_row = row[int(orders.book[i]), int(orders.order_id[i])]
        taken = orders.size[i]
        left[open_row] = 0.0 if np.isnan(taken) else max(left[open_row] - taken, 0.0)
    return left


def _bound(own: OpenOrders, side: int, amount: FloatArray) -> FloatArray:
    mine = own.side == side
    # Without rows bincount answers in integers.
    return np.bincount(own.book[mine], weights=amount[mine], minlength=own.n_books).astype(np.float64)
