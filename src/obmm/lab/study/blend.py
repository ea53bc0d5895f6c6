"""Several signals together: a ridge regression judged on time it has not seen, as weights of an ensemble.

A sum of monotone steps, judged in the same way, stands beside it.

Source: Hoerl and Kennard (1970) for the ridge; López de Prado (2018, ch. 7) for folds of contiguous time from
which returns that reach into another fold are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from obmm.lab.study import isotonic
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
from obmm.market import FloatArray, IntArray

FOLDS = 6
#: Penalties tried, in units of the signals' own variance. With none, a signal that is the sum of others would
#: get weights as large as they are wrong.
PENALTIES = (0.001, 0.01, 0.1, 1.0)
#: Standard deviation of the proposed sum: the ensemble's bound of ±1 is four of them away.
DEVIATION = 0.25


@attrs.frozen(kw_only=True)
class Blend:
    """A combination of signals.

    Attributes:
        horizon_s: The return it is made for.
        weights: Of the signals by name, for an ensemble; what they add up to deviates by `DEVIATION`.
        penalty: Ridge penalty chosen on all data, in units of the signals' variance.
        correlation: With the next return, each sixth of the time foretold from the others.
        low: Lower bound of its 95 % interval.
        high: Upper bound.
        hit_rate: Share of moves whose sign it calls, out of sample.
        in_sample: Correlation where it was fitted: what it would seem to be worth.
        single: The signal that alone would have been chosen; it is named by the folds that see all of it.
        single_correlation: What the signal chosen in the other folds was worth, out of sample.
        steps_correlation: That of a sum of monotone steps, out of sample: what no weights can say.
        steps_low: Lower bound of its 95 % interval.
        steps_high: Upper bound.
        steps_more: How much more of it than of the weights; 95 % interval `steps_more_low` to `_high`.
        bps_per_unit: Mean next return, basis points, where the weighted sum is 1: out of sample.
        mean: Mean of the weighted sum, which an ensemble has no constant to take away.
    """

    horizon_s: float
    weights: dict[str, float]
    penalty: float
    correlation: float
    low: float
    high: float
    hit_rate: float
    in_sample: float
    single: str
    single_correlation: float
    steps_correlation: float
    steps_low: float
    steps_high: float
    steps_more: float
    steps_more_low: float
    steps_more_high: float
    bps_per_unit: float
    mean: float

    @property
    def shown(self) -> bool:
        """Whether its interval out of sample excludes zero from below."""
        return self.low > 0.0

    @property
    def bends(self) -> bool:
        """Whether monotone steps are shown to foretell more than weights."""
        return self.steps_more_low > 0.0


@attrs.frozen(eq=False)
class _Rows:
    """Pairs of one stretch that no fold shares.

    Attributes:
        x: (T, B, K) signals, centred and of unit deviation, 0 where not known.
        y: (T, B) next return over its deviation on each book; NaN where it is left out.
        fold: (T,) number of the fold.
    """

    x: FloatArray
    y: FloatArray
    fold: IntArray


@attrs.frozen(eq=False)
class _Products:
    """Sums of products by fold, all that a ridge regression needs: (F, K, K), (F, K), (F,), (F,)."""

    xx: FloatArray
    xy: FloatArray
    yy: FloatArray
    n: FloatArray

    def fitted(self, folds: Sequence[int], penalty: float) -> FloatArray:
        """Coefficients (K,) of a regression on some folds."""
        chosen, n = list(folds), max(float(self.n[list(folds)].sum()), 1.0)
        square = self.xx[chosen].sum(axis=0) / n + penalty * np.eye(self.xy.shape[1])
        # Signals that say the same share what they know.
        return np.asarray(np.linalg.solve(square, self.xy[chosen].sum(axis=0) / n))

    def error(self, fold: int, b: FloatArray) -> float:
        """Sum of squared errors of coefficients on one fold."""
        return float(self.yy[fold] - 2.0 * b @ self.xy[fold] + b @ self.xx[fold] @ b)

    def penalty(self, folds: Sequence[int]) -> float:
        """The penalty that foretells each of some folds best from the others."""
        errors = [
            sum(self.error(f, self.fitted([g for g in folds if g != f], penalty)) for f in folds)
            for penalty in PENALTIES
        ]
        return PENALTIES[int(np.argmin(errors))]

    def single(self, folds: Sequence[int]) -> FloatArray:
        """Coefficients (K,) of the one signal that correlates best on some folds, with its sign."""
        sums = self.xy[list(folds)].sum(axis=0)
        square = np.einsum("fkk->k", self.xx[list(folds)])
        worth = np.abs(sums) / np.sqrt(np.maximum(square, 1e-300))
        best = int(np.argmax(worth))
        alone = np.zeros(sums.size)
        alone[best] = np.sign(sums[best])
        return alone


def blended(sample: Sample, names: Sequence[str], horizon_s: float) -> Blend | None:
    """The best combination of signals for the return of the next `horizon_s` seconds.

    None where there is nothing to combine: no signal varies, or there is too little time for six folds that
    are longer than the horizon.
    """
    scales = {name: _scale(sample.of(name)) for name in names}
    used = [name for name in names if scales[name][1] > 0.0]
    if not used or sample.seconds < 2.0 * FOLDS * horizon_s:
        return None
    rows = _rows(sample, used, scales, horizon_s)
    products = _products(rows)
    if not np.all(products.n > 0.0):
        return None
    every = range(FOLDS)
    others = [[g for g in every if g != f] for f in every]
    ridge = np.stack([products.fitted(rest, products.penalty(rest)) for rest in others])
    alone = np.stack([products.single(rest) for rest in others])
    penalty = products.penalty(every)
    final = products.fitted(every, penalty)
    ahead = [part.y for part in rows]
    told = moments([_predicted(part, ridge) for part in rows], ahead)
    blocks = sample.blocks(horizon_s)
    low, high = interval(told, blocks, correlation_of)
    stepped = moments(_stepped(rows, others), ahead)
    steps_low, steps_high = interval(stepped, blocks, correlation_of)
    both = [np.concatenate(pair, axis=1) for pair in zip(told, stepped, strict=True)]
    more_low, more_high = interval(both, blocks, _more)
    hits = sign_moments([_predicted(part, ridge) for part in rows], ahead)
    raw = {name: float(b) / scales[name][1] for name, b in zip(used, final, strict=True)}
    spread = _scale([_sum_of(sample, raw, i) for i in range(len(sample.stretches))])
    factor = DEVIATION / spread[1] if spread[1] > 0.0 else 0.0
    return Blend(
        horizon_s=float(horizon_s),
        weights={name: float(f"{factor * weight:.3g}") for name, weight in raw.items()},
        penalty=penalty,
        correlation=whole(told),
        low=float(low),
        high=float(high),
        hit_rate=float(share_of(summed(hits))[0]),
        in_sample=whole(moments([_predicted(part, np.stack([final] * FOLDS)) for part in rows], ahead)),
        single=used[int(np.argmax(np.abs(products.single(every))))],
        single_correlation=whole(moments([_predicted(part, alone) for part in rows], ahead)),
        steps_correlation=whole(stepped),
        steps_low=float(steps_low),
        steps_high=float(steps_high),
        steps_more=float(_more(summed(both))[0]),
        steps_more_low=float(more_low),
        steps_more_high=float(more_high),
        bps_per_unit=1e4 * whole(told) * _mean_deviation(sample, horizon_s) / DEVIATION,
        mean=factor * spread[0],
    )


def _mean_deviation(sample: Sample, horizon_s: float) -> float:
    """Standard deviation of the next return, mean over the books."""
    returns = sample.returns(horizon_s)
    return mean_deviation(returns, [np.isfinite(part) for part in returns])


def _scale(values: Sequence[FloatArray]) -> tuple[float, float]:
    """Mean and deviation of what is known; a deviation of 0 where that does not vary."""
    known = np.concatenate([part[np.isfinite(part)] for part in values])
    if not known.size or known.min() == known.max():
        return 0.0, 0.0
    return float(known.mean()), float(known.std())


def _rows(
    sample: Sample, names: Sequence[str], scales: dict[str, tuple[float, float]], horizon_s: float
) -> list[_Rows]:
    told = []
    for i, part in enumerate(sample.stretches):
        y = sample.returns(horizon_s)[i]
        x = np.stack([(part.signals[name] - scales[name][0]) / scales[name][1] for name in names], axis=2)
        t = part.time_ns - part.time_ns[0]
        span = float(t[-1]) + 1.0
        fold = (FOLDS * t / span).astype(np.int64)
        # A return that ends in another fold would tell one fold of the other.
        ends = np.minimum((FOLDS * (t + horizon_s * 1e9) / span).astype(np.int64), FOLDS - 1)
        known = np.isfinite(y) & np.isfinite(x).any(axis=2) & (ends == fold)[:, None]
        count = np.maximum(known.sum(axis=0), 1)
        deviation = np.sqrt(np.where(known, y * y, 0.0).sum(axis=0) / count)
        known &= deviation > 0.0
        scaled = np.divide(y, deviation, out=np.full_like(y, np.nan), where=known)
        told.append(_Rows(np.nan_to_num(x), scaled, fold))
    return told


def _products(rows: Sequence[_Rows]) -> _Products:
    k = rows[0].x.shape[2]
    xx, xy = np.zeros((FOLDS, k, k)), np.zeros((FOLDS, k))
    yy, n = np.zeros(FOLDS), np.zeros(FOLDS)
    for part in rows:
        for fold in range(FOLDS):
            y = part.y[part.fold == fold].ravel()
            known = np.isfinite(y)
            x = part.x[part.fold == fold].reshape(-1, k)[known]
            xx[fold] += x.T @ x
            xy[fold] += x.T @ y[known]
            yy[fold] += y[known] @ y[known]
            n[fold] += known.sum()
    return _Products(xx, xy, yy, n)


def _predicted(part: _Rows, of_fold: FloatArray) -> FloatArray:
    """(T, B) the combination with the coefficients (F, K) of each fold."""
    return np.asarray(np.einsum("tbk,tk->tb", part.x, of_fold[part.fold]))


def _stepped(rows: Sequence[_Rows], others: Sequence[Sequence[int]]) -> list[FloatArray]:
    """(T, B) of each stretch, each fold foretold by monotone steps that were fitted on the others."""
    k = rows[0].x.shape[2]
    told = [np.zeros(part.y.shape) for part in rows]
    for fold, rest in enumerate(others):
        seen = [np.isin(part.fold, rest)[:, None] & np.isfinite(part.y) for part in rows]
        x = np.concatenate([part.x[mask] for part, mask in zip(rows, seen, strict=True)])
        y = np.concatenate([part.y[mask] for part, mask in zip(rows, seen, strict=True)])
        steps = isotonic.fitted(x, y)
        for part, out in zip(rows, told, strict=True):
            here = part.fold == fold
            out[here] = steps.of(part.x[here].reshape(-1, k)).reshape(-1, part.y.shape[1])
    return told


def _more(sums: FloatArray) -> FloatArray:
    """(R,) how much larger the second correlation is, out of sums (R, 12) of both."""
    return np.asarray(correlation_of(sums[:, 6:]) - correlation_of(sums[:, :6]))


def _sum_of(sample: Sample, weights: dict[str, float], i: int) -> FloatArray:
    """(T, B) the weighted sum as an ensemble takes it: what is not known adds nothing."""
    signals = sample.stretches[i].signals
    return np.asarray(sum(weight * np.nan_to_num(signals[name]) for name, weight in weights.items()))
