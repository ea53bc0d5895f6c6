"""What the next unit of volume costs in fees, its effect on one's own other volume included."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

import attrs
import numpy as np

from obmm.market import EventKind, Feed, FloatArray, MarketState, PerBook, Signals, Stage, memory, option
from obmm.settings import signal

#: An instant at which miners traded on a book, ns, and their quote: passive, aggressive, and our own of each.
_Slot = tuple[int, float, float, float, float]


@signal("fee_margin")
@attrs.define
class FeeMargin(Stage):
    """Maker and taker rate of the next unit, and what it does to the rates of one's own volume.

    Under the dynamic policy both rates follow the maker share x of the miners' volume V on the book, over
    the last `history_slots` instants at which miners traded. A passive unit raises x by (1 - x) / V, an
    aggressive one lowers it by x / V, and for as long as it stays in that window our own volume pays the
    change. With p and a our own passive and aggressive volume there, and f' the slope of the maker rate in x:

        maker = maker rate + (1 - x) f'(x) (p - a) / V
        taker = taker rate -      x  f'(x) (p - a) / V

    Shares of `others_quote` are counted to the others before they have traded, so that a new simulation does
    not read its first fills as all there will be. What the state publishes of x and the rates is taken from
    there; only the volumes are counted here, from the tape.

    Returns (B, 4): maker and taker rate of the next unit as fractions of notional, our passive less our
    aggressive share of the volume, and the miners' volume in the window, quote. NaN where no account is
    known; without a tape the rates are the present ones.

    >>> from obmm.market import Accounts, Venue
    >>> accounts = Accounts.of(1, maker_rate=-0.0004, taker_rate=0.0006)
    >>> state = MarketState.of_books(Venue.of(1), [[]], [[]], accounts=accounts)
    >>> FeeMargin()(state, Signals(n_books=1))
    array([[-0.0004,  0.0006,  0.    ,  0.    ]])
    """

    unit: ClassVar[str] = "fraction of notional; fraction of notional; share; quote"
    source: ClassVar[str] = "derivative of the dynamic fee policy"
    only_trades: ClassVar[bool] = True

    others_quote: PerBook = option(
        20_000.0, help="Volume of others assumed before any is seen", unit="quote", per_book=True, low=0.0
    )
    _slots: list[deque[_Slot]] | None = memory()
    _sums: FloatArray = memory()
    _last_ns: int = memory(lambda: -1)

    @property
    def needs(self) -> frozenset[Feed | str]:
        return frozenset({Feed.TAPE})

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        n, policy, accounts = state.n_books, state.venue.fees, state.accounts
        if self._slots is None:
            self._slots, self._sums = [deque() for _ in range(n)], np.zeros((n, 4))
        if state.time_ns > self._last_ns:
            self._count(self._slots, state)
            self._last_ns = state.time_ns
        passive, aggressive, own_passive, own_aggressive = self._sums.T
        volume = passive + aggressive
        # What is missing from a full window counts as others'.
        missing = self.others_quote * (1.0 - np.array([len(s) for s in self._slots]) / policy.history_slots)
        share = (own_passive - own_aggressive) / np.maximum(volume + np.maximum(missing, 0.0), 1e-9)
        x = np.where(np.isnan(state.maker_ratio), policy.target_mtr, state.maker_ratio)
        effect = policy.slope(x) * share
        value = np.column_stack(
            [accounts.maker_rate + (1.0 - x) * effect, accounts.taker_rate - x * effect, share, volume]
        )
        value[~accounts.known, :2] = np.nan
        return value

    def _count(self, slots: list[deque[_Slot]], state: MarketState) -> None:
        """Enter the miners' trades of this state's tape; what leaves the window is forgotten."""
        tape, most = state.tape, state.venue.fees.history_slots
        if tape is None:
            return
        rows = np.flatnonzero(
            (tape.kind == int(EventKind.TRADE))
            & ((tape.maker_id >= 0) | (tape.taker_id >= 0))
            & (tape.time_ns > self._last_ns)
        )
        for row, book in zip(rows.tolist(), tape.book[rows].tolist(), strict=True):
            quote = float(tape.price[row] * tape.size[row])
            if not 0.0 < quote < np.inf:
                continue
            maker, taker = int(tape.maker_id[row]), int(tape.taker_id[row])
            time_ns, mine = int(tape.time_ns[row]), slots[book]
            new = (
                quote * (maker >= 0),
                quote * (taker >= 0),
                quote * (maker == state.uid),
                quote * (taker == state.uid),
            )
            self._sums[book] += new
            if mine and mine[-1][0] == time_ns:
                _, a, b, c, d = mine[-1]
                mine[-1] = (time_ns, a + new[0], b + new[1], c + new[2], d + new[3])
            else:
                mine.append((time_ns, *new))
            if len(mine) > most:
                self._sums[book] = np.maximum(self._sums[book] - mine.popleft()[1:], 0.0)
