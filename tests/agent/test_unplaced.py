"""Why a quote is not standing: told by the placer, kept in one place."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from structlog.testing import capture_logs

from obmm.agent import MarketMaker, resolve
from obmm.market import Limits, MarketState, News, Orders, Quotes, Reason, Stage, Unplaced, memory
from obmm.settings.toml import parse_layer
from obmm.testing import random_states, run_checks, selected

STATES = random_states(3, 2, n_books=4)
ODD_ARE_TOUCHS = '[[assign]]\nbooks = "odd"\npipeline = "touch"\n'


@attrs.define
class Poor(Stage):
    """A user's placer that sends nothing and says why, of book i by code 40 + i for bids."""

    news: tuple[News, ...] = memory(tuple)

    def __call__(self, state: MarketState, quotes: Quotes, limits: Limits) -> Orders:
        n = state.n_books
        self.news = Unplaced.of(int(Reason.NO_FUNDS) + np.arange(n), np.full(n, int(Reason.NO_FUNDS)))
        return Orders.none(n)


@attrs.define
class Plain(Stage):
    """A user's placer that returns plain orders, without a word."""

    def __call__(self, state: MarketState, quotes: Quotes, limits: Limits) -> Orders:
        return Orders.none(state.n_books)


@attrs.define
class Misshapen(Poor):
    """Speaks of one book too many."""

    def __call__(self, state: MarketState, quotes: Quotes, limits: Limits) -> Orders:
        self.news = Unplaced.of(np.full(state.n_books + 1, 40), np.zeros(state.n_books + 1))
        return Orders.none(state.n_books)


def maker(placer: str, more: str = "") -> MarketMaker:
    """An agent that quotes from its first state on, to a placer of this module."""
    gates = 'gates = [{ name = "warmup", enabled = false }]'
    text = f'extends = "touch"\n{gates}\n[placer]\nkind = "agent.test_unplaced:{placer}"\n{more}'
    return MarketMaker(resolve(parse_layer(text, "my.toml")))


def told(agent: MarketMaker, state: MarketState) -> list[tuple[int, int]]:
    """Reasons of bid and ask by book, once the placer has spoken."""
    decision = agent.decide(state)
    assert "" == decision.error
    return list(zip(decision.bid_reason.tolist(), decision.ask_reason.tolist(), strict=True))


def expected(state: MarketState) -> list[tuple[int, int]]:
    """Reasons where a placer has nothing to say."""
    return told(maker("Plain"), state)


def test_orders_carry_no_reasons():
    """There is one place for them: the decision."""
    assert not [f.name for f in attrs.fields(Orders) if "reason" in f.name]


def test_what_a_placer_tells_joins_what_limits_and_quotes_say():
    """Theirs win by their codes; without any of theirs the placer's stands."""
    state = STATES[0]
    said = expected(state)
    wanted = [(bid or 40 + book, ask or 40) for book, (bid, ask) in enumerate(said)]
    assert (0, 0) in said
    assert wanted == told(maker("Poor"), state)


def test_with_several_pipelines_each_tells_of_its_own_books():
    """The reasons of a book are those of the pipeline that has it."""
    state = STATES[0]
    alone, quiet = told(maker("Poor"), state), [(int(Reason.WARMING_UP),) * 2] * 4
    odd = (state.venue.book_ids % 2 == 1).tolist()
    assert [quiet[i] if odd[i] else alone[i] for i in range(4)] == told(maker("Poor", ODD_ARE_TOUCHS), state)


def test_a_message_that_lacks_books_gets_the_reasons_of_those_it_has():
    """News are laid out like everything else that is told of books."""
    agent = maker("Poor")
    whole = told(agent, STATES[0])
    decision = agent.decide(selected(STATES[1], [2, 0]))
    (news,) = (told for told in decision.news if isinstance(told, Unplaced))
    assert [42, 40] == news.bid_reason.tolist()
    assert [whole[2], whole[0]] == [decision.why(0), decision.why(1)]


def test_reasons_are_logged_once_and_quietly():
    """They are in the decision for every state; the log needs them once."""
    agent = maker("Poor")
    with capture_logs() as logs:
        for state in STATES:
            agent.respond(state)
    (log,) = [log for log in logs if log["event"] == Unplaced.event]
    assert ("debug", ["NO_FUNDS", "OPEN_ORDER_CAP", "INSTRUCTION_CAP", "WOULD_CROSS"]) == (
        log["log_level"],
        log["reasons"],
    )


def test_a_placer_whose_news_have_another_shape_is_found_by_its_contract():
    """An agent that runs it leaves them out."""
    assert expected(STATES[0]) == told(maker("Misshapen"), STATES[0])
    messages = {result.message for result in run_checks(Misshapen, "placers") if not result.passed}
    assert any("the books of Unplaced, which it tells, have shape (6,), expected (5,)" in m for m in messages)


def test_reasons_of_unlike_length_are_refused():
    """As everywhere in the vocabulary."""
    with pytest.raises(ValueError, match=r"Unplaced.ask_reason has shape \(2,\), expected \(1,\)"):
        Unplaced(books=[True], bid_reason=[40], ask_reason=[40, 40])
