"""Several levels behind one quote."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.execution._around import Around
from obmm.execution._shape import SIGN, floored, lifted, per_level
from obmm.execution.quoting import Lifted
from obmm.market import (
    Limits,
    MarketState,
    News,
    PerBook,
    Quotes,
    Signals,
    memory,
    option,
)
from obmm.market.news import news_of
from obmm.settings import builder


@builder("ladder")
@attrs.define(kw_only=True)
class LadderBuilder(Around):
    """`levels` quotes per side: the first where another builder stands, the others stepwise behind it.

    Level k (from 0) stands k x (step_ticks + step_bps of the price) behind the first, at least one tick from
    its neighbour, with size_growth**k times its size.

    Attributes:
        news: Where a size of the last wish was lifted to the venue's minimum; the inner builder's, too.

    >>> from obmm.execution import TouchBuilder
    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(1), [[(299.5, 9.0)]], [[(300.5, 9.0)]])
    >>> ladder = LadderBuilder(around=TouchBuilder(), levels=3, step_ticks=2, size_growth=2.0)
    >>> quotes = ladder(state, Signals(n_books=1), Limits.open(1))
    >>> quotes.bid_price, quotes.bid_size
    (array([[299.5 , 299.48, 299.46]]), array([[0.5, 1. , 2. ]]))
    """

    levels: int = option(3, help="Orders per side", unit="levels", low=1, high=100)
    step_ticks: PerBook = option(1.0, help="Ticks between levels", unit="ticks", per_book=True, low=0.0)
    step_bps: PerBook = option(
        0.0, help="Distance between levels on top of the ticks", unit="bp", per_book=True, low=0.0
    )
    size_growth: PerBook = option(
        1.0, help="Size of a level over that of the one before it", unit="1", per_book=True, low=0.0
    )
    news: tuple[News, ...] = memory(tuple)

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        first = self.around(state, signals, limits)
        scale = state.venue.ticks_per_quote
        price = np.array([first.bid_price[:, 0], first.ask_price[:, 0]])
        size = np.array([first.bid_size[:, 0], first.ask_size[:, 0]])
        rung = np.arange(self.levels)
        step = np.maximum(self.step_ticks + self.step_bps / 1e4 * price * scale, 1.0)
        signed = floored(SIGN * price * scale)[..., None] - np.ceil(step[..., None] * rung)
        prices = SIGN[..., None] * signed / scale[:, None]
        wish = size[..., None] * per_level(self.size_growth) ** rung
        sizes = lifted(wish, state.venue.least_base[:, None])
        self.news = (*news_of(self.around), *Lifted.of(wish, sizes, prices, state.venue))
        return Quotes.of(
            bid_price=prices[0],
            ask_price=prices[1],
            bid_size=sizes[0],
            ask_size=sizes[1],
            bid_reason=first.bid_reason,
            ask_reason=first.ask_reason,
        )
