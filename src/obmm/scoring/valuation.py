"""What an account on a book is worth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from obmm.market.arrays import FloatArray, as_floats


def midquote(bid_price: npt.ArrayLike, ask_price: npt.ArrayLike) -> FloatArray:
    """Mean of best bid and best ask, and 0 where either side is empty.

    A book with an empty side makes the base worthless for that state: eras 0.1.9 to 0.6.3 all do this.

    Args:
        bid_price: (B,) best bids, NaN where there is none.
        ask_price: (B,) best asks, NaN where there is none.

    >>> midquote([100.0, np.nan], [100.5, 101.0])
    array([100.25,   0.  ])
    """
    mid = (as_floats(ask_price) + as_floats(bid_price)) / 2
    return np.where(np.isnan(mid), 0.0, mid)


def midquote_value(
    quote_own: npt.ArrayLike, base_own: npt.ArrayLike, bid_price: npt.ArrayLike, ask_price: npt.ArrayLike
) -> FloatArray:
    """Own quote plus own base at the midquote: the value that scoring uses.

    From 0.1.51 own means total less loan plus collateral; 0.1.9 has no loans.

    Args:
        quote_own: (B,) quote.
        base_own: (B,) base.
        bid_price: (B,) best bids, NaN where there is none.
        ask_price: (B,) best asks, NaN where there is none.

    >>> midquote_value([1000.0], [2.0], [100.0], [101.0])
    array([1201.])
    """
    return as_floats(quote_own) + midquote(bid_price, ask_price) * as_floats(base_own)


def best_bid_value(
    quote_own: npt.ArrayLike, base_own: npt.ArrayLike, bid_price: npt.ArrayLike, ask_price: npt.ArrayLike
) -> FloatArray:
    """Own quote plus own base at the best bid, (B,); as at the midquote, an empty side makes base worthless.

    >>> best_bid_value([1000.0, 1000.0], [2.0, 2.0], [100.0, 100.0], [101.0, np.nan])
    array([1200., 1000.])
    """
    bid, ask = as_floats(bid_price), as_floats(ask_price)
    return as_floats(quote_own) + np.where(np.isnan(bid + ask), 0.0, bid) * as_floats(base_own)


def liquidation_value(
    quote_own: npt.ArrayLike,
    base_total: npt.ArrayLike,
    bid_prices: npt.ArrayLike,
    bid_sizes: npt.ArrayLike,
) -> FloatArray:
    """Own quote plus what selling the whole base into the bids brings, (B,).

    The base sold is the total, without regard to loans or collateral, as the validator does it. What the
    bids cannot take is worth nothing.

    Args:
        quote_own: (B,) quote.
        base_total: (B,) base.
        bid_prices: (B, L) best first, NaN where there is none.
        bid_sizes: (B, L) base, 0 where there is none.

    >>> liquidation_value([1000.0], [3.0], [[100.0, 99.0]], [[2.0, 5.0]])
    array([1299.])
    """
    sizes = as_floats(bid_sizes)
    ahead = np.cumsum(sizes, axis=1) - sizes
    sold = np.clip(as_floats(base_total)[:, None] - ahead, 0.0, sizes)
    proceeds: FloatArray = np.sum(sold * np.nan_to_num(as_floats(bid_prices)), axis=1)
    return as_floats(quote_own) + proceeds
