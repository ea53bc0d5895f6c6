"""From distributed rewards to the weights that a validator sets on the chain."""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market.arrays import IntArray
from obmm.scoring.eras import EraConstants
from obmm.scoring.pareto import Float32Array

CUT_MARGIN = 1e-7
"""Keeps the largest weight a hair below the limit when weights are cut."""


def moving_average(scores: npt.ArrayLike, rewards: npt.ArrayLike, era: EraConstants) -> Float32Array:
    """The slow average (n,) after one scoring: alpha·rewards + (1 − alpha)·scores in 32-bit; NaN counts as 0.

    Scores start at 0. With the alpha of 0.1.51 and later the half-life is 83.18 scorings, 416 s.

    >>> from obmm.scoring import ERAS
    >>> moving_average([1.0, 0.0], [2.0, float("nan")], ERAS["0.1.9"])
    array([1.1, 0. ], dtype=float32)
    """
    given = np.asarray(rewards, dtype=np.float32)
    new = np.where(np.isnan(given), np.float32(0.0), given)
    alpha = era.moving_average_alpha
    average: Float32Array = np.float32(alpha) * new
    average += np.float32(1.0 - alpha) * np.asarray(scores, dtype=np.float32)
    return average


def l1_weights(scores: npt.ArrayLike) -> Float32Array:
    """Scores (n,) over their sum, 32-bit, lifted by the minimum first when that is negative; zeros stay.

    >>> l1_weights([3.0, 1.0, 0.0])
    array([0.75, 0.25, 0.  ], dtype=float32)
    """
    raw = np.asarray(scores, dtype=np.float32)
    if raw.size and raw.min() < 0.0:
        raw = raw - raw.min()
    total = raw.sum()
    shares: Float32Array = raw / total if total > 0.0 else np.zeros_like(raw)
    return shares


def burn_weights(weights: npt.ArrayLike, burn_uid: int | None, burn_ratio: float) -> Float32Array:
    """Weights (n,) after the burn of 0.3.5, 32-bit.

    The burn uid's own weight is lost: it is set to the burn ratio (cut to 0…1), the others are scaled by the
    rest and all are normalised. A uid outside the field, or no ratio, leaves the weights alone.

    >>> burn_weights([0.5, 0.5], burn_uid=0, burn_ratio=0.79).round(4)
    array([0.8827, 0.1173], dtype=float32)
    """
    raw = np.asarray(weights, dtype=np.float32)
    ratio = min(max(burn_ratio, 0.0), 1.0)
    if ratio == 0.0 or burn_uid is None or not 0 <= burn_uid < raw.size:
        return np.copy(raw)
    burnt = raw * np.float32(1.0 - ratio)
    burnt[burn_uid] = ratio
    return l1_weights(burnt)


@attrs.frozen(kw_only=True)
class PoolShares:
    """How the weights were split (0.4.5 and later).

    Attributes:
        trading: Share of the trading pool.
        training: Share of the training pool.
        burn: Share burnt.
        n_training: Uids with a positive training score.
        participation: `n_training` over the target, cut to 0…1; 0 for a target of 0.
    """

    trading: float
    training: float
    burn: float
    n_training: int
    participation: float


def pool_weights(
    trading_scores: npt.ArrayLike,
    training_scores: npt.ArrayLike,
    *,
    n_target: int,
    training_share: float,
    burn_ratio: float,
    burn_uid: int | None,
) -> tuple[Float32Array, PoolShares]:
    """Weights (n,) of the two pools of 0.4.5 and later, 32-bit, and how they were split.

    Each pool is spread by its own scores; the training pool grows with participation up to `training_share`
    of what is not burnt. The burn is added to the burn uid, whose own weight stays.

    Args:
        trading_scores: (n,) slow averages of trading rewards.
        training_scores: (n,) averages of training scores.
        n_target: Training uids at which the training pool is full.
        training_share: The training pool's share at full participation.
        burn_ratio: Share burnt.
        burn_uid: Who receives it; None or a uid outside the field burns by scaling alone.

    >>> weights, shares = pool_weights(
    ...     [3.0, 1.0], [0.0, 1.0], n_target=2, training_share=0.5, burn_ratio=0.0, burn_uid=0
    ... )
    >>> weights, shares.training
    (array([0.5625, 0.4375], dtype=float32), 0.25)
    """
    trading = np.asarray(trading_scores, dtype=np.float32)
    training = np.asarray(training_scores, dtype=np.float32)
    n_training = int(np.count_nonzero(training > 0.0))
    participation = min(max(n_training / n_target, 0.0), 1.0) if n_target > 0 else 0.0
    pool = 1.0 - burn_ratio
    shares = PoolShares(
        trading=pool * (1.0 - training_share * participation),
        training=pool * training_share * participation,
        burn=burn_ratio,
        n_training=n_training,
        participation=participation,
    )
    mixed = np.float32(shares.trading) * l1_weights(trading)
    mixed = mixed + np.float32(shares.training) * l1_weights(training)
    if burn_uid is not None and 0 <= burn_uid < mixed.size:
        mixed[burn_uid] += np.float32(burn_ratio)
    return l1_weights(mixed), shares


def limit_weights(weights: npt.ArrayLike, limit: float) -> Float32Array:
    """Weights (n,) normalised so that none exceeds the chain's maximum weight `limit`.

    The largest are cut to one height, chosen so that after normalising it is the limit, less a margin of
    1e-7. All become equal when there is nothing to share or the limit cannot be met (n·limit ≤ 1).

    >>> limit_weights([6.0, 1.0, 1.0, 1.0, 1.0], 0.3).round(4)
    array([0.3  , 0.175, 0.175, 0.175, 0.175], dtype=float32)
    """
    raw = np.asarray(weights, dtype=np.float32)
    n = raw.size
    if raw.sum() == 0.0 or n * limit <= 1.0:
        return np.full(n, 1.0 / n, dtype=np.float32)
    values = np.sort(raw)
    shares = values / values.sum()
    if shares[-1] <= limit:
        return l1_weights(raw)
    below = np.cumsum(shares)
    # Cutting everything above the i-th smallest to its height makes that height this share of the whole.
    height = shares / (shares * np.arange(n - 1, -1, -1) + below + CUT_MARGIN)
    n_kept = int(np.count_nonzero(height < limit))
    cut = (limit * below[n_kept - 1] - CUT_MARGIN) / (1.0 - limit * (n - n_kept)) * values.sum()
    limited: Float32Array = np.minimum(raw, np.float32(cut))
    # With nothing but zeros below the cut it is negative, and so is every weight: all become equal.
    limited /= limited.sum()
    return limited


def emitted_weights(weights: npt.ArrayLike) -> tuple[IntArray, npt.NDArray[np.uint16]]:
    """Uids (k,) and 16-bit weights (k,) sent to the chain: relative to the maximum, zeros dropped.

    >>> emitted_weights([0.5, 0.0, 0.25])
    (array([0, 2]), array([65535, 32768], dtype=uint16))
    """
    raw = np.asarray(weights, dtype=np.float32)
    largest = raw.max(initial=0.0)
    if largest <= 0.0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint16)
    whole = np.round(raw.astype(np.float64) / float(largest) * 65_535).astype(np.uint16)
    (uids,) = np.nonzero(whole)
    return uids.astype(np.int64), whole[uids]


def chain_weights(
    scores: npt.ArrayLike,
    era: EraConstants,
    *,
    training_scores: npt.ArrayLike | None = None,
    n_target: int = 0,
) -> Float32Array:
    """Weights (n,) of a field from its slow averages as the era computes them, before the chain's limit.

    Args:
        scores: (n,) slow averages.
        era: Gives burn, training share and the way they are applied.
        training_scores: (n,) averages of the training pool, none by default.
        n_target: Training uids at which that pool is full.

    >>> from obmm.scoring import ERAS
    >>> chain_weights([0.5, 0.5], ERAS["0.3.5"]).round(4)
    array([0.8827, 0.1173], dtype=float32)
    """
    if era.training_share == 0.0:
        return burn_weights(l1_weights(scores), era.burn_uid, era.burn_ratio)
    idle = np.zeros(np.size(scores), dtype=np.float32)
    mixed, _ = pool_weights(
        scores,
        idle if training_scores is None else training_scores,
        n_target=n_target,
        training_share=era.training_share,
        burn_ratio=era.burn_ratio,
        burn_uid=era.burn_uid,
    )
    return mixed
