"""Inventory history and volume samples of 0.1.51."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from obmm.scoring import (
    ERAS,
    InventoryHistory,
    Role,
    VolumeSamples,
    last_traded_ns,
    midquote_value,
    sample_time_ns,
    trade_role,
)
from scoring.reference import assert_close, by_book, cases


def best(levels: list[dict[str, float]]) -> float:
    """Best price of a side, NaN where it is empty."""
    return levels[0]["p"] if levels else np.nan


def value_of(state: dict[str, Any], uid: int, n_books: int) -> np.ndarray:
    """Inventory value (B,) of a uid, NaN without accounts."""
    accounts = state["accounts"].get(str(uid))
    if accounts is None:
        return np.full(n_books, np.nan)
    books = [state["books"][str(book)] for book in range(n_books)]
    rows = [accounts[str(book)] for book in range(n_books)]
    return midquote_value(
        [row["qb"]["t"] - row["ql"] + row["qc"] for row in rows],
        [row["bb"]["t"] - row["bl"] + row["bc"] for row in rows],
        [best(book["b"]) for book in books],
        [best(book["a"]) for book in books],
    )


def assert_samples(expected: dict[str, Any], volumes: VolumeSamples, tolerance: Any) -> None:
    """Fail unless every book has the same samples with the same volume."""
    for book, samples in expected.items():
        assert [int(time) for time in samples] == list(volumes.samples)
        found = [volume[Role.TOTAL, int(book)] for volume in volumes.samples.values()]
        assert_close(list(samples.values()), np.array(found), tolerance)


def assert_history(expected: dict[str, Any], history: InventoryHistory, tolerance: Any) -> None:
    """Fail unless times and values agree."""
    assert [int(time) for time in expected] == history.times_ns.tolist()
    wanted = np.array([by_book(values, history.n_books) for values in expected.values()])
    assert_close(wanted, history.values.T, tolerance)


@pytest.mark.parametrize(("case", "tolerance"), cases("volumes_0_1_51"))
def test_volumes_and_inventory_of_0_1_51_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Samples, sums, compact volumes and value series agree, and so does the shift of a restart."""
    tolerance, params = tolerance["float64"], case["params"]
    era = attrs.evolve(
        ERAS["0.1.51"],
        volume_sample_ns=params["trade_volume_sampling_interval"],
        volume_period_ns=params["trade_volume_assessment_period"],
        sharpe_lookback=params["lookback"],
        publish_interval_ns=params["publish_interval"],
        volume_decimals=params["volumeDecimals"],
    )
    n_books, uids = params["book_count"], range(params["uids"])
    volumes = [VolumeSamples(n_books=n_books, era=era) for _ in uids]
    wealth = [case["input"]["initial_wealth"][str(uid)] for uid in uids]
    histories = [
        InventoryHistory(n_books=n_books, era=era, initial_quote=np.full(n_books, np.nan if w is None else w))
        for w in wealth
    ]
    checkpoints = {point["after_state"]: point for point in case["expected"]["checkpoints"]}
    for i, state in enumerate(case["input"]["states"]):
        time_ns = state["timestamp"]
        for uid in uids:
            volumes[uid].begin(time_ns)
            for notice in state["notices"].get(str(uid), []):
                if notice["y"] in ("ET", "EVENT_TRADE"):
                    role = trade_role(uid, notice["Ma"], notice["Ta"])
                    volumes[uid].add(notice["b"], notice["q"] * notice["p"], role)
            volumes[uid].finish()
            histories[uid].append(time_ns, value_of(state, uid, n_books))
        for uid in uids if i in checkpoints else ():
            point, found = checkpoints[i], volumes[uid]
            assert_history(point["inventory_history"][str(uid)], histories[uid], tolerance)
            assert_samples(point["trade_volumes_total"][str(uid)], found, tolerance)
            recent = found.since(time_ns - era.sharpe_lookback * era.publish_interval_ns)
            for book, compact in point["compact_volumes"][str(uid)].items():
                assert_close(compact["lookback_volume"], recent[int(book)], tolerance)
                assert_close(compact["latest_volume"], found.latest()[int(book)], tolerance)
            for role in Role:
                name = "volume_sums" if role is Role.TOTAL else f"{role.name.lower()}_volume_sums"
                wanted = [point[name].get(f"{uid}|{book}", 0.0) for book in range(n_books)]
                assert_close(wanted, found.sums[role], tolerance)
    shift = case["expected"]["shift"]
    for uid in uids:
        volumes[uid].shift(-shift["simulation_timestamp"])
        histories[uid].shift(-shift["simulation_timestamp"])
        assert_samples(shift["trade_volumes_total"][str(uid)], volumes[uid], tolerance)
        assert_history(shift["inventory_history"][str(uid)], histories[uid], tolerance)


def test_a_sample_is_named_by_its_end_and_later_by_its_start() -> None:
    """A state on the boundary closes a bucket in the old eras and opens one in the new."""
    assert [sample_time_ns(t, 600, end=True) for t in (599, 600, 601)] == [600, 600, 1200]
    assert [sample_time_ns(t, 600, end=False) for t in (599, 600, 601)] == [0, 600, 600]


def test_roles_of_a_trade() -> None:
    """Maker and taker by id, and a trade with oneself is neither."""
    assert trade_role(3, maker_id=3, taker_id=-1) is Role.MAKER
    assert trade_role(3, maker_id=-1, taker_id=3) is Role.TAKER
    assert trade_role(3, maker_id=3, taker_id=3) is Role.SELF


def test_a_ledger_without_states_is_empty() -> None:
    """Before the first state there is no volume and no latest sample."""
    volumes = VolumeSamples(n_books=2, era=ERAS["0.1.51"])
    assert volumes.latest().tolist() == volumes.since(0).tolist() == [0.0, 0.0]


def test_late_samples_do_not_count_as_last_traded() -> None:
    """Only samples up to the current one are looked at, and only books with volume have one."""
    times, volumes = np.array([600, 1200]), np.array([[5.0, 0.0], [1.0, 0.0]])
    assert last_traded_ns(times, volumes, 600).tolist() == [600, 0]
    assert last_traded_ns(times[:0], volumes[:0], 600).tolist() == [0, 0]


def test_pruned_samples_leave_the_sums() -> None:
    """After the period a sample's volume is gone, from all sums if nothing is traded."""
    for version in ("0.1.51", "0.5.4"):
        volumes = VolumeSamples(n_books=1, era=attrs.evolve(ERAS[version], volume_period_ns=600))
        volumes.begin(0)
        volumes.add(0, 10.00001, Role.TAKER)
        volumes.finish()
        volumes.begin(10**13)
        volumes.finish()
        assert volumes.sums.tolist() == [[0.0]] * 4
