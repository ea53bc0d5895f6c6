"""The rules of placers find the placer that breaks them."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from obmm.market import BUY, SELL, Limits, MarketState, Orders, Quotes, Stage
from obmm.market.grid import floor_units, from_units
from obmm.testing import checks_for, run_checks
from obmm.testing._trial import ContractError


def failed(stage: type) -> set[str]:
    """Names of the rules that a placer breaks."""
    return {result.name for result in run_checks(stage, "placers") if not result.passed}


Wish = tuple[int, float, float]


@attrs.define(slots=False)
class Good(Stage):
    """The plainest placer: order by order, a cancel for each that is not wished, then what is missing."""

    def __call__(self, state: MarketState, quotes: Quotes, limits: Limits) -> Orders:
        cancels: list[tuple[int, int]] = []
        placements: list[tuple[int, int, float, float]] = []
        for book in range(state.n_books):
            stale, placed = self.of_book(state, quotes, limits, book)
            cancels += [(book, order_id) for order_id in stale]
            placements += [(book, *wish) for wish in placed]
        gone = np.array(cancels, dtype=np.int64).reshape(-1, 2)
        new = np.array(placements).reshape(-1, 4)
        n = state.n_books
        return Orders.cancels(n_books=n, book=gone[:, 0], order_id=gone[:, 1]).joined(
            Orders.limits(
                n_books=n, book=new[:, 0].astype(int), side=new[:, 1], price=new[:, 2], size=new[:, 3]
            )
        )

    def of_book(
        self, state: MarketState, quotes: Quotes, limits: Limits, book: int
    ) -> tuple[list[int], list[Wish]]:
        """Orders to cancel and orders to place on one book."""
        own = state.open_orders
        wishes = self.wishes(state, quotes, limits, book)
        stale = []
        for row in range(own.offset[book], own.offset[book + 1]):
            there = (int(own.side[row]), float(own.price[row]), float(own.size[row]))
            if there in wishes:
                wishes.remove(there)
            else:
                stale.append(int(own.order_id[row]))
        room = state.venue.max_instructions - bool(stale)
        room = min(room, state.venue.max_open_orders - int(own.count[book]))
        return self.finally_sent(book, stale, self.affordable(state, book, wishes)[: max(room, 0)])

    def finally_sent(self, book: int, stale: list[int], placed: list[Wish]) -> tuple[list[int], list[Wish]]:
        """What subclasses spoil."""
        return stale, placed

    def wishes(self, state: MarketState, quotes: Quotes, limits: Limits, book: int) -> list[Wish]:
        """Orders wanted on one book that the venue would take."""
        wanted: list[Wish] = []
        if not state.sound[book]:
            return wanted
        for side, prices, sizes, allowed in (
            (BUY, quotes.bid_price, quotes.bid_size, limits.bid_allowed),
            (SELL, quotes.ask_price, quotes.ask_size, limits.ask_allowed),
        ):
            for price, size in zip(prices[book], sizes[book], strict=True):
                if allowed[book] and np.isfinite(price) and size >= state.venue.min_size_base[book]:
                    ticks = np.rint(price * 10.0 ** state.venue.price_decimals[book])
                    on_grid = float(from_units(ticks, state.venue.price_decimals[book]))
                    lots = floor_units(size, state.venue.volume_decimals[book])
                    wanted.append((side, on_grid, float(from_units(lots, state.venue.volume_decimals[book]))))
        return [wish for wish in wanted if not self.crosses(state, book, wish)]

    def crosses(self, state: MarketState, book: int, wish: Wish) -> bool:
        """Whether an order would trade at once."""
        side, price, _ = wish
        return bool(price >= state.best_ask[book] if side == BUY else price <= state.best_bid[book])

    def affordable(self, state: MarketState, book: int, wishes: list[Wish]) -> list[Wish]:
        """The orders that free funds pay for, in turn."""
        free = {BUY: float(state.accounts.quote_free[book]), SELL: float(state.accounts.base_free[book])}
        paid = []
        for side, price, size in wishes:
            cost = size * price if side == BUY else size
            if cost <= free[side]:
                free[side] -= cost
                paid.append((side, price, size))
        return paid


def test_sound_placer_passes() -> None:
    """A placer that keeps the contract passes every check."""
    assert set() == failed(Good)


class TooMany(Good):
    """Repeats itself beyond the number of instructions."""

    def finally_sent(self, book: int, stale: list[int], placed: list[Wish]) -> tuple[list[int], list[Wish]]:
        return stale, placed * 4


class Overfills(Good):
    """Takes cancels for done."""

    def of_book(self, state: MarketState, quotes: Quotes, limits: Limits, book: int) -> Any:
        roomy = attrs.evolve(state, venue=attrs.evolve(state.venue, max_open_orders=100))
        return super().of_book(roomy, quotes, limits, book)


class CancelsStrangers(Good):
    """Cancels what it never placed."""

    def finally_sent(self, book: int, stale: list[int], placed: list[Wish]) -> tuple[list[int], list[Wish]]:
        return [*stale, 10**6], placed


class OffGrid(Good):
    """Sends half ticks."""

    def finally_sent(self, book: int, stale: list[int], placed: list[Wish]) -> tuple[list[int], list[Wish]]:
        return stale, [(side, price + 0.005, size) for side, price, size in placed]


class TooSmall(Good):
    """Sends sizes that the venue refuses."""

    def finally_sent(self, book: int, stale: list[int], placed: list[Wish]) -> tuple[list[int], list[Wish]]:
        return stale, [(side, price, 0.2) for side, price, _ in placed]


class NegativeOrders(Good):
    """Sends nonsense."""

    def finally_sent(self, book: int, stale: list[int], placed: list[Wish]) -> tuple[list[int], list[Wish]]:
        return stale, [(side, -price, size) for side, price, size in placed]


class Spends(Good):
    """Buys and sells without counting."""

    def finally_sent(self, book: int, stale: list[int], placed: list[Wish]) -> tuple[list[int], list[Wish]]:
        return stale, [(side, price, 1e5) for side, price, _ in placed]


class Crosses(Good):
    """Pays the spread."""

    def finally_sent(self, book: int, stale: list[int], placed: list[Wish]) -> tuple[list[int], list[Wish]]:
        return stale, [(side, price + (9.0 if side == BUY else -9.0), size) for side, price, size in placed]


class IgnoresLimits(Good):
    """Places on sides that risk has closed."""

    def of_book(self, state: MarketState, quotes: Quotes, limits: Limits, book: int) -> Any:
        return super().of_book(state, quotes, Limits.open(state.n_books), book)


class NeverCompares(Good):
    """Places every wish each time."""

    def of_book(self, state: MarketState, quotes: Quotes, limits: Limits, book: int) -> Any:
        return [], self.affordable(state, book, self.wishes(state, quotes, limits, book))


class NeverCancels(Good):
    """Leaves old orders where they are."""

    def finally_sent(self, book: int, stale: list[int], placed: list[Wish]) -> tuple[list[int], list[Wish]]:
        return [], placed


class CancelsLast(Good):
    """Places before it cancels."""

    def __call__(self, state: MarketState, quotes: Quotes, limits: Limits) -> Orders:
        orders = super().__call__(state, quotes, limits)
        return orders.take(np.argsort(orders.is_cancel, kind="stable"))


@pytest.mark.parametrize(
    ("stage", "rule"),
    [
        (TooMany, "keeps within the instructions of a book"),
        (Overfills, "keeps within the open orders of a book"),
        (CancelsStrangers, "cancels only what is open, once"),
        (OffGrid, "places orders that the venue takes"),
        (TooSmall, "places orders that the venue takes"),
        (NegativeOrders, "places orders that the venue takes"),
        (Spends, "spends no more than is free"),
        (Crosses, "never crosses the spread"),
        (IgnoresLimits, "places nothing on closed sides"),
        (CancelsLast, "keeps the position bound however its instructions arrive"),
        (NeverCompares, "comes to rest"),
        (NeverCancels, "clears what is no longer wanted"),
    ],
)
def test_broken_placer_is_found(stage: type, rule: str) -> None:
    """The check of the rule that is broken raises."""
    check = next(check for check in checks_for(stage, "placers") if check.name == rule)
    with pytest.raises(ContractError):
        check.run()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"book": [9]}, "an instruction names a book outside 0…4"),
        ({"n_books": 1}, "the output has 1 books, expected 5"),
    ],
)
def test_malformed_orders_are_found(columns: dict[str, Any], message: str) -> None:
    """Instructions must be about books that there are."""

    class Malformed(Good):
        def __call__(self, state: MarketState, quotes: Quotes, limits: Limits) -> Orders:
            given = {"book": [0], "order_id": [1], "n_books": state.n_books} | columns
            return Orders.cancels(**given)

    found = {result.message for result in run_checks(Malformed, "placers")}
    assert any(message in each for each in found)
