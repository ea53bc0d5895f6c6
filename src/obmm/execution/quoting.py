"""What builders have in common: size, edge, fill-rate control, and news of lifted sizes."""

from __future__ import annotations

import logging
from typing import Any

import attrs
import numpy as np

from obmm.execution._shape import SIGN, lifted
from obmm.execution.fill_rate import FillRate
from obmm.market import (
    FloatArray,
    IntArray,
    Limits,
    MarketState,
    News,
    PerBook,
    Quotes,
    Signals,
    Stage,
    Venue,
    memory,
    option,
)
from obmm.market.arrays import as_flags


@attrs.frozen(kw_only=True)
class Lifted(News):
    """Wished sizes below the venue's minimum were lifted to it."""

    event = "sizes below the venue's minimum are lifted to it"
    level = logging.WARNING
    once = True

    min_size_base: float

    @classmethod
    def of(cls, wish: FloatArray, sent: FloatArray, price: FloatArray, venue: Venue) -> tuple[Lifted, ...]:
        """The news, if any, that `sent` exceeds the `wish` where there is a price; (2, B) or (2, B, K)."""
        raised = (sent > wish) & np.isfinite(price)
        if not raised.any():
            return ()
        books = as_flags(raised.any(axis=(0, *range(2, raised.ndim))))
        return (cls(books=books, min_size_base=float(venue.least_base[books].max())),)


def _fresh(controller: FillRate | dict[str, Any]) -> FillRate:
    """A controller of the same options that remembers nothing: no two builders share one.

    Inside a ladder the options come as the plain table of a configuration.
    """
    return FillRate(**controller) if isinstance(controller, dict) else attrs.evolve(controller)


@attrs.define(kw_only=True)
class Quoting(Stage):
    """Size, edge and fill-rate control; a builder of your own may stand on it.

    Attributes:
        news: Where a size of the last wish was lifted to the venue's minimum.

    >>> from obmm.market import Signals, Venue
    >>> @attrs.define(kw_only=True)
    ... class Fixed(Quoting):
    ...     def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
    ...         distance = 0.2 * self.widening(state, limits)
    ...         return self.around(state, state.mid, distance, self.size_base)
    >>> state = MarketState.of_books(Venue.of(1), [[(299.5, 9.0)]], [[(300.5, 9.0)]])
    >>> quotes = Fixed(size_base=0.1)(state, Signals(n_books=1), Limits.open(1))
    >>> quotes.bid_price, quotes.ask_price, quotes.bid_size
    (array([[299.8]]), array([[300.2]]), array([[0.25]]))
    """

    size_base: PerBook = option(0.5, help="Size of an order", unit="base", per_book=True, low=0.0)
    min_edge_bps: PerBook = option(
        2.0, help="Least distance from the fair value, after the current maker rate", unit="bp", per_book=True
    )
    maker_rate: str = option(
        "", help="Signal of the maker rate to quote for, a fraction of notional; empty: the account's"
    )
    controller: FillRate | None = option(
        None,
        help="Steers the spread toward a share of orders that trade",
        converter=attrs.converters.optional(_fresh),
    )
    news: tuple[News, ...] = memory(tuple)

    def reset(self) -> None:
        super().reset()
        if self.controller is not None:
            self.controller.reset()

    def widening(self, state: MarketState, limits: Limits) -> FloatArray:
        """(B,) what the half-spread is multiplied by: the limits' spread factor and the controller's."""
        if self.controller is None:
            return limits.spread_factor
        return limits.spread_factor * self.controller(state)

    def edge_bps(self, rate: FloatArray) -> FloatArray:
        """(B,) least distance from the fair value: `min_edge_bps` and the maker `rate` (B,), at least 0."""
        return np.maximum(self.min_edge_bps + 1e4 * rate, 0.0)

    def rate(self, state: MarketState, signals: Signals) -> FloatArray:
        """(B,) maker rate to quote for: that of the option's signal where it is known, else the account's."""
        present = state.accounts.maker_rate
        if not self.maker_rate:
            return present
        told = signals.scalar(self.maker_rate)
        return np.where(np.isnan(told), present, told)

    def around(
        self,
        state: MarketState,
        fair: FloatArray,
        distance: FloatArray,
        size: PerBook,
        rate: FloatArray | None = None,
        why: IntArray | None = None,
    ) -> Quotes:
        """One bid and one ask `distance` quote away from `fair` (B,), of `size` base; both (B,) or (2, B).

        The edge comes first: a distance below `min_edge_bps` plus the maker rate is raised to it, and with a
        large rebate still no quote passes the fair value. A size below the venue's minimum is lifted to it.
        `rate` (B,) is the maker rate to quote for, else the account's; `why` (2, B) the reasons of sides
        without a size.
        """
        rate = state.accounts.maker_rate if rate is None else rate
        price = fair - SIGN * np.maximum(distance, fair * self.edge_bps(rate) / 1e4)
        wish = np.broadcast_to(size, price.shape)
        sent = lifted(wish, state.venue.least_base)
        self.news = Lifted.of(wish, sent, price, state.venue)
        bid_why, ask_why = (0, 0) if why is None else why
        return Quotes.of(
            bid_price=price[0],
            ask_price=price[1],
            bid_size=sent[0],
            ask_size=sent[1],
            bid_reason=bid_why,
            ask_reason=ask_why,
        )
