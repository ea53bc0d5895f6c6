"""Imbalance of aggressive trades, on one book or over all of them."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import attrs
import numpy as np

from obmm.market import (
    BUY,
    EventKind,
    Feed,
    FloatArray,
    IntArray,
    MarketState,
    PerBook,
    Signals,
    Stage,
    Tape,
    group_sums,
    memory,
    option,
)
from obmm.settings import signal
from obmm.signals._books import quotient


def trade_rows(tape: Tape, after_ns: int) -> tuple[IntArray, IntArray]:
    """Rows of the trades later than `after_ns` with a positive finite size, and the book of each."""
    rows = np.flatnonzero(tape.kind == int(EventKind.TRADE))
    size = tape.size[rows]
    rows = rows[(tape.time_ns[rows] > after_ns) & (size > 0.0) & (size < np.inf)]
    return rows, np.searchsorted(tape.offset, rows, side="right") - 1


def _kept(seconds: float, tau_s: PerBook) -> PerBook:
    """Share that is left after so many seconds; of an array to the last bit what its numbers give."""
    if np.ndim(tau_s) == 0:
        return math.exp(-seconds / float(tau_s))
    constants, of_book = np.unique(tau_s, return_inverse=True)
    return np.array([math.exp(-seconds / one) for one in constants.tolist()])[of_book]


@signal("trade_flow")
@attrs.define
class TradeFlow(Stage):
    """Trade-flow imbalance from the tape: Σ s v e^{-(t - t_i)/τ} / (Σ v e^{-(t - t_i)/τ} + balance).

    s is +1 for a buying aggressor and -1 for a selling one, v the traded base. `balance_base` lets a lone
    old trade fade; with 0 this is the plain ratio. Over all books, the sums run over every book and each gets
    the same value: the flow of this market has a common direction.

    Trades of a book fade with its own `tau_s`.

    Returns (B,) in [-1, 1], positive when buyers are the aggressors; 0 where nothing has traded, NaN
    without a tape.

    >>> import attrs
    >>> from obmm.testing import random_state, trades
    >>> tape = trades(2, [(0, 599.5, +6.0), (0, 600.0, -2.0)])  # book, second, signed size
    >>> state = attrs.evolve(random_state(1, n_books=2), tape=tape)
    >>> TradeFlow(tau_s=math.inf, balance_base=0)(state, Signals(n_books=2))
    array([0.5, 0. ])
    >>> TradeFlow(tau_s=math.inf, balance_base=0, scope="all")(state, Signals(n_books=2))
    array([0.5, 0.5])
    """

    unit: ClassVar[str] = "-1 … 1"
    source: ClassVar[str] = "signed trade volume with exponential decay"
    only_trades: ClassVar[bool] = True

    tau_s: PerBook = option(
        10.0,
        help="Time constant (inf: never forgets)",
        unit="s",
        per_book=True,
        low=1e-3,
        endless=True,
    )
    balance_base: PerBook = option(
        10.0,
        help="Balanced volume assumed beside the trades",
        unit="base",
        per_book=True,
        low=0.0,
    )
    scope: Literal["book", "all"] = option(
        "book", help="Trades of the own book, or of all", validator=attrs.validators.in_(("book", "all"))
    )

    _time_ns: int = memory()
    _signed: FloatArray = memory()
    _volume: FloatArray = memory()

    @property
    def needs(self) -> frozenset[Feed | str]:
        return frozenset({Feed.TAPE})

    @property
    def across_books(self) -> bool:
        """Whether one book's data changes another's value."""
        return self.scope == "all"

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        n = state.n_books
        if self._time_ns is None:
            self._time_ns, self._signed, self._volume = -1, np.zeros(n), np.zeros(n)
        now = state.time_ns
        keep = _kept(max(now - self._time_ns, 0) / 1e9, self.tau_s)
        self._signed, self._volume = keep * self._signed, keep * self._volume
        if state.tape is not None:
            rows, book = trade_rows(state.tape, self._time_ns)
            age_s = (now - state.tape.time_ns[rows]) / 1e9
            tau_s = self.tau_s if np.ndim(self.tau_s) == 0 else np.asarray(self.tau_s)[book]
            volume = state.tape.size[rows] * np.exp(-age_s / tau_s)
            signed = np.where(state.tape.side[rows] == BUY, volume, -volume)
            self._signed = self._signed + np.bincount(book, weights=signed, minlength=n)
            self._volume = self._volume + np.bincount(book, weights=volume, minlength=n)
        self._time_ns = max(now, self._time_ns)
        if state.tape is None:
            return np.full(n, np.nan)
        signed, volume = self._signed, self._volume
        if self.scope == "all":
            signed, volume = (group_sums(x, state.venue)[state.venue.groups] for x in (signed, volume))
        return np.where(volume > 0.0, quotient(signed, volume + self.balance_base), 0.0)
