"""A venue that carries out one book's instructions one by one and refuses what the real one would.

The first instruction of a book is executed before all others; the others follow in any order.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import attrs
import numpy as np

from execution.naive_placer import Instruction, touch_without_own
from obmm.market import MarketState


class RefusedError(AssertionError):
    """The venue would not have taken an instruction."""


@attrs.define
class BookModel:
    """Own orders and money of one book, in whole ticks and lots; the others stand still."""

    state: MarketState
    book: int
    orders: dict[int, tuple[int, int, int]] = attrs.field(init=False)
    free: list[float] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        own, accounts = self.state.open_orders, self.state.accounts
        self.orders = {
            int(own.order_id[i]): (int(own.side[i]), round(own.price[i] * 100), round(own.size[i] * 1e4))
            for i in range(*own.rows(self.book).indices(len(own)))
        }
        self.free = [float(accounts.quote_free[self.book]), float(accounts.base_free[self.book])]

    def carry_out(
        self,
        instructions: list[Instruction],
        shuffle: random.Random,
        after_each: Callable[[BookModel], None] | None = None,
    ) -> None:
        """Execute all, and look after each; raises RefusedError at the first that is not taken."""
        if len(instructions) > self.state.venue.max_instructions:
            raise RefusedError(f"{len(instructions)} instructions")
        first, rest = instructions[:1], instructions[1:]
        shuffle.shuffle(rest)
        for instruction in first + rest:
            if instruction[0] == "cancel":
                self._cancel(instruction[1])
            else:
                self._place(*instruction[1:])
            if after_each is not None:
                after_each(self)

    def at_stake(self) -> list[int]:
        """Lots by which the fill of everything that rests would move the position up, and down."""
        return [sum(lots for s, _, lots in self.orders.values() if s == side) for side in (0, 1)]

    def _cancel(self, parts: dict[int, int | None]) -> None:
        for order_id, part in parts.items():
            if order_id not in self.orders:
                raise RefusedError(f"order {order_id} is not open")
            side, ticks, lots = self.orders.pop(order_id)
            taken = lots if part is None else min(part, lots)
            self.free[side] += _cost(side, ticks, taken)
            if taken < lots:
                self.orders[order_id] = (side, ticks, lots - taken)

    def _place(self, side: int, ticks: int, lots: int) -> None:
        venue = self.state.venue
        if len(self.orders) >= venue.max_open_orders:
            raise RefusedError("too many open orders")
        if ticks < 1 or lots < venue.min_lots[self.book]:
            raise RefusedError(f"{lots} lots at {ticks} ticks")
        other = touch_without_own(self.state, self.book, 1 - side)
        if other is not None and (ticks >= other if side == 0 else ticks <= other):
            raise RefusedError(f"post-only order at {ticks} would meet {other}")
        for theirs, price, _ in self.orders.values():
            if theirs != side and (ticks >= price if side == 0 else ticks <= price):
                raise RefusedError(f"order at {ticks} would meet our own at {price}")
        self.free[side] -= _cost(side, ticks, lots)
        if self.free[side] < -1e-7:
            raise RefusedError(f"{-self.free[side]} short of funds")
        self.orders[max(self.orders, default=10_000) + 10_000] = (side, ticks, lots)


def _cost(side: int, ticks: int, lots: int) -> float:
    return lots / 1e4 * (ticks / 100 if side == 0 else 1.0)


def exposed(state: MarketState, book: int) -> tuple[int, int]:
    """Lots that own bids and own asks of a book offer to trade."""
    own = state.open_orders
    rows = own.rows(book)
    lots = np.rint(own.size[rows] * 1e4)
    return int(lots[own.side[rows] == 0].sum()), int(lots[own.side[rows] == 1].sum())
