"""A state and the instructions that answer it, which tests of checks and answers share."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from hypothesis import strategies as st

from obmm.market import InstructionKind, MarketState, OpenOrders, Orders, Venue
from wire.samples import notices_of_every_kind

B = 3
OPEN = OpenOrders(
    offset=[0, 2, 2, 3],
    order_id=[70, 71, 70],
    client_id=[-1, -1, -1],
    side=[0, 1, 0],
    price=[299.0, 301.0, 299.0],
    size=[1.0, 1.0, 1.0],
    time_ns=[0, 0, 0],
    queue_ahead=[np.nan] * 3,
)
STATE = MarketState.of_books(
    Venue.of(B, book_ids=[4, 2, 9]), [[(299.0, 1.0)]] * B, [[(301.0, 1.0)]] * B, open_orders=OPEN
)
STATE = attrs.evolve(STATE, notices=notices_of_every_kind(STATE))


def limit(**changes: Any) -> Orders:
    """One good limit order with `changes`."""
    good: dict[str, Any] = {"book": [1], "side": 0, "price": 299.5, "size": 0.5, "client_id": 3}
    return Orders.of(B, **({"kind": InstructionKind.LIMIT} | good | changes))


def market(**changes: Any) -> Orders:
    """One good market order with `changes`."""
    return Orders.of(B, **({"kind": InstructionKind.MARKET, "book": [1], "side": 1, "size": 0.5} | changes))


def cancel(**changes: Any) -> Orders:
    """One good cancel with `changes`."""
    return Orders.of(
        B, **({"kind": InstructionKind.CANCEL, "book": [0], "side": -1, "order_id": 70} | changes)
    )


ANY = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.25, 299.5, 0.01, 1e-9, -1.0])
INTS = st.integers(-(2**62), 2**62) | st.integers(-2, 5)


@st.composite
def any_orders(draw: st.DrawFn) -> Orders:
    """Instructions of which nothing can be assumed."""
    n = draw(st.integers(0, 25))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=n, max_size=n))

    return Orders.of(
        B,
        column(st.integers(-1, 4)),
        column(st.integers(-1, B)),
        side=column(st.integers(-1, 2)),
        price=column(ANY),
        size=column(ANY),
        time_in_force=column(st.integers(-1, 4)),
        expiry_ns=column(INTS),
        post_only=column(st.booleans()),
        order_id=column(st.sampled_from([70, 71]) | INTS),
        client_id=column(INTS),
        delay_ns=column(st.just(0) | INTS),
        self_trade=column(st.integers(-1, 5)),
        in_quote=column(st.booleans()),
        leverage=column(st.just(0.0) | ANY),
        max_slippage=column(ANY),
    )
