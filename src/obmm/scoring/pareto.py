"""Rewards by rank: the k-th smallest score gets the k-th smallest of fixed Pareto draws."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from obmm.market.arrays import FloatArray
from obmm.scoring.eras import EraConstants

Float32Array = npt.NDArray[np.float32]


@functools.lru_cache(maxsize=64)
def pareto_draws(n: int, shape: float, scale: float, seed: int) -> FloatArray:
    """The sorted draws (n,) that every round uses, read-only.

    Raises:
        ValueError: `n` is negative or `shape` not positive.

    >>> pareto_draws(3, 1.42, 1.0, 898746039182).round(3)
    array([0.168, 0.301, 1.611])
    """
    draws = np.sort(scale * np.random.default_rng(seed).pareto(shape, n))
    draws.setflags(write=False)
    return draws


def distribute_rewards(scores: npt.ArrayLike, era: EraConstants) -> Float32Array:
    """Scores (…, n) of whole fields times Pareto draws of equal rank, in 32-bit as the validator does it.

    The result depends on the score and on its rank in the field: n counts every uid, zeros included. A NaN
    ranks highest and stays NaN, a zero stays zero. Equal positive scores are split in the order of the field;
    the validator's sort makes no promise there. Eras without Pareto hand the scores on.

    >>> from obmm.scoring import ERAS
    >>> distribute_rewards([0.9, 0.0, 0.5], ERAS["0.1.51"]).round(3).tolist()
    [1.4500000476837158, 0.0, 0.1509999930858612]
    """
    rewards = np.asarray(scores, dtype=np.float32)
    if era.pareto_shape is None:
        return rewards
    draws = pareto_draws(rewards.shape[-1], era.pareto_shape, era.pareto_scale, era.pareto_seed)
    order = np.argsort(rewards, axis=-1, kind="stable")
    ranked = np.take_along_axis(rewards, order, axis=-1) * draws.astype(np.float32)
    distributed = np.empty_like(rewards)
    np.put_along_axis(distributed, order, ranked, axis=-1)
    return distributed
