"""The P&L score."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from obmm.scoring import ERAS, EraConstants, PnlHistory, pnl_score
from scoring.reference import assert_close, cases, number


def check(case: dict[str, Any], tolerance: Any, version: str) -> None:
    """Fail unless the P&L score of a case is the validator's."""
    params = case["params"]
    era: EraConstants = attrs.evolve(
        ERAS[version],
        wealth_quote=params["miner_wealth"],
        max_inactive_books=params["max_inactive_books_ratio"],
        pnl_min_return=params["min_daily_return"],
        pnl_max_return=params["max_daily_return"],
        kappa_lookback_ns=params["lookback"],
        pnl_lookback_ns=params["lookback"],
        scoring_interval_ns=params["interval"],
    )
    entries = (case["input"]["history"] or {"entries": []})["entries"]
    rows = [
        (i, int(book), number(pnl)) for i, (_, by_id) in enumerate(entries) for book, pnl in by_id.items()
    ]
    columns = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    history = PnlHistory.of([time for time, _ in entries], *columns)
    pnl = history.since(params["lookback_threshold"]).by_book(params["book_count"])
    assert_close(case["expected"]["pnl_score"], pnl_score(pnl, era), tolerance["float64"])


@pytest.mark.parametrize(("case", "tolerance"), cases("pnl_score_0_3_5"))
def test_pnl_score_of_0_3_5_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Scores agree, with the reference inflated by mixed units."""
    check(case, tolerance, "0.3.5")


@pytest.mark.parametrize(("case", "tolerance"), cases("pnl_score_0_5_4"))
def test_pnl_score_of_0_5_4_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Scores agree with the reference repaired."""
    check(case, tolerance, "0.5.4")


@pytest.mark.parametrize(("case", "tolerance"), cases("pnl_score_0_6_3"))
def test_pnl_score_of_0_6_3_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Scores agree on the last ladder that used them."""
    check(case, tolerance, "0.6.3")


def test_idle_books_beyond_the_allowance_count_as_zero() -> None:
    """With 8 books three may idle; the fourth one pulls the median down."""
    pnl = np.array([625.0, 625.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert pnl_score(pnl, ERAS["0.5.4"]) == 0.0
    pnl[2:5] = 625.0
    assert pnl_score(pnl, ERAS["0.5.4"]) == pytest.approx(0.05)
