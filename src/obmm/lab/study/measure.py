"""What a signal knows of the next return: correlation, hits, deciles, halves, and what it does by itself.

Books count alike: a correlation of several books is the mean of theirs, and a share of signs called right is
that of their shares. Pairs of which either is not known are left out.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from obmm.lab.study.resample import Blocks, interval
from obmm.lab.study.sample import Stretch
from obmm.market import BoolArray, FloatArray

HORIZONS_S = (1, 5, 10, 30, 60, 300)
LAGS_S = (1, 5, 10, 30, 60, 300)
BINS = 10
#: Replicates for the bars of the quantile plot, which are many.
_BAR_REPLICATES = 400


@attrs.frozen(kw_only=True)
class Horizon:
    """What a signal knows of the return of the next `horizon_s` seconds.

    Attributes:
        horizon_s: Seconds.
        correlation: With the next return; NaN where the signal or the price does not vary.
        low: Lower bound of its 95 % interval; NaN in data too short to tell.
        high: Upper bound.
        hit_rate: Share of moves whose sign it has, zeros left out.
        hit_low: Lower bound of its 95 % interval.
        hit_high: Upper bound.
        contemporaneous: Correlation with the return of the *last* `horizon_s`: what it says of the past.
        marginal: Correlation with the part of the next return after the horizon before this one.
        first_half: Correlation in the first half of the time.
        second_half: Correlation in the second half.
        bps_per_deviation: Mean next return per standard deviation of the signal, basis points.
        pairs: Number of pairs of signal and return.
    """

    horizon_s: float
    correlation: float
    low: float
    high: float
    hit_rate: float
    hit_low: float
    hit_high: float
    contemporaneous: float
    marginal: float
    first_half: float
    second_half: float
    bps_per_deviation: float
    pairs: int

    @property
    def shown(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0.0 or self.high < 0.0

    @property
    def reading(self) -> str:
        """What to make of it, in words."""
        if not np.isfinite(self.correlation):
            return "does not vary"
        if not np.isfinite(self.low):
            return "too short to tell"
        if not self.shown:
            return "nothing shown"
        word = "leads" if self.correlation > 0.0 else "contrarian"
        halves = (self.first_half, self.second_half)
        return word if all(h * self.correlation > 0.0 for h in halves) else f"{word}, in one half only"


@attrs.frozen(kw_only=True)
class Quantile:
    """The books and seconds at which a signal lay between two of its quantiles.

    Attributes:
        signal: Its mean there.
        pairs: How many.
        return_bps: Mean of what followed, by horizon in the order of the study, basis points.
        low_bps: Lower bounds of their 95 % intervals.
        high_bps: Upper bounds.
    """

    signal: float
    pairs: int
    return_bps: tuple[float, ...]
    low_bps: tuple[float, ...]
    high_bps: tuple[float, ...]


@attrs.frozen(kw_only=True)
class SignalStudy:
    """What was found about one signal.

    Attributes:
        name: The signal.
        horizons: On all books.
        classes: Class of books → the same on these; empty where there is one class.
        quantiles: What followed low and high values.
        autocorrelation: With itself so many seconds before, by seconds.
        turnover: Mean absolute change from a state to the next, in standard deviations.
        known: Share of books and states on which it has a value.
        mean: Mean value.
        deviation: Standard deviation.
    """

    name: str
    horizons: tuple[Horizon, ...]
    classes: Mapping[str, tuple[Horizon, ...]]
    quantiles: tuple[Quantile, ...]
    autocorrelation: Mapping[str, float]
    turnover: float
    known: float
    mean: float
    deviation: float

    @property
    def best(self) -> Horizon:
        """The horizon at which it knows most: of those that are shown, if any."""
        return max(self.horizons, key=lambda h: (h.shown, abs(np.nan_to_num(h.correlation))))


@attrs.frozen(eq=False)
class Sample:
    """Stretches of time that are measured together.

    Attributes:
        stretches: At least one.
    """

    stretches: tuple[Stretch, ...]
    _cache: dict[tuple[float, float], list[FloatArray]] = attrs.field(init=False, factory=dict, repr=False)

    @property
    def names(self) -> list[str]:
        """Names of the signals."""
        return list(self.stretches[0].signals)

    @property
    def classes(self) -> list[str]:
        """Classes of books."""
        return list(dict.fromkeys(name for part in self.stretches for name in part.classes))

    @property
    def states(self) -> int:
        """Number of states."""
        return sum(part.time_ns.size for part in self.stretches)

    @property
    def seconds(self) -> float:
        """Simulated time of all stretches."""
        return sum(float(p.time_ns[-1] - p.time_ns[0]) / 1e9 + p.interval_s for p in self.stretches)

    def of(self, name: str) -> list[FloatArray]:
        """A signal on each stretch, (T, B)."""
        return [part.signals[name] for part in self.stretches]

    def returns(self, to_s: float, from_s: float = 0.0) -> list[FloatArray]:
        """Log return (T, B) between two moments after each state, or before it where both are negative."""
        if (to_s, from_s) not in self._cache:
            self._cache[to_s, from_s] = [
                _log_mid_at(part, to_s) - _log_mid_at(part, from_s) for part in self.stretches
            ]
        return self._cache[to_s, from_s]

    def blocks(self, span_s: float) -> Blocks:
        """How the bootstrap cuts what spans so many seconds."""
        return Blocks.fitting(span_s, self.stretches[0].interval_s, self.seconds)

    def books(self, of_class: str | None) -> list[BoolArray]:
        """Which books (B,) of each stretch are of a class; None means all."""
        return [np.array([of_class in (None, c) for c in part.classes]) for part in self.stretches]


def _log_mid_at(part: Stretch, after_s: float) -> FloatArray:
    """Logarithm of the mid so long after each state, NaN where there is no state then."""
    wanted = part.time_ns + round(after_s * 1e9)
    row = np.searchsorted(part.time_ns, wanted)
    at = np.minimum(row, part.time_ns.size - 1)
    near = (row < part.time_ns.size) & (part.time_ns[at] - wanted < part.interval_s * 1e9)
    log_mid = np.log(part.mid[at])
    log_mid[~near] = np.nan
    return np.asarray(log_mid)


def studied(sample: Sample, name: str, horizons_s: Sequence[float] = HORIZONS_S) -> SignalStudy:
    """What one signal of a sample knows."""
    values = sample.of(name)
    classes = sample.classes if len(sample.classes) > 1 else []
    mean, deviation = _moments(values)
    return SignalStudy(
        name=name,
        horizons=_horizons(sample, values, horizons_s, None),
        classes={one: _horizons(sample, values, horizons_s, one) for one in classes},
        quantiles=_quantiles(sample, values, horizons_s),
        autocorrelation={f"{lag:g}": _autocorrelation(sample, values, lag) for lag in LAGS_S},
        turnover=_turnover(values, deviation),
        known=float(np.mean(np.concatenate([np.isfinite(v).ravel() for v in values]))),
        mean=mean,
        deviation=deviation,
    )


def _horizons(
    sample: Sample, values: list[FloatArray], horizons_s: Sequence[float], of_class: str | None
) -> tuple[Horizon, ...]:
    books = sample.books(of_class)
    x = [part[:, mask] for part, mask in zip(values, books, strict=True)]
    told, before = [], 0.0
    for horizon in horizons_s:
        pick = functools.partial(_picked, sample, books)
        ahead = pick(horizon)
        rows, hits = moments(x, ahead), sign_moments(x, ahead)
        blocks = sample.blocks(horizon)
        low, high = interval(rows, blocks, correlation_of)
        hit_low, hit_high = interval(hits, blocks, share_of)
        halves = [moments(*_half(x, ahead, second)) for second in (False, True)]
        both = [np.isfinite(a) & np.isfinite(b) for a, b in zip(x, ahead, strict=True)]
        told.append(
            Horizon(
                horizon_s=float(horizon),
                correlation=_whole(rows),
                low=float(low),
                high=float(high),
                hit_rate=float(share_of(summed(hits))[0]),
                hit_low=float(hit_low),
                hit_high=float(hit_high),
                contemporaneous=_whole(moments(x, [-part for part in pick(-horizon)])),
                marginal=_whole(moments(x, pick(horizon, before))),
                first_half=_whole(halves[0]),
                second_half=_whole(halves[1]),
                bps_per_deviation=_whole(rows) * mean_deviation(ahead, both) * 1e4,
                pairs=int(sum(part.sum() for part in both)),
            )
        )
        before = horizon
    return tuple(told)


def _picked(sample: Sample, books: list[BoolArray], to_s: float, from_s: float = 0.0) -> list[FloatArray]:
    return [part[:, mask] for part, mask in zip(sample.returns(to_s, from_s), books, strict=True)]


def _half(
    x: list[FloatArray], y: list[FloatArray], second: bool
) -> tuple[list[FloatArray], list[FloatArray]]:
    """The rows of one half of each stretch; a return of the first does not reach into the second."""
    cuts = [slice(len(p) // 2, None) if second else slice(0, len(p) // 2) for p in x]
    return [p[c] for p, c in zip(x, cuts, strict=True)], [p[c] for p, c in zip(y, cuts, strict=True)]


def moments(x: Sequence[FloatArray], y: Sequence[FloatArray]) -> list[FloatArray]:
    """Rows (T, 6) whose sums make the mean correlation of the books: see `correlation_of`.

    Both series are standardised on each book, and a book weighs one in all, however many pairs it has.
    """
    told = []
    for a, b in zip(x, y, strict=True):
        both = np.isfinite(a) & np.isfinite(b)
        zx, zy = _standardised(a, both), _standardised(b, both)
        n = both.sum(axis=0)
        # A book on which either does not vary tells nothing.
        varies = (n > 1) & (zx != 0.0).any(axis=0) & (zy != 0.0).any(axis=0)
        weight = np.where(both & varies, 1.0 / np.maximum(n, 1), 0.0)
        columns = (zx * zy, zx * zx, zy * zy, zx, zy, np.ones_like(zx))
        told.append(np.stack([(weight * column).sum(axis=1) for column in columns], axis=1))
    return told


def correlation_of(sums: FloatArray) -> FloatArray:
    """(R,) correlations out of sums (R, 6) of `moments`; NaN where nothing varies."""
    xy, xx, yy, x, y, n = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt((xx - x * x / n) * (yy - y * y / n))
        return np.asarray(np.where(spread > 0.0, (xy - x * y / n) / spread, np.nan))


def _standardised(values: FloatArray, known: BoolArray) -> FloatArray:
    """Each column less its mean over its deviation where known, elsewhere 0; 0 where it does not vary."""
    n = np.maximum(known.sum(axis=0), 1)
    told = np.where(known, values, 0.0)
    centred = np.where(known, told - told.sum(axis=0) / n, 0.0)
    spread = np.sqrt((centred * centred).sum(axis=0) / n)
    # What rounding leaves of a constant does not vary.
    noise = 1e-12 * np.abs(told).max(axis=0, initial=0.0)
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(centred), where=spread > noise))


def sign_moments(x: Sequence[FloatArray], y: Sequence[FloatArray]) -> list[FloatArray]:
    """Rows (T, 2) for `share_of`: hits, and moves with a sign to call; books weigh alike."""
    told = []
    for a, b in zip(x, y, strict=True):
        with np.errstate(invalid="ignore"):
            moved = np.isfinite(a) & np.isfinite(b) & (a != 0.0) & (b != 0.0)
            weight = np.where(moved, 1.0 / np.maximum(moved.sum(axis=0), 1), 0.0)
            right = np.where((a > 0.0) == (b > 0.0), weight, 0.0)
        told.append(np.stack([right.sum(axis=1), weight.sum(axis=1)], axis=1))
    return told


def share_of(sums: FloatArray) -> FloatArray:
    """(R,) first sums over the second; NaN where there is nothing."""
    return np.asarray(
        np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] > 0.0)
    )


def summed(rows: Sequence[FloatArray]) -> FloatArray:
    """(1, K) sums of the rows of all stretches."""
    return np.asarray(np.sum([part.sum(axis=0) for part in rows], axis=0)[None])


def _whole(rows: Sequence[FloatArray]) -> float:
    return float(correlation_of(summed(rows))[0])


def mean_deviation(values: Sequence[FloatArray], known: Sequence[BoolArray]) -> float:
    """Standard deviation, mean over the books of all stretches."""
    told = [
        np.sqrt(np.mean((column[k] - column[k].mean()) ** 2))
        for part, mask in zip(values, known, strict=True)
        for column, k in zip(part.T, mask.T, strict=True)
        if k.any()
    ]
    return float(np.mean(told)) if told else float("nan")


def _quantiles(sample: Sample, values: list[FloatArray], horizons_s: Sequence[float]) -> tuple[Quantile, ...]:
    """Mean next returns of the signal's deciles; fewer where many values are the same."""
    every = np.concatenate([part[np.isfinite(part)] for part in values])
    if not every.size or every.min() == every.max():
        return ()
    edges = np.unique(np.quantile(every, np.linspace(0.0, 1.0, BINS + 1)))
    n = edges.size - 1
    bins = [np.clip(np.searchsorted(edges, part, side="right") - 1, 0, n - 1) for part in values]
    told: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    for horizon in horizons_s:
        rows = []
        for part, bin_, ahead in zip(values, bins, sample.returns(horizon), strict=True):
            both = np.isfinite(part) & np.isfinite(ahead)
            at = np.arange(len(part))[:, None] * n + bin_
            size = len(part) * n
            weights = 1e4 * np.where(both, ahead, 0.0).ravel()
            sums = np.bincount(at.ravel(), weights=weights, minlength=size).reshape(-1, n)
            counts = np.bincount(at.ravel(), weights=both.ravel(), minlength=size).reshape(-1, n)
            rows.append(np.concatenate([sums, counts], axis=1))
        low, high = interval(rows, sample.blocks(horizon), _means_of, replicates=_BAR_REPLICATES)
        told.append((_means_of(summed(rows))[0], low, high))
    where = [np.where(np.isfinite(part), bin_, -1) for part, bin_ in zip(values, bins, strict=True)]
    of_bin = [
        np.concatenate([part[at == k] for part, at in zip(values, where, strict=True)]) for k in range(n)
    ]
    return tuple(
        Quantile(
            signal=float(of_bin[k].mean()) if of_bin[k].size else float("nan"),
            pairs=int(of_bin[k].size),
            return_bps=tuple(float(mean[k]) for mean, _, _ in told),
            low_bps=tuple(float(low[k]) for _, low, _ in told),
            high_bps=tuple(float(high[k]) for _, _, high in told),
        )
        for k in range(n)
    )


def _means_of(sums: FloatArray) -> FloatArray:
    """(R, Q) means out of (R, 2Q) sums and counts."""
    n = sums.shape[1] // 2
    total, count = sums[:, :n], sums[:, n:]
    return np.asarray(np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0.0))


def _autocorrelation(sample: Sample, values: Sequence[FloatArray], lag_s: float) -> float:
    """Mean over books of the correlation with the value `lag_s` earlier."""
    now, then = [], []
    for part, stretch in zip(values, sample.stretches, strict=True):
        k = max(round(lag_s / stretch.interval_s), 1)
        now.append(part[k:])
        then.append(part[:-k][: len(part[k:])])
    return _whole(moments(now, then))


def _turnover(values: Sequence[FloatArray], deviation: float) -> float:
    steps = np.concatenate([np.abs(np.diff(part, axis=0)).ravel() for part in values])
    known = steps[np.isfinite(steps)]
    return float(known.mean()) / deviation if known.size and deviation > 0.0 else float("nan")


def _moments(values: Sequence[FloatArray]) -> tuple[float, float]:
    every = np.concatenate([part[np.isfinite(part)] for part in values])
    return (float(every.mean()), float(every.std())) if every.size else (float("nan"), float("nan"))


def between(sample: Sample, names: Sequence[str]) -> FloatArray:
    """(N, N) correlations of signals with each other, mean over books."""
    out = np.eye(len(names))
    for i, one in enumerate(names):
        for j in range(i):
            out[i, j] = out[j, i] = _whole(moments(sample.of(one), sample.of(names[j])))
    return out
