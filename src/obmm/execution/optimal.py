"""Optimal distances from the fair value, for orders that arrive as A exp(-k d) per second at distance d.

Distances are in any unit of price (ticks, basis points), the same in all arguments; sizes are in units of one
order, q is the inventory in such units. Functions work on arrays of books.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from obmm.market.arrays import FloatArray


def avellaneda_stoikov(
    inventory: npt.ArrayLike, *, gamma: npt.ArrayLike, sigma: npt.ArrayLike, k: npt.ArrayLike, left_s: float
) -> tuple[FloatArray, FloatArray]:
    """(2, ...) distances of bid and ask from the mid, and the shift of the reservation price.

    Args:
        inventory: q, orders.
        gamma: Risk aversion, per unit of price.
        sigma: Volatility, price per √s.
        k: Decay of arrivals, per unit of price.
        left_s: Seconds to the horizon.

    Source: Avellaneda and Stoikov (2008), equations 29 and 30.

    >>> distance, shift = avellaneda_stoikov([0.0, 1.0], gamma=0.1, sigma=2.0, k=1.5, left_s=1.0)
    >>> distance.sum(axis=0).round(10), shift
    (array([1.69077042, 1.69077042]), array([-0. , -0.4]))
    """
    q, gamma, sigma, k = (np.asarray(x, dtype=np.float64) for x in (inventory, gamma, sigma, k))
    risk = gamma * sigma**2 * left_s
    half = risk / 2.0 + np.log1p(gamma / k) / gamma
    shift = -q * risk
    return np.array([half - shift, half + shift]), shift


def glft(
    inventory: npt.ArrayLike,
    *,
    gamma: npt.ArrayLike,
    sigma: npt.ArrayLike,
    a: npt.ArrayLike,
    k: npt.ArrayLike,
) -> FloatArray:
    """(2, ...) distances of bid and ask far from the horizon: the closed approximation.

    Args:
        inventory: q, orders.
        gamma: Risk aversion, per unit of price.
        sigma: Volatility, price per √s.
        a: Arrivals per second at the fair value, on one side.
        k: Their decay, per unit of price.

    Source: Guéant, Lehalle and Fernandez-Tapia (2013), section 4.

    >>> glft([0.0, 5.0], gamma=0.01, sigma=0.3, a=0.9, k=0.3).round(10).tolist()
    [[3.3129151986, 3.6522443612], [3.3129151986, 2.9735860359]]
    """
    q, gamma, sigma, a, k = (np.asarray(x, dtype=np.float64) for x in (inventory, gamma, sigma, a, k))
    ratio = gamma / k
    c = np.sqrt(sigma**2 * gamma / (2.0 * k * a) * (1.0 + ratio) ** (1.0 + 1.0 / ratio))
    half = np.log1p(ratio) / gamma + c / 2.0
    return np.array([half + q * c, half - q * c])


def glft_exact(
    *,
    gamma: npt.ArrayLike,
    sigma: npt.ArrayLike,
    a: npt.ArrayLike,
    k: npt.ArrayLike,
    most: int,
    left_s: float,
) -> FloatArray:
    """(2, ..., 2 most + 1) distances of bid and ask at every inventory from -most to most.

    At the bounds the side that would pass them is infinite. Arguments as in `glft`, and

    Args:
        gamma: Risk aversion, per unit of price.
        sigma: Volatility, price per √s.
        a: Arrivals per second at the fair value, on one side.
        k: Their decay, per unit of price.
        most: Largest inventory, orders.
        left_s: Seconds to the horizon.

    Source: Guéant, Lehalle and Fernandez-Tapia (2013), theorem 2.

    >>> exact = glft_exact(gamma=0.01, sigma=0.3, a=0.9, k=0.3, most=30, left_s=600.0)
    >>> exact[:, [30, 35]].round(10).tolist()
    [[3.3130454098, 3.6534794429], [3.3130454098, 2.9725217728]]
    """
    gamma, sigma, a, k = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (gamma, sigma, a, k)))
    q = np.arange(-most, most + 1)
    alpha = k / 2.0 * gamma * sigma**2
    eta = a * (1.0 + gamma / k) ** (-(1.0 + k / gamma))
    log_value = _log_value(-alpha[..., None] * q**2, eta, eta, np.zeros(q.size), left_s)
    step = np.diff(log_value, axis=-1) / k[..., None]
    base = np.log1p(gamma / k) / gamma
    return _sides(-step + base[..., None], step + base[..., None])


def cartea_jaimungal(
    *,
    buys: npt.ArrayLike,
    sells: npt.ArrayLike,
    k: npt.ArrayLike,
    running: npt.ArrayLike,
    terminal: float,
    most: int,
    left_s: float,
    adverse: float = 0.0,
) -> FloatArray:
    """(2, ..., 2 most + 1) distances of bid and ask with a running penalty on q² in place of risk aversion.

    Args:
        buys: Aggressive buys per second at the fair value: what lifts our asks.
        sells: The same for sells.
        k: Decay of arrivals, per unit of price.
        running: Penalty on q², price per second.
        terminal: Penalty on q² at the horizon, price.
        most: Largest inventory, orders.
        left_s: Seconds to the horizon.
        adverse: What a fill moves the fair value against us: it comes on top of both distances.

    Source: Cartea, Jaimungal and Penalva (2015), section 10.2.

    >>> depth = cartea_jaimungal(
    ...     buys=1.0, sells=1.0, k=100.0, running=1e-5, terminal=1e-4, most=3, left_s=30.0)
    >>> depth[1, [3, 4, 6]].round(8).tolist()
    [0.01082224, 0.00917776, 0.00375887]
    """
    buys, sells, k, running = np.broadcast_arrays(
        *(np.asarray(x, dtype=np.float64) for x in (buys, sells, k, running))
    )
    q = np.arange(-most, most + 1)
    diagonal = -(running * k)[..., None] * q**2
    log_value = _log_value(diagonal, buys / np.e, sells / np.e, -terminal * k[..., None] * q**2, left_s)
    step = np.diff(log_value, axis=-1) / k[..., None]
    base = (1.0 / k + adverse)[..., None]
    return _sides(base - step, base + step)


def _log_value(
    diagonal: FloatArray, down: FloatArray, up: FloatArray, start: FloatArray, left_s: float
) -> FloatArray:
    """(..., n) log of exp(A t) exp(start), up to a constant.

    A is tridiagonal: `diagonal`, `down` to q - 1, `up` to q + 1. Far from the middle the value is smaller by
    many orders of magnitude, and distances are made of its ratios there. So nothing is subtracted on the way:
    A plus a constant on its diagonal has no negative entry, nor has a term of its exponential's series or the
    square of a power, and all entries stay exact to their own size.
    """
    n = diagonal.shape[-1]
    rows = np.arange(n)
    matrix = np.zeros((*diagonal.shape, n))
    matrix[..., rows, rows] = diagonal - np.min(diagonal, axis=-1, keepdims=True)
    matrix[..., rows[1:], rows[:-1]] = np.asarray(down)[..., None]
    matrix[..., rows[:-1], rows[1:]] = np.asarray(up)[..., None]
    halvings = max(int(np.ceil(np.log2(max(2.0 * left_s * matrix.sum(axis=-1).max(), 1.0)))), 0)
    matrix *= left_s / 2.0**halvings
    # The series of a matrix whose rows add up to a half at most ends within rounding.
    power = term = np.broadcast_to(np.eye(n), matrix.shape)
    for order in range(1, 15):
        term = term @ matrix / order
        power = power + term
    for _ in range(halvings):
        power = power @ power
        power = power / power.max(axis=(-2, -1), keepdims=True)
    first = np.exp(start - np.max(start, axis=-1, keepdims=True))
    grown = np.einsum("...ij,...j->...i", power, np.broadcast_to(first, diagonal.shape))
    log_value: FloatArray = np.log(np.maximum(grown, 1e-300))
    return log_value


def _sides(bid: FloatArray, ask: FloatArray) -> FloatArray:
    """(2, ..., n) from distances between neighbours: a bid leads to q + 1, an ask to q - 1."""
    wall = np.full((*bid.shape[:-1], 1), np.inf)
    return np.array([np.concatenate([bid, wall], axis=-1), np.concatenate([wall, ask], axis=-1)])
