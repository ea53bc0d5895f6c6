"""Volume-synchronised probability of informed trading."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import Feed, MarketState, Signals
from obmm.signals import Vpin
from obmm.testing import random_state, trades

#: Bought of each bar of 100: eq. 8 of the paper on changes of +1, -2, 0, +3, -1 and -1 cent.
BOUGHT = [71.192494, 13.177624, 50.0, 95.323374, 28.807506, 28.807506]
Rows = list[tuple[int, float, float]]


def at(second: float, rows: Rows | None, n_books: int = 1) -> MarketState:
    """A state with a tape of trades, or without a tape."""
    tape = None if rows is None else trades(n_books, rows)
    return attrs.evolve(random_state(1, n_books=n_books), time_ns=round(second * 1e9), tape=tape)


def run(states: list[MarketState], **options: Any) -> np.ndarray:
    """The last value over states."""
    stage = Vpin(**options)
    return [stage(state, Signals(n_books=state.n_books)) for state in states][-1]


def test_signal_gives_the_worked_example_with_true_signs() -> None:
    """Three buckets of two bars each, whose buys and sells are told apart on the tape."""
    rows = []
    for bar, bought in enumerate(BOUGHT):
        rows += [(0, bar + 0.1, bought), (0, bar + 0.2, -(100.0 - bought))]
    value = run([at(7.0, rows), at(8.0, [(0, 7.5, 1e-6)])], bucket_base=200.0, buckets=3)
    assert pytest.approx(0.344460815, abs=1e-8) == value[0]


def test_one_sided_volume_is_toxic_balanced_is_not() -> None:
    """Only buys give 1; equal buys and sells in each bucket give 0."""
    buys = [(0, 0.1 * i, 5.0) for i in range(1, 9)]
    both = [(0, 0.1 * i, 5.0 if i % 2 else -5.0) for i in range(1, 9)]
    assert run([at(1.0, buys)], bucket_base=10.0)[0] == 1.0
    assert run([at(1.0, both)], bucket_base=10.0)[0] == 0.0


def test_nothing_before_the_first_full_bucket() -> None:
    """Part of a bucket tells nothing, a full one does."""
    assert math.isnan(run([at(1.0, [(0, 0.5, 9.0)])], bucket_base=10.0)[0])
    assert run([at(1.0, [(0, 0.5, 9.0)]), at(2.0, [(0, 1.5, 1.0)])], bucket_base=10.0)[0] == 1.0


def test_old_buckets_leave() -> None:
    """Of two buckets kept, the oldest makes room for the newest."""
    rows = [(0, 0.1, 10.0), (0, 0.2, 5.0), (0, 0.3, -5.0), (0, 0.4, 5.0), (0, 0.5, -5.0)]
    assert run([at(1.0, rows[:3])], bucket_base=10.0, buckets=2)[0] == 0.5
    assert run([at(1.0, rows)], bucket_base=10.0, buckets=2)[0] == 0.0


def test_trade_larger_than_everything_fills_everything() -> None:
    """An enormous trade leaves buckets of one side only, and the next ones still count."""
    rows = [(0, 0.1, 5.0), (0, 0.2, -5.0), (0, 0.3, 1e9)]
    assert run([at(1.0, rows)], bucket_base=10.0, buckets=3)[0] == 1.0
    after = at(2.0, [(0, 1.0 + 0.1 * i, 5.0 if i % 2 else -5.0) for i in range(1, 7)])
    assert run([at(1.0, rows), after], bucket_base=10.0, buckets=3)[0] == 0.0


def test_large_trade_keeps_its_place_in_the_last_bucket() -> None:
    """21 fill two buckets of 8 and five of the third, from which three sold leave two."""
    rows = [(0, 0.1, 21.0), (0, 0.2, -3.0)]
    assert run([at(1.0, rows)], bucket_base=8.0, buckets=1)[0] == 0.25


def test_repeated_state_and_missing_tape() -> None:
    """A tape seen twice counts once; without a tape there is no value but the past stays."""
    first = at(1.0, [(0, 0.5, 9.0)])
    assert math.isnan(run([first, first], bucket_base=10.0)[0])
    assert math.isnan(run([first, at(2.0, None)], bucket_base=5.0)[0])
    assert run([first, at(2.0, None), at(3.0, [(0, 2.5, 1.0)])], bucket_base=10.0)[0] == 1.0


def test_it_asks_for_the_tape() -> None:
    """The tape is decoded only because of this."""
    assert frozenset({Feed.TAPE}) == Vpin().needs


@pytest.mark.parametrize("options", [{"bucket_base": 0.0}, {"buckets": 0}])
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    """Mistakes show when the signal is made."""
    with pytest.raises(ValueError, match="must be"):
        Vpin(**options)


def naive(rows: Rows, book: int, bucket: float, kept: int) -> float:
    """Trade by trade, cutting each at the edges of its buckets."""
    full: list[float] = []
    filled = signed = 0.0
    for at_book, _, size in sorted(rows, key=lambda row: row[1]):
        left = abs(size) if at_book == book else 0.0
        while left > 0.0:
            part = min(left, bucket - filled)
            filled, signed, left = filled + part, signed + math.copysign(part, size), left - part
            if filled == bucket:
                full.append(abs(signed))
                filled = signed = 0.0
    return sum(full[-kept:]) / (len(full[-kept:]) * bucket) if full else math.nan


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(1, 4_999),
            st.sampled_from([-16.0, -3.0, -0.5, 0.25, 2.0, 8.0, 21.0]),
        ),
        max_size=30,
        unique_by=lambda row: row[1],
    ),
    st.integers(1, 4),
)
def test_equals_the_definition(rows: Rows, kept: int) -> None:
    """Five states with trades on three books give what filling buckets one by one gives."""
    rows = [(book, ms / 1e3, size) for book, ms, size in rows]
    states = [
        at(second, [row for row in rows if second - 1 < row[1] <= second], n_books=3)
        for second in range(1, 6)
    ]
    value = run(states, bucket_base=8.0, buckets=kept)
    # A power of two as bucket and quarters as sizes: every sum is exact.
    np.testing.assert_allclose([naive(rows, book, 8.0, kept) for book in range(3)], value, rtol=1e-12)
