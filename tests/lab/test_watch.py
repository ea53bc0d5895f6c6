"""What an agent did over a run, in figures."""

from __future__ import annotations

import numpy as np
import pytest

from obmm.agent import Decision, MarketMaker, resolve
from obmm.agent.decision import Step
from obmm.lab.watch import QuoteWatch, Timings
from obmm.market import Limits, MarketState, Orders, Quotes, Reason, Signals, Venue
from obmm.settings.toml import parse_layer
from obmm.testing import random_states

VENUE = Venue.of(2)


def decision(bid: float, ask: float, *, bid_why: int = 0, ask_why: int = 0, sent: int = 0) -> Decision:
    """Book 0 wants `bid` and `ask`, book 1 wants nothing; the book stands at 299 x 301."""
    state = MarketState.of_books(VENUE, [[(299.0, 5.0)]] * 2, [[(301.0, 5.0)]] * 2)
    nan, none = np.nan, np.zeros(2, dtype=np.int64)
    quotes = Quotes(
        bid_price=np.array([[bid], [nan]]),
        bid_size=np.array([[0.5 if bid == bid else 0.0], [0.0]]),
        ask_price=np.array([[ask], [nan]]),
        ask_size=np.array([[0.5 if ask == ask else 0.0], [0.0]]),
        bid_reason=none,
        ask_reason=none,
    )
    orders = Orders.limits(
        n_books=2, book=[0] * sent, side=[0] * sent, price=[299.0] * sent, size=[0.5] * sent
    )
    step = Step(
        name="one",
        books=np.array([True, True]),
        signals=Signals(n_books=2),
        limits=Limits.open(2),
        quotes=quotes,
        orders=orders,
    )
    return Decision(
        state=state,
        orders=orders,
        steps=(step,),
        bid_reason=np.array([bid_why, 0]),
        ask_reason=np.array([ask_why, 0]),
        elapsed_ms=1.0,
        config_hash="",
    )


@pytest.fixture
def watch() -> QuoteWatch:
    """Four states: quoting twice, once with the bid closed, once wanting nothing."""
    watch = QuoteWatch(VENUE)
    watch.see(decision(298.9, 301.2, sent=2))
    watch.see(decision(299.1, 301.0, sent=1))
    watch.see(decision(298.9, 301.0, bid_why=Reason.POSITION_LIMIT))
    watch.see(decision(np.nan, np.nan, ask_why=Reason.NO_EDGE))
    return watch


def test_a_side_quotes_when_it_is_wanted_and_open(watch):
    """Two of four states for the bid, three for the ask."""
    rows = watch.books()
    assert [(0.5, 0.75), (0.0, 0.0)] == [(row["bid_quoting"], row["ask_quoting"]) for row in rows]


def test_the_distance_is_from_the_best_price_of_the_others(watch):
    """Ticks behind it, negative inside: bids 10 and -10, asks 20, 0 and 0."""
    row = watch.books()[0]
    assert (0.0, pytest.approx(20 / 3)) == (pytest.approx(row["bid_behind_ticks"]), row["ask_behind_ticks"])
    assert np.isnan(watch.books()[1]["bid_behind_ticks"])


def test_instructions_are_counted_as_the_venue_does(watch):
    """Placements one by one."""
    assert [3, 0] == [row["instructions"] for row in watch.books()]


def test_quiet_sides_have_a_reason_each(watch):
    """Of 16 book-sides and states 5 were quoted."""
    quiet = watch.quiet()
    assert {"nothing wanted": 9 / 16, "position limit": 1 / 16, "no edge": 1 / 16} == quiet
    assert {"nothing wanted": 1 / 8, "position limit": 1 / 8, "no edge": 1 / 8} == watch.books()[0]["quiet"]


def test_a_reason_that_only_narrows_does_not_make_quiet():
    """The side quotes, wider."""
    watch = QuoteWatch(VENUE)
    watch.see(decision(298.0, 302.0, bid_why=Reason.VOLATILITY, ask_why=Reason.VOLATILITY))
    assert (1.0, 1.0) == (watch.books()[0]["bid_quoting"], watch.books()[0]["ask_quoting"])


def test_pipelines_speak_for_their_own_books():
    """Quoting and quiet add up to one on every book of an A/B."""
    text = 'extends = "balanced"\n[[assign]]\nbooks = "even"\npipeline = "touch"\n'
    maker = MarketMaker(resolve(parse_layer(text, "ab.toml")))
    states = random_states(1, 40, n_books=3)
    watch = QuoteWatch(states[0].venue)
    for state in states:
        watch.see(maker.decide(state))
    for row in watch.books():
        quoting = (row["bid_quoting"] + row["ask_quoting"]) / 2
        assert 1.0 == pytest.approx(quoting + sum(row["quiet"].values()))
    assert (40, 0) == (watch.states, watch.errors)


def test_before_the_first_state_nothing_is_known():
    """No division by zero."""
    watch = QuoteWatch(VENUE)
    assert ({}, [0.0, 0.0]) == (watch.quiet(), [row["bid_quoting"] for row in watch.books()])


def test_times_are_told_as_percentiles():
    """By hand: of 1 … 101 ms."""
    timings = Timings()
    for ms in range(101, 0, -1):
        timings.add(float(ms))
    assert {"p50": 51.0, "p99": 100.0, "max": 101.0} == timings.as_dict()
    assert {"p50": None, "p99": None, "max": None} == Timings().as_dict()
