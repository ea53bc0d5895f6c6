"""A stop after losses, which always comes to an end."""

from __future__ import annotations

import logging
from typing import Literal

import attrs
import numpy as np

from obmm.market import (
    BoolArray,
    FloatArray,
    IntArray,
    Limits,
    MarketState,
    News,
    PerBook,
    Reason,
    Signals,
    Stage,
    group_sums,
    memory,
    option,
)
from obmm.market.arrays import as_flags, zero_for_nan
from obmm.risk._marks import mark_prices
from obmm.settings import gate


@attrs.frozen(kw_only=True)
class DrawdownStop(News):
    """A stop began, on one book or on all.

    Attributes:
        drawdown: Loss against the reference at that moment, as a fraction of capital.
    """

    event = "drawdown stop begins"
    level = logging.WARNING

    drawdown: float


@attrs.frozen(kw_only=True)
class DrawdownEnd(News):
    """Trading resumes after a stop, on one book or on all.

    Attributes:
        drawdown: Loss against the reference at that moment, as a fraction of capital.
    """

    event = "drawdown stop ends"

    drawdown: float


@gate("drawdown")
@attrs.define(kw_only=True)
class DrawdownGate(Stage):
    """Leaves only the reducing side of a book, or of all, after a loss of `threshold` of the capital.

    Two states, running and stopped. Running → stopped when (reference - equity) / capital ≥ threshold.
    Stopped → running after `cooldown_s`, whatever the equity is then: the loss is written off by measuring
    from the equity of that moment, so the same loss cannot stop twice and no book waits for a recovery that
    cannot come while it does not trade. With `resume = false` a stop is final.

    Equity is the trading result by default: own quote and base against the endowment at the present mid, so
    that a falling price of the endowment stops nobody. `measure = "value"` takes the whole account's worth.
    The reference is the start of the simulation (a result of 0) or the highest equity seen (trailing).
    Capital is the endowment's worth at the initial price.

    Attributes:
        news: A `DrawdownStop` for each stop that began, a `DrawdownEnd` for each that ended, with the last
            state.

    >>> from obmm.market import Accounts, Venue
    >>> accounts = Accounts.of(1, base=100.0, quote=27_000.0, quote_initial=30_000.0)
    >>> state = MarketState.of_books(Venue.of(1), [[(299.9, 1.0)]], [[(300.1, 1.0)]], accounts=accounts)
    >>> gate = DrawdownGate(threshold=0.05)
    >>> gate(state, Signals(n_books=1)).reduce_only
    array([ True])
    >>> [(news.event, news.drawdown) for news in gate.news]
    [('drawdown stop begins', 0.05)]
    """

    threshold: PerBook = option(
        0.05, help="Loss that stops, as a share of capital", unit="fraction", per_book=True, low=0.0
    )
    reference: Literal["start", "peak"] = option(
        "peak",
        help="Measure the loss from the start or from the highest equity so far",
        validator=attrs.validators.in_(("start", "peak")),
    )
    scope: Literal["book", "portfolio"] = option(
        "book",
        help="Stop each book by its own loss, or all by the loss of all",
        validator=attrs.validators.in_(("book", "portfolio")),
    )
    measure: Literal["trading", "value"] = option(
        "trading",
        help="Equity is the result against holding the endowment, or the worth of the account",
        validator=attrs.validators.in_(("trading", "value")),
    )
    cooldown_s: PerBook = option(600.0, help="How long a stop lasts", unit="s", per_book=True, low=0.0)
    resume: bool = option(True, help="Whether trading resumes after the cooldown")
    news: tuple[News, ...] = memory(tuple)
    _marks: FloatArray | None = memory()
    _equity: FloatArray | None = memory()
    _capital: FloatArray = memory()
    _reference: FloatArray | None = memory()
    _stopped: BoolArray = memory()
    _since_ns: IntArray = memory()

    def __attrs_post_init__(self) -> None:
        if self.scope == "portfolio" and (np.ndim(self.threshold) or np.ndim(self.cooldown_s)):
            raise ValueError("threshold and cooldown_s cannot differ between books when scope is 'portfolio'")

    @property
    def across_books(self) -> bool:
        """Whether one book's data may change what is said of another."""
        return self.scope == "portfolio"

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        equity, capital = self._valued(state)
        if self.scope == "portfolio":
            equity, capital = (group_sums(zero_for_nan(x), state.venue) for x in (equity, capital))
        if self._reference is None:
            self._reference = np.zeros_like(equity)
            self._stopped = np.zeros(equity.shape, dtype=np.bool_)
            self._since_ns = np.zeros(equity.shape, dtype=np.int64)
        if self.reference == "peak":
            self._reference = np.maximum(self._reference, equity)
        lost = np.divide(self._reference - equity, capital, out=np.zeros_like(equity), where=capital > 0.0)
        stops = ~self._stopped & (lost >= self.threshold) & (lost > 0.0)
        waited_s = (state.time_ns - self._since_ns) / 1e9
        resumes = self._stopped & (waited_s >= self.cooldown_s) & self.resume
        self.news = ()
        if stops.any() or resumes.any():
            self._since_ns = np.where(stops, state.time_ns, self._since_ns)
            self._reference = np.where(resumes, equity, self._reference)
            self._stopped = (self._stopped | stops) & ~resumes
            self.news = tuple(
                (DrawdownStop if stops[i] else DrawdownEnd)(
                    books=self._books(int(i), state), drawdown=float(lost[i])
                )
                for i in np.flatnonzero(stops | resumes)
            )
        if not self._stopped.any():
            return Limits.open(state.n_books)
        stopped = self._stopped[state.venue.groups] if self.scope == "portfolio" else self._stopped
        return Limits.of(state.n_books, reduce_only=stopped, reason=Reason.DRAWDOWN)

    def _valued(self, state: MarketState) -> tuple[FloatArray, FloatArray]:
        """Equity and capital (B,) of each book; a book without account keeps what it last had."""
        marks = self._marks = mark_prices(self._marks, state)
        accounts = state.accounts
        if self._equity is None:
            self._equity, self._capital = np.zeros(state.n_books), np.full(state.n_books, np.nan)
        start = np.where(np.isfinite(state.venue.initial_price), state.venue.initial_price, marks)
        endowed = accounts.quote_initial + accounts.base_initial * start
        self._capital = np.where(np.isnan(self._capital) & accounts.known, endowed, self._capital)
        held = accounts.quote_initial + accounts.base_initial * marks
        equity = accounts.value(marks) - (held if self.measure == "trading" else self._capital)
        self._equity = np.where(accounts.known & np.isfinite(equity), equity, self._equity)
        return self._equity, self._capital

    def _books(self, i: int, state: MarketState) -> BoolArray:
        """(B,) the books that the `i`-th equity is about."""
        of = state.venue.groups if self.scope == "portfolio" else np.arange(state.n_books)
        return as_flags(of == i)
