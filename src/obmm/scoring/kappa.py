"""Kappa-3 of realised P&L, per book and over books (0.3.5 and later)."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market.arrays import BoolArray, FloatArray, IntArray, as_floats
from obmm.scoring.eras import EraConstants
from obmm.scoring.realised import PnlHistory

LEAST_DEVIATION = 1e-6


@attrs.frozen(kw_only=True, eq=False)
class KappaRatios:
    """Kappa-3 of one uid. Only `books` enters the score, the others are reported.

    Attributes:
        books: (B,) Kappa of each book, NaN for a book with too few realisations.
        total: Kappa of the summed P&L; None where nothing was ever realised.
        average: Mean over the books that have one, None if none has.
        median: Median over the books that have one, None if none has.
        normalized_total: `total` mapped to 0…1.
        normalized_average: `average` mapped to 0…1.
        normalized_median: `median` mapped to 0…1.
    """

    books: FloatArray
    total: float | None
    average: float | None
    median: float | None
    normalized_total: float | None
    normalized_average: float | None
    normalized_median: float | None


def kappa_ratios(history: PnlHistory, n_books: int, era: EraConstants) -> KappaRatios | None:
    """Kappa-3 of one uid from its realised P&L.

    A book's P&L over all states, the many zeros included, is scaled by its median absolute deviation (at
    least 1e-6), then `(m − τ) / ∛(L + (0.1(|m| + s))³)` with mean m, standard deviation s and third lower
    partial moment L. Before 0.5.5 a book without notable losses was divided by its upper partial moment
    instead. The state after a gap of at least the grace period is left out of the moments but not of the
    median deviation.

    The work is proportional to the number of realisations, not to states times books.

    Args:
        history: Realised P&L; entries of books outside 0…B-1 are ignored.
        n_books: Number of books B.
        era: Gives window, minima, τ, clip range and the form of the ratio.

    Returns:
        None without states, or if they span less than the minimum.

    >>> from obmm.scoring import ERAS
    >>> era = attrs.evolve(ERAS["0.5.4"], kappa_min_lookback_ns=0)
    >>> history = PnlHistory.of(range(12), range(12), [0] * 12, [1.0, 2.0, -1.0, 0.5] * 3)
    >>> round(float(kappa_ratios(history, 1, era).books[0]), 10)
    0.9856259114
    """
    window = _window(history, n_books, era)
    if window is None:
        return None
    history, kept = window
    books = _book_kappas(history, kept, n_books, era)
    scored = books[~np.isnan(books)]
    average = float(np.mean(scored)) if scored.size else None
    median = float(np.median(scored)) if scored.size else None
    sums = np.bincount(history.entry, weights=history.pnl, minlength=kept.size)
    total = _total_kappa(as_floats(sums), kept, era)
    return KappaRatios(
        books=books,
        total=total,
        average=average,
        median=median,
        normalized_total=normalize_kappa(total, era),
        normalized_average=normalize_kappa(average, era),
        normalized_median=normalize_kappa(median, era),
    )


def kappa_of_books(history: PnlHistory, n_books: int, era: EraConstants) -> FloatArray | None:
    """Kappa (B,) of each book alone, NaN where there is none; None where `kappa_ratios` is.

    >>> from obmm.scoring import ERAS
    >>> era = attrs.evolve(ERAS["0.5.4"], kappa_min_lookback_ns=0)
    >>> history = PnlHistory.of(range(12), range(12), [0] * 12, [1.0, 2.0, -1.0, 0.5] * 3)
    >>> kappa_of_books(history, 2, era).round(4)
    array([0.9856,    nan])
    """
    window = _window(history, n_books, era)
    return None if window is None else _book_kappas(*window, n_books, era)


def normalize_kappa(kappa: float | None, era: EraConstants) -> float | None:
    """Kappa mapped to 0…1 over the clip range; None stays None, NaN becomes 1, an empty range gives 0.

    >>> from obmm.scoring import ERAS
    >>> normalize_kappa(1.25, ERAS["0.5.4"])
    0.75
    """
    if kappa is None:
        return None
    span = era.kappa_max - era.kappa_min
    if span == 0.0:
        return 0.0
    return max(0.0, min(1.0, (kappa - era.kappa_min) / span))


class KappaCache:
    """Keeps a uid's Kappa while its realisations do not change (in use from 0.3.5 to 0.4.5).

    The fingerprint is count, sum, sum of squares, minimum and maximum of the P&L entries, so the growing
    number of states without P&L does not count, nor do the times of the entries. A missing result is kept as
    well: what a miner realised in its first hour and a half gives no Kappa until it realises more.

    >>> from obmm.scoring import ERAS
    >>> cache, era = KappaCache(), attrs.evolve(ERAS["0.3.5"], kappa_min_lookback_ns=0)
    >>> short = PnlHistory.of(range(5), range(3), [0, 0, 0], [1.0, 2.0, -1.0])
    >>> longer = attrs.evolve(short, times_ns=np.arange(500))
    >>> cache.ratios(short, 1, era) is cache.ratios(longer, 1, era)
    True
    """

    def __init__(self) -> None:
        self._fingerprint: tuple[float, ...] | None = None
        self._ratios: KappaRatios | None = None

    def ratios(self, history: PnlHistory, n_books: int, era: EraConstants) -> KappaRatios | None:
        """`kappa_ratios`, or the result of the last call with the same fingerprint."""
        if not era.kappa_cached:
            return kappa_ratios(history, n_books, era)
        pnl = history.pnl
        fingerprint = (
            pnl.size,
            float(pnl.sum()),
            float(np.dot(pnl, pnl)),
            float(pnl.min(initial=np.inf)),
            float(pnl.max(initial=-np.inf)),
        )
        if fingerprint != self._fingerprint:
            self._fingerprint, self._ratios = fingerprint, kappa_ratios(history, n_books, era)
        return self._ratios


def _window(history: PnlHistory, n_books: int, era: EraConstants) -> tuple[PnlHistory, BoolArray] | None:
    """A history with the flags (T,) of the states that enter the moments; None if they are too few."""
    times = history.times_ns
    if times.size == 0:
        return None
    if era.kappa_cuts_window and era.kappa_lookback_ns > 0:
        history = history.since(int(times[-1]) - era.kappa_lookback_ns)
        times = history.times_ns
    if times[-1] - times[0] < era.kappa_min_lookback_ns:
        return None
    kept = np.ones(times.size, dtype=np.bool_)
    if era.grace_period_ns > 0:
        kept[1:] = np.diff(times) < era.grace_period_ns
    return history.of_books(n_books), kept


def _book_kappas(history: PnlHistory, kept: BoolArray, n_books: int, era: EraConstants) -> FloatArray:
    """Kappa (B,), NaN for books that have none."""
    entry, book, pnl = history.entry, history.book, history.pnl
    deviation = _median_absolute_deviation(history, n_books)
    if not kept.all():
        used = kept[entry]
        book, pnl = book[used], pnl[used]
    n_kept = int(np.count_nonzero(kept))
    kappa, counts = _kappa(book, pnl / deviation[book], n_books, n_kept, era)
    unusable = counts < era.kappa_min_observations
    unusable[history.book[np.isnan(history.pnl)]] = True
    return np.where(unusable, np.nan, kappa)


def _median_absolute_deviation(history: PnlHistory, n_books: int) -> FloatArray:
    """(B,) deviation over all states, at least 1e-6. Where most states are zero both medians are zero."""
    deviation = np.full(n_books, LEAST_DEVIATION)
    counts, n_times = np.bincount(history.book, minlength=n_books), history.times_ns.size
    (busy,) = np.nonzero(2 * counts >= n_times)
    if busy.size:
        by_book, ends = np.argsort(history.book, kind="stable"), np.cumsum(counts)
    for b in busy:
        rows = by_book[ends[b] - counts[b] : ends[b]]
        dense = np.zeros(n_times)
        dense[history.entry[rows]] = history.pnl[rows]
        deviation[b] = np.maximum(_deviation(dense), LEAST_DEVIATION)
    return deviation


def _deviation(values: FloatArray) -> float:
    return float(np.median(np.abs(values - np.median(values))))


def _kappa(
    book: IntArray, x: FloatArray, n_books: int, n: int, era: EraConstants
) -> tuple[FloatArray, IntArray]:
    """Kappa (B,) and number of non-zero values (B,) of n values per book, all zero but `x`."""
    tau = era.kappa_tau
    counts = np.bincount(book, minlength=n_books)
    zeros = n - counts
    if not x.all():
        counts = np.bincount(book[x != 0.0], minlength=n_books)

    def mean_of(values: FloatArray, at_zero: float | FloatArray) -> FloatArray:
        return (np.bincount(book, weights=values, minlength=n_books) + zeros * at_zero) / n

    mean = mean_of(x, 0.0)
    std = np.sqrt(mean_of((x - mean[book]) ** 2, mean**2))
    lower = mean_of(_cube(np.maximum(tau - x, 0.0)), max(tau, 0.0) ** 3)
    regular = _cube(0.1 * (np.abs(mean) + std))
    with np.errstate(divide="ignore", invalid="ignore"):
        downside = (mean - tau) / np.cbrt(lower + regular)
        if era.kappa_monotone:
            return downside, counts
        upper = mean_of(_cube(np.maximum(x - tau, 0.0)), max(-tau, 0.0) ** 3)
        upside = (mean - tau) / np.cbrt(upper + regular)
    # A NaN fails both comparisons and gives 0, as in the validator.
    lossy = lower > np.where(mean > tau, 1e-2, 1e-6)
    return np.where(lossy, downside, np.where(mean > tau, upside, 0.0)), counts


def _cube(x: FloatArray) -> FloatArray:
    return x * x * x


def _total_kappa(sums: FloatArray, kept: BoolArray, era: EraConstants) -> float | None:
    used = sums[kept]
    n_nonzero = int(np.count_nonzero(used))
    if n_nonzero == 0:
        return None
    # Where most states are zero both medians are zero; a NaN makes them NaN.
    idle = 2 * n_nonzero < used.size and not np.isnan(used.sum())
    x = used / (LEAST_DEVIATION if idle else np.maximum(_deviation(used), LEAST_DEVIATION))
    (kappa,), _ = _kappa(np.zeros(x.size, dtype=np.int64), x, 1, x.size, era)
    return float(kappa) * min(n_nonzero / era.kappa_min_observations, 1.0)
