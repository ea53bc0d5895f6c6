"""What the agent remembers, and what makes it forget: late states, set-back clocks, missing books."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from obmm.agent import Decision, MarketMaker, resolve
from obmm.agent.sessions import BACK_FOR_GOOD, LATE_INTERVALS, YOUNG_NS
from obmm.market import MarketState, Reason, Venue
from obmm.market.layout import laid_out, positions_within
from obmm.market.venue import SECOND_NS
from obmm.testing import random_states, selected

STATES = random_states(1, 60, n_books=3, events_per_book=5.0)
MATURE_NS = 10 * YOUNG_NS


def at(state: MarketState, second: float, start_ns: int = 0) -> MarketState:
    """`state` at another time."""
    return attrs.evolve(state, time_ns=start_ns + round(second * SECOND_NS))


def ages(maker: MarketMaker) -> list[float]:
    """Seconds of good data of each book, in the only session."""
    (session,) = maker._sessions.values()
    return session.pipelines[0]._age_s.tolist()


def same(a: Decision, b: Decision) -> bool:
    """Whether two decisions send the same for the same reasons."""
    return a.orders == b.orders and np.array_equal(a.bid_reason, b.bid_reason)


@settings(max_examples=12)
@given(
    late=st.lists(st.tuples(st.integers(1, 59), st.integers(1, LATE_INTERVALS)), max_size=12),
    start_ns=st.sampled_from([0, MATURE_NS]),
)
def test_late_states_change_nothing(late, start_ns):
    """Law: whatever comes late in between, states in time get the answers they would get alone."""
    alone, disturbed = MarketMaker(resolve("balanced")), MarketMaker(resolve("balanced"))
    for second, state in enumerate(STATES):
        now = at(state, second, start_ns)
        assert same(alone.decide(now), disturbed.decide(now))
        for when, back in late:
            if when == second and back <= second:
                decision = disturbed.decide(at(STATES[second - back], second - back, start_ns))
                # Two that rise in a row are late still; a third would be back for good.
                disturbed.decide(now)
                alone.decide(now)
                assert (0, "", (Reason.LATE_STATE,) * 2) == (
                    len(decision.orders),
                    decision.error,
                    decision.why(0),
                )
    assert 0 == disturbed.errors


def test_a_young_clock_that_jumps_back_is_a_new_run_at_once():
    """Farther than any message is late."""
    maker = MarketMaker(resolve("balanced"))
    for second in range(LATE_INTERVALS + 2):
        maker.respond(at(STATES[second], second))
    with capture_logs() as logs:
        maker.respond(at(STATES[0], 0))
    assert ["simulation restarted"] == [log["event"] for log in logs]
    assert [0.0] * 3 == ages(maker)


def test_a_young_clock_that_is_back_for_good_is_a_new_run():
    """A few states in a row, each later than the one before."""
    maker = MarketMaker(resolve("balanced"))
    for second in range(6):
        maker.respond(at(STATES[second], second))
    late = [Reason.LATE_STATE == maker.decide(at(STATES[i], i)).why(0)[0] for i in range(BACK_FOR_GOOD + 1)]
    assert [True] * (BACK_FOR_GOOD - 1) + [False] * 2 == late
    assert [1.0] * 3 == ages(maker)


@pytest.mark.parametrize(("back_s", "kept"), [(5, True), (300, True), (YOUNG_NS / 1e9 + 60, False)])
def test_a_mature_clock_set_back_a_little_for_good_keeps_what_was_learnt(back_s: float, kept: bool):
    """A checkpoint; one that lies far back is another run."""
    maker = MarketMaker(resolve("balanced"))
    for second in range(40):
        maker.respond(at(STATES[second], second, MATURE_NS))
    with capture_logs() as logs:
        for second in range(BACK_FOR_GOOD + 1):
            decision = maker.decide(at(STATES[second], 40 - back_s + second, MATURE_NS))
    event = "simulation set back; what was learnt is kept" if kept else "simulation restarted"
    assert [event] == [log["event"] for log in logs]
    assert [40.0 if kept else 1.0] * 3 == ages(maker)
    assert kept == (decision.why(0)[0] != Reason.WARMING_UP)
    assert 0 == maker.errors


@pytest.mark.parametrize("interval_s", [1, 5])
def test_the_gap_after_which_warm_up_begins_anew_counts_publish_intervals(interval_s: int):
    """Sixty of them are waited for, whatever their length."""
    venue = attrs.evolve(STATES[0].venue, publish_interval_ns=interval_s * SECOND_NS)
    maker = MarketMaker(resolve("touch"))
    seen = []
    for second in (0, 60 * interval_s, 120 * interval_s, 181 * interval_s):
        maker.respond(at(attrs.evolve(STATES[0], venue=venue), second))
        seen.append(ages(maker)[0])
    assert [0.0, 60.0 * interval_s, 120.0 * interval_s, 0.0] == seen


# -- messages that lack books ------------------------------------------------------------------------


@pytest.mark.parametrize("books", [[0, 2], [2], [2, 0], [1, 2, 0]])
def test_a_message_that_lacks_a_book_quietens_it_and_keeps_everybodys_memory(books: list[int]):
    """The others are answered in the order of the message as if it were whole."""
    whole, partly = MarketMaker(resolve("balanced")), MarketMaker(resolve("balanced"))
    for i, state in enumerate(STATES):
        part = selected(state, books) if i % 7 == 5 else state
        full, decision = whole.decide(state), partly.decide(part)
        index = np.array(books) if part is not state else np.arange(3)
        assert part.n_books == decision.bid_reason.size == decision.steps[0].quotes.n_books
        assert {part.n_books} == {limits.n_books for limits in decision.steps[0].gate_limits.values()}
        for position, book in enumerate(index.tolist()):
            if book in books:
                mine = decision.orders.take(decision.orders.book == position)
                theirs = full.orders.take(full.orders.book == book)
                np.testing.assert_array_equal(theirs.price, mine.price)
                assert full.why(book) == decision.why(position)
    assert 0 == partly.errors
    assert [i in books for i in range(3)] == [age == 59.0 for age in ages(partly)]


def test_a_fault_on_a_message_that_lacks_a_book_names_the_books_that_are_there():
    """And the withdrawal speaks of its positions."""
    maker = MarketMaker(resolve("balanced"))
    maker.respond(STATES[0])
    (session,) = maker._sessions.values()
    session.pipelines[0].placer = None
    part = selected(STATES[1], [2, 0])
    decision = maker.decide(part)
    assert [True, True] == decision.faults[0].books.tolist()
    own = sorted(zip(part.open_orders.book.tolist(), part.open_orders.order_id.tolist(), strict=True))
    sent = sorted(zip(decision.orders.book.tolist(), decision.orders.order_id.tolist(), strict=True))
    assert own == sent


def test_a_book_more_or_another_rule_is_another_market():
    """What was learnt of the old one does not fit."""
    for changed in (
        random_states(1, 1, n_books=4)[0].venue,
        attrs.evolve(STATES[0].venue, max_open_orders=7),
        attrs.evolve(STATES[0].venue, book_ids=[0, 1, 9]),
    ):
        maker = MarketMaker(resolve("touch"))
        maker.respond(at(STATES[0], 0))
        maker.respond(at(STATES[0], 1))
        state = random_states(1, 1, venue=changed)[0]
        with capture_logs() as logs:
            maker.respond(at(state, 2))
        assert ["simulation restarted"] == [log["event"] for log in logs]
        assert [0.0] * changed.n_books == ages(maker)


@given(order=st.permutations([0, 1, 2]), n=st.integers(1, 3))
def test_a_part_laid_out_in_the_whole_and_taken_back_is_the_part(order, n):
    """Law: the layout loses nothing, and puts nothing where there was nothing."""
    part = selected(STATES[3], order[:n])
    at_whole = positions_within(STATES[3].venue, part.venue)
    assert at_whole is not None
    assert order[:n] == at_whole.tolist()
    padded = laid_out(part, STATES[3].venue, at_whole)
    assert part == selected(padded, order[:n])
    missing = [book for book in range(3) if book not in order[:n]]
    assert not padded.sound[missing].any()
    assert not padded.accounts.known[missing].any()


def test_a_venue_of_other_rules_is_no_part():
    """Nor one with a book of its own."""
    whole = Venue.of(3)
    assert positions_within(whole, Venue.of(2)) is not None
    assert positions_within(whole, Venue.of(2, min_size_base=1.0)) is None
    assert positions_within(whole, Venue.of(1, book_ids=[7])) is None
