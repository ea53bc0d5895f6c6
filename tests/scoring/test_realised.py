"""Volumes, round trips and realised P&L state by state."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from obmm.scoring import ERAS, EraConstants, RealisedLedger, Role, trade_role
from scoring.reference import assert_close, by_book, cases


def era_of(version: str, params: dict[str, Any]) -> EraConstants:
    """Constants of a vector."""
    return attrs.evolve(
        ERAS[version],
        volume_sample_ns=params["trade_volume_sampling_interval"],
        volume_period_ns=params["trade_volume_assessment_period"],
        kappa_lookback_ns=params["kappa_lookback"],
        volume_decimals=params["volumeDecimals"],
        prune_interval_ns=params["prune_interval"],
    )


def feed(ledger: RealisedLedger, uid: int, state: dict[str, Any]) -> None:
    """Give one state's notices to the ledger of `uid`."""
    ledger.begin(state["timestamp"])
    for notice in state["notices"].get(str(uid), []):
        if notice["y"] not in ("ET", "EVENT_TRADE"):
            continue
        maker, taker = notice["Ma"], notice["Ta"]
        ledger.fill(
            notice["b"],
            (taker == uid and notice["s"] == 0) or (maker == uid and notice["s"] == 1),
            notice["q"],
            notice["p"],
            fee=notice["Mf"] if maker == uid else notice["Tf"],
            role=trade_role(uid, maker, taker),
        )
    ledger.finish()


def assert_sums(expected: dict[str, Any], uid: int, sums: np.ndarray, tolerance: Any) -> None:
    """Fail unless running sums (B,) agree."""
    assert_close(by_book(expected.get(str(uid), {}), sums.size), sums, tolerance)


def assert_ledger(expected: dict[str, Any], uid: int, ledger: RealisedLedger, tolerance: Any) -> None:
    """Fail unless the ledger of `uid` holds what the validator does."""
    history = ledger.history()
    found = {
        (int(history.times_ns[entry]), int(book)): pnl
        for entry, book, pnl in zip(history.entry, history.book, history.pnl, strict=True)
    }
    wanted = {
        (int(time), int(book)): pnl
        for time, by_id in expected["realized_pnl_history"].get(str(uid), {}).items()
        for book, pnl in by_id.items()
    }
    assert set(wanted) == set(found)
    for key, pnl in wanted.items():
        assert_close(pnl, found[key], tolerance)
    times = history.times_ns
    span = [times.size, *([int(times[0]), int(times[-1])] if times.size else [None, None])]
    assert expected["realized_pnl_timestamps"][str(uid)] == span

    by_id = expected["roundtrip_volumes"].get(str(uid), {})
    samples = {int(time) for volumes in by_id.values() for time in volumes}
    assert samples == set(ledger.roundtrips)
    for time, volume in ledger.roundtrips.items():
        wanted_volume = {book: volumes.get(str(time), 0.0) for book, volumes in by_id.items()}
        assert_close(by_book(wanted_volume, volume.size), volume, tolerance)
    assert_sums(expected["roundtrip_volume_sums"], uid, ledger.roundtrip_sums, tolerance)
    for role in Role:
        name = "volume_sums" if role is Role.TOTAL else f"{role.name.lower()}_volume_sums"
        assert_sums(expected[name], uid, ledger.volumes.sums[role], tolerance)
    by_id = expected["open_positions"].get(str(uid), {})
    for book, lots in enumerate(ledger.lots):
        sides = by_id.get(str(book), {"longs": [], "shorts": []})
        for wanted_lots, side in ((sides["longs"], lots.longs), (sides["shorts"], lots.shorts)):
            assert len(wanted_lots) == len(side)
            assert_close(wanted_lots, np.array(side), tolerance)


def check(case: dict[str, Any], tolerance: Any, version: str) -> None:
    """Fail unless every checkpoint of every uid agrees, and what restart and reset leave."""
    tolerance, params, expected = tolerance["float64"], case["params"], case["expected"]
    era = era_of(version, params)
    ledgers = [RealisedLedger(n_books=params["books"], era=era) for _ in range(params["uids"])]
    checkpoints = {checkpoint["after_state"]: checkpoint for checkpoint in expected["checkpoints"]}
    for i, state in enumerate(case["input"]["states"]):
        for uid, ledger in enumerate(ledgers):
            feed(ledger, uid, state)
            if i in checkpoints:
                assert_ledger(checkpoints[i], uid, ledger, tolerance)
    if "after_restart_shift" not in expected:
        return
    shift = expected["after_restart_shift"]
    for uid, ledger in enumerate(ledgers):
        ledger.restart(shift["new_timestamp"] - shift["old_timestamp"], shift["new_timestamp"])
        assert_ledger(shift, uid, ledger, tolerance)
    ledgers[0].clear()
    for uid, ledger in enumerate(ledgers):
        assert_ledger(expected["after_reset_of_uid_0"], uid, ledger, tolerance)


@pytest.mark.parametrize(("case", "tolerance"), cases("accounting_0_3_5"))
def test_accounting_of_0_3_5_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Histories, volumes, sums and lots agree after every checkpoint."""
    check(case, tolerance, "0.3.5")


@pytest.mark.parametrize(("case", "tolerance"), cases("accounting_0_5_4"))
def test_accounting_of_0_5_4_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Histories, volumes, sums and lots agree, through a restart and a reset."""
    check(case, tolerance, "0.5.4")


def test_a_round_trip_without_gain_leaves_no_entry() -> None:
    """P&L that rounds to zero is not stored, but the round trip counts as volume."""
    ledger = RealisedLedger(n_books=1, era=ERAS["0.5.4"])
    for is_buy in (True, False):
        ledger.begin(600 * 10**9)
        ledger.fill(0, is_buy, 1.0, 300.0, fee=0.00001, role=Role.TAKER)
        ledger.finish()
    assert ledger.history().pnl.size == 0
    assert ledger.roundtrip_sums.tolist() == [300.0]
    assert ledger.last_roundtrip_ns.tolist() == [600 * 10**9]


def test_idle_states_survive_a_restart_from_0_6() -> None:
    """Before, only states with realised P&L were carried into the next simulation."""
    kept = {}
    for version in ("0.5.4", "0.6.3"):
        ledger = RealisedLedger(n_books=1, era=ERAS[version])
        for second in range(600, 610):
            ledger.begin(second * 10**9)
            if second in (602, 605):
                ledger.fill(0, second == 602, 1.0, 300.0 + second, fee=0.0, role=Role.MAKER)
            ledger.finish()
        ledger.restart(-609 * 10**9, 0)
        history = ledger.history()
        assert history.pnl.tolist() == [3.0]
        assert history.times_ns[history.entry].tolist() == [-4 * 10**9]
        kept[version] = history.times_ns.size
    assert kept == {"0.5.4": 1, "0.6.3": 10}


def test_a_restart_drops_what_is_older_than_a_day() -> None:
    """Volume and round trips of samples out of the period leave the sums."""
    era = attrs.evolve(ERAS["0.5.4"], volume_period_ns=3_600 * 10**9)
    ledger = RealisedLedger(n_books=2, era=era)
    for second, book in ((600, 0), (3_000, 1)):
        for is_buy in (True, False):
            ledger.begin(second * 10**9)
            ledger.fill(book, is_buy, 1.0, 300.00001, fee=0.0, role=Role.MAKER)
            ledger.finish()
        assert ledger.roundtrip_sums[book] == 300.0
    ledger.restart(-5_000 * 10**9, 0)
    assert list(ledger.roundtrips) == [-2_000 * 10**9]
    assert ledger.roundtrip_sums.tolist() == [0.0, 300.0]
    assert ledger.volumes.sums[Role.TOTAL].tolist() == [0.0, 600.0]
    assert ledger.last_roundtrip_ns.tolist() == [0, -2_000 * 10**9]


def test_pruning_waits_a_minute() -> None:
    """States and samples leave at most once per minute, so a window can be a little longer."""
    era = attrs.evolve(ERAS["0.5.4"], kappa_lookback_ns=100 * 10**9)
    ledger = RealisedLedger(n_books=1, era=era)
    longest = 0
    for second in range(1_000):
        ledger.begin(second * 10**9)
        ledger.finish()
        longest = max(longest, ledger.history().times_ns.size)
    assert longest == 160
