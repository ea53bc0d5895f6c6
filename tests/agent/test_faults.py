"""Never raises, in truth: whatever stages, listeners, logs and states do, an answer goes out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

import hostile_stages as hostile
from obmm.agent import Decision, MarketMaker, resolve
from obmm.agent.faults import told
from obmm.agent.maker import MAX_LISTENER_FAULTS
from obmm.market import MarketState, Orders, Reason
from obmm.settings.toml import parse_layer
from obmm.testing import Flaw, random_states, spoiled, violations

STATES = random_states(1, 40, n_books=3)
BAD_DEEDS = [name for name in hostile.DEEDS if name != "nothing"]
ODD = np.array([False, True, False])


def agent(text: str, **more: Any) -> MarketMaker:
    """The agent of a TOML text, whose books of odd ids are `touch`'s."""
    text = f'extends = "touch"\n{text}\n[[assign]]\nbooks = "odd"\npipeline = "touch"\n'
    return MarketMaker(resolve(parse_layer(text, "my.toml")), **more)


def stage(part: str, deed: str, **more: str) -> str:
    """The section of a hostile stage."""
    kind = {"signals": "Signal", "gates": "Gate", "builder": "Builder", "placer": "Placer"}[part]
    options = {"kind": f"hostile_stages:Hostile{kind}", "deed": deed, **more}
    if part in ("signals", "gates"):
        options["name"] = "mine"
    body = "\n".join(f'{name} = "{value}"' for name, value in options.items())
    return (
        f"{part} = [{{ {body.replace(chr(10), ', ')} }}]"
        if part in ("signals", "gates")
        else f"[{part}]\n{body}"
    )


def same_rows(a: Orders, b: Orders) -> bool:
    """Whether two answers send the same."""
    none = Orders.none(3)
    return none.joined(a) == none.joined(b)


def assert_contained(maker: MarketMaker, states: list[MarketState]) -> list[Decision]:
    """The main pipeline fails on every state, alone, and withdraws; the assigned one answers as if alone."""
    alone = MarketMaker(resolve("touch"))
    decisions = []
    for i, state in enumerate(states, 1):
        decision, other = maker.decide(state), alone.respond(state)
        decisions.append(decision)
        (fault,) = decision.faults
        assert ("my.toml", (~ODD).tolist()) == (fault.pipeline, fault.books.tolist())
        on_odd = ODD[decision.orders.book]
        assert same_rows(other.take(ODD[other.book]), decision.orders.take(on_odd))
        rest = decision.orders.take(~on_odd)
        own = state.open_orders
        assert rest.is_cancel.all()
        assert own.order_id[~ODD[own.book]].tolist() == rest.order_id.tolist()
        assert [] == violations(state, decision.orders)
        assert (Reason.STAGE_FAILED, Reason.STAGE_FAILED) == decision.why(0)
        assert Reason.STAGE_FAILED not in decision.why(1)
        (count,) = maker.faults
        assert (i, i, i) == (maker.states, maker.errors, count.states)
    return decisions


@pytest.mark.parametrize("deed", BAD_DEEDS)
@pytest.mark.parametrize("part", ["signals", "gates", "builder", "placer"])
def test_a_stage_that_fails_silences_its_own_books_and_withdraws(part: str, deed: str):
    """It is counted on every state and told once, with the stage that did it."""
    with capture_logs() as logs:
        decisions = assert_contained(agent(stage(part, deed)), STATES[:4])
    path = f"{part}.mine" if part in ("signals", "gates") else part
    assert {path} == {decision.faults[0].stage for decision in decisions}
    assert [("error", "my.toml")] == [(log["log_level"], log["pipeline"]) for log in logs]
    assert len(decisions[0].error) < 700


@pytest.mark.parametrize("deed", hostile.SCRIBBLES)
def test_a_stage_that_writes_into_the_state_fails_and_changes_nothing(deed: str):
    """What records, scores and other pipelines see stays as it was."""
    before = random_states(1, 4, n_books=3)
    decisions = assert_contained(agent(stage("signals", deed)), STATES[:4])
    assert before == [decision.state for decision in decisions]


def test_a_write_is_told_in_words_that_help():
    """Numpy's words, the stage, and the remedy."""
    decision = agent(stage("signals", "prices")).decide(STATES[0])
    assert decision.error == (
        "signals.mine: ValueError: assignment destination is read-only; "
        "what a stage is given is read-only, copy it first"
    )


@pytest.mark.parametrize("deed", hostile.answers(3))
def test_an_answer_that_is_none_is_a_fault_of_the_placer(deed: str):
    """No orders of it go out."""
    assert_contained(agent(stage("placer", deed, group="answer")), STATES[:2])


@pytest.mark.parametrize(
    ("part", "deed"),
    [
        ("signals", "gives another shape"),
        ("gates", "gives nothing"),
        ("builder", "gives nothing"),
        ("builder", "gives another shape"),
    ],
)
def test_a_stage_that_gives_another_thing_fails(part: str, deed: str):
    """A number of books or a kind of thing that nobody asked for."""
    assert_contained(agent(stage(part, deed)), STATES[:2])


def test_a_reason_that_does_not_exist_is_a_fault_where_it_counts():
    """Before, the reason that the books are warming up wins over it."""
    maker = agent(stage("builder", "gives another reason"))
    errors = [maker.decide(state).error for state in STATES]
    assert "" == errors[0]
    assert "ValueError: a stage gives reasons that do not exist, such as 999999" == errors[-1]


def test_a_placer_that_tells_a_reason_that_does_not_exist_fails():
    """What it tells beside its orders counts like them."""
    for decision in assert_contained(agent(stage("placer", "tells another reason")), STATES[:2]):
        assert "ValueError: a stage gives reasons that do not exist, such as -999999" == decision.error


def test_a_ctrl_c_gets_through(monkeypatch: pytest.MonkeyPatch):
    """A person may always stop the agent, in a stage, in what a stage raises, and in a listener."""
    maker = agent(stage("signals", "interrupted"))
    monkeypatch.setitem(hostile.DEEDS, "interrupted", hostile.raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        maker.respond(STATES[0])
    listening = agent("", listeners=[lambda _: hostile.DEEDS["interrupted"]()])
    with pytest.raises(KeyboardInterrupt):
        listening.respond(STATES[0])

    class Interrupting(Exception):
        def __str__(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        told(Interrupting())


def test_faults_are_told_once_of_each_kind_and_then_one_in_a_thousand():
    """A stage that fails on every state must not fill the log."""
    maker = agent(stage("placer", "raises"))
    state = attrs.evolve(STATES[0], tape=None)
    with capture_logs() as logs:
        for _ in range(1000):
            maker.respond(state)
    assert [1, 1000] == [log["count"] for log in logs]
    assert "Traceback" in logs[0]["stack"]


def test_an_agent_that_cannot_be_bound_withdraws_everything(monkeypatch: pytest.MonkeyPatch):
    """A stage is made anew for each simulation, and may exit even then."""
    maker = agent(stage("signals", "nothing"))
    monkeypatch.setattr(hostile, "UNMADE", ["bye"])
    decision = maker.decide(STATES[0])
    assert "signals.mine: is refused: SystemExit: bye" in decision.error
    assert [True] * 3 == decision.faults[0].books.tolist()
    assert STATES[0].open_orders.order_id.tolist() == decision.orders.order_id.tolist()
    monkeypatch.undo()
    assert ("", 1) == (maker.decide(STATES[1]).error, maker.errors)


@pytest.mark.parametrize("state", [None, 7, "state", object()], ids=["none", "number", "text", "object"])
def test_what_is_no_state_is_answered_with_nothing(state: Any):
    """And counted."""
    maker = agent("")
    assert (0, 1) == (len(maker.respond(state)), maker.errors)


def test_a_state_whose_parts_do_not_fit_is_answered_with_nothing():
    """No constructor makes such a state, but a transport of somebody else's may."""
    state = random_states(1, 1, n_books=3)[0]
    vars(state)["accounts"] = None
    vars(state)["open_orders"] = None
    maker = agent("")
    decision = maker.decide(state)
    assert (0, 2, [True] * 3) == (
        len(decision.orders),
        len(decision.faults),
        [why == Reason.STAGE_FAILED for why in decision.bid_reason],
    )


def test_a_state_without_books_is_answered_with_nothing_and_is_no_error():
    """A message may carry no book; what was learnt of them stays."""
    maker = MarketMaker(resolve("balanced"))
    bare = random_states(1, 1, n_books=0)[0]
    answers = [maker.decide(state) for state in (bare, *STATES[:2], bare)]
    assert [(0, ""), (0, "")] == [(len(answers[i].orders), answers[i].error) for i in (0, -1)]
    assert 0 == maker.errors


# -- listeners ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("deed", BAD_DEEDS)
def test_a_listener_that_fails_costs_nothing_and_is_dropped_in_the_end(deed: str):
    """It is told at first and when it is dropped; the others hear everything."""
    heard: list[Decision] = []
    maker = agent("", listeners=[lambda _: hostile.DEEDS[deed](), heard.append])
    alone = agent("")
    with capture_logs() as logs:
        for state in STATES[: MAX_LISTENER_FAULTS + 2]:
            assert alone.respond(state) == maker.respond(state)
    said = [log["event"] for log in logs if "listener" in log["event"]]
    assert ["a listener failed; the answer goes out", "a listener failed too often; it is dropped"] == said
    assert ([heard.append], 0) == (maker.listeners, maker.errors)
    assert MAX_LISTENER_FAULTS + 2 == len(heard)


def test_a_listener_that_fails_now_and_then_stays():
    """Only faults in a row count."""
    calls = []

    def flaky(_: Decision) -> None:
        calls.append(1)
        if len(calls) % 2:
            raise ValueError

    maker = agent("", listeners=[flaky])
    for state in STATES:
        maker.respond(state)
    assert len(STATES) == len(calls)


def test_a_listener_that_asks_the_agent_again_ends():
    """Recursion without end is a fault like another."""
    maker = agent("")
    maker.listeners.append(lambda decision: maker.decide(decision.state))
    assert isinstance(maker.respond(STATES[0]), Orders)


# -- logs --------------------------------------------------------------------------------------------

SCRIPT = """
import sys, attrs, hostile_stages
sys.path.insert(0, {tests!r})
from obmm.agent import MarketMaker, resolve
from obmm.settings.toml import parse_layer
from obmm.testing import random_states
{before}
text = 'extends = "balanced"\\n[placer]\\nkind = "hostile_stages:HostilePlacer"\\ndeed = "recurses"'
failing = MarketMaker(resolve(parse_layer(text, "my.toml")), listeners=[lambda decision: 1 / 0])
states = random_states(1, 3, n_books=2)
answered = sum(failing.decide(state).error.startswith("placer: RecursionError") for state in states)
# A restart is told as well.
good = MarketMaker(resolve("balanced"))
for time_ns in (10**12, 0):
    good.respond(attrs.evolve(states[0], time_ns=time_ns))
with open({result!r}, "w") as file:
    file.write(f"{{answered}} {{failing.errors}} {{good.states}} {{good.errors}}")
"""
BROKEN = {
    "full": ("", "> /dev/full 2> /dev/full"),
    "closed": ("", ">&- 2>&-"),
    "a broken pipe": ("", "2>&1 | true"),
    "closed from within": ("sys.stdout.close(); sys.stderr.close()", ""),
    "gone": ("sys.stdout = sys.stderr = None", ""),
    "a processor that exits": (
        "import structlog; structlog.configure(processors=[lambda *_: sys.exit(5)])",
        "",
    ),
}


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's redirections")
@pytest.mark.parametrize(("before", "redirection"), BROKEN.values(), ids=BROKEN)
def test_a_log_that_cannot_be_written_costs_no_answer(tmp_path: Path, before: str, redirection: str):
    """Standard output full, closed or a broken pipe: every state is answered and counted."""
    tests, result = Path(hostile.__file__).parent, tmp_path / "result"
    script = tmp_path / "run.py"
    script.write_text(
        SCRIPT.format(tests=str(tests), before=before, result=str(result)).replace(", hostile_stages", "")
    )
    subprocess.run(f"{sys.executable} -W ignore {script} {redirection}", shell=True, check=False, timeout=120)
    assert "3 3 2 0" == result.read_text()


# -- law ---------------------------------------------------------------------------------------------

DEEDS = st.sampled_from(sorted(hostile.DEEDS))


@st.composite
def sections(draw: st.DrawFn) -> str:
    """Any set of hostile stages."""
    text = [
        stage("signals", draw(st.one_of(DEEDS, st.sampled_from(sorted(hostile.SCRIBBLES))))),
        stage("gates", draw(st.one_of(DEEDS, st.just("gives nothing")))),
    ]
    if draw(st.booleans()):
        other = st.sampled_from(["gives nothing", "gives another shape", "gives another reason"])
        text.append(stage("builder", draw(st.one_of(DEEDS, other))))
    if draw(st.booleans()):
        answer = draw(st.sampled_from(sorted(hostile.answers(3))))
        deed = draw(DEEDS)
        text.append(stage("placer", answer, group="answer") if draw(st.booleans()) else stage("placer", deed))
    return "\n".join(text)


@settings(max_examples=30)
@given(
    text=sections(),
    flaws=st.dictionaries(st.integers(0, 2), st.sampled_from(list(Flaw)), max_size=3),
    order=st.lists(st.integers(0, len(STATES) - 1), min_size=1, max_size=6),
    listener=DEEDS,
)
def test_whatever_stages_and_listeners_do_every_state_is_answered(text, flaws, order, listener):
    """Law: an answer that breaks no rule, the other pipeline as if alone, and a count that is exact."""
    maker = agent(text, listeners=[lambda _: hostile.DEEDS[listener]()])
    alone = MarketMaker(resolve("touch"))
    failed = 0
    for i in order:
        state = spoiled(STATES[i], flaws)
        decision, other = maker.decide(state), alone.respond(state)
        assert isinstance(decision.orders, Orders)
        assert same_rows(other.take(ODD[other.book]), decision.orders.take(ODD[decision.orders.book]))
        assert {"my.toml"} >= {fault.pipeline for fault in decision.faults}
        failed += bool(decision.faults)
        assert set(np.unique([decision.bid_reason, decision.ask_reason])) <= set(map(int, Reason))
    assert (len(order), failed) == (maker.states, maker.errors)
    assert failed == sum(count.states for count in maker.faults)
