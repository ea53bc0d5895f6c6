"""Who trades against whom: concentration on a few counterparties, and the tether to the background.

Flows of fields that are scored together come as (n, M, 1 + T), and what is said of makers as (n, M).
"""

from __future__ import annotations

import numpy as np

from obmm.market import FloatArray
from obmm.market.arrays import as_floats

BACKGROUND = 0
"""Column of a flow matrix that holds what the background took; uid column c is column c + 1."""


def excess_concentration(flow: FloatArray, top_k: int) -> FloatArray:
    """(M,) how much more of a maker's flow its largest miner takers take than of everybody else's.

    Share of maker m's flow taken by its `top_k` largest miner takers, less the share those same takers have
    in the flow of all other makers. Negative where they are less important to m than to the others; 0 for a
    maker without flow, and without a miner taker.

    Args:
        flow: (M, 1 + T) base sold or bought by each maker to the background (column 0) and each miner taker.
        top_k: Takers that count as a few.

    >>> excess_concentration(np.array([[100.0, 0.0, 0.0], [10.0, 50.0, 0.0]]), 2).round(4)
    array([0.    , 0.8333])
    """
    miners = flow[..., 1:]
    if not miners.any():
        return np.zeros(flow.shape[:-1])
    order = np.argsort(-miners, axis=-1, kind="stable")[..., :top_k]
    top = np.zeros(miners.shape)
    np.put_along_axis(top, order, 1.0, axis=-1)
    top *= miners > 0.0
    own = flow.sum(axis=-1)
    others = own.sum(axis=-1, keepdims=True) - own
    taken = (miners * top).sum(axis=-1)
    taken_elsewhere = (top @ miners.sum(axis=-2)[..., np.newaxis])[..., 0] - taken
    share = np.divide(taken, own, out=np.zeros_like(own), where=own > 0.0)
    elsewhere = taken_elsewhere / np.where(others > 0.0, others, 1.0)
    return np.where(own > 0.0, share - elsewhere, 0.0)


def concentration_factor(excess: FloatArray, strength: float) -> FloatArray:
    """(M,) max(0, 1 - strength * max(0, excess)): what concentration leaves of making or skill.

    >>> concentration_factor(np.array([-0.2, 0.25, 2.0]), 1.0).tolist()
    [1.0, 0.75, 0.0]
    """
    return np.maximum(0.0, 1.0 - strength * np.maximum(excess, 0.0))


def tether_factor(flow: FloatArray, miner_multiple: float) -> FloatArray:
    """(M,) share of a maker's flow that counts when miners count at most as a multiple of the background.

    (background + min(miners, k * background)) / (background + miners); 1 for a maker without flow, and for
    everybody where `miner_multiple` is 0.

    >>> tether_factor(np.array([[1.0, 9.0], [1.0, 3.0], [0.0, 2.0]]), 4.0).tolist()
    [0.5, 1.0, 0.0]
    """
    background = flow[..., BACKGROUND]
    miners = flow[..., 1:].sum(axis=-1)
    total = background + miners
    counted = background + np.minimum(miners, miner_multiple * background)
    limited = (total > 0.0) & (miner_multiple > 0.0)
    return as_floats(np.divide(counted, total, out=np.ones_like(total), where=limited))


def background_share(flow: FloatArray) -> FloatArray:
    """(M,) share of each maker's flow that the background took, NaN without flow.

    >>> background_share(np.array([[1.0, 3.0], [0.0, 0.0]]))
    array([0.25,  nan])
    """
    total = flow.sum(axis=-1)
    return as_floats(
        np.divide(flow[..., BACKGROUND], total, out=np.full_like(total, np.nan), where=total > 0.0)
    )
