"""Traded volume by 10-minute sample, book and role, the way the validator keeps it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

import attrs
import numpy as np

from obmm.market.arrays import FloatArray, IntArray
from obmm.scoring.eras import EraConstants


class Role(enum.IntEnum):
    """Row of a volume array: everything, or the part in which the miner had one role."""

    TOTAL = 0
    MAKER = 1
    TAKER = 2
    SELF = 3


def trade_role(uid: int, maker_id: int, taker_id: int) -> Role:
    """Role of `uid` in a trade: self when maker and taker are the same, else maker or taker.

    >>> trade_role(3, maker_id=3, taker_id=-1).name
    'MAKER'
    """
    if maker_id == taker_id:
        return Role.SELF
    return Role.MAKER if maker_id == uid else Role.TAKER


def sample_time_ns(time_ns: int, sample_ns: int, *, end: bool) -> int:
    """Time that names the sample of a state: the end of the bucket up to 0.1.51, its start from 0.3.5.

    >>> sample_time_ns(601, 600, end=True), sample_time_ns(601, 600, end=False)
    (1200, 600)
    """
    return (-(-time_ns // sample_ns) if end else time_ns // sample_ns) * sample_ns


@attrs.define
class VolumeSamples:
    """Rolling volume of one uid: samples of the last 24 h and their running sums, quote.

    Up to 0.1.51 samples are named by the end of their bucket and every addition is rounded; from 0.3.5 they
    are named by its start and rounding comes once per state. `begin` each state, `add` each trade, then
    `finish`.

    Attributes:
        n_books: Number of books B.
        era: Gives sample length, period, decimals and rounding.
        n_groups: Number of runs side by side, of as many books each.
        samples: Volume (4, B) by role and book under each sample time, oldest first.
        sums: (4, B) running sums of all samples.

    >>> from obmm.scoring import ERAS
    >>> volumes = VolumeSamples(n_books=2, era=ERAS["0.1.51"])
    >>> volumes.begin(601 * 10**9)
    >>> volumes.add(0, 250.123456, Role.MAKER)
    >>> volumes.finish()
    >>> volumes.latest(), volumes.since(601 * 10**9)
    (array([250.1235, 0. ]), array([250.1235, 0. ]))
    """

    n_books: int
    era: EraConstants
    n_groups: int = attrs.field(default=1, kw_only=True)
    samples: dict[int, FloatArray] = attrs.field(factory=dict)
    sums: FloatArray = attrs.field()
    _current: FloatArray = attrs.field(init=False)
    _traded: set[int] = attrs.field(init=False, factory=set)
    _pruned: bool = attrs.field(init=False, default=False)

    @sums.default
    def _no_sums(self) -> FloatArray:
        return np.zeros((len(Role), self.n_books))

    def __attrs_post_init__(self) -> None:
        self._current = np.zeros((len(Role), self.n_books))

    @property
    def books_to_round(self) -> Iterable[int]:
        """Books traded in this state; of a group that has none, but old samples were dropped, all books."""
        if not self._pruned:
            return self._traded
        width, books = self.n_books // self.n_groups, list(self._traded)
        idle = set(range(self.n_groups)) - {book // width for book in books}
        return [*books, *(book for group in idle for book in range(group * width, (group + 1) * width))]

    def begin(self, time_ns: int, *, prune: bool = True) -> None:
        """Open a state: drop samples older than the period, if asked, and make the current one if missing."""
        self._traded.clear()
        self._pruned = prune and self._prune(time_ns - self.era.volume_period_ns)
        time = sample_time_ns(time_ns, self.era.volume_sample_ns, end=self.era.early_volumes)
        if time not in self.samples:
            self.samples[time] = np.zeros((len(Role), self.n_books))
        self._current = self.samples[time]

    def add(self, book: int, quote: float, role: Role) -> None:
        """Count a trade of `quote` on `book`."""
        decimals = self.era.volume_decimals
        self._traded.add(book)
        if self.era.early_volumes:
            quote = round(quote, decimals)
        for row in (Role.TOTAL, role):
            for volume in (self._current, self.sums):
                after = float(volume[row, book]) + quote
                volume[row, book] = round(after, decimals) if self.era.early_volumes else after

    def finish(self) -> None:
        """Close the state: from 0.3.5 sums and current sample are rounded here, for `books_to_round`."""
        books = () if self.era.early_volumes else list(self.books_to_round)
        for volume in (self.sums, self._current):
            self._round(volume, books)

    def since(self, time_ns: int) -> FloatArray:
        """(B,) total volume of the samples named `time_ns` or later, quote."""
        volume = np.zeros(self.n_books)
        for time, sample in self.samples.items():
            if time >= time_ns:
                volume += sample[Role.TOTAL]
        return volume

    def latest(self) -> FloatArray:
        """(B,) total volume of the newest sample, quote."""
        if not self.samples:
            return np.zeros(self.n_books)
        return np.copy(self.samples[max(self.samples)][Role.TOTAL])

    def shift(self, offset_ns: int, oldest_ns: int | None = None) -> None:
        """Rename all samples by `offset_ns` for a new simulation; drop those then older than `oldest_ns`."""
        self.samples = {time + offset_ns: volume for time, volume in self.samples.items()}
        if oldest_ns is not None and self._prune(oldest_ns):
            self._round(self.sums, range(self.n_books))

    def clear(self) -> None:
        """Forget everything, as after a reset of the account."""
        self.samples.clear()
        self.sums[:] = 0.0

    def _round(self, volume: FloatArray, books: Sequence[int]) -> None:
        if not books:
            return
        decimals = self.era.volume_decimals
        volume[:, books] = [[round(value, decimals) for value in row] for row in volume[:, books].tolist()]

    def _prune(self, oldest_ns: int) -> bool:
        old = [time for time in self.samples if time < oldest_ns]
        for time in old:
            self.sums = np.maximum(self.sums - self.samples.pop(time), 0.0)
        if old and self.era.early_volumes:
            # Samples and sums are whole multiples of the last decimal but for binary noise.
            scale = 10.0**self.era.volume_decimals
            self.sums = np.rint(self.sums * scale) / scale
        return bool(old)


def last_traded_ns(sample_times: IntArray, volumes: FloatArray, newest_ns: int) -> IntArray:
    """(B,) newest sample time up to `newest_ns` with volume on a book, 0 where there is none.

    Args:
        sample_times: (S,) sample times, any order.
        volumes: (S, B) volume of the samples, quote.
        newest_ns: Later samples are ignored.

    >>> last_traded_ns(np.array([600, 1200]), np.array([[5.0, 1.0], [0.0, 2.0]]), 1200)
    array([ 600, 1200])
    """
    active = (volumes > 0.0) & (sample_times <= newest_ns)[:, None]
    never = np.iinfo(np.int64).min
    newest = np.max(np.where(active, sample_times[:, None], never), axis=0, initial=never)
    return np.where(newest == never, 0, newest)
