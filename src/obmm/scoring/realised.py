"""Realised P&L and round trips of one uid, state by state (0.3.5 and later)."""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market.arrays import FloatArray, IntArray, as_floats, as_ints
from obmm.market.lots import OpenLots
from obmm.scoring.eras import EraConstants
from obmm.scoring.sliding import SlidingWindow
from obmm.scoring.volumes import Role, VolumeSamples, sample_time_ns


@attrs.frozen(kw_only=True, eq=False)
class PnlHistory:
    """Realised P&L as the validator stores it: one time per state, and the few entries that are not zero.

    Attributes:
        times_ns: (T,) times of all states, ascending.
        entry: (N,) index into `times_ns` of each realisation, ascending.
        book: (N,) its book.
        pnl: (N,) what was realised, quote.
    """

    times_ns: IntArray
    entry: IntArray
    book: IntArray
    pnl: FloatArray

    @classmethod
    def of(
        cls, times_ns: npt.ArrayLike, entry: npt.ArrayLike, book: npt.ArrayLike, pnl: npt.ArrayLike
    ) -> PnlHistory:
        """A history from columns in any order; times and entries are sorted by time.

        >>> PnlHistory.of([20, 10], [0, 1], [0, 0], [5.0, -1.0]).pnl
        array([-1., 5.])
        """
        times, at = as_ints(times_ns), as_ints(entry)
        order = np.argsort(times, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(order.size)
        rows = np.argsort(place[at], kind="stable")
        return cls(
            times_ns=times[order], entry=place[at][rows], book=as_ints(book)[rows], pnl=as_floats(pnl)[rows]
        )

    def since(self, time_ns: int) -> PnlHistory:
        """The history from `time_ns` on, inclusive."""
        first = int(np.searchsorted(self.times_ns, time_ns))
        if first == 0:
            return self
        row = int(np.searchsorted(self.entry, first))
        return PnlHistory(
            times_ns=self.times_ns[first:],
            entry=self.entry[row:] - first,
            book=self.book[row:],
            pnl=self.pnl[row:],
        )

    def of_books(self, n_books: int) -> PnlHistory:
        """The history without entries of books outside 0…B-1."""
        if self.book.size == 0 or (self.book.min() >= 0 and self.book.max() < n_books):
            return self
        known = (self.book >= 0) & (self.book < n_books)
        return PnlHistory(
            times_ns=self.times_ns, entry=self.entry[known], book=self.book[known], pnl=self.pnl[known]
        )

    def by_book(self, n_books: int) -> FloatArray:
        """(B,) sum of realised P&L per book; entries of other books are left out."""
        known = self.of_books(n_books)
        return as_floats(np.bincount(known.book, weights=known.pnl, minlength=n_books))


@attrs.define
class RealisedLedger:
    """Everything the validator derives from one uid's fills: round trips, realised P&L and volumes.

    Open a state with `begin`, give each fill to `fill`, then `finish` it. Memory is bounded by the lookback,
    the 24 h of volume samples and the number of open lots.

    Attributes:
        n_books: Number of books B.
        era: Gives windows, decimals and the quirks of matching.
        n_groups: Number of runs side by side, of as many books each: what a book comes to does not depend on
            those of other runs.
        lots: Open lots of each book.
        volumes: Traded volume.
        roundtrips: Volume (B,) of closed size at its closing price under each sample time, quote.
        roundtrip_sums: (B,) running sums of `roundtrips`.
        last_roundtrip_ns: (B,) newest sample time with a round trip, 0 if there is none.

    >>> from obmm.scoring import ERAS
    >>> ledger = RealisedLedger(n_books=1, era=ERAS["0.5.4"])
    >>> for second, is_buy, price in ((600, True, 100.0), (601, False, 101.0)):
    ...     ledger.begin(second * 10**9)
    ...     ledger.fill(0, is_buy, 2.0, price, fee=0.01, role=Role.MAKER)
    ...     ledger.finish()
    >>> ledger.history().pnl, ledger.roundtrips[600 * 10**9]
    (array([1.98]), array([202.]))
    """

    n_books: int
    era: EraConstants
    n_groups: int = attrs.field(default=1, kw_only=True)
    lots: list[OpenLots] = attrs.field(init=False)
    volumes: VolumeSamples = attrs.field(init=False)
    roundtrips: dict[int, FloatArray] = attrs.field(init=False, factory=dict)
    roundtrip_sums: FloatArray = attrs.field(init=False)
    last_roundtrip_ns: IntArray = attrs.field(init=False)
    # Entries refer to states by a number that never changes; `_first` is that of the oldest state kept.
    _times: SlidingWindow[np.int64] = attrs.field(init=False)
    _first: int = attrs.field(init=False, default=0)
    _entry_states: SlidingWindow[np.int64] = attrs.field(init=False)
    _entry_books: SlidingWindow[np.int64] = attrs.field(init=False)
    _entry_pnl: SlidingWindow[np.float64] = attrs.field(init=False)
    _pruned_ns: int | None = attrs.field(init=False, default=None)
    _time_ns: int = attrs.field(init=False, default=0)
    _closed: dict[int, tuple[float, float]] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self.volumes = VolumeSamples(n_books=self.n_books, era=self.era, n_groups=self.n_groups)
        self.roundtrip_sums = np.zeros(self.n_books)
        self.last_roundtrip_ns = np.zeros(self.n_books, dtype=np.int64)
        self.lots = [OpenLots() for _ in range(self.n_books)]
        self._times, self._entry_states, self._entry_books = (SlidingWindow(_INT) for _ in range(3))
        self._entry_pnl = SlidingWindow(_FLOAT)

    def begin(self, time_ns: int) -> None:
        """Open the state of `time_ns`: prune, and note the time even if nothing will be realised."""
        self._time_ns = time_ns
        self._closed.clear()
        prune = self._pruned_ns is None or time_ns - self._pruned_ns >= self.era.prune_interval_ns
        self.volumes.begin(time_ns, prune=prune)
        if prune:
            self._pruned_ns = time_ns
            self._drop_before(time_ns - self.era.kappa_lookback_ns)
            self._drop_roundtrips_before(time_ns - self.era.volume_period_ns)
        self._times.append(time_ns)

    def fill(
        self, book: int, is_buy: bool, size_base: float, price: float, *, fee: float, role: Role
    ) -> None:
        """Count a fill of ours on `book` (a position) and match it against the open lots."""
        self.volumes.add(book, size_base * price, role)
        if role is Role.SELF and not self.era.self_trades_in_fifo:
            return
        realised = self.lots[book].fill(
            is_buy,
            size_base,
            price,
            fee=fee,
            time_ns=self._time_ns,
            whole_fee_on_partial_close=self.era.whole_fee_on_partial_close,
        )
        if realised.size_base == 0.0:
            return
        pnl, volume = self._closed.get(book, (0.0, 0.0))
        self._closed[book] = (pnl + realised.pnl, volume + realised.size_base * price)

    def finish(self) -> None:
        """Close the state: store what was realised, rounded, if it is not zero."""
        decimals = self.era.volume_decimals
        sample = sample_time_ns(self._time_ns, self.era.volume_sample_ns, end=False)
        for book, (pnl, volume) in self._closed.items():
            self.roundtrips.setdefault(sample, np.zeros(self.n_books))[book] += volume
            self.roundtrip_sums[book] += volume
            self.last_roundtrip_ns[book] = sample
            pnl = round(pnl, decimals)
            if pnl != 0.0:
                self._entry_states.append(self._first + len(self._times) - 1)
                self._entry_books.append(book)
                self._entry_pnl.append(pnl)
        self.volumes.finish()
        for book in self.volumes.books_to_round:
            self._round_roundtrip_sum(book)

    def history(self) -> PnlHistory:
        """The realised P&L in memory; valid until the next change."""
        return PnlHistory(
            times_ns=self._times.view,
            entry=self._entry_states.view - self._first,
            book=self._entry_books.view,
            pnl=self._entry_pnl.view,
        )

    def roundtrip_volume(self, since_ns: int) -> FloatArray:
        """(B,) round-trip volume of the samples named `since_ns` or later, quote."""
        recent = np.zeros(self.n_books)
        for time, volume in self.roundtrips.items():
            if time >= since_ns:
                recent += volume
        return recent

    def restart(self, offset_ns: int, new_start_ns: int) -> None:
        """Carry the histories into a new simulation: shift all times by `offset_ns`, discard open lots.

        Samples older than 24 h and P&L older than the lookback are dropped. Before 0.6 the states without
        realised P&L are lost as well.

        Args:
            offset_ns: New start less the old end.
            new_start_ns: Start of the new simulation.
        """
        self.lots = [OpenLots() for _ in range(self.n_books)]
        self._pruned_ns = None
        self._times.replace(self._times.view + offset_ns)
        self._drop_before(new_start_ns - self.era.kappa_lookback_ns)
        if not self.era.idle_times_survive_restart:
            self._forget_idle_times()
        self.volumes.shift(offset_ns, new_start_ns - self.era.volume_period_ns)
        self.roundtrips = {time + offset_ns: volume for time, volume in self.roundtrips.items()}
        never = self.last_roundtrip_ns == 0
        self.last_roundtrip_ns = np.where(never, 0, self.last_roundtrip_ns + offset_ns)
        for book in self._drop_roundtrips_before(new_start_ns - self.era.volume_period_ns):
            self._round_roundtrip_sum(book)

    def clear(self) -> None:
        """Forget everything, as after a reset of the account."""
        for window in (self._times, self._entry_states, self._entry_books, self._entry_pnl):
            window.clear()
        self.lots = [OpenLots() for _ in range(self.n_books)]
        self.volumes.clear()
        self.roundtrips.clear()
        self.roundtrip_sums[:] = 0.0
        self.last_roundtrip_ns[:] = 0

    def _drop_before(self, oldest_ns: int) -> None:
        n_old = int(np.searchsorted(self._times.view, oldest_ns))
        self._times.drop(n_old)
        self._first += n_old
        n_old_entries = int(np.searchsorted(self._entry_states.view, self._first))
        for window in (self._entry_states, self._entry_books, self._entry_pnl):
            window.drop(n_old_entries)

    def _forget_idle_times(self) -> None:
        busy, entry = np.unique(self._entry_states.view - self._first, return_inverse=True)
        self._times.replace(self._times.view[busy])
        self._entry_states.replace(entry + self._first)

    def _drop_roundtrips_before(self, oldest_ns: int) -> set[int]:
        books: set[int] = set()
        for time in [time for time in self.roundtrips if time < oldest_ns]:
            old = self.roundtrips.pop(time)
            books.update(np.flatnonzero(old).tolist())
            self.roundtrip_sums = np.maximum(self.roundtrip_sums - old, 0.0)
        self.last_roundtrip_ns[self.last_roundtrip_ns < oldest_ns] = 0
        return books

    def _round_roundtrip_sum(self, book: int) -> None:
        self.roundtrip_sums[book] = round(float(self.roundtrip_sums[book]), self.era.volume_decimals)


_INT = np.dtype(np.int64)
_FLOAT = np.dtype(np.float64)
