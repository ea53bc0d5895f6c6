"""Pools, track record and the blend with Kappa and P&L: reference vectors and laws."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from obmm.scoring import ERAS, PnlHistory, kappa_ratios, score_uid
from obmm.scoring.debeta import DIALS_0_6_2, DIALS_0_6_3, RUNGS_0_6_1, Dials, FieldScores, pools
from obmm.scoring.debeta.rounds import blend
from obmm.scoring.debeta.track_record import TrackRecord
from scoring.debeta_reference import assert_all_used, era_of, having, vector
from scoring.reference import assert_close, cases

CASES = cases("debeta_pools")
RULES = ("rank", "proportional", "proportional_blended", "proportional_both")


KINDS = {"pools": "detail", "track_record": "rounds", "blend": "pnl"}
"""What a case of each kind is given and no other is."""


def of(kind: str) -> list[Any]:
    """The cases of one kind."""
    return having(CASES, "input", KINDS[kind])


def test_every_case_of_the_pools_is_used() -> None:
    """No case is of an unknown kind."""
    assert_all_used(CASES, "input", KINDS.values())


def field_of(detail: dict[str, Any], n: int, bar: int) -> tuple[FieldScores, np.ndarray]:
    """Scores of uids 0…n-1 from their details, 0 for those without, and who is present."""
    nothing = np.zeros(n)

    def figure(name: str) -> np.ndarray:
        return vector({uid: found[name] for uid, found in detail.items()}, range(n), 0.0)

    field = FieldScores(
        uids=np.arange(n),
        score=nothing,
        making=figure("making_raw"),
        making_captured=nothing,
        making_realised=nothing,
        quality=nothing,
        making_rank=figure("making_rank"),
        making_concentration_factor=nothing,
        making_tether_factor=nothing,
        background_share=nothing,
        skill=figure("skill_raw"),
        skill_rank=nothing,
        skill_coverage_factor=nothing,
        skill_concentration_factor=figure("skill_p11_factor"),
        net_alpha=figure("skill_net_alpha"),
        skill_books=figure("skill_books").astype(np.int64),
        coverage_books=nothing.astype(np.int64),
        bar=bar,
    )
    return field, figure("present").astype(bool)


@pytest.mark.parametrize(("case", "tolerance"), of("pools"))
def test_pools_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Ladder inputs, shares of both halves, class mixes and emissions under every rule agree."""
    params, given, wanted = case["params"], case["input"], case["expected"]
    n, era = given["uids"], era_of(params)
    dials = Dials(weight=params["debeta_weight"], w_make=params["w_make"])

    def credits_of(detail: dict[str, Any], bar: int) -> tuple[np.ndarray, np.ndarray]:
        field, present = field_of(detail, n, bar)
        return np.where(present, field.making, 0.0), pools.skill_credit(field, present)

    flat, _ = field_of(given["detail"], n, 0)
    making_credit, skill_credit = credits_of(given["detail"], params["skill_min_books"])
    classes = [
        credits_of(detail, params["class_bars"][number])
        for number, detail in (("0", given["detail"]), ("1", given["class_1_detail"]))
    ]
    trading = vector(given["trading_scores"], range(n))
    term = dials.pool * flat.making_rank
    found = {
        "ladder": pools.ladder_scores(trading, term),
        "term": term,
        "making_share": pools.mixed_shares([making_credit], [1.0]),
        "skill_share": pools.mixed_shares([skill_credit], [1.0]),
        "class_making": pools.mixed_shares([making for making, _ in classes], params["class_weights"]),
        "class_skill": pools.mixed_shares([skilled for _, skilled in classes], params["class_weights"]),
    }
    for name, actual in found.items():
        assert_close(vector(wanted[name], range(n)), actual, tolerance["float64"])

    def paid(rule: str, making: np.ndarray, skilled: np.ndarray) -> np.ndarray:
        return pools.emission(
            rule,
            pool=dials.pool,
            making=making,
            skill=skilled,
            smoothed=trading,
            ladder_input=found["ladder"],
            era=era,
        )

    for rule in RULES:
        emission = paid(rule, found["making_share"], found["skill_share"])
        assert_close(wanted[f"emission_{rule}_float32"], emission, tolerance["float32"])
    emission = paid("proportional_both", found["class_making"], found["class_skill"])
    assert_close(wanted["emission_two_classes_float32"], emission, tolerance["float32"])


@pytest.mark.parametrize(("case", "tolerance"), of("track_record"))
def test_track_record_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Averages, counts and clock agree after every round."""
    rounds = case["input"]["rounds"]
    uids = np.array(sorted({int(uid) for found in rounds for uid in found["scores"]}))
    record = TrackRecord.empty(uids, case["params"]["halflife"])
    for found, wanted in zip(rounds, case["expected"], strict=True):
        values = vector(found["scores"], uids, 0.0)[np.newaxis]
        smoothed = record.update(found["ts"], values, np.isin(uids, found["deregistered"]))[0]
        scored = [uid for uid in uids if str(uid) in wanted["smoothed"]]
        assert_close(
            vector(wanted["smoothed"], scored), smoothed[np.searchsorted(uids, scored)], tolerance["float64"]
        )
        assert wanted["counts"] == {str(u): k for u, k in zip(uids, record.counts.tolist(), strict=True) if k}
        assert wanted["last_ts"] == record.last_ns


@pytest.mark.parametrize(("case", "tolerance"), of("blend"))
def test_the_blend_with_kappa_and_pnl_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Kappa scores and weighted sums agree, with and without a map of making and skill."""
    params, given, wanted = case["params"], case["input"], case["expected"]
    weights, n_books = params["weights"], params["books"]
    era = attrs.evolve(
        ERAS["0.6.3"],
        kappa_weight=weights["kappa"],
        pnl_weight=weights["pnl"],
        wealth_quote=params["miner_wealth"],
    )
    clock = given["timestamps"]
    times = clock["start"] + clock["step"] * np.arange(clock["count"])
    uids = [int(uid) for uid in given["pnl"]]
    kappa, pnl = np.zeros(len(uids)), np.zeros(len(uids))
    for place, rows in enumerate(given["pnl"].values()):
        entry, book, realised = zip(*rows, strict=True)
        history = PnlHistory.of(times, entry, book, realised)
        score = score_uid(
            kappa_ratios(history, n_books, era),
            np.zeros(n_books),
            pnl=history.since(given["simulation_timestamp"] - era.pnl_lookback_ns).by_book(n_books),
            roundtrip_volume=np.zeros(n_books),
            last_roundtrip_ns=np.zeros(n_books, dtype=np.int64),
            time_ns=given["simulation_timestamp"],
            era=era,
        )
        kappa[place], pnl[place] = score.kappa_score, score.pnl_score
    if weights["kappa"] > 0.0:
        assert_close(vector(wanted["kappa_scores"], uids), kappa, tolerance["float64"])
    scores = given["debeta_scores"]
    actual = blend(
        vector(scores, uids, 0.0) if scores else None,
        weights["kappa"] * kappa + weights["pnl"] * pnl,
        Dials(weight=weights["debeta"]),
        era,
    )
    assert_close(vector(wanted["trading_scores"], uids), actual, tolerance["float64"])


def test_the_rungs_of_0_6_1_always_weigh_1() -> None:
    """Kappa, P&L and making with skill share the whole score on every rung."""
    for era, dials in RUNGS_0_6_1:
        assert pytest.approx(1.0) == era.kappa_weight + era.pnl_weight + dials.weight
    assert [dials.pool for _, dials in RUNGS_0_6_1] == [0.0, 0.125, 0.25, 0.5]


def test_0_6_2_differs_from_0_6_3_in_basis_tether_bar_and_classes() -> None:
    """The releases' settings differ in four dials."""
    fields = [field.name for field in attrs.fields(Dials)]
    changed = {name for name in fields if getattr(DIALS_0_6_2, name) != getattr(DIALS_0_6_3, name)}
    assert changed == {"making_basis", "s3_k", "skill_min_books", "class_weights"}


def test_a_dial_out_of_range_is_refused() -> None:
    """Unknown choices and negative numbers raise."""
    with pytest.raises(ValueError, match="making_pool"):
        Dials(making_pool="equal")
    with pytest.raises(ValueError, match="w_make"):
        Dials(w_make=-0.1)


def test_a_track_record_follows_uids_that_join() -> None:
    """A newcomer starts its own average, the others keep theirs."""
    record = TrackRecord.empty(np.array([4]), 100)
    record.update(0, np.array([[0.5]]), record.nobody)
    record.follow(np.array([2, 4]))
    smoothed = record.update(100, np.array([[0.8, 0.5]]), record.nobody)
    assert smoothed.tolist() == [[0.8, 0.5]]
    assert record.counts.tolist() == [1, 2]


def test_rates_pay_nothing_where_nobody_has_credit() -> None:
    """Without credit, or with a weight of 0 on the only credit, nothing is paid."""
    assert pools.rates([np.zeros(2), np.zeros(2)], [0.5, 0.5]) == [0.0, 0.0]
    assert pools.rates([np.ones(2), np.zeros(2)], [0.0, 1.0]) == [0.0, 0.0]
