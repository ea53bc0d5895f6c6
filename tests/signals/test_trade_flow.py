"""Imbalance of aggressive trades."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import Feed, MarketState, Signals, Tape
from obmm.signals import TradeFlow
from obmm.testing import random_state, trades

#: Three trades of the worked example: (book, second, signed size).
TRADES = [(0, 0.0, +2.0), (0, 1.0, -1.0), (0, 2.5, +4.0)]
Rows = list[tuple[int, float, float]]


def at(second: float, rows: Rows | None, n_books: int = 1) -> MarketState:
    """A state with a tape of trades, or without a tape."""
    tape = None if rows is None else trades(n_books, rows)
    return attrs.evolve(random_state(1, n_books=n_books), time_ns=round(second * 1e9), tape=tape)


def run(states: list[MarketState], **options: Any) -> np.ndarray:
    """The last value over states."""
    stage = TradeFlow(**options)
    return [stage(state, Signals(n_books=state.n_books)) for state in states][-1]


def test_undecayed_ratio() -> None:
    """(2 - 1 + 4) / 7."""
    value = run([at(3.0, TRADES)], tau_s=math.inf, balance_base=0.0)
    assert pytest.approx(0.7142857142857143, rel=1e-12) == value[0]


def test_decayed_ratio() -> None:
    """The same with τ = 2 s, seen at 3 s."""
    value = run([at(3.0, TRADES)], tau_s=2.0, balance_base=0.0)
    assert pytest.approx(0.8127526911656282, rel=1e-9) == value[0]


def test_trades_may_come_in_several_states() -> None:
    """One tape with all trades or one per state: the sums are the same."""
    states = [at(1.0, TRADES[:2]), at(2.0, []), at(3.0, TRADES[2:])]
    assert pytest.approx(0.8127526911656282, rel=1e-9) == run(states, tau_s=2.0, balance_base=0.0)[0]


def test_repeated_state_counts_once() -> None:
    """Trades that were on an earlier tape are not counted again."""
    states = [at(3.0, TRADES), at(3.0, TRADES)]
    assert pytest.approx(0.7142857142857143) == run(states, tau_s=math.inf, balance_base=0.0)[0]


def test_lone_old_trade_fades() -> None:
    """With balanced volume beside it one trade loses its weight; the plain ratio never does."""
    states = [at(1.0, [(0, 1.0, 5.0)]), at(101.0, [])]
    assert run(states, tau_s=10.0)[0] < 1e-3
    assert pytest.approx(1.0) == run(states, tau_s=10.0, balance_base=0.0)[0]


def test_books_are_apart_by_default() -> None:
    """Each book has its own flow, 0 where nothing has traded."""
    value = run([at(1.0, [(0, 1.0, 5.0), (2, 0.5, -5.0)], n_books=3)], balance_base=0.0)
    np.testing.assert_allclose([1.0, 0.0, -1.0], value)


def test_all_books_share_one_direction() -> None:
    """Over all books every book gets the pooled value."""
    rows = [(0, 1.0, 6.0), (2, 1.0, -2.0)]
    value = run([at(1.0, rows, n_books=3)], scope="all", balance_base=0.0)
    np.testing.assert_allclose([0.5, 0.5, 0.5], value)


def test_only_trades_count() -> None:
    """Orders and cancels of the tape leave the flow alone."""
    state = random_state(3, n_books=4)
    assert state.tape is not None
    kinds = np.where(state.tape.kind == 1, 0, state.tape.kind)
    quiet = attrs.evolve(state, tape=attrs.evolve(state.tape, kind=kinds))
    np.testing.assert_array_equal(np.zeros(4), run([quiet]))


@pytest.mark.parametrize("size", [math.nan, math.inf, 0.0, -1.0])
def test_impossible_sizes_are_ignored(size: float) -> None:
    """A trade without a size is none."""
    state = at(3.0, TRADES)
    assert state.tape is not None
    sizes = np.append(state.tape.size[:2], size)
    spoiled = attrs.evolve(state, tape=attrs.evolve(state.tape, size=sizes))
    assert pytest.approx(1 / 3) == run([spoiled], tau_s=math.inf, balance_base=0.0)[0]


def test_no_tape_no_value_but_the_past_stays() -> None:
    """A state without a tape is NaN; the next one continues."""
    states = [at(1.0, TRADES[:2]), at(2.0, None), at(3.0, TRADES[2:])]
    assert math.isnan(run(states[:2])[0])
    assert pytest.approx(0.8127526911656282) == run(states, tau_s=2.0, balance_base=0.0)[0]


def test_it_asks_for_the_tape() -> None:
    """The tape is decoded only because of this."""
    assert frozenset({Feed.TAPE}) == TradeFlow().needs
    assert [False, True] == [TradeFlow(scope=scope).across_books for scope in ("book", "all")]


@pytest.mark.parametrize("options", [{"tau_s": 0.0}, {"balance_base": -1.0}, {"scope": "some"}])
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    """Mistakes show when the signal is made."""
    with pytest.raises(ValueError, match="must be"):
        TradeFlow(**options)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(1, 9_000).map(lambda ms: ms / 1e3),
            st.sampled_from([-3.0, 0.5, 9.0]),
        ),
        max_size=20,
    ),
    st.sampled_from([0.0, 5.0]),
)
def test_equals_the_definition(rows: Rows, balance: float) -> None:
    """Nine one-second states give the decayed sums over all trades."""
    states = [
        at(second, [row for row in rows if second - 1 < row[1] <= second], n_books=3)
        for second in range(1, 10)
    ]
    value = run(states, tau_s=2.0, balance_base=balance)
    for book in range(3):
        mine = [
            (math.exp(-(9.0 - second) / 2.0), signed) for at_book, second, signed in rows if at_book == book
        ]
        signed = sum(weight * size for weight, size in mine)
        volume = sum(weight * abs(size) for weight, size in mine)
        expected = signed / (volume + balance) if mine else 0.0
        assert pytest.approx(expected, rel=1e-9, abs=1e-12) == value[book]


def test_empty_tape_is_no_flow() -> None:
    """Nothing traded yet: 0."""
    state = attrs.evolve(random_state(1, n_books=2), tape=Tape.empty(2))
    np.testing.assert_array_equal([0.0, 0.0], run([state]))
