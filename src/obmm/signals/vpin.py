"""Volume-synchronised probability of informed trading: how one-sided the volume is."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from obmm.market import BUY, Feed, FloatArray, IntArray, MarketState, Signals, Stage, memory, option
from obmm.settings import signal
from obmm.signals.trade_flow import trade_rows


@signal("vpin")
@attrs.define
class Vpin(Stage):
    """VPIN with the true aggressor signs: mean of |V_B - V_S| / V over the last full buckets of volume V.

    Trades fill buckets of `bucket_base` one after the other, a trade that is larger than what is left
    spills over into the next.

    Returns (B,) in [0, 1]: 0 when buys and sells balance inside every bucket, 1 when each is one-sided;
    over as many buckets as are full, NaN before the first and without a tape.

    >>> import attrs
    >>> from obmm.testing import random_state, trades
    >>> tape = trades(1, [(0, 599.2, +6.0), (0, 599.4, -4.0), (0, 599.6, +10.0)])
    >>> state = attrs.evolve(random_state(1, n_books=1), tape=tape)
    >>> Vpin(bucket_base=10)(state, Signals(n_books=1))
    array([0.6])
    """

    unit: ClassVar[str] = "0 … 1"
    source: ClassVar[str] = "Easley, López de Prado & O'Hara 2012"
    only_trades: ClassVar[bool] = True

    bucket_base: float = option(
        50.0, help="Volume of a bucket", unit="base", validator=attrs.validators.gt(0.0)
    )
    buckets: int = option(20, help="Full buckets averaged", low=1, high=10_000)

    _time_ns: int = memory()
    _traded: FloatArray = memory()  # (B,) volume so far
    _signed: FloatArray = memory()  # (B, buckets + 1) ring of buys less sells, bucket k in slot k mod size
    _value: FloatArray = memory()

    @property
    def needs(self) -> frozenset[Feed | str]:
        return frozenset({Feed.TAPE})

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        if self._time_ns is None:
            self._time_ns = -1
            self._traded = np.zeros(state.n_books)
            self._signed = np.zeros((state.n_books, self.buckets + 1))
            self._value = np.full(state.n_books, np.nan)
        if state.tape is None:
            return np.full(state.n_books, np.nan)
        rows, book = trade_rows(state.tape, self._time_ns)
        self._time_ns = max(state.time_ns, self._time_ns)
        if rows.size:
            sign = np.where(state.tape.side[rows] == BUY, 1.0, -1.0)
            self._pour(book, state.tape.size[rows], sign)
        return np.array(self._value)

    def _pour(self, book: IntArray, size: FloatArray, sign: FloatArray) -> None:
        """Pour trades (N,), sorted by book, into the buckets of their books."""
        n_slots, bucket = self.buckets + 1, self.bucket_base
        # Whole buckets beyond those that are kept leave no mark.
        most = n_slots * bucket
        size = np.where(size > most, most + np.fmod(size, bucket), size)
        start = self._traded[book] + _before(book, size)
        end = start + size
        was_full = (self._traded / bucket).astype(np.int64)
        self._traded[book] = end  # the last trade of a book stands last
        full = (self._traded / bucket).astype(np.int64)
        turned = np.flatnonzero(full > was_full)
        # Buckets entered now take over the oldest slots.
        place = (np.arange(n_slots) - was_full[turned, None] - 1) % n_slots
        entered = place < (full - was_full)[turned, None]
        self._signed[turned] = np.where(entered, 0.0, self._signed[turned])
        # One piece per trade and bucket it touches, of which the newest `n_slots` are kept.
        first = (start / bucket).astype(np.int64)
        count = (end / bucket).astype(np.int64) - first + 1
        piece = np.repeat(np.arange(book.size), count)
        number = first[piece] + np.arange(piece.size) - np.repeat(np.cumsum(count) - count, count)
        kept = number > full[book[piece]] - n_slots
        piece, number = piece[kept], number[kept]
        share = np.minimum(end[piece], (number + 1) * bucket) - np.maximum(start[piece], number * bucket)
        slot = book[piece] * n_slots + number % n_slots
        poured = np.bincount(slot, weights=sign[piece] * share, minlength=self._signed.size)
        self._signed += poured.reshape(self._signed.shape)
        self._measure(turned, full[turned])

    def _measure(self, book: IntArray, full: IntArray) -> None:
        """The mean of the full buckets of books that have closed one; the one in progress is left out."""
        signed = np.abs(self._signed[book])
        signed[np.arange(book.size), full % (self.buckets + 1)] = 0.0
        self._value[book] = signed.sum(axis=1) / (np.minimum(full, self.buckets) * self.bucket_base)


def _before(book: IntArray, size: FloatArray) -> FloatArray:
    """(N,) what the trades before each one, on its own book, add up to."""
    turn = np.arange(book.size) - np.searchsorted(book, book)
    each = np.zeros((book[-1] + 1, turn.max() + 1))
    each[book, turn] = size
    before: FloatArray = (each.cumsum(axis=1) - each)[book, turn]
    return before
