"""Sums over time out of which correlations and shares are made, so that stretches of it can be drawn anew.

Books count alike: a correlation of several books is the mean of theirs, and a share of signs called right is
that of their shares. Pairs of which either is not known are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from obmm.market import BoolArray, FloatArray


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


def whole(rows: Sequence[FloatArray]) -> float:
    """The correlation of all rows."""
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
