"""The dynamic fee policy pays and charges what the venue does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import FeePolicy

#: Maker share, maker and taker rate in basis points, as the venue's dynamic policy gives them.
TABLE = [
    (0.02, -135.4, 137.7),
    (0.05, -114.8, 117.1),
    (0.1, -84.4, 86.7),
    (0.2, -37.5, 39.8),
    (0.25, -21.1, 23.4),
    (0.3, -9.38, 11.68),
    (0.35, -2.34, 4.64),
    (0.4, 0.0, 2.3),
    (0.45, 1.04, 1.26),
    (0.5, 4.17, -1.87),
    (0.55, 9.38, -7.08),
    (0.6, 16.67, -14.37),
    (0.7, 37.5, -35.2),
    (0.8, 66.7, -64.4),
    (0.9, 104.2, -101.9),
    (1.0, 150.0, -147.7),
]


@pytest.mark.parametrize(("share", "maker_bps", "taker_bps"), TABLE)
def test_rates_of_the_published_table(share: float, maker_bps: float, taker_bps: float) -> None:
    """Production parameters give the table's rates, to its rounding."""
    policy = FeePolicy()
    assert maker_bps == pytest.approx(1e4 * float(policy.maker_rate(share)), abs=0.051)
    assert taker_bps == pytest.approx(1e4 * float(policy.taker_rate(share)), abs=0.051)


@given(share=st.floats(0.0, 1.0), target=st.floats(0.05, 0.95), shape=st.floats(0.5, 4.0))
def test_sum_of_both_rates_does_not_depend_on_the_share(share: float, target: float, shape: float) -> None:
    """What the exchange keeps is the sum of the constant parts."""
    policy = FeePolicy(target_mtr=target, shape_maker_fee=shape, maker_fee=0.0001)
    assert 0.00033 == pytest.approx(float(policy.maker_rate(share) + policy.taker_rate(share)), abs=1e-15)


def test_each_side_of_the_target_has_its_exponent() -> None:
    """The venue's first exponent shapes the rebate below the target, the second the fee above it."""
    policy = FeePolicy(shape_maker_fee=1.0, shape_maker_rebate=3.0)
    assert [-0.0075, 0.001875] == pytest.approx(policy.maker_rate([0.2, 0.7]).tolist())


@pytest.mark.parametrize("share", [0.0, 0.4, 0.3995, 0.4005, np.nan])
def test_no_dynamic_part_at_the_target_at_zero_or_when_unknown(share: float) -> None:
    """Within a thousandth of the target, at a share of exactly 0 and at NaN, only the constants apply."""
    assert (0.0, 0.00023) == (float(FeePolicy().maker_rate(share)), float(FeePolicy().taker_rate(share)))


@pytest.mark.parametrize("kind", ["tiered", "zero"])
def test_other_policies_are_constant(kind: str) -> None:
    """Without the dynamic policy the maker share is of no consequence."""
    policy = FeePolicy(kind=kind, maker_fee=0.001)  # type-checked by the constructor's users
    assert [0.001, 0.001] == policy.maker_rate([0.1, 0.9]).tolist()
    assert [0.00023, 0.00023] == policy.taker_rate([0.1, 0.9]).tolist()
