"""Closer when too little trades, wider when too much does."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market import FloatArray, MarketState, NoticeKind, Stage, memory, option
from obmm.market.arrays import as_floats


@attrs.define(kw_only=True)
class FillRate(Stage):
    """Steers a spread factor per book so that a target share of what is posted trades.

    The fill rate is base filled over base accepted, both from notices and with weights that halve every
    `halflife_s`. Every `interval_s` the factor is multiplied by `narrower` below the target and by `wider`
    above it, within `least`…`most`. A book on which nothing was posted keeps its factor.

    Any builder can carry one, as its option `controller`.

    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(2), [[(299.9, 1.0)]] * 2, [[(300.1, 1.0)]] * 2)
    >>> FillRate()(state)
    array([1., 1.])
    """

    target: float = option(
        0.40, help="Share of the posted base that should trade", unit="fraction", low=0.0, high=1.0
    )
    interval_s: float = option(60.0, help="Time between adjustments", unit="s", low=0.0)
    halflife_s: float = option(600.0, help="Half-life of the counts", unit="s", low=1.0)
    narrower: float = option(0.95, help="Multiplies the factor below the target", unit="1", low=0.0, high=1.0)
    wider: float = option(1.05, help="Multiplies the factor above the target", unit="1", low=1.0)
    least: float = option(0.5, help="Smallest spread factor", unit="1", low=0.0, high=1.0)
    most: float = option(2.0, help="Largest spread factor", unit="1", low=1.0)
    _factor: FloatArray | None = memory()
    _posted: FloatArray = memory()
    _filled: FloatArray = memory()
    _last_ns: int = memory(int)
    _adjusted_ns: int = memory(int)

    def __call__(self, state: MarketState) -> FloatArray:
        """(B,) factor for half-spreads after the notices of `state`."""
        if self._factor is None:
            self._factor = np.ones(state.n_books)
            self._posted, self._filled = np.zeros(state.n_books), np.zeros(state.n_books)
            self._last_ns = self._adjusted_ns = state.time_ns
        keep = 0.5 ** (max(state.time_ns - self._last_ns, 0) / 1e9 / self.halflife_s)
        self._last_ns = state.time_ns
        self._posted = keep * self._posted + _noticed_base(state, NoticeKind.ACCEPTED)
        self._filled = keep * self._filled + _noticed_base(state, NoticeKind.FILL)
        if state.time_ns - self._adjusted_ns >= self.interval_s * 1e9:
            self._adjusted_ns = state.time_ns
            surplus = np.where(self._posted > 0.0, self._filled - self.target * self._posted, 0.0)
            step = np.where(surplus < 0.0, self.narrower, np.where(surplus > 0.0, self.wider, 1.0))
            self._factor = np.clip(self._factor * step, self.least, self.most)
        return self._factor


def _noticed_base(state: MarketState, kind: NoticeKind) -> FloatArray:
    """(B,) base in this state's notices of a kind."""
    notices = state.notices
    rows = (notices.kind == kind) & (notices.book >= 0) & np.isfinite(notices.size)
    return as_floats(np.bincount(notices.book[rows], weights=notices.size[rows], minlength=state.n_books))
