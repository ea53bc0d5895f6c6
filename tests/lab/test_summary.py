"""The figures of a run, recomputed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lab import tiny_run

pytest.importorskip("pyarrow")

from obmm.lab.recorded import Run
from obmm.lab.summary import MARKOUT_S, fills_of, markouts, summarise


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The tiny run, read back."""
    folder = tmp_path_factory.mktemp("summary") / "tiny"
    tiny_run.write(folder, drawdown_stops={"5": 2}, lifted={"5": 4})
    return Run(folder)


@pytest.fixture(scope="module")
def told(run: Run) -> dict:
    """Its summary."""
    return summarise(run, tiny_run.UID)


def test_pnl_of_trading_is_what_holding_the_endowment_would_not_have_given(told):
    """End: 803.93 quote and 12 base at 98, against 1000 and 10; fees are in it."""
    final_quote = 1000.0 - 3 * 99.5 + 0.03 + 102.5 - 0.10
    assert final_quote + 12 * 98.0 - (1000.0 + 10 * 98.0) == pytest.approx(told["pnl"])
    assert -0.07 == pytest.approx(told["pnl"])
    assert [-0.07, 0.0] == pytest.approx([row["pnl"] for row in told["per_book"]])


def test_pnl_of_the_endowment_is_its_move_with_the_price(told):
    """Ten base from 100 to 98."""
    assert (-20.0, [-20.0, 0.0]) == (
        pytest.approx(told["pnl_endowment"]),
        pytest.approx([row["pnl_endowment"] for row in told["per_book"]]),
    )


def test_the_rate_is_per_book_and_hour(told):
    """Two books, five minutes."""
    assert 300 / 3600 == pytest.approx(told["hours"])
    assert -0.07 / 2 / (300 / 3600) == pytest.approx(told["pnl_per_book_hour"])


def test_fills_volume_and_fees(told):
    """Three fills of 401 quote, seven hundredths of fees in all."""
    assert (3, 401.0, 0.07) == (
        told["fills"],
        pytest.approx(told["traded_quote"]),
        pytest.approx(told["fees"]),
    )
    assert 298.5 / 401.0 == pytest.approx(told["maker_share"])
    assert 0.5 == pytest.approx(told["maker_ratio_mean"])


def test_the_fill_rate_counts_orders_not_fills(told):
    """Three placed, one refused; both others traded, one of them twice."""
    assert (2, 1.0, {"INSUFFICIENT_QUOTE": 1}) == (told["orders_posted"], told["fill_rate"], told["rejects"])


def test_markouts_look_at_the_first_state_after_each_horizon(run, told):
    """Two buys at 99.5 and a sell at 102.5; nothing is known after 300 s."""
    buy = [1e4 * (mid - 99.5) / 99.5 for mid in (101.0, 102.0, 100.0, 99.0, 104.0, 103.0, 98.0)]
    sell = [1e4 * (102.5 - mid) / 102.5 for mid in (102.0, 100.0, 100.0, 99.0, 104.0, 103.0, 98.0)]
    found = fills_of(run, tiny_run.UID).markout_bps
    np.testing.assert_allclose([buy, buy, sell], found[:, :-1])
    assert np.isnan(found[:, -1]).all()
    means = [(2 * b + s) / 3 for b, s in zip(buy, sell, strict=True)]
    assert [*map(pytest.approx, means), None] == list(told["markout_bps"].values())
    assert [f"{s}s" for s in MARKOUT_S] == list(told["markout_bps"])


def test_a_fill_is_won_when_its_minute_ends_above_it(told):
    """Both buys are, the sell is not."""
    assert 2 / 3 == pytest.approx(told["win_rate"])
    first, second = told["per_book"]
    assert (2 / 3, None) == (pytest.approx(first["win_rate"]), second["win_rate"])
    assert told["markout_bps"]["60s"] == pytest.approx(first["markout_60s_bps"])


def test_fees_in_basis_points_are_of_the_notional(run):
    """A rebate of 0.02 on 199 quote is about a basis point."""
    np.testing.assert_allclose(
        [-0.02 / 199.0 * 1e4, -0.01 / 99.5 * 1e4, 0.10 / 102.5 * 1e4], fills_of(run, tiny_run.UID).fee_bps
    )


def test_inventory_is_measured_in_base_and_in_the_limit(told):
    """Book 9 has no limit, so it has no share of one."""
    inventory = told["inventory"]
    assert 16.0 / 16 == pytest.approx(inventory["mean_abs_base"])
    assert (0.2, 0.3) == (
        pytest.approx(inventory["mean_limit_share"]),
        pytest.approx(inventory["max_limit_share"]),
    )
    assert [(3.0, pytest.approx(0.3)), (0.0, None)] == [
        (row["max_abs_position"], row["max_limit_share"]) for row in told["per_book"]
    ]


def test_only_closed_sides_are_quiet(told):
    """One of four book-sides for half of the time; a widened side still quotes."""
    assert 1 / 8 == pytest.approx(told["quiet"])
    assert {"warming_up": 1 / 8} == told["quiet_because"]


def test_response_times_are_percentiles_of_all_answers(told):
    """One to eight milliseconds."""
    assert {"p50": 4.5, "p99": pytest.approx(7.93), "max": 8.0} == told["respond_ms"]


def test_stops_and_lifted_sizes_come_from_the_description(told):
    """Four of sixteen books and states."""
    assert (2, 0.25) == (told["drawdown_stops"], told["lifted_share"])


def test_an_account_that_did_nothing_has_no_shares(run):
    """None instead of a division by zero; a run of one state has no rate."""
    from obmm.lab.records import RunWriter, describe_venue

    folder = run.folder.parent / "still"
    with RunWriter(folder) as writer:
        writer.start({"accounts": {}, "venue": describe_venue(tiny_run.VENUE)})
        writer.add({tiny_run.UID: tiny_run.state(0)}, {})
    told = summarise(Run(folder), tiny_run.UID)
    unknown = ("fill_rate", "win_rate", "maker_share", "pnl_per_book_hour")
    assert [None] * 4 == [told[name] for name in unknown]
    assert (0, 0.0, {"p50": None, "p99": None, "max": None}) == (
        told["fills"],
        told["pnl"],
        told["respond_ms"],
    )
    assert {None} == set(told["markout_bps"].values())


@given(
    hnp.arrays(np.float64, (6, 2), elements=st.one_of(st.floats(50.0, 150.0), st.just(float("nan")))),
    st.integers(0, 1),
    st.floats(60.0, 140.0),
    st.integers(0, 400),
)
def test_markouts_agree_with_a_walk_through_the_states(mid, book, price, second):
    """State by state, the last known mid, else the first to come."""
    times = np.array([0, 1, 30, 60, 100, 300]) * 10**9
    found = markouts(
        np.array([second * 10**9]), np.array([book]), np.array([0]), np.array([price]), times, mid
    )[0]
    for h, horizon in enumerate(MARKOUT_S):
        later = [i for i, t in enumerate(times) if t >= (second + horizon) * 10**9]
        known = [m for m in mid[: later[0] + 1, book] if m == m] if later else []
        ahead = [m for m in mid[:, book] if m == m]
        expected = (known[-1] if known else ahead[0] if ahead and later else np.nan) if later else np.nan
        np.testing.assert_allclose(1e4 * (expected - price) / price, found[h])
