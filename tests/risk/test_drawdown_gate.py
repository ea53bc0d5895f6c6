"""A stop after losses: its states, its references, and that it always ends."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obmm.market import Accounts, MarketState, Reason, Venue
from obmm.risk import DrawdownEnd, DrawdownGate, DrawdownStop
from risk.gate_scenes import applied, scene


def at(second: float, profit: Any = 0.0, *, mid: Any = 300.0, venue: Venue | None = None) -> MarketState:
    """A state in which trading on each book has made `profit` quote; capital is 50,000 per book."""
    return scene(time_s=second, quote=26_000.0 + np.asarray(profit, dtype=np.float64), mid=mid, venue=venue)


def stopped(gate: DrawdownGate, state: MarketState) -> list[bool]:
    """Books on which only reducing is left."""
    flags: list[bool] = applied(gate, state).reduce_only.tolist()
    return flags


def test_a_loss_from_the_start_stops_the_book_that_made_it() -> None:
    """5 % of 50,000 is 2,500; the reason is told on both sides."""
    gate = DrawdownGate(threshold=0.05, reference="start")
    limits = applied(gate, at(600, [-2_500.0, -2_499.0]))
    assert [True, False] == limits.reduce_only.tolist()
    assert [Reason.DRAWDOWN, 0] == limits.bid_reason.tolist() == limits.ask_reason.tolist()


def test_the_peak_trails() -> None:
    """Measured from the highest equity, giving back a gain is a loss; from the start it is not."""
    peak, start = DrawdownGate(reference="peak"), DrawdownGate(reference="start")
    for gate in (peak, start):
        assert stopped(gate, at(600, 3_000.0)) == [False, False]
    assert stopped(peak, at(601, 400.0)) == [True, True]
    assert stopped(start, at(601, 400.0)) == [False, False]


def test_a_falling_price_of_the_endowment_stops_nobody() -> None:
    """Trading results are measured against holding; the worth of the account is another measure."""
    by_result, by_value = DrawdownGate(), DrawdownGate(measure="value")
    for gate in (by_result, by_value):
        stopped(gate, at(600))
    assert stopped(by_result, at(601, mid=250.0)) == [False, False]
    assert stopped(by_value, at(601, mid=250.0)) == [True, True]


def test_a_position_loses_with_the_price() -> None:
    """Base bought beyond the endowment is trading: 50 base that fall by 60 lose 3,000."""
    gate = DrawdownGate(threshold=0.05)
    bought = scene(position=50.0, quote=11_000.0)
    assert stopped(gate, bought) == [False, False]
    fallen = scene(time_s=601, position=50.0, quote=11_000.0, mid=240.0)
    assert stopped(gate, fallen) == [True, True]


def test_the_portfolio_stops_as_one() -> None:
    """Losses and gains of books cancel; the sum stops all of them."""
    gate = DrawdownGate(threshold=0.02, scope="portfolio", reference="start")
    assert stopped(gate, at(600, [-3_000.0, 2_500.0])) == [False, False]
    assert stopped(gate, at(601, [-3_000.0, 1_000.0])) == [True, True]
    assert [[True, True]] == [news.books.tolist() for news in gate.news]


def test_each_account_is_a_portfolio() -> None:
    """The loss of one group of books stops that group alone."""
    gate = DrawdownGate(threshold=0.025, scope="portfolio", reference="start")
    profit, venue = [-3_000.0, -3_000.0, 1_000.0, 0.0], Venue.of(4, groups=[0, 1, 0, 1])
    state = scene(4, time_s=600, quote=26_000.0 + np.array(profit), venue=venue)
    assert stopped(gate, state) == [False, True, False, True]
    assert [[False, True, False, True]] == [news.books.tolist() for news in gate.news]


def test_it_resumes_after_the_cooldown_and_starts_afresh() -> None:
    """The loss is written off: the same equity does not stop again, a further loss does."""
    gate = DrawdownGate(threshold=0.05, cooldown_s=100.0)
    assert stopped(gate, at(600, -2_600.0)) == [True, True]
    assert stopped(gate, at(699, -2_600.0)) == [True, True]
    assert stopped(gate, at(700, -2_600.0)) == [False, False]
    assert stopped(gate, at(701, -2_700.0)) == [False, False]
    assert stopped(gate, at(702, -5_101.0)) == [True, True]


def test_without_resume_a_stop_is_final() -> None:
    """Not even a full recovery reopens the book."""
    gate = DrawdownGate(resume=False, cooldown_s=1.0)
    stopped(gate, at(600, -3_000.0))
    assert stopped(gate, at(5_000, 3_000.0)) == [True, True]


def test_each_transition_is_told() -> None:
    """Book and loss of every stop and resumption, with the state in which it happens and no other."""
    gate = DrawdownGate(threshold=0.05, cooldown_s=10.0)
    told = []
    for second, profit in ((600, 0.0), (601, -2_500.0), (602, -2_500.0), (611, -2_500.0)):
        stopped(gate, at(second, [0.0, profit]))
        told.append(gate.news)
    second_book = np.array([False, True])
    stop = DrawdownStop(books=second_book, drawdown=0.05)
    assert [(), (stop,), (), (DrawdownEnd(books=second_book, drawdown=0.05),)] == told


def test_an_account_that_vanishes_keeps_its_equity() -> None:
    """A state without accounts is no recovery and no loss."""
    gate = DrawdownGate(threshold=0.05)
    stopped(gate, at(600, [-2_600.0, 0.0]))
    unknown = attrs.evolve(at(601), accounts=Accounts.unknown(2))
    assert stopped(gate, unknown) == [True, False]
    assert stopped(gate, at(602, [-2_600.0, 0.0])) == [True, False]


def test_an_unknown_initial_price_is_replaced_by_the_first_mid() -> None:
    """Capital is then the endowment at the first mid."""
    venue = Venue.of(2, initial_price=float("nan"))
    gate = DrawdownGate(threshold=0.05, measure="value")
    assert stopped(gate, at(600, mid=300.0, venue=venue)) == [False, False]
    assert stopped(gate, at(601, mid=260.0, venue=venue)) == [True, True]


def test_no_capital_no_stop() -> None:
    """An account without endowment has no loss as a share of it."""
    state = scene(1, base_initial=0.0, quote=-100.0, quote_initial=0.0)
    assert stopped(DrawdownGate(), state) == [False]


def test_portfolio_options_cannot_differ_between_books() -> None:
    """One portfolio has one threshold."""
    with pytest.raises(ValueError, match="cannot differ between books"):
        DrawdownGate(scope="portfolio", threshold=np.array([0.1, 0.2]))


@settings(max_examples=50)
@given(
    profits=st.lists(st.floats(-20_000.0, 20_000.0), min_size=1, max_size=60),
    reference=st.sampled_from(["start", "peak"]),
    scope=st.sampled_from(["book", "portfolio"]),
)
def test_no_stop_outlasts_its_cooldown(profits: list[float], reference: Any, scope: Any) -> None:
    """Whatever equity does, a stop ends at the first state after its cooldown: no dead-lock."""
    gate = DrawdownGate(threshold=0.05, cooldown_s=30.0, reference=reference, scope=scope)
    began: int | None = None
    of_first: list[bool] = []
    for i, profit in enumerate(profits):
        now = stopped(gate, at(600 + 10 * i, profit))[0]
        of_first += [isinstance(news, DrawdownStop) for news in gate.news if news.books[0]]
        if now and began is None:
            began = i
        if began is not None and i - began >= 3:
            assert not now
        if not now:
            began = None
    assert of_first == [i % 2 == 0 for i in range(len(of_first))]
