"""Where the others stand."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.execution._shape import SIGN, given, relative_position
from obmm.execution.quoting import Quoting
from obmm.market import Feed, FloatArray, Limits, MarketState, PerBook, Quotes, Reason, Signals, option
from obmm.market.arrays import zero_for_nan
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

    The fair value, from which the edge is measured, moves by `signal_bps` with a signal and by `skew_bps`, at
    the position bound, against the position: with `back_off = false` the side that would lose by either stays
    empty. `exit_ticks` brings the side that reduces a position further inside.

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
    signal: str = option("", help="Signal in ±1 to lean with; empty: none")
    signal_bps: PerBook = option(
        0.0, help="Shift of the fair value per unit of signal", unit="bp", per_book=True
    )
    skew_bps: PerBook = option(
        0.0,
        help="Shift of the fair value against the position, at its bound",
        unit="bp",
        per_book=True,
        low=0.0,
    )
    exit_ticks: PerBook = option(
        0.0,
        help="Ticks inside on the side that reduces the position, beyond inside_ticks",
        unit="ticks",
        per_book=True,
    )
    back_off: bool = option(
        True, help="Where the touch is nearer than the edge: stand further out, or leave the side empty"
    )
    fair: str = option("", help="Signal of the fair value; empty: the middle of the competing touch")

    @property
    def needs(self) -> frozenset[Feed | str]:
        return frozenset({self.fair, self.signal, self.maker_rate} - {""})

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        touch = state.competing_at(self.depth_base) if given(self.depth_base) else state.competing_touch
        fair = self._fair(touch, state, signals, limits)
        inside = SIGN * self.inside_ticks
        if given(self.exit_ticks):
            # Less than half of the smallest order cannot be closed.
            held = np.abs(state.accounts.position) > state.venue.least_base / 2.0
            reducing = held & (SIGN * state.accounts.position < 0.0)
            inside = inside + SIGN * np.where(reducing, self.exit_ticks, 0.0)
        price = touch + inside * state.venue.grid.tick
        distance = SIGN * (fair - price)
        rate = self.rate(state, signals)
        # A touch beyond the fair value has no distance to stretch; the edge decides.
        distance = np.maximum(distance, 0.0) * self.widening(state, limits)
        if self.back_off:
            return self.around(state, fair, distance, self.size_base, rate)
        near = distance < fair * self.edge_bps(rate) / 1e4
        why = np.where(near, int(Reason.NO_EDGE), 0)
        return self.around(state, fair, distance, np.where(near, 0.0, self.size_base), rate, why)

    def _fair(self, touch: FloatArray, state: MarketState, signals: Signals, limits: Limits) -> FloatArray:
        """(B,) fair value, moved with the signal and against the position."""
        fair = signals.scalar(self.fair) if self.fair else (touch[0] + touch[1]) / 2.0
        if given(self.skew_bps):
            share = np.clip(relative_position(state.accounts.position, limits), -1.0, 1.0)
            fair = fair * (1.0 - self.skew_bps / 1e4 * share)
        if self.signal:
            lean = np.clip(zero_for_nan(signals.scalar(self.signal)), -1.0, 1.0)
            fair = fair * (1.0 + self.signal_bps / 1e4 * lean)
        return fair
