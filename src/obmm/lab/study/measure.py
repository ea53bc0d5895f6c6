"""What a signal knows of the next return: correlation, hits, deciles, halves, and what it does by itself."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from obmm.lab.study.findings import Horizon, Quantile, SignalStudy
from obmm.lab.study.moments import (
    correlation_of,
    mean_deviation,
    moments,
    share_of,
    sign_moments,
    summed,
    whole,
)
from obmm.lab.study.resample import interval
from obmm.lab.study.stretches import Sample
from obmm.market import BoolArray, FloatArray

HORIZONS_S = (1, 5, 10, 30, 60, 300)
LAGS_S = (1, 5, 10, 30, 60, 300)
BINS = 10
#: Replicates for the bars of the quantile plot, which are many.
_BAR_REPLICATES = 400


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
                correlation=whole(rows),
                low=float(low),
                high=float(high),
                hit_rate=float(share_of(summed(hits))[0]),
                hit_low=float(hit_low),
                hit_high=float(hit_high),
                contemporaneous=whole(moments(x, [-part for part in pick(-horizon)])),
                marginal=whole(moments(x, pick(horizon, before))),
                first_half=whole(halves[0]),
                second_half=whole(halves[1]),
                bps_per_deviation=whole(rows) * mean_deviation(ahead, both) * 1e4,
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
    return whole(moments(now, then))


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
            out[i, j] = out[j, i] = whole(moments(sample.of(one), sample.of(names[j])))
    return out
