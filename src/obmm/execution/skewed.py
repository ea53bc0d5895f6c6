"""Around a fair value, leaning with a signal and against the inventory."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.execution._shape import SIGN, relative_position
from obmm.execution.quoting import Quoting
from obmm.market import Feed, Limits, MarketState, PerBook, Quotes, Signals, option
from obmm.market.arrays import zero_for_nan
from obmm.settings import builder


@builder("skewed")
@attrs.define(kw_only=True)
class SkewedBuilder(Quoting):
    """One bid and one ask around the fair value.

    half-spread  h = target_spread_bps / 2 x (1 + volatility / vol_ref) x the limits' spread factor, bp
    shift        m = signal_shift x signal - skew_shift x skew, in units of h
    bid, ask     fair x (1 - (1 - m) h), fair x (1 + (1 + m) h), at least the edge away from fair
    sizes        size_base x (1 ± signal_size x signal ∓ skew_size x skew), the factor within 0.5…2

    with skew = position / bound x inventory_skew_factor in ±1 and the signal in ±1. The skew is zero without
    a position, moves both quotes down as it grows, and where the bound is infinite there is none. Volatility
    that is NaN counts as `vol_ref`, a signal that is NaN as 0; a fair value that is NaN leaves the book
    without quotes.

    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(1), [[(299.5, 9.0)]], [[(300.5, 9.0)]])
    >>> signals = Signals(n_books=1)
    >>> for name, value in (("microprice", 300.0), ("volatility", 0.0)):
    ...     signals.add(name, np.array([value]))
    >>> quotes = SkewedBuilder(target_spread_bps=10.0, size_base=0.5)(state, signals, Limits.open(1))
    >>> quotes.bid_price, quotes.ask_price, quotes.bid_size
    (array([[299.85]]), array([[300.15]]), array([[0.5]]))
    """

    target_spread_bps: PerBook = option(
        10.0, help="Spread between bid and ask in a calm book", unit="bp", per_book=True, low=0.0
    )
    fair: str = option("microprice", help="Signal of the fair value")
    signal: str = option("", help="Signal in ±1 to lean with; empty: none")
    volatility: str = option("volatility", help="Signal of the volatility; empty: none")
    vol_ref: PerBook = option(
        0.001, help="Volatility at which the spread doubles", unit="as volatility", per_book=True, low=1e-12
    )
    inventory_skew_factor: PerBook = option(
        0.5, help="Skew at the position bound", unit="1", per_book=True, low=0.0
    )
    signal_shift: PerBook = option(
        0.3, help="Shift of both quotes per unit of signal", unit="half-spread", per_book=True
    )
    skew_shift: PerBook = option(
        0.5, help="Shift of both quotes against the skew", unit="half-spread", per_book=True, low=0.0
    )
    signal_size: PerBook = option(0.5, help="Size added with the signal", unit="size_base", per_book=True)
    skew_size: PerBook = option(
        0.5, help="Size taken from the side that adds to the skew", unit="size_base", per_book=True, low=0.0
    )

    @property
    def needs(self) -> frozenset[Feed | str]:
        return frozenset({self.fair, self.signal, self.volatility, self.maker_rate} - {""})

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        fair = signals.scalar(self.fair)
        half_bps = self.target_spread_bps / 2.0 * self.widening(state, limits)
        if self.volatility:
            relative = signals.scalar(self.volatility) / self.vol_ref
            half_bps = half_bps * (1.0 + np.where(np.isnan(relative), 1.0, relative))
        skew = np.clip(
            self.inventory_skew_factor * relative_position(state.accounts.position, limits), -1.0, 1.0
        )
        shift, tilt = -self.skew_shift * skew, -self.skew_size * skew
        if self.signal:
            lean = np.clip(zero_for_nan(signals.scalar(self.signal)), -1.0, 1.0)
            shift, tilt = shift + self.signal_shift * lean, tilt + self.signal_size * lean
        distance = fair * half_bps / 1e4 * (1.0 - SIGN * shift)
        size = self.size_base * np.clip(1.0 + SIGN * tilt, 0.5, 2.0)
        return self.around(state, fair, distance, size, self.rate(state, signals))
