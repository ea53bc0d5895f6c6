"""How those place their orders who never take one back."""

from __future__ import annotations

import attrs

from obmm.execution.amend import AmendPlacer
from obmm.market import Limits, MarketState, Orders, Quotes


@attrs.define(kw_only=True)
class NeverCancels(AmendPlacer):
    """Places what is missing; what rests stays until it expires, wherever the market goes.

    >>> from obmm.market import OpenOrders, Venue
    >>> own = attrs.evolve(OpenOrders.empty(1), offset=[0, 1], order_id=[7], client_id=[-1], side=[0],
    ...                    price=[290.0], size=[0.5], time_ns=[0], queue_ahead=[0.0])
    >>> state = MarketState.of_books(Venue.of(1), [[(299.5, 9.0)]], [[(300.5, 9.0)]], open_orders=own)
    >>> quotes = attrs.evolve(Quotes.none(1), bid_price=[[299.6]], bid_size=[[0.5]])
    >>> int(AmendPlacer()(state, quotes, Limits.open(1)).is_cancel.sum())
    1
    >>> int(NeverCancels()(state, quotes, Limits.open(1)).is_cancel.sum())
    0
    """

    def __call__(self, state: MarketState, quotes: Quotes, limits: Limits) -> Orders:
        orders = AmendPlacer.__call__(self, state, quotes, limits)
        return orders.take(~orders.is_cancel)
