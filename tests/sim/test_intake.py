"""Instructions on their way from an answer to the exchange."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.market import BUY, Orders, TimeInForce
from obmm.sim._delays import miner_streams
from obmm.sim._intake import Rows, rows_of
from obmm.sim.market import _venue
from obmm.sim.scenario import Scenario

SCENARIO = Scenario.load("taos-0.5.4")


def timed(expiry_ns: int) -> Rows:
    """The rows of a bid that lasts so long."""
    order = Orders.limits(
        n_books=1,
        book=[0],
        side=BUY,
        price=1.0,
        size=1.0,
        time_in_force=TimeInForce.GTT,
        expiry_ns=expiry_ns,
    )
    return rows_of(
        order,
        np.zeros(1, dtype=np.int64),
        uid=0,
        venue=_venue(SCENARIO, 1, (1,)),
        keeps_self_trade=True,
        response_s=0.0,
        rules=SCENARIO.delay,
        streams=miner_streams((1,), 0),
    )


@pytest.mark.parametrize("expiry_ns", [2**63 - 1, 2**62 + 1])
def test_an_order_that_lasts_for_ever_expires_in_the_future(expiry_ns: int) -> None:
    """Added to any time of a run the longest life is no negative time."""
    last_ns = np.int64(SCENARIO.venue.duration_s * 1e9)
    assert timed(expiry_ns)["expiry_ns"][0] + last_ns > last_ns


def test_a_life_that_ends_within_the_run_is_kept() -> None:
    """To the nanosecond."""
    assert timed(86_400_000_000_001)["expiry_ns"].tolist() == [86_400_000_000_001]
