"""Counterfactual scores against runs whose records really are different."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba")
pytest.importorskip("pyarrow")

from lab.doctored import doctored, first_states, other_fills, rows
from obmm.lab.diagnose.case import Case
from obmm.lab.diagnose.record import Altered, like_the_others, within_limit
from obmm.lab.diagnose.thresholds import Thresholds
from obmm.lab.recorded import Run
from obmm.lab.score import score_run
from obmm.lab.summary import Fills
from obmm.scoring import ERAS

#: Relative precision of a recomputed score. All are exact to the order of sums, but 0.6: its prints are taken
#: in minute by minute.
PRECISION = {"0.1.9": 1e-12, "0.1.51": 1e-12, "0.5.4": 1e-12, "0.5.5": 1e-12, "0.6.3": 0.02}


def case_of(run: Run, era: str) -> Case:
    """Account 0 under an era."""
    return Case.of(run, era, 0, Thresholds())


def share_of(run: Run, era: str) -> float:
    """What the live scorers of an era say of account 0, in the terms of a diagnosis."""
    told = score_run(run, (era,)).told(0)[era]
    return float(sum(told["books"]["score"])) if era == "0.6.3" else float(told["total"])


@pytest.mark.parametrize("era", ["0.1.9", "0.1.51", "0.5.4", "0.5.5", "0.6.3"])
def test_an_unaltered_record_has_the_score_of_the_run(small_run: Path, era: str) -> None:
    """The recomputed score is the one that was stored."""
    run = Run(small_run)
    stored = run.about["scores"]["0"][era]
    expected = sum(stored["books"]["score"]) if era == "0.6.3" else stored["total"]
    assert case_of(run, era).base.score == pytest.approx(expected, rel=PRECISION[era])


@pytest.mark.parametrize(
    ("era", "n_states"), [("0.1.9", 2101), ("0.1.51", 2101), ("0.5.4", 5581), ("0.6.3", 2101)]
)
def test_other_fills_score_as_if_they_had_happened(
    small_run: Path, tmp_path: Path, era: str, n_states: int
) -> None:
    """Fewer fills at other prices and fees: recomputed, and scored live on records that were changed so."""
    run = doctored(small_run, tmp_path / "cut", first_states(n_states))
    case = case_of(run, era)
    fills, n = case.fills, case.fills.size.size
    keep = (np.arange(n) % 3 != 0) & (fills.book != 1)
    price = np.round(fills.price * (1.0 + np.where(fills.side == 0, -1.0, 1.0) * 2e-4), 2)
    fee = np.zeros(n)
    other = doctored(run.folder, tmp_path / "other", other_fills(keep, price, fee))
    expected = share_of(other, era)
    assert abs(expected - case.base.score) > 1e-4
    found = case.rescorer.rescored(Altered(keep=keep, price=price, fee=fee)).score
    assert found == pytest.approx(expected, rel=PRECISION[era])


def test_fills_and_prints_of_a_window_need_not_be_the_same(small_run: Path, tmp_path: Path) -> None:
    """A live recording may begin between a print and its notice, and lack either: the others still match."""

    def treat(tables: dict[str, dict[str, np.ndarray]], about: dict[str, object]) -> None:
        trades, fills = tables["trades"], tables["fills"]
        rows(fills, np.arange(fills["time_ns"].size) != 0)
        (own,) = np.nonzero((trades["maker_id"] == 0) | (trades["taker_id"] == 0))
        rows(trades, ~np.isin(np.arange(trades["time_ns"].size), own[[-1, -2]]))

    whole = case_of(Run(small_run), "0.6.3").rescorer
    case = case_of(doctored(small_run, tmp_path / "window", treat), "0.6.3")
    found = case.rescorer._own_prints()
    assert 2 == np.count_nonzero(found < 0)
    matched = found[found >= 0]
    assert matched.size == np.unique(matched).size == whole._own_prints().size - 3
    nothing = Altered(keep=np.zeros(found.size, dtype=np.bool_), price=case.fills.price)
    assert np.isfinite(case.rescorer.rescored(nothing).score)


def test_a_still_endowment_leaves_what_trading_earned(small_run: Path) -> None:
    """Without fills and without drift the value never moves: every Sharpe is 0 and no factor is earned."""
    case = case_of(Run(small_run), "0.1.51")
    nothing = Altered(keep=np.zeros(case.fills.size.size, dtype=np.bool_), still_endowment=True)
    found = case.rescorer.rescored(nothing)
    np.testing.assert_allclose(found.ratio, 0.0, atol=1e-6)
    assert found.factor.tolist() == [0.0] * case.n_books


@pytest.mark.parametrize("era", ["0.1.51", "0.5.4", "0.6.3"])
def test_typical_books_count_like_the_others(small_run: Path, era: str) -> None:
    """The book named typical has the median ratio of the rest, the rest stays."""
    case = case_of(Run(small_run), era)
    typical = np.array([False, True, False, False])
    found = case.rescorer.rescored(Altered(typical=typical))
    others = case.base.ratio[~typical]
    assert found.ratio[~typical].tolist() == others.tolist()
    assert found.ratio[1] == np.median(others)


@pytest.mark.parametrize("era", ["0.1.51", "0.5.4", "0.6.3"])
def test_a_lower_bound_of_ratios_never_costs(small_run: Path, era: str) -> None:
    """The higher the bound, the higher the score."""
    case = case_of(Run(small_run), era)
    bounds = [np.full(case.n_books, least) for least in (-1e9, 0.0, 0.5, 2.0)]
    scores = [case.rescorer.rescored(Altered(least_ratio=bound)).score for bound in bounds]
    assert scores == sorted(scores)
    assert scores[0] == case.base.score


def test_busy_books_trade_at_the_pace_of_the_cap(small_run: Path) -> None:
    """An idle winner gets the factor of an even pace, an idle loser that of no extra volume."""
    case = case_of(Run(small_run), "0.1.51")
    busy = np.ones(case.n_books, dtype=np.bool_)
    altered = Altered(keep=np.zeros(case.fills.size.size, dtype=np.bool_), busy=busy)
    found = case.rescorer.rescored(altered)
    wins = found.ratio > 0.0
    pace = 1.0 + (3600 + 300) / 86_400
    np.testing.assert_allclose(found.factor, np.where(wins, pace, 1.0))


def test_a_run_too_short_for_an_era_has_no_ratios(small_run: Path, tmp_path: Path) -> None:
    """Nothing is made up where the validator had nothing to say."""
    run = doctored(small_run, tmp_path, first_states(900))
    for era in ("0.1.51", "0.5.4"):
        case = case_of(run, era)
        assert not case.base.complete
        assert np.isnan(case.base.ratio).all()
        assert case.score(Altered(still_endowment=True)) is None


def test_every_era_can_be_rescored() -> None:
    """No era is left without a counterfactual."""
    assert {ERAS[era].mechanism for era in PRECISION} == {era.mechanism for era in ERAS.values()}


TRADES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 1), st.floats(0.25, 5.0)), min_size=1, max_size=60
)


def fills_of(trades: list[tuple[int, int, float]]) -> Fills:
    """Fills of book, side and size."""
    book, side, size = (np.array(column) for column in zip(*trades, strict=True))
    n = size.size
    return Fills(
        book=book,
        side=side,
        maker=np.ones(n, dtype=np.bool_),
        price=np.full(n, 300.0),
        size=size,
        fee=np.zeros(n),
        time_ns=np.arange(n),
        markout_bps=np.zeros((n, 8)),
    )


@given(TRADES, st.floats(0.0, 20.0))
def test_what_is_left_stays_within_the_smaller_limit(
    trades: list[tuple[int, int, float]], limit: float
) -> None:
    """From no position on, the fills that are left never carry one past the limit."""
    keep = within_limit(fills_of(trades), np.full(3, limit))
    position = np.zeros(3)
    for (book, side, size), kept in zip(trades, keep, strict=True):
        position[book] += (size if side == 0 else -size) * kept
        assert abs(position[book]) <= limit + 1e-9


@given(TRADES)
def test_a_limit_that_nothing_reaches_changes_nothing(trades: list[tuple[int, int, float]]) -> None:
    """All fills are left."""
    total = sum(size for _, _, size in trades)
    assert within_limit(fills_of(trades), np.full(3, total)).all()


def test_books_without_a_figure_are_no_example() -> None:
    """The median is taken over the books that have one; without any, nothing changes."""
    values = np.array([np.nan, 4.0, -1.0])
    assert like_the_others(values, np.array([True, False, True])).tolist() == [4.0, 4.0, 4.0]
    all_books = np.ones(3, dtype=np.bool_)
    np.testing.assert_array_equal(values, like_the_others(values, all_books))
