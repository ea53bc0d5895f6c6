"""Captured and realised spread: reference vectors, the queues against a loop over prints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.scoring.debeta.capture import captured_spread, centred_mids
from obmm.scoring.debeta.making import quality, two_sided_making
from obmm.scoring.debeta.prints import Columns
from obmm.scoring.debeta.queues import FillQueues
from obmm.scoring.debeta.realised import centred_marks, realised_spread
from scoring.debeta_naive import Naive, Print
from scoring.debeta_reference import assert_all_used, assert_table, books_of, having, prints_of_rows, vector
from scoring.reference import assert_close, cases

SECOND_NS = 10**9
SUMS = ("capture_buy", "capture_sell", "realized_buy", "realized_sell")

CASES = cases("debeta_capture")
KINDS = ("centered_mid", "checkpoints")


def test_every_case_of_capture_is_used() -> None:
    """A case is one batch or a stream of them."""
    assert_all_used(CASES, "expected", KINDS)


@pytest.mark.parametrize(("case", "tolerance"), having(CASES, "expected", "centered_mid"))
def test_one_batch_captures_and_realises_as_the_validator(case: dict[str, Any], tolerance: Any) -> None:
    """Mids, marks, both sums of both sides, making and quality agree on a complete stream."""
    wanted, close, params = case["expected"], tolerance["float64"], case["params"]
    columns = Columns()
    prints = prints_of_rows({"0": case["input"]["trades"]}, 1, columns)
    half_window, n = params["half_window"], len(columns.uids)
    assert_close(wanted["centered_mid"], centred_mids(prints.price, half_window), close)
    assert_close(wanted["marks"], centred_marks(prints, half_window), close)
    captured = captured_spread(prints, half_window, n)
    realised = realised_spread(prints, half_window, params["horizon_ns"], n)
    for name, actual in zip(SUMS, (*captured, *realised), strict=True):
        by_uid = {uid: {"0": next(iter(books.values()))} for uid, books in wanted[name].items()}
        assert_table(by_uid, actual[np.newaxis], columns.uids, close)
    whole = captured[:, np.newaxis]
    assert_close(vector(wanted["making"], columns.uids, 0.0), two_sided_making(whole), close)
    kept = quality(whole, realised[:, np.newaxis])
    assert_close(vector(wanted["quality"], columns.uids, 0.0), kept, close)


@pytest.mark.parametrize(("case", "tolerance"), having(CASES, "expected", "checkpoints"))
def test_queues_book_as_the_validator_at_every_checkpoint(case: dict[str, Any], tolerance: Any) -> None:
    """Sums and waiting fills agree along the stream, at its end and after a forced drain."""
    wanted, params = case["expected"], case["params"]
    checkpoints = {found["after_batch"]: found for found in (*wanted["checkpoints"], wanted["final"])}
    batches = case["input"]["batches"]
    n_books, columns = books_of(batches), Columns()
    queues = FillQueues.empty(n_books, params["half_window"], params["horizon_ns"], params["flush_ns"])
    sums = np.zeros((2, 2, n_books, 64))

    def release(now_ns: int, *, drain: bool = False) -> None:
        for total, found in zip(sums, queues.release(now_ns, drain=drain), strict=True):
            np.add.at(total, (found.side, found.book, found.column), found.quote)

    def compare(checkpoint: dict[str, Any]) -> None:
        uids = columns.uids
        for name, actual in zip(SUMS, sums.reshape(4, n_books, 64), strict=True):
            assert_table(checkpoint[name], actual[:, : len(uids)], uids, tolerance["float64"])

    for number, batch in enumerate(batches):
        queues.push(prints_of_rows(batch["trades"], n_books, columns))
        release(batch["now"])
        if number in checkpoints:
            compare(checkpoints[number])
            waiting = {str(book): list(found) for book, found in enumerate(queues.pending)}
            assert checkpoints[number]["pending"].items() <= waiting.items()
    release(batches[-1]["now"], drain=True)
    compare(wanted["after_forced_flush"])


@st.composite
def streams(draw: st.DrawFn) -> list[dict[int, list[Print]]]:
    """States of two books with bursts, silences, self trades, miner-only runs and uid 0."""
    clock, states = 0, []
    for _ in range(draw(st.integers(1, 12))):
        rows: dict[int, list[Print]] = {}
        start = clock
        clock += draw(st.sampled_from((1, 5, 30, 70))) * SECOND_NS
        for book in draw(st.sets(st.integers(0, 1))):
            times = sorted(draw(st.lists(st.integers(start, clock - 1), max_size=8)))
            rows[book] = [
                Print(
                    time_ns,
                    300.0 + 0.01 * draw(st.integers(-20, 20)),
                    draw(st.integers(1, 40)) / 8.0,
                    draw(st.integers(0, 1)),
                    draw(st.integers(-2, 2)),
                    draw(st.integers(-2, 2)),
                )
                for time_ns in times
            ]
        states.append(rows)
    return states


@given(streams(), st.integers(0, 3), st.sampled_from((0, 4, 20)))
def test_queues_equal_a_loop_over_prints(
    states: list[dict[int, list[Print]]], half_window: int, horizon_s: int
) -> None:
    """All books at once book to the last bit what one print after the other books."""
    naive = Naive(half_window, horizon_s * SECOND_NS, 60 * SECOND_NS, "last", 0)
    queues = FillQueues.empty(2, half_window, horizon_s * SECOND_NS, 60 * SECOND_NS)
    columns, sums, now_ns = Columns(), np.zeros((2, 2, 2, 3)), 0
    columns.of(np.arange(3))
    for number, state in enumerate(states):
        last = max((trade.time_ns for rows in state.values() for trade in rows), default=now_ns)
        now_ns = max(now_ns, last) + SECOND_NS
        naive.add(now_ns, state)
        queues.push(prints_of_rows({str(book): rows for book, rows in state.items()}, 2, columns))
        released = [queues.release(now_ns)]
        if number == len(states) - 1:
            naive.release(now_ns, drain=True)
            released.append(queues.release(now_ns, drain=True))
        for pair in released:
            for total, found in zip(sums, pair, strict=True):
                np.add.at(total, (found.side, found.book, found.column), found.quote)
        waiting = [(len(naive.queues[book].capture), len(naive.queues[book].realise)) for book in range(2)]
        assert waiting == queues.pending
    names = ("captured_buy", "captured_sell", "realised_buy", "realised_sell")
    for name, actual in zip(names, sums.reshape(4, 2, 3), strict=True):
        expected = np.zeros((2, 3))
        for (book, uid), quote in naive.sums[name].items():
            expected[book, uid] = quote
        np.testing.assert_array_equal(expected, actual)


def test_a_miner_only_neighbourhood_realises_nothing() -> None:
    """Without a print with the background within four half-windows the fill books nothing."""
    rows = [(i * SECOND_NS, 300.0 + i, 1.0, 1, 1, 2) for i in range(40)]
    columns = Columns()
    queues = FillQueues.empty(1, 2, SECOND_NS, 60 * SECOND_NS)
    queues.push(prints_of_rows({"0": rows}, 1, columns))
    captured, realised = queues.release(40 * SECOND_NS)
    assert captured.quote.size > 0
    assert realised.quote.size == 0
    assert queues.pending == [(2, 3)]


def test_a_fill_of_uid_0_against_the_background_is_not_measured() -> None:
    """The validator's test takes id 0 for nobody; against a miner the same fill is measured."""
    row = (0, 300.0, 1.0, 1, 0)
    columns = Columns()
    assert not prints_of_rows({"0": [(*row, -1)]}, 1, columns).measured[0]
    assert prints_of_rows({"0": [(*row, 5)]}, 1, columns).measured[0]


def test_a_burst_of_prints_outgrows_the_ring_without_loss() -> None:
    """Thousands of waiting prints are kept, however many arrive at once."""
    rows = [(i, 300.0, 1.0, 0, -1, 1) for i in range(3_000)]
    queues = FillQueues.empty(2, 15, 20 * SECOND_NS, 60 * SECOND_NS)
    queues.push(prints_of_rows({"1": rows}, 2, Columns()))
    queues.release(SECOND_NS)
    assert queues.pending == [(0, 0), (15, 3_000)]
    queues.clear()
    assert queues.pending == [(0, 0), (0, 0)]
