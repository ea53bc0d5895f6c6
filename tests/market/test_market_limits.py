"""Limits combine by the stricter value: the laws that make the order of gates irrelevant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import Limits, Reason
from obmm.market.reasons import strictest

B = 3
FLAGS = st.lists(st.booleans(), min_size=B, max_size=B)
FACTORS = st.lists(st.floats(-0.5, 1.5) | st.just(float("nan")), min_size=B, max_size=B)
SPREADS = st.lists(st.floats(0.5, 3.0) | st.just(float("nan")), min_size=B, max_size=B)
BOUNDS = st.lists(st.floats(-1.0, 50.0) | st.just(float("inf")), min_size=B, max_size=B)
WORDS = st.fixed_dictionaries(
    {"reason": st.sampled_from([r for r in Reason if r is not Reason.OPEN])},
    optional={
        "bid_allowed": FLAGS,
        "ask_allowed": FLAGS,
        "bid_size_factor": FACTORS,
        "ask_size_factor": FACTORS,
        "spread_factor": SPREADS,
        "position_limit": BOUNDS,
        "position_soft": BOUNDS,
        "position_factor": FACTORS,
        "reduce_only": FLAGS,
    },
)
POSITIONS = st.lists(st.floats(-60.0, 60.0) | st.just(0.0), min_size=B, max_size=B).map(np.array)


def said(*words: dict[str, Any]) -> Limits:
    """Open limits after each word in turn."""
    limits = Limits.open(B)
    for word in words:
        limits = limits.tightened(**word)
    return limits


@given(a=WORDS, b=WORDS)
def test_tightening_commutes(a: dict[str, Any], b: dict[str, Any]) -> None:
    """Two gates may speak in either order."""
    assert said(a, b) == said(b, a)


@given(a=WORDS, b=WORDS, c=WORDS)
def test_any_order_of_three_gives_the_same(a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]) -> None:
    """Tightening is associative: three gates may speak in any order."""
    assert said(a, b, c) == said(c, a, b) == said(b, c, a)


@given(words=st.lists(WORDS, min_size=1, max_size=4), order=st.randoms())
def test_verdicts_join_as_if_said_one_after_the_other(words: list[dict[str, Any]], order: Any) -> None:
    """In any order."""
    alone = [Limits.of(B, **word) for word in words]
    order.shuffle(alone)
    assert said(*words) == Limits.strictest(alone)


def each(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An array (B,)."""
    return st.lists(values, min_size=B, max_size=B).map(np.array)


ANY_FLOATS = each(st.floats())
ANY_LIMITS = st.builds(
    Limits,
    bid_allowed=each(st.booleans()),
    ask_allowed=each(st.booleans()),
    bid_size_factor=ANY_FLOATS,
    ask_size_factor=ANY_FLOATS,
    spread_factor=ANY_FLOATS,
    position_limit=ANY_FLOATS,
    position_soft=ANY_FLOATS,
    position_factor=ANY_FLOATS,
    reduce_only=each(st.booleans()),
    bid_reason=each(st.sampled_from([int(r) for r in Reason])),
    ask_reason=each(st.sampled_from([int(r) for r in Reason])),
)


@given(verdicts=st.lists(ANY_LIMITS, min_size=1, max_size=3))
def test_no_verdict_loosens_what_is_joined(verdicts: list[Limits]) -> None:
    """Numbers of a gate that are none, or out of bounds, leave limits that can be relied on."""
    joint = Limits.strictest(verdicts)
    assert joint.allows_no_more_than(Limits.open(B))
    assert joint == Limits.strictest([*verdicts, joint])
    assert all(Limits.strictest([joint, verdict]) == joint for verdict in verdicts)


def test_limits_of_different_markets_do_not_join() -> None:
    """Nor do none at all."""
    with pytest.raises(ValueError, match=r"of \[2, 3\] books"):
        Limits.strictest([Limits.of(2, allowed=False, reason=1), Limits.of(3, allowed=False, reason=1)])
    with pytest.raises(ValueError, match="no limits to join"):
        Limits.strictest([])


def test_both_sides_are_said_at_once() -> None:
    """`allowed` and `size_factor` speak of bids and asks, and join what is said of one."""
    expected = Limits.of(
        2,
        bid_allowed=[True, False],
        ask_allowed=[False, False],
        bid_size_factor=0.5,
        ask_size_factor=0.25,
        reason=Reason.CUSTOM,
    )
    assert expected == Limits.of(
        2,
        allowed=[True, False],
        ask_allowed=[False, True],
        size_factor=0.5,
        ask_size_factor=0.25,
        reason=Reason.CUSTOM,
    )
    assert expected == Limits.of(
        2,
        allowed=[True, False],
        bid_allowed=True,
        ask_allowed=[False, True],
        size_factor=0.5,
        bid_size_factor=float("nan"),
        ask_size_factor=0.25,
        reason=Reason.CUSTOM,
    )


def test_open_limits_are_shared_and_cannot_be_written() -> None:
    """One object per number of books."""
    assert Limits.open(7) is Limits.open(7)
    with pytest.raises(ValueError, match="read-only"):
        Limits.open(7).bid_allowed[0] = False


@given(a=WORDS)
def test_saying_it_twice_changes_nothing(a: dict[str, Any]) -> None:
    """Tightening is idempotent."""
    assert said(a) == said(a, a)


@given(a=WORDS, b=WORDS)
def test_tightening_never_loosens(a: dict[str, Any], b: dict[str, Any]) -> None:
    """Whatever is said next allows no more than what was said before."""
    assert said(a, b).allows_no_more_than(said(a))


@given(a=WORDS, position=POSITIONS)
def test_enforcing_never_loosens(a: dict[str, Any], position: Any) -> None:
    """No position opens a side that was closed."""
    assert said(a).enforced(position).allows_no_more_than(said(a))


@given(a=WORDS, position=POSITIONS)
def test_enforcing_twice_changes_nothing(a: dict[str, Any], position: Any) -> None:
    """At an unchanged position enforcement is idempotent in what it allows."""
    once = said(a).enforced(position)
    assert once.allows_no_more_than(once.enforced(position))


@given(a=WORDS, b=WORDS, position=POSITIONS)
def test_enforcing_is_monotone(a: dict[str, Any], b: dict[str, Any], position: Any) -> None:
    """Stricter limits stay stricter after enforcement."""
    assert said(a, b).enforced(position).allows_no_more_than(said(a).enforced(position))


@given(a=WORDS, position=POSITIONS)
def test_enforced_side_that_closes_says_why(a: dict[str, Any], position: Any) -> None:
    """Every closed side carries a reason."""
    after = said(a).enforced(position)
    assert (after.bid_reason[~after.bid_allowed] > 0).all()
    assert (after.ask_reason[~after.ask_allowed] > 0).all()


def test_bounds_close_the_adding_side_then_all_but_the_reducing_one() -> None:
    """Near the limit one side closes; at the limit only the reducing side stays, with its reason."""
    limits = Limits.open(5).tightened(position_limit=10.0, position_soft=8.0, reason=Reason.CUSTOM)
    after = limits.enforced(np.array([0.0, 8.0, 10.0, -8.0, -10.0]))
    assert [True, False, False, True, True] == after.bid_allowed.tolist()
    assert [True, True, True, False, False] == after.ask_allowed.tolist()
    assert [False, False, True, False, True] == after.reduce_only.tolist()
    near, full = int(Reason.NEAR_LIMIT), int(Reason.POSITION_LIMIT)
    assert [0, near, full, 0, 0] == after.bid_reason.tolist()
    assert [0, 0, 0, near, full] == after.ask_reason.tolist()


def test_reduce_only_with_no_position_closes_both_sides() -> None:
    """There is nothing to reduce, and the reason says so."""
    after = Limits.open(1).tightened(reduce_only=True, reason=Reason.REDUCE_ONLY).enforced(np.zeros(1))
    assert [False, False] == [bool(after.bid_allowed[0]), bool(after.ask_allowed[0])]
    assert int(Reason.REDUCE_ONLY) == int(after.bid_reason[0])


def test_a_word_that_says_nothing_leaves_no_reason() -> None:
    """Only what closes or narrows is explained."""
    assert Limits.open(2) == Limits.open(2).tightened(reason=Reason.DRAWDOWN)


def test_number_of_books_and_repr() -> None:
    """Limits know and show how many books they speak of."""
    limits = Limits.open(4).tightened(ask_allowed=[True, False, True, True], reason=Reason.FEES)
    assert 4 == limits.n_books
    assert "Limits(4 books, bids on 4, asks on 3)" == repr(limits)


REASONS = st.sampled_from([int(r) for r in Reason]).map(lambda r: np.array([r]))


@given(a=REASONS, b=REASONS, c=REASONS)
def test_strictest_reason_is_a_lattice(a: Any, b: Any, c: Any) -> None:
    """The winning reason commutes, associates, repeats and treats `OPEN` as neutral."""
    assert strictest(a, b) == strictest(b, a)
    assert strictest(a, strictest(b, c)) == strictest(strictest(a, b), c)
    assert a == strictest(a, a) == strictest(a, np.array([0]))


def test_codes_below_narrowed_close_a_side() -> None:
    """A reason tells whether it closes or only narrows."""
    assert [False, True, True, False, False] == [
        r.closes
        for r in (Reason.OPEN, Reason.NO_ACCOUNT, Reason.WOULD_CROSS, Reason.NARROWED, Reason.EXPOSURE)
    ]
