"""What own fills have been worth, per unit of turnover."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

import attrs
import numpy as np

from obmm.market import (
    BUY,
    FloatArray,
    MarketState,
    NoticeKind,
    Signals,
    Stage,
    group_sums,
    memory,
    option,
)
from obmm.settings import signal
from obmm.signals._books import on_sound, quotient

#: A fill that waits for its mark: due in ns, book, value without the mark, signed base, notional, in quote.
_Waiting = tuple[int, int, float, float, float]


@signal("fill_edge")
@attrs.define
class FillEdge(Stage):
    """Edge of own fills of each book after `horizon_s`, net of fees, per unit of turnover, and its error.

    A fill at price p of q base (q < 0 sold) with the fee c is worth v = q (M - p) - c at the mid M of the
    first state with a sound touch `horizon_s` later, on a turnover of n = |q| p. With sums whose weights
    halve every `halflife_s`

        pooled = (Σ over books of v + prior x prior_quote) / (Σ n + prior_quote)
        edge   = (Σ v + pooled x prior_quote) / (Σ n + prior_quote)

    so a book without fills has that of all books of the account, and one that is left alone returns to it.
    The error is the standard error of this mean, where what is assumed counts as one fill that may be off by
    `prior_sd_bps`.

    Returns (B, 3): edge and its standard error in bp, and the turnover it rests on in quote. NaN on books
    that are not sound.

    >>> import attrs
    >>> from obmm.market import MarketState, Venue
    >>> from obmm.testing import fills
    >>> state = MarketState.of_books(Venue.of(1), [[(299.9, 9.0)]], [[(300.1, 9.0)]])
    >>> bought = attrs.evolve(state, notices=fills([(0, BUY, 299.7, 10.0, 0.0)]))
    >>> edge = FillEdge(horizon_s=0.0, prior_quote=0.0)
    >>> edge(bought, Signals(n_books=1)).round(2)
    array([[  10.01,    0.  , 2997.  ]])
    """

    unit: ClassVar[str] = "bp; bp; quote"
    source: ClassVar[str] = "markout of fills net of fees, shrunk to the mean of all books"

    horizon_s: float = option(60.0, help="Time from a fill to the mid it is held against", unit="s", low=0.0)
    halflife_s: float = option(7200.0, help="Time after which a fill counts half", unit="s", low=1.0)
    prior_bps: float = option(0.0, help="Edge assumed before anything is known", unit="bp")
    prior_quote: float = option(
        3000.0, help="Turnover that the assumed edge counts for", unit="quote", low=0.0
    )
    prior_sd_bps: float = option(15.0, help="By how much it may be off", unit="bp", low=0.0)
    _waiting: deque[_Waiting] = memory(deque)
    _sums: FloatArray | None = memory()
    _last_ns: int = memory(lambda: -1)

    @property
    def across_books(self) -> bool:
        """Whether one book's data may change another's value."""
        return True

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        if self._sums is None:
            self._sums = np.zeros((5, state.n_books))
        if state.time_ns > self._last_ns:
            gap_s = 0.0 if self._last_ns < 0 else (state.time_ns - self._last_ns) / 1e9
            self._last_ns = state.time_ns
            self._sums = self._sums * 0.5 ** (gap_s / self.halflife_s)
            # Sums of squares have the weights squared.
            self._sums[2:] *= 0.5 ** (gap_s / self.halflife_s)
            self._enter(state)
            self._mark(state, self._sums)
        value, quote, both, of_value, of_quote = self._sums
        venue = state.venue
        assumed, prior = self.prior_quote, self.prior_bps / 1e4
        pooled = quotient(group_sums(value, venue) + prior * assumed, group_sums(quote, venue) + assumed)
        edge = quotient(value + np.nan_to_num(pooled)[venue.groups] * assumed, quote + assumed)
        spread = of_value - 2.0 * edge * both + edge**2 * of_quote
        doubt = (assumed * self.prior_sd_bps / 1e4) ** 2
        error = quotient(np.sqrt(np.maximum(spread, 0.0) + doubt), quote + assumed)
        return on_sound(state, np.column_stack([1e4 * edge, 1e4 * error, quote]))

    def _enter(self, state: MarketState) -> None:
        """Note the fills of this state's notices."""
        notices = state.notices
        ours = (notices.kind == int(NoticeKind.FILL)) & (notices.book >= 0)
        ours &= (notices.size > 0.0) & np.isfinite(notices.price * notices.size)
        for row in np.flatnonzero(ours).tolist():
            base = float(notices.size[row]) * (1.0 if int(notices.side[row]) == BUY else -1.0)
            price, fee = float(notices.price[row]), float(np.nan_to_num(notices.fee[row]))
            due = int(notices.time_ns[row]) + round(self.horizon_s * 1e9)
            self._waiting.append((due, int(notices.book[row]), -base * price - fee, base, abs(base) * price))

    def _mark(self, state: MarketState, sums: FloatArray) -> None:
        """Value what is due at the mid of now; on a book that is not sound it waits."""
        if not self._waiting or min(fill[0] for fill in self._waiting) > state.time_ns:
            return
        later: deque[_Waiting] = deque()
        for fill in self._waiting:
            due, book, rest, base, quote = fill
            if due > state.time_ns or not state.sound[book]:
                later.append(fill)
                continue
            value = rest + base * float(state.mid[book])
            sums[:, book] += (value, quote, value * quote, value * value, quote * quote)
        self._waiting = later
