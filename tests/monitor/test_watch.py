"""The figures of a watch: those of the records of the same run, in bounded memory, off the hot path."""

from __future__ import annotations

import time
from pathlib import Path

import attrs
import numpy as np
import pytest

from monitor.markets import OURS, market, quoting
from obmm.agent import Decision, MarketMaker, resolve
from obmm.agent.config import Assignment
from obmm.lab.attribution import PARTS
from obmm.lab.recorded import PLANNED, Run
from obmm.lab.records import RunWriter, describe_venue
from obmm.lab.summary import MARKOUT_S, fills_of, summarise
from obmm.market import Notices
from obmm.monitor import Heard, Simulation, Watch
from obmm.monitor import _fills as fills_module
from obmm.monitor import snapshot as snapshot_module
from obmm.testing import random_states

N = 400


def heard(decision: Decision, *, note: str = "", ms: float = 2.0, sender: str = "5F") -> Heard:
    """An exchange about a decision."""
    return Heard(
        received_ns=decision.state.time_ns, sender=sender, elapsed_ms=ms, decision=decision, note=note
    )


def watched(decisions: list[Decision]) -> Watch:
    """A watch that has taken in all of them."""
    watch = Watch(wait=True)
    for decision in decisions:
        watch(heard(decision))
    watch.close(30.0)
    return watch


@pytest.fixture(scope="module")
def decisions() -> list[Decision]:
    """What an agent decided on a market with fills."""
    maker = MarketMaker(quoting())
    return [maker.decide(state) for state in market(3, N)]


@pytest.fixture(scope="module")
def simulation(decisions) -> Simulation:
    """The figures."""
    (one,) = watched(decisions).snapshot().simulations
    return one


@pytest.fixture(scope="module")
def run(decisions, tmp_path_factory) -> Run:
    """The same decisions as the recorder of runs writes them."""
    folder: Path = tmp_path_factory.mktemp("runs") / "run"
    with RunWriter(folder) as writer:
        writer.start({"venue": describe_venue(decisions[0].state.venue), "accounts": {str(OURS): {}}})
        for decision in decisions:
            writer.add({OURS: decision.state}, {OURS: decision})
        writer.end(PLANNED)
    return Run(folder)


def test_figures_are_those_of_the_records(simulation, run):
    """P&L, its parts, fees, rates and markouts, in all and per book."""
    told = summarise(run, OURS)
    assert told["fills"] == simulation.fills.sum() > 500
    assert told["pnl"] == pytest.approx(simulation.pnl.sum())
    assert told["pnl_endowment"] == pytest.approx(simulation.pnl_endowment.sum())
    assert told["fees"] == pytest.approx(simulation.fees.sum())
    assert told["traded_quote"] == pytest.approx(simulation.traded_quote.sum())
    assert told["maker_share"] == pytest.approx(simulation.maker_share)
    assert told["win_rate"] == pytest.approx(simulation.win_rate)
    assert told["orders_posted"] == simulation.posted.sum() - simulation.rejects.sum()
    assert told["fill_rate"] == pytest.approx(simulation.fill_rate)
    assert told["rejects"] == simulation.rejects_because
    assert list(told["markout_bps"].values()) == pytest.approx(simulation.markout_bps.tolist())
    assert told["attribution"] == pytest.approx(
        {part: float(values.sum()) for part, values in simulation.parts.items()}
    )
    for i, book in enumerate(told["per_book"]):
        assert (book["book"], book["fills"]) == (simulation.book_ids[i], simulation.fills[i])
        assert [book[part] for part in PARTS] == pytest.approx([simulation.parts[part][i] for part in PARTS])
        assert book["pnl"] == pytest.approx(simulation.pnl[i])


def test_the_newest_fills_have_the_markouts_of_the_records(simulation, run):
    """NaN where a fill is too young, in both."""
    told, n = fills_of(run, OURS), simulation.recent.price.size
    np.testing.assert_allclose(simulation.recent.markout_bps, told.markout_bps[-n:], atol=1e-9)
    assert simulation.recent.fee.tolist() == told.fee[-n:].tolist()


def test_the_last_state_is_that_of_the_records(simulation, run):
    """The book, the own quotes, the position and its limit."""
    _, columns = run.grid(
        OURS, *(names := ("bid", "ask", "own_bid", "own_ask", "position", "position_limit"))
    )
    for name, column in zip(names, columns, strict=True):
        np.testing.assert_array_equal(column[-1], getattr(simulation, name))


def test_words_are_those_of_the_records():
    """Horizons and parts: lab and monitor do not import each other."""
    assert MARKOUT_S == snapshot_module.MARKOUT_S
    assert (*fills_module.PARTS, "fees_and_rebates") == tuple(PARTS)


def test_drawdown_is_what_the_curve_of_pnl_says(decisions):
    """Highest so far, at least 0, less the present."""
    curve = []
    watch = Watch(wait=True)
    for decision in decisions[:30]:
        watch(heard(decision))
        while not (told := watch.snapshot().simulations) or told[0].time_ns < decision.state.time_ns:
            time.sleep(0.001)
        curve.append(told[0].pnl)
    watch.close()
    pnl = np.array(curve)
    peak = np.maximum.accumulate(np.maximum(pnl, 0.0))
    (one,) = watch.snapshot().simulations
    np.testing.assert_allclose(peak[-1] - pnl[-1], one.drawdown)
    np.testing.assert_allclose((peak - pnl).max(axis=0), one.max_drawdown)
    total = pnl.sum(axis=1)
    assert (np.maximum.accumulate(np.maximum(total, 0.0)) - total).max() == pytest.approx(
        one.total_max_drawdown
    )


def test_missed_and_late_states_are_counted(decisions):
    """A gap of two intervals, a state from before it, and one that came twice."""
    order = [0, 1, 2, 5, 3, 5, 6]
    (one,) = watched([decisions[i] for i in order]).snapshot().simulations
    assert (5, 2, 2) == (one.states, one.missed, one.late)


def test_a_clock_that_nobody_can_have_is_no_gap(decisions):
    """One absurd time does not make millions of states of it that were missed."""
    first, second = decisions[:2]
    wild = attrs.evolve(second, state=attrs.evolve(second.state, time_ns=2**63 - 1))
    told = watched([first, wild, second]).snapshot().simulations
    assert {0} == {one.missed for one in told}


def test_each_validator_has_its_own_times_and_reasons(decisions):
    """Also where the agent never saw the state."""
    watch = Watch(wait=True)
    for i, decision in enumerate(decisions[:6]):
        watch(heard(decision, ms=10.0 * i, sender="5Fone"))
    watch(heard(decisions[6], ms=1000.5, note="deadline", sender="5Ftwo"))
    nothing = Heard(received_ns=1, sender="5Ftwo", elapsed_ms=1.0, decision=None, note="undecodable: no")
    watch(nothing)
    watch.close()
    one, two = watch.snapshot().validators
    assert ("5Fone", 6, {}) == (one.sender, one.answered, one.without_orders)
    assert 25.0 == one.quantile_ms(0.5)
    assert [1, 0, 0, 1, 1, 3, 0, 0, 0, 0, 0] == one.respond_counts.tolist()
    assert {"deadline": 1, "undecodable": 1} == two.without_orders
    assert (1, 1) == (two.respond_counts[-1], two.respond_counts[0])


def test_a_simulation_that_starts_anew_is_followed_anew(decisions):
    """Its clock jumps back, and again and again."""
    (one,) = watched([*decisions[300:310], *decisions[:4]]).snapshot().simulations
    assert 4 == one.states
    assert decisions[0].state.time_ns == one.began_ns


def test_memory_is_bounded(monkeypatch):
    """Sums go on when fills are forgotten, and simulations beyond the bound go."""
    monkeypatch.setattr(fills_module, "MAX_FILLS", 64)
    maker = MarketMaker(quoting())
    decisions = [maker.decide(state) for state in market(3, N)]
    (few,) = watched(decisions).snapshot().simulations
    monkeypatch.undo()
    (all_,) = watched(decisions).snapshot().simulations
    assert few.recent.price.size <= 64
    assert few.fills.tolist() == all_.fills.tolist()
    parts = np.array(list(few.parts.values())).sum(axis=0)
    np.testing.assert_allclose(parts, all_.pnl)
    runs = []
    for i in range(10):
        state = decisions[0].state
        venue = attrs.evolve(state.venue, simulation_id=str(i))
        runs.append(attrs.evolve(decisions[0], state=attrs.evolve(state, venue=venue)))
    assert [str(i) for i in range(2, 10)] == [
        one.simulation_id for one in watched(runs).snapshot().simulations
    ]


def test_books_that_a_message_lacks_keep_what_they_had():
    """Their position and P&L stay; their book is unknown."""
    from obmm.testing import selected

    states = random_states(5, 3, n_books=3)
    lacking = selected(states[2], np.array([2, 0]))
    maker = MarketMaker(quoting())
    (one,) = watched([maker.decide(s) for s in (states[0], states[1], lacking)]).snapshot().simulations
    assert states[2].accounts.position[0] == one.position[0]
    assert states[1].accounts.position[1] == one.position[1]
    assert np.isnan(one.bid[1])
    assert states[2].best_bid[2] == one.bid[2]


def test_who_tells_waits_for_nothing(decisions):
    """A full queue loses the exchange, and says so."""
    watch = Watch()
    with watch._lock:
        for _ in range(80):
            watch(heard(decisions[0]))
    watch.close()
    assert watch.snapshot().untold in (15, 16)


def test_what_cannot_be_taken_in_is_counted_and_the_next_is(decisions):
    """A decision that is none, as a stage of one's own might make it."""
    watch = Watch(wait=True)
    bad = attrs.evolve(decisions[0], bid_reason=np.zeros(77, np.int64))
    for decision in (bad, *decisions[1:4]):
        watch(heard(decision))
    watch.close(30.0)
    snapshot = watch.snapshot()
    assert 1 == snapshot.untold
    assert decisions[3].state.time_ns == snapshot.simulations[0].time_ns


def test_each_book_names_its_pipeline():
    """That of its assignment."""
    state, config, other = market(3, 2)[0], resolve("touch"), resolve("balanced")
    config = attrs.evolve(config, assign=(Assignment("1", other),))
    (one,) = watched([MarketMaker(config).decide(state)]).snapshot().simulations
    assert (config.name, other.name, config.name) == one.pipeline


def test_decisions_of_the_last_minutes_are_kept(decisions):
    """The first at or after the time asked for."""
    watch = watched(decisions)
    (one,) = watch.snapshot().simulations
    late = decisions[-10].state
    kept = watch.decision(one.key, late.time_s - 0.5)
    assert kept is not None
    assert (late.time_ns, decisions[-10].digest) == (kept.state.time_ns, kept.digest)
    assert kept.state.tape is None
    assert watch.decision(("nobody", ""), 0.0) is None


def test_a_state_without_a_decision_counts(decisions):
    """As of a recording whose configuration cannot be made again."""
    watch = Watch(wait=True)
    state = attrs.evolve(decisions[0].state, notices=Notices.none())
    told = Heard(received_ns=1, sender="", elapsed_ms=np.nan, decision=None, state=state)
    watch(told)
    watch.close()
    (one,) = watch.snapshot().simulations
    assert (1, "", ("",) * 3) == (one.states, one.config_hash, one.pipeline)
    assert np.isnan(watch.snapshot().validators[0].quantile_ms(0.5))
