"""Whole runs from print stream to emission: reference vectors."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from obmm.scoring.debeta import Payroll, Round, judge, skill
from obmm.scoring.debeta.accumulate import Accumulation
from obmm.scoring.debeta.mtm import MTM
from obmm.scoring.debeta.presence import Presence
from obmm.scoring.debeta.subwindows import subwindow_alphas, weakest_part, window_alpha
from obmm.scoring.debeta.verdict import Verdict
from scoring.debeta_reference import assert_table, dials_of, era_of, prints_of_rows, vector
from scoring.reference import assert_close, cases
from scoring.test_debeta_scores import DETAIL

REPORTED = DETAIL | {"making_realized": "making_realised", "making_captured": "making_captured"}
ROUND = {
    "trading_scores": "trading",
    "smoothed_trading_scores": "smoothed",
    "making_share": "making_share",
    "ladder_input": "ladder_input",
}


@pytest.mark.parametrize(("case", "tolerance"), cases("debeta_rounds", "debeta_rounds_2"))
def test_runs_are_paid_as_the_validator_pays_them(case: dict[str, Any], tolerance: Any) -> None:
    """Scores, details, shares and emission of every round agree, over resets and a restart."""
    params = case["params"]
    dials, era, n_books = dials_of(params), era_of(params), params["books"]
    classes = params["class_of_book"] or {}
    class_of_book = np.array([classes.get(str(book), 0) for book in range(n_books)])
    uids = np.arange(params["uids"])
    sums = Accumulation.empty(dials, era, class_of_book, uids.tolist())
    presence, payroll = Presence(dials.presence_window), Payroll.empty(dials, era)
    deregistered: set[int] = set()
    expected = {found.get("after_state", found.get("after")): found for found in case["expected"]}
    for number, state in enumerate(case["input"]["states"]):
        if "simulation_start" in state:
            start, wanted = state["simulation_start"], expected["simulation_start"]
            sums.restart(start["old_ts"], start["new_ts"])
            close = tolerance["float64"]
            assert_table(wanted["capture_buy"], sums.captured.total[0], sums.columns.uids, close)
            assert_table(wanted["mtm"], sums.mtm.path.total[MTM], sums.columns.uids, close)
            for book, drift in wanted["drift"].items():
                assert_close(drift, sums.mtm.drift.total[int(book)], close)
            continue
        sums.add(state["timestamp"], prints_of_rows(state["trades"], n_books, sums.columns))
        answers = enumerate(state.get("query_success", []))
        presence.note({uid: bool(answered) for uid, answered in answers if answered is not None})
        for uid in state.get("deregistered_and_reset", []):
            sums.forget(uid)
            deregistered.add(uid)
        if state.get("deregistered_cleared"):
            deregistered.clear()
        if number in expected:
            gone = np.isin(uids, list(deregistered))
            verdict = judge(sums, presence)
            paid = payroll.pay(state["timestamp"], uids, verdict, gone, np.zeros(uids.size))
            compare(expected[number], paid, sums, tolerance)
            if "class_summary" in expected[number]:
                compare_classes(expected[number], paid, verdict, tolerance["float64"])


def compare(wanted: dict[str, Any], paid: Round, sums: Accumulation, tolerance: Any) -> None:
    """Fail unless a round agrees in every figure."""
    close = tolerance["float64"]
    for name, attribute in ROUND.items():
        assert_close(vector(wanted[name], paid.uids), getattr(paid, attribute), close)
    assert_close(wanted["emission_float32"], paid.emission, tolerance["float32"])
    if paid.verdict is None:
        assert not wanted["detail"]
        assert not wanted["debeta_scores"]
        return
    field, detail = paid.verdict.field, wanted["detail"]
    uids = field.uids.tolist()
    assert sorted(int(uid) for uid in detail) == uids
    assert wanted["bar"] == field.bar
    for name, attribute in REPORTED.items():
        figures = vector({uid: found[name] for uid, found in detail.items()}, uids)
        assert_close(figures, getattr(field, attribute), close)
    assert [detail[str(uid)]["present"] for uid in uids] == paid.verdict.present.tolist()
    present = np.flatnonzero(paid.verdict.present)
    assert sorted(int(uid) for uid in wanted["debeta_scores"]) == field.uids[present].tolist()
    map_scores = vector(wanted["debeta_scores"], field.uids[present])
    assert_close(map_scores, paid.verdict.score[present], close)
    if sums.dials.presence_share_weighting:
        shares = vector({uid: found["presence_share"] for uid, found in detail.items()}, uids)
        assert_close(shares, paid.verdict.presence_share, close)
    if not paid.carried:
        compare_reported(detail, paid, sums, close)


def compare_reported(detail: dict[str, Any], paid: Round, sums: Accumulation, close: Any) -> None:
    """Fail unless skill of the other variant, of the weakest of three parts, and notional agree."""
    assert paid.verdict is not None
    uids, dials = paid.verdict.field.uids.tolist(), sums.dials
    columns = [sums.columns.index(uid) for uid in uids]
    captured = np.logical_or(*sums.captured.present)
    other = "held" if dials.skill_variant == "drift" else "drift"
    alpha = window_alpha(sums.mtm, other, captured)[:, columns]
    own = window_alpha(sums.mtm, dials.skill_variant, captured)[:, columns]
    kept = skill.over_hurdle(own, sums.mtm.notional.total[:, columns], dials.skill_hurdle_bps)
    parts = subwindow_alphas(sums.mtm, 3, sums.era.kappa_lookback_ns)[:, :, columns]
    parts = np.where(np.isnan(kept), np.nan, parts)
    found = {
        "skill_other": skill.floored_consistency(alpha, skill.magnitude_floor(alpha, dials.floor_scale)),
        "skill_weakest3": weakest_part(parts, skill.magnitude_floor(own, dials.floor_scale)),
        "notional": sums.mtm.notional.total.sum(axis=0)[columns],
    }
    for name, actual in found.items():
        assert_close(vector({uid: entry[name] for uid, entry in detail.items()}, uids), actual, close)


def compare_classes(wanted: dict[str, Any], paid: Round, verdict: Verdict, close: Any) -> None:
    """Fail unless shares and credits within the asset classes agree."""
    place = np.searchsorted(paid.uids, verdict.field.uids)
    assert_close(vector(wanted["class_skill_share"], paid.uids, 0.0), paid.skill_share, close)
    making = np.zeros(paid.uids.size)
    credits = {"making": verdict.making_credits, "skill": verdict.skill_credits}
    effective = {}
    for half, per_class in credits.items():
        credited = sum(w for w, credit in zip(verdict.weights, per_class, strict=True) if credit.any())
        effective[half] = [
            weight / credited if credit.any() else 0.0
            for weight, credit in zip(verdict.weights, per_class, strict=True)
        ]
    for number, field in enumerate(verdict.classes):
        summary = wanted["class_summary"][str(number)]
        made = verdict.making_credits[number]
        skilled = np.where(verdict.present, np.maximum(field.skill, 0.0), 0.0)
        assert summary["weight"] == pytest.approx(verdict.weights[number])
        assert summary["bar"] == field.bar
        assert summary["n_makers"] == np.count_nonzero(made > 0.0)
        assert summary["n_skilled"] == np.count_nonzero(skilled > 0.0)
        assert_close(summary["making_credit"], made.sum(), close)
        assert_close(summary["skill_credit"], skilled.sum(), close)
        assert_close(summary["making_weight_effective"], effective["making"][number], close)
        assert_close(summary["skill_weight_effective"], effective["skill"][number], close)
        if made.any():
            making[place] += effective["making"][number] * made / made.sum()
    assert_close(vector(wanted["class_making_share"], paid.uids, 0.0), making, close)


def test_the_slots_of_a_round_are_its_figures() -> None:
    """Every array of a round has one entry per uid."""
    dials = attrs.evolve(dials_of({"dials": {}, "capture_half_window": 15, "score_ema_halflife": 1}))
    sums = Accumulation.empty(dials, era_of({}), np.zeros(2, dtype=np.int64), [5, 3])
    paid = Payroll.empty(dials, era_of({})).pay(
        0, np.array([3, 5]), judge(sums, Presence()), np.zeros(2, dtype=bool), np.zeros(2)
    )
    assert paid.verdict is None
    assert {paid.emission.shape, paid.smoothed.shape, paid.skill_share.shape} == {(2,)}
