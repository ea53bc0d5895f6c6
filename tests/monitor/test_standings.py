"""The field as one miner's states tell it: the same scores as whoever sees all accounts gives."""

from __future__ import annotations

import functools

import attrs
import numpy as np
import pytest

pytest.importorskip("numba", reason="the field trades on the embedded market")

from monitor.markets import market, quoting
from obmm.agent import MarketMaker, resolve
from obmm.market import Feed, MarketState, Notices
from obmm.monitor import Heard, Watch
from obmm.monitor.standings import Standings, fills_of
from obmm.scoring import ERAS, KappaScorer
from obmm.scoring.debeta import DebetaScorer, figures_of
from obmm.sim import SimulatedMarket
from obmm.wire import encode_request


@functools.cache
def field() -> tuple[dict[int, MarketState], ...]:
    """Five minutes of three miners on two books, as each of them saw it."""
    makers = {uid: MarketMaker(config) for uid, config in enumerate((quoting(), resolve("touch"), quoting()))}
    seen = []
    with SimulatedMarket("taos-0.5.4", books=2, seed=1, miners=3, feeds={Feed.TAPE}) as exchange:
        for states in exchange.states(300.0):
            seen.append(states)
            for uid, maker in makers.items():
                exchange.submit(uid, maker.respond(states[uid]))
    return tuple(seen)


def test_others_are_told_of_what_they_traded():
    """What the tape says of a miner is what its own notices say."""
    n = 0
    for states in field():
        for uid, told in fills_of(states[0].tape).items():
            own = states[uid].notices if uid in states else None
            if own is None:
                continue
            rows = np.flatnonzero(own.trade_id >= 0)
            n += rows.size
            for name in ("book", "side", "price", "size", "maker_id", "taker_id"):
                expected = np.sort(getattr(own, name)[rows])
                assert expected == pytest.approx(np.sort(getattr(told, name))), name
            assert own.fee[rows].sum() == pytest.approx(told.fee.sum())
    assert n > 50


def test_kappa_and_pnl_of_others_are_what_they_would_see_themselves():
    """Each account scored from its own notices, against the field as account 0 sees it."""
    standings = Standings.of(ERAS["0.5.4"])
    alone = {uid: KappaScorer(ERAS["0.5.4"]) for uid in (0, 1, 2)}
    for states in field():
        standings.observe(states[0])
        for uid, scorer in alone.items():
            scorer.observe(states[uid])
    score = standings.score()
    told = dict(zip(score.uids.tolist(), score.values.tolist(), strict=True))
    traded = [uid for uid in alone if uid in told]
    assert {0, 2} <= set(traded)
    for uid in traded:
        figures = alone[uid].latest.figures
        expected = [figures[name] for name in ("score", "kappa_score", "pnl_score")]
        assert expected == pytest.approx(told[uid])
    assert (0, score.time_ns) == (score.uid, field()[-1][0].time_ns)
    assert score.values[0, 0] == score.values[:, 0].max()
    assert "0.5.4 gives a Kappa to runs of more than 90 minutes" in score.missing


def test_making_and_skill_of_the_field_are_the_validators():
    """From the tape alone; account 0 of a market of one's own is an ordinary miner."""
    standings = Standings.of(ERAS["0.6.3"])
    scorer = DebetaScorer(uids=[1], uid_shift=1)
    for states in field():
        standings.observe(states[0])
        scorer.observe(states[0])
    score, paid = standings.score(), scorer.latest
    assert paid is not None
    assert {uid - 1 for uid in paid.uids.tolist()} == set(score.uids.tolist())
    for uid, values in zip(score.uids.tolist(), score.values, strict=True):
        figures = figures_of(uid + 1, paid)
        expected = [figures[name] for name in score.columns]
        assert expected == pytest.approx(values.tolist(), nan_ok=True)


def test_of_what_accounts_are_worth_only_ours_is_known():
    """The page says why."""
    standings = Standings.of(ERAS["0.1.51"])
    for states in field():
        standings.observe(states[0])
    score = standings.score()
    assert [0] == score.uids.tolist()
    assert "Of the others nothing can be known" in score.notes[0]
    assert np.isnan(score.total) == bool(score.missing)


def test_the_trades_are_read_from_the_request_where_the_agent_has_none():
    """By the rules of the version that the request carries; figures are those of states with a tape."""
    states = [attrs.evolve(state, notices=Notices.none()) for state in market(3, 30)]
    watch, maker = Watch(wait=True, scores=True), MarketMaker(quoting())
    known = Standings.of(ERAS["0.5.4"])
    for state in states:
        known.observe(state)
        bare = attrs.evolve(state, tape=None)
        body = encode_request(state, version=54)
        watch(Heard(received_ns=1, sender="", elapsed_ms=1.0, decision=maker.decide(bare), request=body))
    watch.close(30.0)
    (one,) = watch.snapshot().simulations
    score = watch.score(one.key)
    assert ("0.5.4", False) == (score.era, any("without their trades" in note for note in score.notes))
    assert known.score().uids.tolist() == score.uids.tolist()
    assert Watch().score(one.key) is None


def test_the_field_goes_on_in_the_next_simulation():
    """The validator carries histories over, and so does this."""
    watch, maker = Watch(wait=True, scores=True, era=ERAS["0.5.4"]), MarketMaker(quoting())
    for name in ("a", "b"):
        for state in market(3, 20):
            venue = attrs.evolve(state.venue, simulation_id=name)
            watch.hear(maker.decide(attrs.evolve(state, venue=venue)))
    watch.close(30.0)
    assert watch.score(("", "a")) is None
    assert "from the first state" in " ".join(watch.score(("", "b")).notes)


def test_a_market_that_the_era_does_not_know_has_no_score():
    """Books of unlike wealth; all else is told, and so is why, in the log."""
    watch, maker = Watch(wait=True, scores=True, era=ERAS["0.5.4"]), MarketMaker(quoting())
    for state in market(3, 5):
        wealth = np.arange(1.0, state.n_books + 1.0) * 1e5
        watch.hear(maker.decide(attrs.evolve(state, venue=attrs.evolve(state.venue, wealth_quote=wealth))))
    watch.close(30.0)
    (one,) = watch.snapshot().simulations
    assert (5, None) == (one.states, watch.score(one.key))
    assert watch.fills(("nobody", ""), 0) is None
