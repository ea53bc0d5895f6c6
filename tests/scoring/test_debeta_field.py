"""Who is in the field, and what a small field is paid: made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from obmm.scoring import ERAS
from obmm.scoring.debeta import Dials, Payroll, Round, Verdict, judge
from obmm.scoring.debeta.accumulate import Accumulation
from obmm.scoring.debeta.presence import Presence
from scoring.debeta_reference import prints_of_rows

SECOND = 10**9
IDLE, MAKER = 1, 2
UIDS = np.array([IDLE, MAKER])
#: Price, taker's side (0 buys) and maker of each print: somebody buys low and sells high around 300.
TURN = [(299.0, 1, MAKER), (300.0, 0, -1), (301.0, 0, MAKER), (300.0, 1, -1)]


def quoted(book: int = 1, turns: int = 8, **dials: Any) -> Accumulation:
    """Two books, each an asset class if `class_weights` say so; one maker and the background on one book."""
    sums = Accumulation.empty(
        Dials(**({"making_basis": "captured", "capture_half_window": 3} | dials)),
        ERAS["0.6.3"],
        np.array([0, 1]),
        UIDS.tolist(),
    )
    rows = [[n * SECOND, price, 1.0, side, maker, -2] for n, (price, side, maker) in enumerate(TURN * turns)]
    sums.add(600 * SECOND, prints_of_rows({str(book): rows}, 2, sums.columns))
    return sums


def paid(payroll: Payroll, verdict: Verdict, time_s: int = 600) -> Round:
    """The verdict's scoring, nobody deregistered, without Kappa."""
    return payroll.pay(time_s * SECOND, UIDS, verdict, np.zeros(2, dtype=bool), np.zeros(2))


def payroll_of(sums: Accumulation) -> Payroll:
    """Nobody has been paid under these rules."""
    return Payroll.empty(sums.dials, sums.era)


@pytest.mark.parametrize("mark_mode", ["last", "vwap", "median"])
@pytest.mark.parametrize("making_pool", ["proportional", "proportional_blended", "proportional_both"])
def test_shares_within_classes_are_paid_to_a_field_of_one(making_pool: str, mark_mode: str) -> None:
    """The only maker has the whole making half although one positive score is too few for any score."""
    sums = quoted(class_weights=(0.95, 0.05), making_pool=making_pool, mark_mode=mark_mode)
    found = paid(payroll_of(sums), judge(sums, Presence()))
    assert found.verdict is None
    assert not found.carried
    assert found.making_share.tolist() == [0.0, 1.0]
    assert found.trading.tolist() == found.smoothed.tolist() == found.ladder_input.tolist() == [0.0, 0.0]
    assert found.making_term.tolist() == [0.0, 0.0]
    assert found.emission.tolist() == [0.0, sums.dials.pool]


def test_the_rule_of_ranks_pays_a_field_of_one_nothing() -> None:
    """Without pools there is only the ladder of scores, and there are none."""
    sums = quoted(class_weights=(0.95, 0.05), making_pool="rank")
    assert paid(payroll_of(sums), judge(sums, Presence())).emission.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("class_weights", [(), (1.0,), (0.5, 0.3, 0.2)])
def test_a_layout_without_classes_pays_no_shares_to_a_field_of_one(class_weights: tuple[float, ...]) -> None:
    """Where the weights do not fit the layout, shares come with the scores, and there are none."""
    sums = quoted(class_weights=class_weights)
    found = paid(payroll_of(sums), judge(sums, Presence()))
    assert found.making_share.tolist() == [0.0, 0.0]
    assert not found.emission.any()


def test_the_track_record_of_class_shares_starts_with_the_first_share() -> None:
    """A share paid before any score is what later ones are averaged with."""
    sums = quoted(class_weights=(0.95, 0.05))
    payroll, verdict = payroll_of(sums), judge(sums, Presence())
    first = paid(payroll, verdict)
    again = paid(payroll, verdict, 605)
    assert first.making_share.tolist() == again.making_share.tolist() == [0.0, 1.0]


@pytest.mark.parametrize(("class_weights", "making"), [((0.95, 0.05), 0.0), ((), 1.0)])
def test_a_carried_verdict_gives_scores_while_shares_of_classes_are_those_of_the_moment(
    class_weights: tuple[float, ...], making: float
) -> None:
    """The maker stopped: within classes it has no share any more, in one market the carried one."""
    dials: dict[str, Any] = {"class_weights": class_weights, "min_books": 1, "halflife_ns": 1}
    sums = quoted(**dials)
    payroll = payroll_of(sums)
    assert paid(payroll, judge(sums, Presence())).making_share.tolist() == [0.0, 1.0]
    later = paid(payroll, judge(quoted(turns=0, **dials), Presence()), 605)
    assert later.carried
    assert later.trading.tolist() == [0.0, 0.5]
    assert later.making_share.tolist() == [0.0, making]


def test_a_fill_that_waits_for_its_mid_puts_its_uid_into_the_field_with_zeros() -> None:
    """Inventory is marked at once, spread is captured later: until then every figure is 0."""
    sums = quoted(class_weights=(), turns=0)
    rows = [[599 * SECOND, 300.0, 1.0, 0, MAKER, -2], [599 * SECOND + 1, 301.0, 1.0, 0, -1, -2]]
    sums.add(600 * SECOND, prints_of_rows({"0": rows}, 2, sums.columns))
    field = judge(sums, Presence()).field
    assert field.uids.tolist() == [MAKER]
    for figure in (field.score, field.making, field.skill, field.net_alpha, field.coverage_books):
        assert figure.tolist() == [0.0]
    assert sums.mtm.path.total[0, 0].any()


def test_inventory_that_no_mark_moved_counts_by_the_variant_of_skill() -> None:
    """One print is no mark change: the variant that samples each print knows the uid, the other does not."""
    for variant, uids in (("drift", [MAKER]), ("held", [])):
        sums = quoted(turns=0, skill_variant=variant)
        rows = [[599 * SECOND, 300.0, 1.0, 0, MAKER, -2]]
        sums.add(600 * SECOND, prints_of_rows({"0": rows}, 2, sums.columns))
        assert judge(sums, Presence()).field.uids.tolist() == uids


def test_a_uid_that_is_forgotten_leaves_the_field() -> None:
    """Neither captured fills nor marked inventory stay."""
    sums = quoted()
    sums.forget(MAKER)
    assert judge(sums, Presence()).field.uids.size == 0
