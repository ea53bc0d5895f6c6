"""The combined score of a field with its decomposition: reference vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from obmm.scoring.debeta import Dials, FieldSums, score_field
from scoring.debeta_reference import flows, miners_of, table, vector
from scoring.reference import assert_close, cases

PLAIN = {
    "p11_strength": 0.0,
    "p11_topk": 2,
    "s3_k": 0.0,
    "skill_max_inactive_books": 0.0,
    "skill_p11_strength": 0.0,
    "making_basis": "captured",
}
"""What the validator's function does with an argument that is not given."""

DETAIL = {
    "making_raw": "making",
    "making_rank": "making_rank",
    "skill_raw": "skill",
    "skill_coverage_factor": "skill_coverage_factor",
    "skill_p11_factor": "skill_concentration_factor",
    "skill_net_alpha": "net_alpha",
    "skill_rank": "skill_rank",
    "p11_factor": "making_concentration_factor",
    "making_s3_factor": "making_tether_factor",
    "bg_share": "background_share",
    "skill_books": "skill_books",
    "coverage_books": "coverage_books",
}


def field_of(given: dict[str, Any], rank_scale: float) -> FieldSums:
    """The field of a case; uids are those of the capture and alpha maps."""
    maps = [given[name] for name in ("capture_buy", "capture_sell", "alphas")]
    uids = sorted({int(uid) for found in maps for uid in found})
    books = [int(book) for found in maps[:2] for row in found.values() for book in row]
    n_books = 1 + max(books + [len(values) - 1 for values in given["alphas"].values()], default=0)
    alphas = {
        uid: {str(book): alpha for book, alpha in enumerate(values)}
        for uid, values in given["alphas"].items()
    }
    own = given["counterparties"]
    tether = own if given["counterparties_tether"] is None else given["counterparties_tether"]
    makers, takers = miners_of(own, tether)
    makers = sorted({*makers, *uids})
    alpha = table(alphas, uids, n_books, np.nan)
    values = given["skill_values"]
    return FieldSums(
        uids=np.array(uids, dtype=np.int64),
        captured=np.stack([table(found, uids, n_books, 0.0) for found in maps[:2]]),
        quality=np.ones(len(uids)),
        alpha=alpha,
        kept=alpha,
        flow=flows(own, makers, takers),
        maker_row=np.array([makers.index(uid) for uid in uids], dtype=np.int64),
        tether_flow=flows(tether, makers, takers),
        skill=None if values is None else vector(values, uids, 0.0),
        skill_rank_scale=rank_scale,
    )


@pytest.mark.parametrize(("case", "tolerance"), cases("debeta_scores"))
def test_scores_and_their_parts_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """The score of every uid and every figure of its decomposition agree."""
    params = dict(case["params"])
    floor, bar = params.pop("floor", 0.0), params.pop("skill_min_books", 4)
    sums = field_of(case["input"], params.pop("skill_rank_scale", 1.0))
    actual = score_field(sums, Dials(**(PLAIN | params)), bar=bar, floor=floor)
    wanted, uids = case["expected"], sums.uids.tolist()
    assert sorted(int(uid) for uid in wanted["scores"]) == uids
    assert_close(vector(wanted["scores"], uids), actual.score, tolerance["float64"])
    for name, attribute in DETAIL.items():
        figures = vector({uid: detail[name] for uid, detail in wanted["detail"].items()}, uids)
        assert_close(figures, getattr(actual, attribute), tolerance["float64"])
