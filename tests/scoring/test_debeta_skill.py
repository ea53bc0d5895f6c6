"""Mark-to-market, alphas and sub-windows: reference vectors and a loop over prints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.scoring.debeta import skill
from obmm.scoring.debeta.marks import BookMarks
from obmm.scoring.debeta.mtm import (
    HELD_DRIFT,
    HELD_INVENTORY,
    HELD_PRINTS,
    INVENTORY_SUM,
    MTM,
    MarkToMarket,
)
from obmm.scoring.debeta.prints import Columns
from obmm.scoring.debeta.subwindows import sign_gated, subwindow_alphas, weakest_part, window_alpha
from scoring.debeta_naive import Naive, Print
from scoring.debeta_reference import assert_same_keys, assert_table, books_of, prints_of_rows, table, vector
from scoring.reference import assert_close, by_book, cases

PATH = {
    "mtm": MTM,
    "held_print_count": HELD_PRINTS,
    "held_inventory": HELD_INVENTORY,
    "held_drift": HELD_DRIFT,
    "inventory_sum": INVENTORY_SUM,
}


def walked(case: dict[str, Any]) -> tuple[MarkToMarket, list[int]]:
    """The inventories of a case after all its batches, and the uids in column order."""
    batches, params = case["input"]["batches"], case["params"]
    n_books, columns = books_of(batches), Columns()
    mtm = MarkToMarket.empty(n_books, params["mark_mode"], params["mark_window"])
    for batch in batches:
        prints = prints_of_rows(batch["trades"], n_books, columns)
        mtm.grow(len(columns.uids))
        for sums in mtm.windows:
            sums.open(batch["sampled_ts"])
        mtm.add(prints)
    return mtm, columns.uids


@pytest.mark.parametrize(("case", "tolerance"), cases("debeta_skill"))
def test_paths_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Every sum per uid and book, inventories and the books' own sums agree, and so do their entries."""
    mtm, uids = walked(case)
    wanted, close, n_books = case["expected"], tolerance["float64"], mtm.drift.total.size
    for name, row in PATH.items():
        assert_table(wanted[name], mtm.path.total[row], uids, close)
        assert_same_keys(wanted[name], mtm.path.present[row], uids)
    assert_table(wanted["notional"], mtm.notional.total, uids, close)
    assert_same_keys(wanted["notional"], mtm.notional.present, uids)
    assert_close(by_book(wanted["print_count"], n_books), mtm.print_count.total, close)
    assert_close(by_book(wanted["drift"], n_books), mtm.drift.total, close)
    held = table(wanted["final_inventory_by_book"], range(n_books), max(uids) + 1, 0.0)
    assert_close(held.T[:, uids], mtm.inventory, close)


@pytest.mark.parametrize(("case", "tolerance"), cases("debeta_skill"))
def test_alphas_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Both variants of alpha, where they exist, and the magnitude floor agree."""
    mtm, uids = walked(case)
    wanted, close = case["expected"], tolerance["float64"]
    alpha = window_alpha(mtm, "drift", mtm.notional.present)
    held = window_alpha(mtm, "held", mtm.notional.present)
    for name, actual in (("alpha", alpha), ("alpha_traded_books", alpha), ("alpha_held", held)):
        assert_table(wanted[name], actual, uids, close)
        assert_same_keys(wanted[name], ~np.isnan(actual), uids)
    for uid, values in wanted["alpha_full_run_sorted"].items():
        found = alpha[:, uids.index(int(uid))]
        assert_close(values, np.sort(found[~np.isnan(found)]), close)
    assert_close(wanted["floor"], skill.magnitude_floor(alpha, case["params"]["floor_scale"]), close)


@pytest.mark.parametrize(("case", "tolerance"), cases("debeta_skill"))
def test_subwindows_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Alphas of three parts, the weakest part and the sign gate agree; an empty part has alpha 0."""
    mtm, uids = walked(case)
    wanted, close = case["expected"], tolerance["float64"]
    alpha = window_alpha(mtm, "drift", mtm.notional.present)
    parts = subwindow_alphas(mtm, 3, case["params"]["subwindow_lookback"])
    for uid, books in wanted["subwindow_alphas_3"].items():
        for book, values in books.items():
            assert_close(values, np.nan_to_num(parts[:, int(book), uids.index(int(uid))]), close)
    parts = np.where(np.isnan(alpha), np.nan, parts)
    floor = wanted["floor"]
    weakest, gated = wanted["subwindow_skill"]["weakest"], wanted["subwindow_skill"]["sign_gated"]
    assert_close(vector(weakest["skill"], uids), weakest_part(parts, floor), close)
    for uid, info in weakest["info"].items():
        column = uids.index(int(uid))
        assert info["books"] == skill.books_with(alpha)[column]
        assert_close(info["weakest"], weakest_part(parts, floor)[column], close)
    kept = sign_gated(alpha, parts, 2)
    assert_close(vector(gated["skill"], uids), skill.floored_consistency(kept, floor), close)
    for uid, info in gated["info"].items():
        assert info["books"] == skill.books_with(kept)[uids.index(int(uid))]


@pytest.mark.parametrize(("case", "tolerance"), cases("debeta_skill"))
def test_pruning_and_shifting_are_the_validators(case: dict[str, Any], tolerance: Any) -> None:
    """Sums and their entries after pruning, and sample times after a restart, agree."""
    mtm, uids = walked(case)
    wanted, params, close = case["expected"], case["params"], tolerance["float64"]
    for sums in mtm.windows:
        sums.drop_before(params["prune_threshold"])
    assert_table(wanted["pruned_mtm"], mtm.path.total[MTM], uids, close)
    assert_same_keys(wanted["pruned_mtm"], mtm.path.present[MTM], uids)
    assert_close(by_book(wanted["pruned_drift"], mtm.drift.total.size), mtm.drift.total, close)
    shift = params["shift"]
    for sums in mtm.windows:
        sums.shift(shift["new_ts"] - shift["old_ts"])
        sums.drop_before(shift["threshold"])
    assert_table(wanted["shifted_mtm"], mtm.path.total[MTM], uids, close)
    for uid, books in wanted["shifted_mtm_times"].items():
        for book, times in books.items():
            entry = (MTM, int(book), uids.index(int(uid)))
            assert times == [sample.time_ns for sample in mtm.path.samples if sample.touched[entry]]


PRICES = st.sampled_from((299.99, 300.0, 300.01, 300.03))
ROWS = st.lists(
    st.tuples(
        st.integers(0, 2),
        PRICES,
        st.sampled_from((0.25, 0.5, 1.7)),
        st.integers(0, 1),
        st.integers(-2, 2),
        st.integers(-2, 2),
    ),
    max_size=25,
)


@given(st.lists(ROWS, max_size=4), st.sampled_from(("last", "median")), st.integers(0, 3))
def test_paths_equal_a_loop_over_prints(states: list[list[Any]], mode: str, window: int) -> None:
    """Three books at once, in bursts of any size, sum to the last bit what one print after another sums."""
    naive = Naive(1, 0, 1, mode, window)
    mtm, columns = MarkToMarket.empty(3, mode, window), Columns()
    columns.of(np.arange(3))
    mtm.grow(3)
    for number, rows in enumerate(states):
        trades = {book: [Print(number, *row[1:]) for row in rows if row[0] == book] for book in range(3)}
        naive.add(number, trades)
        for sums in mtm.windows:
            sums.open(number)
        mtm.add(prints_of_rows({str(book): found for book, found in trades.items()}, 3, columns))
    names = ("mtm", "held_prints", "held_inventory", "held_drift", "inventory_sum")
    for name, actual in zip((*names, "notional"), (*mtm.path.total, mtm.notional.total), strict=True):
        expected = np.zeros((3, 3))
        for (book, uid), value in naive.sums[name].items():
            expected[book, uid] = value
        np.testing.assert_array_equal(expected, actual)
    assert [naive.drift[book] for book in range(3)] == mtm.drift.total.tolist()
    assert [naive.print_count[book] for book in range(3)] == mtm.print_count.total.tolist()


def test_a_mark_over_all_prints_never_forgets() -> None:
    """Window 0 is the vwap since the beginning."""
    marks = BookMarks("vwap", 0)
    assert [marks.after(price, 1.0) for price in (10.0, 11.0, 15.0)] == [10.0, 10.5, 12.0]


def test_a_market_without_drift_has_no_alpha_in_any_part() -> None:
    """Before the first move of a mark the parts of the window are 0."""
    mtm = MarkToMarket.empty(2)
    mtm.grow(1)
    assert not subwindow_alphas(mtm, 3, 100).any()
