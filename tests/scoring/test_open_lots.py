"""First-in first-out matching of fills."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.scoring import OpenLots
from scoring.reference import assert_close, cases


def check(case: dict[str, Any], tolerance: Any, *, whole_fee: bool) -> None:
    """Fail unless every fill realises and leaves what the validator's does."""
    lots = OpenLots()
    for fill, expected in zip(case["input"]["fills"], case["expected"]["per_fill"], strict=True):
        realised = lots.fill(
            fill["is_buy"],
            fill["quantity"],
            fill["price"],
            fee=fill["fee"],
            time_ns=fill["timestamp"],
            whole_fee_on_partial_close=whole_fee,
        )
        assert_close(expected["realized_pnl"], realised.pnl, tolerance["float64"])
        assert_close(expected["roundtrip_volume"], realised.size_base, tolerance["float64"])
    for expected, side in (
        (case["expected"]["longs"], lots.longs),
        (case["expected"]["shorts"], lots.shorts),
    ):
        assert len(expected) == len(side)
        assert_close(expected, np.array(side), tolerance["float64"])


@pytest.mark.parametrize(("case", "tolerance"), cases("fifo_0_3_5"))
def test_fifo_of_0_3_5_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """P&L, size and open lots agree, with the whole fee charged on a partial close."""
    check(case, tolerance, whole_fee=True)


@pytest.mark.parametrize(("case", "tolerance"), cases("fifo_0_5_4"))
def test_fifo_of_0_5_4_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """P&L, size and open lots agree, with fees in proportion."""
    check(case, tolerance, whole_fee=False)


FILLS = st.lists(
    st.tuples(st.booleans(), st.integers(1, 40), st.integers(90, 110), st.integers(-5, 5)), max_size=40
)


@given(FILLS)
def test_realised_and_open_add_up_to_the_cash_flow(fills: list[tuple[bool, int, int, int]]) -> None:
    """Realised P&L plus open lots at any mark is cash paid and received plus the position at that mark."""
    lots, cash, position, realised = OpenLots(), 0.0, 0.0, 0.0
    for time, (is_buy, size, price, fee) in enumerate(fills):
        realised += lots.fill(is_buy, size, price, fee=fee, time_ns=time).pnl
        signed = size if is_buy else -size
        cash -= signed * price + fee
        position += signed
    mark = 100.0
    open_value = sum((mark - lot.price) * lot.size_base - lot.fee for lot in lots.longs)
    open_value += sum((lot.price - mark) * lot.size_base - lot.fee for lot in lots.shorts)
    assert realised + open_value == pytest.approx(cash + position * mark, abs=1e-6)
    assert sum(lot.size_base for lot in lots.longs) - sum(lot.size_base for lot in lots.shorts) == position
    assert not (lots.longs and lots.shorts)


@given(FILLS)
def test_the_whole_fee_defect_only_adds_fees(fills: list[tuple[bool, int, int, int]]) -> None:
    """With fees of 0 both eras realise the same."""
    old, new = OpenLots(), OpenLots()
    for time, (is_buy, size, price, _) in enumerate(fills):
        then = old.fill(is_buy, size, price, fee=0.0, time_ns=time, whole_fee_on_partial_close=True)
        assert then == new.fill(is_buy, size, price, fee=0.0, time_ns=time)
