"""Books in tiers by what their fills have been worth."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market import Feed, FloatArray, Limits, MarketState, PerBook, Reason, Signals, Stage, option
from obmm.settings import gate


@gate("tiers")
@attrs.define(kw_only=True)
class TiersGate(Stage):
    """Ranks the books of an account by their measured edge, and quotes on the lower ones less, or not.

    The signal tells the edge in bp and its standard error (`fill_edge`). Three tiers:

    * books whose edge is below `least_bps`, by more than `sure` standard errors, only reduce
    * of all others that are sound, the lowest `small_share` quote with sizes times `size_factor`
    * the rest is free

    A book that only reduces has no new fills; what it is known for fades with the signal's half-life, its
    error grows, and it is tried again: no tier is for good.

    >>> signals = Signals(n_books=3)
    >>> signals.add("fill_edge", np.array([[4.0, 1.0, 9e3], [-8.0, 2.0, 9e3], [1.0, 1.0, 9e3]]))
    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(3), [[(299.9, 1.0)]] * 3, [[(300.1, 1.0)]] * 3)
    >>> limits = TiersGate(small_share=0.5)(state, signals)
    >>> limits.reduce_only, limits.bid_size_factor
    (array([False,  True, False]), array([1. , 1. , 0.5]))
    """

    signal: str = option("fill_edge", help="Signal of edge and error, bp")
    least_bps: PerBook = option(
        -1.0, help="Edge below which a book only reduces its position", unit="bp", per_book=True
    )
    sure: PerBook = option(
        1.0, help="Standard errors by which it must be below", unit="1", per_book=True, low=0.0
    )
    small_share: float = option(0.25, help="Share of the other books with smaller sizes", unit="fraction")
    size_factor: float = option(0.5, help="Multiplies their sizes", unit="1", low=0.0, high=1.0)

    @property
    def needs(self) -> frozenset[Feed | str]:
        return frozenset({self.signal})

    @property
    def across_books(self) -> bool:
        """Whether one book's data may change what is said of another."""
        return True

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        told = signals[self.signal]
        edge, error = (told[:, 0], told[:, 1]) if told.ndim == 2 else (told, np.zeros_like(told))
        poor = edge + self.sure * error < self.least_bps
        ranked = np.where(poor, np.nan, edge)
        factor = np.ones(state.n_books)
        for rows in state.venue.group_rows:
            factor[rows] = self._factors(ranked[rows])
        if not (poor.any() or (factor < 1.0).any()):
            return Limits.open(state.n_books)
        why = np.where(poor, int(Reason.LOW_EDGE), int(Reason.TIER))
        return Limits.of(state.n_books, reduce_only=poor, size_factor=factor, reason=why)

    def _factors(self, edge: FloatArray) -> FloatArray:
        """Size factors of the books of one account; NaN is not ranked. Books that are level stay together."""
        factor = np.ones(edge.size)
        known = edge[np.isfinite(edge)]
        small = int(self.small_share * known.size)
        if small and known.max() > known.min():
            factor[edge <= np.sort(known)[small - 1]] = self.size_factor
        return factor
