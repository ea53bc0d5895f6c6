"""Open lots, first in first out, as the validator will match them."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

import attrs
import numpy as np

from obmm.market import BUY, FloatArray, MarketState, NoticeKind, PerBook, Signals, Stage, memory, option
from obmm.market.arrays import zero_for_nan
from obmm.market.lots import Lot, OpenLots
from obmm.settings import signal
from obmm.signals._books import on_sound

#: A lot as it is remembered: time in ns, size in base, price and fee in quote.
_Lot = tuple[int, float, float, float]
#: Relative slack for sizes that have been added up.
_NOISE = 1e-9


@signal("lots")
@attrs.define
class Lots(Stage):
    """The open round trips of each book, matched first in, first out, from the notices of our own fills.

    The endowment is no lot. The columns:

    0. open size, base, negative when short; 0 where everything is closed
    1. price at which closing it all just pays for what was paid, fees of opening included, quote; the mid
       where nothing is open
    2. age of the oldest lot, s; 0 where nothing is open
    3. what closing it all at the touch, passively (buying at the bid, selling at the ask) and at the current
       maker rate, would realise, quote
    4. what was realised since the state before, fees of both ends included, quote
    5. typical win: mean of what winning closes realised, quote, with weights that halve after `wins` of
       them; 0 before the first
    6. size of the next close, base: `close_base` of the oldest lots, at least the venue's minimum, and all
       that is open where less than that would be left; 0 where nothing is open that the venue would take
    7. price at which that close just pays for what was paid, fees of opening included, quote; the mid where
       there is none

    Returns (B, 8); NaN on a book that is not sound.

    >>> import attrs
    >>> from obmm.market import Notices
    >>> from obmm.testing import fills, random_state
    >>> state = random_state(1, n_books=1)
    >>> bought = attrs.evolve(state, notices=fills([(0, BUY, 300.0, 2.0, 0.06)]))
    >>> Lots()(bought, Signals(n_books=1))[0, :2].tolist()
    [2.0, 300.03]
    """

    unit: ClassVar[str] = "base; quote; s; quote; quote; quote; base; quote"
    source: ClassVar[str] = "first in, first out, as validators match fills since 0.3.5"

    close_base: PerBook = option(
        0.0,
        help="Size of a close; less than the venue's minimum is that",
        unit="base",
        per_book=True,
        low=0.0,
    )
    wins: float = option(20.0, help="Winning closes after which one counts half", unit="1", low=1.0)
    _lots: list[list[_Lot]] | None = memory()
    _long: list[bool] = memory(list)
    _win: FloatArray = memory()
    #: Of what is open: signed size, price paid, oldest time in ns; size of the next close, and price paid.
    _open: FloatArray = memory()
    _last_ns: int = memory(lambda: -1)

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        n = state.n_books
        if self._lots is None:
            self._lots, self._long = [[] for _ in range(n)], [True] * n
            self._win, self._open = np.zeros(n), np.zeros((5, n))
        realised = np.zeros(n)
        if state.time_ns > self._last_ns:
            self._last_ns = state.time_ns
            changed = self._fill(self._lots, state, realised)
            self._sum_up(self._lots, changed, state)
        size, paid, oldest_ns, closing, close_paid = self._open
        held, closes = size != 0.0, closing > 0.0
        paid = np.where(held, paid, state.mid)
        out = np.where(size > 0.0, state.best_ask, state.best_bid)
        after_fee = out * (1.0 - np.sign(size) * zero_for_nan(state.accounts.maker_rate))
        value = [
            size,
            paid,
            np.where(held, (state.time_ns - oldest_ns) / 1e9, 0.0),
            size * (after_fee - paid),
            realised,
            self._win,
            closing,
            np.where(closes, close_paid, state.mid),
        ]
        return on_sound(state, np.column_stack(value))

    def _sum_up(self, lots: list[list[_Lot]], books: set[int], state: MarketState) -> None:
        """Note what is open on the books where that has changed."""
        least = state.venue.least_base
        close = np.maximum(np.broadcast_to(self.close_base, least.shape), least)
        for book in books:
            self._open[:, book] = 0.0
            if not lots[book]:
                continue
            sign = 1.0 if self._long[book] else -1.0
            when, size, price, fee = zip(*lots[book], strict=True)
            total = sum(size)
            cost = sum(s * p for s, p in zip(size, price, strict=True)) + sign * sum(fee)
            self._open[:3, book] = sign * total, cost / total, when[0]
            if total >= least[book] * (1.0 - _NOISE):
                rest = total - close[book]
                closing = total if rest < least[book] * (1.0 - _NOISE) else float(close[book])
                self._open[3:, book] = closing, _paid(lots[book], sign, closing)

    def _fill(self, lots: list[list[_Lot]], state: MarketState, realised: FloatArray) -> set[int]:
        """Match this state's fills and tell on which books; what they realise goes to `realised` (B,)."""
        notices = state.notices
        ours = (notices.kind == int(NoticeKind.FILL)) & (notices.book >= 0)
        ours &= (notices.size > 0.0) & np.isfinite(notices.price) & np.isfinite(notices.size)
        changed = set()
        for row in np.flatnonzero(ours).tolist():
            book = int(notices.book[row])
            changed.add(book)
            held = deque(map(Lot._make, lots[book]))
            open_lots = OpenLots(longs=held) if self._long[book] else OpenLots(shorts=held)
            closed = open_lots.fill(
                int(notices.side[row]) == BUY,
                float(notices.size[row]),
                float(notices.price[row]),
                fee=float(np.nan_to_num(notices.fee[row])),
                time_ns=int(notices.time_ns[row]),
            )
            realised[book] += closed.pnl
            self._long[book] = not open_lots.shorts
            lots[book] = [
                (lot.time_ns, lot.size_base, lot.price, lot.fee)
                for lot in open_lots.longs or open_lots.shorts
            ]
            if closed.size_base > 0.0 and closed.pnl > 0.0:
                old, weight = self._win[book], 1.0 - 0.5 ** (1.0 / self.wins)
                self._win[book] = closed.pnl if old == 0.0 else old + weight * (closed.pnl - old)
        return changed


def _paid(lots: list[_Lot], sign: float, size_base: float) -> float:
    """Price, fees of opening included, that was paid for the oldest `size_base` of the lots; long if +1."""
    left, cost = size_base, 0.0
    for _, size, price, fee in lots:
        part = min(size, left)
        cost += part * price + sign * fee * part / size
        left -= part
        if left <= 0.0:
            break
    return cost / (size_base - left)
