"""Inventory value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from obmm.scoring import best_bid_value, liquidation_value, midquote_value
from scoring.reference import assert_close, cases


def side(levels: list[dict[str, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Prices and sizes (1, L) of one side, NaN and 0 where it is empty."""
    prices, sizes = [level["p"] for level in levels], [level["q"] for level in levels]
    return np.array([prices or [np.nan]]), np.array([sizes or [0.0]])


@pytest.mark.parametrize(("case", "tolerance"), cases("inventory_value"))
def test_inventory_value_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Midquote, best bid and liquidation value agree, with empty sides too."""
    tolerance = tolerance["float64"]
    account, book = case["input"]["account"], case["input"]["book"]
    bids, bid_sizes = side(book["b"])
    asks, _ = side(book["a"])
    quote = [account["qb"]["t"] - account["ql"] + account["qc"]]
    base = [account["bb"]["t"] - account["bl"] + account["bc"]]
    expected = case["expected"]
    assert_close([expected["midquote"]], midquote_value(quote, base, bids[:, 0], asks[:, 0]), tolerance)
    assert_close([expected["best_bid"]], best_bid_value(quote, base, bids[:, 0], asks[:, 0]), tolerance)
    liquidated = liquidation_value(quote, [account["bb"]["t"]], bids, bid_sizes)
    assert_close([expected["liquidation"]], liquidated, tolerance)
