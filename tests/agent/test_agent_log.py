"""What the agent says while it runs."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from structlog.testing import capture_logs

from obmm.agent import MarketMaker, Pipeline, resolve
from obmm.execution import Lifted
from obmm.market import BoolArray, Limits, MarketState, News, Reason, Signals, Stage, Venue, memory
from obmm.settings.toml import parse_layer
from obmm.testing import random_states

SMALL = """
extends = "touch"
builder = { size_base = 0.1 }
[[assign]]
books = "odd"
pipeline = "touch"
"""

STOPS = """
extends = "touch"
gates = [{ kind = "drawdown", threshold = 0.01, cooldown_s = 5.0, reference = "start" }]
"""


def maker(text: str) -> MarketMaker:
    """The agent of a TOML text."""
    return MarketMaker(resolve(parse_layer(text, "my.toml")))


def moved(state: MarketState, share: float) -> MarketState:
    """`state` with this share of the worth of book 0 lost."""
    lost = np.zeros(state.n_books)
    lost[0] = share * float(state.accounts.value(state.mid)[0])
    accounts = state.accounts
    return attrs.evolve(
        state,
        accounts=attrs.evolve(
            accounts, quote_total=accounts.quote_total - lost, quote_free=accounts.quote_free - lost
        ),
    )


def test_lifted_sizes_are_told_once_per_set_of_books():
    """0.1 base is below the minimum of 0.25; the books of the assigned pipeline are not concerned."""
    agent = maker(SMALL)
    with capture_logs() as logs:
        decisions = [agent.decide(state) for state in random_states(1, 90, n_books=4)]
    told = [log for log in logs if "lifted" in log["event"]]
    assert [("warning", "my.toml", 0.25, [0, 2])] == [
        (log["log_level"], log["pipeline"], log["min_size_base"], log["book"]) for log in told
    ]
    (news,) = decisions[-1].news
    assert isinstance(news, Lifted)
    assert decisions[-1].steps[0].news == (news,)
    assert news.books.any()


def test_a_new_simulation_tells_again():
    """Each session has a venue, and perhaps a minimum, of its own."""
    agent = maker(SMALL)
    with capture_logs() as logs:
        for name in ("one", "two"):
            venue = Venue.of(2, simulation_id=name)
            for state in random_states(1, 90, n_books=2, venue=venue):
                agent.respond(state)
    assert 2 == sum("lifted" in log["event"] for log in logs)


def test_each_transition_of_a_drawdown_stop_is_told_once():
    """A loss of five per cent on book 0; the stop ends after its cooldown of five seconds."""
    agent = maker(STOPS)
    states = random_states(2, 20, n_books=2)
    with capture_logs() as logs:
        decisions = [agent.decide(moved(state, 0.05) if i >= 10 else state) for i, state in enumerate(states)]
    told = [log for log in logs if "drawdown" in log["event"]]
    begins, ends = told
    assert ("drawdown stop begins", "warning", 0) == (begins["event"], begins["log_level"], begins["book"])
    assert ("drawdown stop ends", "info", 0) == (ends["event"], ends["log_level"], ends["book"])
    assert pytest.approx(states[10].time_s) == begins["time_s"]
    assert [10, 15] == [i for i, decision in enumerate(decisions) if decision.news]


def test_a_stop_of_books_that_another_pipeline_runs_is_not_told():
    """The gate sees every book, the pipeline speaks for its own."""
    agent = maker(STOPS + '[[assign]]\nbooks = "0"\npipeline = "touch"\n')
    states = random_states(2, 20, n_books=2)
    decisions = [agent.decide(moved(state, 0.03) if i >= 10 else state) for i, state in enumerate(states)]
    assert not any(decision.news for decision in decisions)


@attrs.frozen(kw_only=True)
class Chatter(News):
    """A user's own."""

    event = "something is up"
    share: float


@attrs.define
class Chatty(Stage):
    """Has something to tell of the last book in every state."""

    news: tuple[News, ...] = memory(tuple)

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        self.news = (Chatter(books=np.arange(state.n_books) == state.n_books - 1, share=0.25),)
        return Limits.open(state.n_books)


def test_a_users_stage_may_tell():
    """Its news reach the decision, and the log with their details."""
    agent = maker('extends = "touch"\ngates = [{ kind = "agent.test_agent_log:Chatty", name = "mine" }]')
    with capture_logs() as logs:
        decisions = [agent.decide(state) for state in random_states(1, 3, n_books=3)]
    assert [["something is up"]] * 3 == [[news.event for news in decision.news] for decision in decisions]
    told = [log for log in logs if log["event"] == "something is up"]
    assert [(2, 0.25)] * 3 == [(log["book"], log["share"]) for log in told]


@attrs.define
class Steered(Stage):
    """A gate of the user's own that obeys a person's orders in its own way."""

    heard: dict[str, BoolArray] = memory(dict)

    def steer(self, orders):
        """Keep them."""
        self.heard = dict(orders)

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        off = self.heard.get("off", np.zeros(state.n_books, dtype=np.bool_))
        return Limits.of(state.n_books, bid_allowed=~off, reason=Reason.OVERRIDE)


def test_any_gate_may_be_steered():
    """It takes the place of ours."""
    made = resolve(
        parse_layer(
            'extends = "touch"\ngates = [{ kind = "agent.test_agent_log:Steered", name = "mine" }]', "m"
        )
    )
    state = random_states(1, 1, n_books=3)[0]
    pipeline = Pipeline.bind(made, state.venue)
    pipeline.override({"1": "off", "2": "off"})
    step = pipeline(state)
    assert "override" not in step.gate_limits
    assert [True, False, False] == step.gate_limits["mine"].bid_allowed.tolist()
    assert [True] * 3 == step.gate_limits["mine"].ask_allowed.tolist()
