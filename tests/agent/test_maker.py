"""The one entry point of every transport."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from structlog.testing import capture_logs

from obmm.agent import ConfigError, MarketMaker, preset_names, resolve
from obmm.agent.maker import MAX_SESSIONS
from obmm.market import Limits, MarketState, Orders, Reason, Venue
from obmm.settings.toml import parse_layer
from obmm.testing import Flaw, random_states, spoiled
from obmm.testing.paper import PaperOrders
from obmm.testing.rules import violations


def config(text: str, base: str = "balanced"):
    """The configuration of a TOML text that extends a preset."""
    return resolve(parse_layer(f'extends = "{base}"\n{text}', "my.toml"))


def run(maker: MarketMaker, states: list[MarketState]) -> list[Orders]:
    """Answers to a market in which own orders stand and do not trade."""
    paper = PaperOrders(states[0].n_books)
    answers = []
    for bare in states:
        state = paper.dressed(bare)
        answers.append(maker.respond(state))
        paper.submit(state, answers[-1])
    return answers


@pytest.mark.parametrize("name", preset_names())
def test_presets_quote_and_obey_the_rules(name):
    """Two minutes after the warm-up every sound book has been quoted, and no rule was broken.

    What only follows takers may find nothing to do.
    """
    maker = MarketMaker(resolve(name))
    paper = PaperOrders(4)
    quoted = np.zeros(4, dtype=bool)
    for bare in random_states(3, 240, n_books=4):
        state = paper.dressed(bare)
        orders = maker.respond(state)
        assert [] == violations(state, orders)
        paper.submit(state, orders)
        quoted[orders.book] = True
    assert 0 == maker.errors
    assert quoted.all() or maker.config.builder.kind == "following"


@pytest.mark.parametrize("name", preset_names())
def test_broken_books_never_stop_the_others(name):
    """Each flaw on one book; the answer to the sound book is the same as without them."""
    flaws = dict(enumerate(Flaw))
    states = random_states(5, 150, n_books=len(flaws) + 1)
    broken = [spoiled(state, flaws) if i % 20 > 10 else state for i, state in enumerate(states)]
    maker = MarketMaker(resolve(name))
    run(maker, broken)
    assert 0 == maker.errors


def test_a_raising_stage_spoils_one_answer_not_the_agent():
    """The decision says what happened; what rests is withdrawn, and nothing else is sent."""
    maker = MarketMaker(config('signals = [{ kind = "stages_for_tests:Raises", name = "lean" }]'))
    decisions = [maker.decide(state) for state in random_states(1, 4, n_books=2)]
    said = "signals.lean: RuntimeError: spoiled"
    assert ["", "", said, said] == [d.error for d in decisions]
    assert (4, 2, [("my.toml", 2, said)]) == (
        maker.states,
        maker.errors,
        [(count.pipeline, count.states, count.first) for count in maker.faults],
    )
    last = decisions[-1]
    assert last.orders.is_cancel.all()
    assert sorted(last.state.open_orders.order_id.tolist()) == sorted(last.orders.order_id.tolist())
    assert (Reason.STAGE_FAILED, Reason.STAGE_FAILED) == last.why(0)


def test_listeners_hear_every_decision():
    """Recorder, metrics and dashboards hang here."""
    heard = []
    maker = MarketMaker(resolve("touch"), listeners=[heard.append])
    states = random_states(1, 3, n_books=2)
    for state in states:
        maker.respond(state)
    assert [state.time_ns for state in states] == [decision.state.time_ns for decision in heard]
    assert {maker.config.hash} == {decision.config_hash for decision in heard}


def of_simulation(state: MarketState, simulation_id: str) -> MarketState:
    """The same state, told by another simulation."""
    return attrs.evolve(state, venue=attrs.evolve(state.venue, simulation_id=simulation_id))


def test_simulations_do_not_share_what_the_agent_remembers():
    """Two simulations that take turns get the answers each would get alone."""
    states = random_states(1, 120, n_books=2)
    alone = run(MarketMaker(resolve("balanced")), states)
    maker = MarketMaker(resolve("balanced"))
    paper = PaperOrders(2)
    shared = []
    for bare in states:
        state = paper.dressed(bare)
        shared.append(maker.respond(of_simulation(state, "a")))
        paper.submit(state, shared[-1])
        maker.respond(of_simulation(spoiled(bare, {0: Flaw(next(iter(Flaw)))}), "b"))
    assert alone == shared


def test_a_clock_that_runs_back_starts_anew():
    """The second run of the same states gets the same answers as the first."""
    states = random_states(1, 120, n_books=2)
    maker = MarketMaker(resolve("balanced"))
    assert run(maker, states) == run(maker, states)


def test_another_layout_of_books_starts_anew():
    """A venue that changes under the same name is a new market."""
    maker = MarketMaker(resolve("balanced"))
    for n_books in (2, 3):
        for state in random_states(1, 2, n_books=n_books):
            maker.respond(state)
    assert 0 == maker.errors


def test_simulations_long_unused_are_forgotten():
    """Memory stays bounded however many simulations come by."""
    maker = MarketMaker(resolve("touch"))
    state = random_states(1, 1, n_books=1)[0]
    for i in range(MAX_SESSIONS + 5):
        maker.respond(of_simulation(state, str(i)))
    assert MAX_SESSIONS == len(maker._sessions)


def test_assigned_pipelines_rule_their_own_books():
    """Two pipelines at once: each book gets the orders of its own."""
    states = random_states(1, 120, n_books=4)
    text = 'assign = [{ books = "even", pipeline = "touch" }]'
    mixed = run(MarketMaker(config(text)), states)
    touch = run(MarketMaker(resolve("touch")), states)
    balanced = run(MarketMaker(resolve("balanced")), states)
    for both, even, odd in zip(mixed, touch, balanced, strict=True):
        for book in range(4):
            alone = even if book % 2 == 0 else odd
            mine, theirs = both.take(both.book == book), alone.take(alone.book == book)
            np.testing.assert_array_equal(theirs.price, mine.price)


def test_a_book_assigned_twice_is_refused():
    """Named by its id, before any state has come."""
    text = 'assign = [{ books = "even", pipeline = "touch" }, { books = "1-3", pipeline = "calm" }]'
    with pytest.raises(ConfigError, match=r"my\.toml: assign\[1\]\.books: some are assigned already: 2"):
        config(text)


def test_a_book_of_a_large_id_assigned_twice_is_refused():
    """Whatever its id, before any state."""
    text = 'assign = [{ books = "2000", pipeline = "touch" }, { books = "even", pipeline = "calm" }]'
    with pytest.raises(ConfigError, match=r"assign\[1\].books: some are assigned already: 2000"):
        config(text)


def test_settings_of_books_that_the_venue_lacks_are_told():
    """Once, with their places; the others hold."""
    maker = MarketMaker(config('[books."7,9"]\ngates.inventory.max_inventory_pct = 0.1'))
    with capture_logs() as logs:
        for state in random_states(1, 2, n_books=4):
            maker.decide(state)
    told = [(log["place"], log["problem"]) for log in logs if log["event"] == "a setting has no effect"]
    assert [("my.toml: books.7,9", "names none of the 4 books")] == told


def test_what_a_preset_says_of_a_class_of_assets_is_not_told_where_there_is_none():
    """It is for the venues that have it."""
    assert [] == resolve("money").idle(Venue.of(4))
    mine = resolve(parse_layer('extends = "money"\n[books.class-2]\nbuilder.size_base = 3', "my.toml"))
    assert ["my.toml: books.class-2"] == [problem.where for problem in mine.idle(Venue.of(4))]


def test_reasons_tell_why_a_book_is_quiet():
    """Before the warm-up is over."""
    decision = MarketMaker(resolve("balanced")).decide(random_states(1, 1, n_books=1)[0])
    assert (Reason.WARMING_UP, Reason.WARMING_UP) == decision.why(0)


def test_explained_decisions_hold_each_gates_word():
    """For `obmm explain`."""
    decision = MarketMaker(resolve("balanced")).decide(random_states(1, 1, n_books=1)[0])
    assert all(isinstance(limits, Limits) for limits in decision.steps[0].gate_limits.values())
    assert "inventory" in decision.steps[0].gate_limits
