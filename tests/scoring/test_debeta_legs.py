"""Building blocks of making and skill: reference vectors and laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from obmm.market import Venue
from obmm.scoring.debeta import Dials, classes_of, skill
from obmm.scoring.debeta.classes import parse_class_weights
from obmm.scoring.debeta.counterparties import (
    background_share,
    concentration_factor,
    excess_concentration,
    tether_factor,
)
from obmm.scoring.debeta.making import making_floor, pooled_making, quality, two_sided_making
from obmm.scoring.debeta.presence import Presence
from obmm.scoring.debeta.ranks import rank01, scoped_rank
from scoring.debeta_reference import assert_all_used, assert_table, flows, having, miners_of, table, vector
from scoring.reference import assert_close, cases, numbers

CASES = cases("debeta_legs")


KINDS = {
    "kappa": "kappa_of_alpha",
    "rank": "rank01",
    "coverage": "weighted",
    "counterparty": "excess",
    "making": "making_global",
    "hurdle": "kept",
    "presence": "absent",
    "skill_bar": "bar",
    "class_weights": "two_class_layout",
}
"""What a case of each kind expects and no other does."""


def of(kind: str) -> list[Any]:
    """The cases of one kind."""
    return having(CASES, "expected", KINDS[kind])


def test_every_case_of_the_legs_is_used() -> None:
    """No case is of an unknown kind."""
    assert_all_used(CASES, "expected", KINDS.values())


def books_of(*maps: dict[str, dict[str, Any]]) -> int:
    """Number of books that maps uid → book name."""
    return 1 + max((int(book) for found in maps for row in found.values() for book in row), default=0)


@pytest.mark.parametrize(("case", "tolerance"), of("kappa"))
def test_consistency_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Kappa of alphas, bare and over a floor with a bar, agrees."""
    alpha = numbers(case["input"]["alphas"])[:, np.newaxis]
    wanted, params = case["expected"], case["params"]
    found = {
        "kappa_of_alpha": skill.consistency(alpha),
        "kappa_floored": skill.floored_consistency(alpha, params["floor"], params["min_books"]),
        "kappa_floored_default_min": skill.floored_consistency(alpha, params["floor"]),
    }
    for name, actual in found.items():
        assert_close(wanted[name], actual[0], tolerance["float64"])


@pytest.mark.parametrize(("case", "tolerance"), of("rank"))
def test_ranks_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Plain ranks and both scopes agree, ties included."""
    values = numbers(case["input"]["values"])
    wanted = case["expected"]
    assert_close(wanted["rank01"], rank01(values), tolerance["float64"])
    for scope in ("positives", "whole"):
        assert_close(wanted[scope], scoped_rank(values, scope), tolerance["float64"])


@pytest.mark.parametrize(("case", "tolerance"), of("coverage"))
def test_coverage_and_making_floor_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Skill after coverage and the floor under making agree."""
    given_, params, wanted = case["input"], case["params"], case["expected"]
    books = np.array(given_["book_counts"])
    factor = skill.coverage_factor(books, params["max_inactive"], params["total_books"])
    assert_close(wanted["weighted"], numbers(given_["skill"]) * factor, tolerance["float64"])
    making = numbers(given_["making"])
    floor = making_floor(making, params["making_floor_scale"])
    assert_close(wanted["making_floor"], floor, tolerance["float64"])
    assert_close(wanted["making_floor_off"], making_floor(making, 0.0), tolerance["float64"])


@pytest.mark.parametrize(("case", "tolerance"), of("counterparty"))
def test_counterparty_factors_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Excess concentration, discounted and tethered making and the background's share agree."""
    given_, params, wanted = case["input"], case["params"], case["expected"]
    makers, takers = miners_of(given_["counterparties"])
    makers = sorted({*makers, *given_["uids"]})
    flow = flows(given_["counterparties"], makers, takers)
    making = vector(given_["making"], makers, 0.0)
    excess = excess_concentration(flow, params["topk"])
    found = {
        "excess": excess,
        "discounted": making * concentration_factor(excess, params["strength"]),
        "tethered": making * tether_factor(flow, params["s3_k"]),
        "tethered_small": making * tether_factor(flow, params["s3_k_small"]),
        "background_share": background_share(flow),
    }
    asked = [makers.index(uid) for uid in given_["uids"]]
    for name, actual in found.items():
        assert_close(vector(wanted[name], given_["uids"]), actual[asked], tolerance["float64"])


@pytest.mark.parametrize(("case", "tolerance"), of("making"))
def test_making_and_quality_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Two-sided making per book and pooled, and quality agree."""
    given_, wanted = case["input"], case["expected"]
    names = ("capture_buy", "capture_sell", "realized_buy", "realized_sell")
    n_books = books_of(*(given_[name] for name in names))
    sums = np.stack([table(given_[name], given_["uids"], n_books, 0.0) for name in names])
    captured, realised = sums[:2], sums[2:]
    found = {
        "making": two_sided_making(captured),
        "making_global": pooled_making(captured),
        "quality": quality(captured, realised),
    }
    for name, actual in found.items():
        assert_close(vector(wanted[name], given_["uids"]), actual, tolerance["float64"])


@pytest.mark.parametrize(("case", "tolerance"), of("hurdle"))
def test_hurdle_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Kept alphas, skill on them, their number, the pool factor and the magnitude floor agree."""
    given_, params, wanted = case["input"], case["params"], case["expected"]
    uids = [int(uid) for uid in given_["alphas"]]
    n_books = books_of(given_["alphas"], given_["notional"])
    alpha = table(given_["alphas"], uids, n_books, np.nan)
    kept = skill.over_hurdle(alpha, table(given_["notional"], uids, n_books, 0.0), params["hurdle_bps"])
    assert_close(table(wanted["kept"], uids, n_books, np.nan), kept, tolerance["float64"])
    assert_table(wanted["kept"], kept, uids, tolerance["float64"])
    ratio = skill.floored_consistency(kept, params["floor"], params["min_books"])
    assert_close(vector(wanted["skill"], uids), ratio, tolerance["float64"])
    assert_close(vector(wanted["books"], uids), skill.books_with(kept), tolerance["float64"])
    factor = skill.hurdle_share(alpha, kept, params["hurdle_books"])
    assert_close(wanted["pool_factor"], factor, tolerance["float64"])
    floor = skill.magnitude_floor(alpha, 0.5)
    assert_close(wanted["median_abs_floor"], floor, tolerance["float64"])


@pytest.mark.parametrize(("case", "tolerance"), of("presence"))
def test_presence_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Absent uids and success shares agree."""
    outcomes = case["input"]["outcomes"]
    presence = Presence(case["params"]["window"])
    uids = [int(uid) for uid in outcomes]
    for uid in uids:
        for answered in outcomes[str(uid)]:
            presence.note({uid: bool(answered)})
    absent = [uid for uid, gone in zip(uids, presence.absent(uids), strict=True) if gone]
    assert sorted(case["expected"]["absent"]) == sorted(absent)
    assert_close(vector(case["expected"]["shares"], uids), presence.share(uids), tolerance["float64"])


@pytest.mark.parametrize(("case", "tolerance"), of("skill_bar"))
def test_skill_bar_is_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """The number of books needed agrees; null counts as not given."""
    params = case["params"]
    bar = skill.skill_bar(params["explicit"] or 0, params["share"] or 0.0, params["books"] or 0)
    assert case["expected"]["bar"] == bar


@pytest.mark.parametrize(("case", "tolerance"), of("class_weights"))
def test_class_weights_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Parsed weights, and what remains of them in a layout of two classes and of one, agree."""
    wanted, spec = case["expected"], case["input"]["spec"]
    dials = Dials(class_weights=spec)
    assert_close(wanted["weights"], np.array(dials.class_weights), tolerance["float64"])
    assert_close(wanted["two_class_layout"], np.array(dials.layout_weights(2)), tolerance["float64"])
    assert_close(wanted["single_market"], np.array(dials.layout_weights(1)), tolerance["float64"])


@pytest.mark.parametrize("spec", ["0.5,-0.5", "a,b", [float("nan")]])
def test_wrong_class_weights_are_refused(spec: Any) -> None:
    """A weight that is negative or not a number raises."""
    with pytest.raises(ValueError, match=r"negative|could not convert"):
        parse_class_weights(spec)


def test_weights_that_are_all_zero_are_no_weights() -> None:
    """Nothing can be shared by weights of zero."""
    assert parse_class_weights("0,0") == ()


def test_classes_are_numbered_in_the_order_of_their_books() -> None:
    """Books that started at the same price form a class; the first book is of class 0."""
    venue = Venue.of(4, initial_price=np.array([300.0, 29.57, 300.0, 29.57]))
    assert classes_of(venue).tolist() == [0, 1, 0, 1]


def test_no_books_have_no_consistency() -> None:
    """A market without books gives 0 and no skill."""
    assert skill.consistency(np.zeros((0, 2))).tolist() == [0.0, 0.0]
    assert skill.magnitude_floor(np.full((2, 1), np.nan), 0.5) == 0.0
    assert skill.coverage_factor(np.zeros(2, dtype=np.int64), 0.375).tolist() == [1.0, 1.0]


@given(npst.arrays(np.float64, (6, 3), elements=st.floats(-100.0, 100.0)), st.floats(0.01, 1e4))
def test_consistency_does_not_know_the_unit(alpha: np.ndarray, unit: float) -> None:
    """Scaling all alphas of a uid leaves the ratio, as long as the spread is over its floor."""
    deviation = np.median(np.abs(alpha - np.median(alpha, axis=0)), axis=0)
    steady = (deviation > 1e-6) & (deviation * unit > 1e-6)
    expected, actual = skill.consistency(alpha), skill.consistency(alpha * unit)
    np.testing.assert_allclose(actual[steady], expected[steady], rtol=1e-6, atol=1e-6)


@given(npst.arrays(np.float64, st.integers(1, 12), elements=st.floats(-5.0, 5.0)))
def test_ranks_keep_the_order_and_lie_between_0_and_1(values: np.ndarray) -> None:
    """A larger value never ranks below a smaller one."""
    for ranks in (rank01(values), scoped_rank(values, "positives"), scoped_rank(values, "whole")):
        assert ((ranks >= 0.0) & (ranks <= 1.0)).all()
        assert (np.diff(ranks[np.argsort(values)]) >= 0.0).all()


@given(npst.arrays(np.float64, (4, 5), elements=st.floats(0.0, 1e3)), st.floats(0.0, 8.0))
def test_counterparty_factors_lie_between_0_and_1(flow: np.ndarray, multiple: float) -> None:
    """No pattern of trading raises credit."""
    excess = excess_concentration(flow, 2)
    for factor in (concentration_factor(excess, 1.0), tether_factor(flow, multiple)):
        assert ((factor >= 0.0) & (factor <= 1.0 + 1e-12)).all()
