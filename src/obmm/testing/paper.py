"""Own orders that stand without trading: reservations, cancels and expiries as the venue keeps them.

For checks that need a believable account but no counterparties; fills are the business of the embedded
market and of the replay exchange.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from obmm.market import BUY, Accounts, InstructionKind, MarketState, OpenOrders, Orders, TimeInForce


@attrs.define
class _Resting:
    order_id: int
    client_id: int
    side: int
    price: float
    size: float
    time_ns: int
    expires_ns: int


@attrs.define
class PaperOrders:
    """Open orders of one miner on every book.

    >>> from obmm.testing.states import random_state
    >>> state = random_state(1, n_books=1)
    >>> paper = PaperOrders(n_books=1)
    >>> paper.submit(state, Orders.limits(n_books=1, book=[0], side=[0], price=[200.0], size=[1.0]))
    >>> after = paper.dressed(state)
    >>> len(after.open_orders), float(after.accounts.quote_reserved[0])
    (1, 200.0)
    """

    n_books: int
    _books: list[list[_Resting]] = attrs.field(
        init=False,
        repr=False,
        default=attrs.Factory(lambda self: [[] for _ in range(self.n_books)], takes_self=True),
    )
    _next_id: int = attrs.field(init=False, default=1)

    def submit(self, state: MarketState, orders: Orders) -> None:
        """Carry out `orders`, given in answer to `state`, as if every order that may rest came to rest."""
        for row in range(len(orders)):
            book = self._books[int(orders.book[row])]
            if orders.kind[row] == InstructionKind.CANCEL:
                part = float(orders.size[row])
                for order in book:
                    if order.order_id == orders.order_id[row]:
                        order.size = 0.0 if np.isnan(part) else order.size - part
                book[:] = [order for order in book if order.size > 0.0]
            elif orders.kind[row] == InstructionKind.LIMIT and orders.time_in_force[row] not in _AT_ONCE:
                timed = orders.time_in_force[row] == TimeInForce.GTT
                life = int(orders.expiry_ns[row]) if timed else np.iinfo(np.int64).max - state.time_ns
                book.append(
                    _Resting(
                        order_id=self._next_id,
                        client_id=int(orders.client_id[row]),
                        side=int(orders.side[row]),
                        price=float(orders.price[row]),
                        size=float(orders.size[row]),
                        time_ns=state.time_ns,
                        expires_ns=state.time_ns + life,
                    )
                )
                self._next_id += 1

    def dressed(self, state: MarketState) -> MarketState:
        """`state` with these orders standing and their funds reserved; expired ones are gone."""
        for book in self._books:
            book[:] = [order for order in book if order.expires_ns > state.time_ns]
        rows = [order for book in self._books for order in book]
        count = [len(book) for book in self._books]
        bid = np.array([sum(o.price * o.size for o in book if o.side == BUY) for book in self._books])
        ask = np.array([sum(o.size for o in book if o.side != BUY) for book in self._books])
        accounts: Accounts = state.accounts
        columns: dict[str, Any] = {
            "offset": np.concatenate([[0], np.cumsum(count)]),
            "queue_ahead": [np.nan] * len(rows),
            **{name: [getattr(order, name) for order in rows] for name in _COLUMNS},
        }
        free = {"quote_free": accounts.quote_total - bid, "base_free": accounts.base_total - ask}
        return attrs.evolve(state, open_orders=OpenOrders(**columns), accounts=attrs.evolve(accounts, **free))


#: Orders that trade at once or not at all.
_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)
_COLUMNS = ("order_id", "client_id", "side", "price", "size", "time_ns")
