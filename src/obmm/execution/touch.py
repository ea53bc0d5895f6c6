"""Where the others stand."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.execution._shape import SIGN
from obmm.execution.quoting import Quoting
from obmm.market import Feed, Limits, MarketState, PerBook, Quotes, Reason, Signals, option
from obmm.settings import builder


@builder("touch")
@attrs.define(kw_only=True)
class TouchBuilder(Quoting):
    """One bid and one ask at the best competing price, or `inside_ticks` nearer to the other side.

    0 joins the touch, a positive number stands inside it, a negative one behind. A quote never comes nearer
    to the fair value than `min_edge_bps` after the current maker rate; where the touch is too near, the quote
    stands as far out as the edge asks, or with `back_off = false` the side stays empty. A spread factor
    stretches the distance from the fair value. With `depth_base` the touch is the price at which what others
    have reaches that much: a lone lot inside is not followed.

    The competing price is the one at which somebody else stands: our own resting sizes are taken out of the
    book (`MarketState.competing_touch`), or the quote would follow itself. That is the one thing this
    builder knows about open orders; what becomes of them is the placer's business.

    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(1), [[(299.5, 9.0)]], [[(300.5, 9.0)]])
    >>> quotes = TouchBuilder(inside_ticks=1)(state, Signals(n_books=1), Limits.open(1))
    >>> quotes.bid_price, quotes.ask_price
    (array([[299.51]]), array([[300.49]]))
    """

    inside_ticks: PerBook = option(
        0.0, help="Ticks inside the best competing price; negative: behind it", unit="ticks", per_book=True
    )
    depth_base: PerBook = option(
        0.0,
        help="What others must have up to the price that is joined; 0: anything",
        unit="base",
        per_book=True,
        low=0.0,
    )
    back_off: bool = option(
        True, help="Where the touch is nearer than the edge: stand further out, or leave the side empty"
    )
    fair: str = option("", help="Signal of the fair value; empty: the middle of the competing touch")

    @property
    def needs(self) -> frozenset[Feed | str]:
        return frozenset({self.fair} - {""})

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        touch = state.competing_at(self.depth_base) if np.any(self.depth_base) else state.competing_touch
        fair = signals.scalar(self.fair) if self.fair else touch.mean(axis=0)
        price = touch + SIGN * self.inside_ticks * state.venue.grid.tick
        distance = SIGN * (fair - price)
        # A touch beyond the fair value has no distance to stretch; the edge decides.
        distance = np.maximum(distance, 0.0) * self.widening(state, limits)
        if self.back_off:
            return self.around(state, fair, distance, self.size_base)
        near = distance < fair * self.edge_bps(state) / 1e4
        quotes = self.around(state, fair, distance, np.where(near, 0.0, self.size_base))
        why = np.where(near, int(Reason.NO_EDGE), 0)
        return attrs.evolve(quotes, bid_reason=why[0], ask_reason=why[1])
