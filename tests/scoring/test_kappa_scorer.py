"""Live scorer of the Kappa eras, against the formulas applied to everything that ever happened."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obmm.market import MarketState
from obmm.scoring import (
    ERAS,
    EraConstants,
    KappaCache,
    KappaScore,
    KappaScorer,
    OpenLots,
    PnlHistory,
    TradingScore,
    activity_window_start_ns,
    era_at,
    last_traded_ns,
    own_fills,
    pnl_since_ns,
    score_uid,
)
from scoring.runs import SECOND, Run


class WholeHistory:
    """Keeps every state and every fill of a run and scores by the pure functions."""

    def __init__(self, era: EraConstants) -> None:
        self.era = era
        self.last: MarketState | None = None
        self.cache = KappaCache()

    def clear(self, n_books: int) -> None:
        self.times: list[int] = []
        self.realised: list[tuple[int, int, float]] = []
        self.roundtrips: list[tuple[int, int, float]] = []
        self.lots = [OpenLots() for _ in range(n_books)]
        self.factors = np.zeros(n_books)

    def observe(self, state: MarketState) -> TradingScore | None:
        """The score if the era scores at this state."""
        n, t = state.n_books, state.time_ns
        if self.last is None:
            self.era = era_at(state.venue, self.era)
            self.clear(n)
            self.pruned: int | None = None
        elif state.venue.simulation_id != self.last.venue.simulation_id:
            self.restart(self.last.time_ns)
        self.last = state
        if self.pruned is None or t - self.pruned >= self.era.prune_interval_ns:
            self.pruned = t
            self.prune(t)
        self.times.append(t)
        closed: dict[int, tuple[float, float]] = {}
        for fill in own_fills(state):
            pnl, size = self.lots[fill.book].fill(
                fill.is_buy,
                fill.size_base,
                fill.price,
                fee=fill.fee_quote,
                time_ns=t,
                whole_fee_on_partial_close=self.era.whole_fee_on_partial_close,
            )
            if size:
                before = closed.get(fill.book, (0.0, 0.0))
                closed[fill.book] = (before[0] + pnl, before[1] + size * fill.price)
        for book, (pnl, volume) in closed.items():
            self.roundtrips.append((t // self.era.volume_sample_ns * self.era.volume_sample_ns, book, volume))
            if round(pnl, 4):
                self.realised.append((t, book, round(pnl, 4)))
        if np.any(state.notices.kind == 7):
            self.clear(n)
        return self.score(t) if t % self.era.scoring_interval_ns == 0 else None

    def prune(self, now: int) -> None:
        oldest, oldest_sample = now - self.era.kappa_lookback_ns, now - self.era.volume_period_ns
        self.times = [time for time in self.times if time >= oldest]
        self.realised = [row for row in self.realised if row[0] >= oldest]
        self.roundtrips = [row for row in self.roundtrips if row[0] >= oldest_sample]

    def restart(self, end: int) -> None:
        self.pruned = None
        self.lots = [OpenLots() for _ in self.lots]
        self.times = [time - end for time in self.times]
        self.realised = [(time - end, book, pnl) for time, book, pnl in self.realised]
        self.roundtrips = [(time - end, book, volume) for time, book, volume in self.roundtrips]
        self.prune(0)
        if not self.era.idle_times_survive_restart:
            self.times = sorted({time for time, _, _ in self.realised})

    def score(self, t: int) -> TradingScore:
        era, n = self.era, len(self.lots)
        index = {time: i for i, time in enumerate(self.times)}
        rows = [(index[time], book, pnl) for time, book, pnl in self.realised]
        history = PnlHistory.of(self.times, *(zip(*rows, strict=True) if rows else ((), (), ())))
        times = np.array(sorted({time for time, _, _ in self.roundtrips}), dtype=np.int64)
        volumes = np.zeros((times.size, n))
        for time, book, volume in self.roundtrips:
            volumes[np.searchsorted(times, time), book] += volume
        score = score_uid(
            self.cache.ratios(history, n, era),
            self.factors,
            pnl=history.since(pnl_since_ns(t, era)).by_book(n),
            roundtrip_volume=volumes[times >= activity_window_start_ns(t, era)].sum(axis=0),
            last_roundtrip_ns=last_traded_ns(times, volumes, t),
            time_ns=t,
            era=era,
        )
        self.factors = score.activity_factors
        return score


SMALL = {
    "volume_sample_ns": 10 * SECOND,
    "volume_period_ns": 120 * SECOND,
    "kappa_lookback_ns": 60 * SECOND,
    "kappa_min_lookback_ns": 20 * SECOND,
    "pnl_lookback_ns": 40 * SECOND,
    "prune_interval_ns": 7 * SECOND,
    "activity_grace_ns": 10 * SECOND,
    "activity_impact": 0.33,
    "activity_decay_rate": 1.0,
    "pnl_impact": 0.5,
}
VERSIONS = ["0.3.5", "0.4.5", "0.5.4", "0.5.5", "0.6.3"]


def small(version: str) -> EraConstants:
    """An era with windows of a minute and every factor switched on."""
    return attrs.evolve(ERAS[version], **SMALL, kappa_weight=0.79, pnl_weight=0.21, mechanism="kappa")


def assert_same(expected: TradingScore, actual: KappaScore) -> None:
    """Fail unless the two scores are equal but for the order in which round trips were added up."""
    found = actual.trading
    assert (expected.kappa is None) == (found.kappa is None)
    if expected.kappa is not None and found.kappa is not None:
        np.testing.assert_array_equal(expected.kappa.books, found.kappa.books)
        assert expected.kappa.total == found.kappa.total
    assert expected.pnl_score == found.pnl_score
    np.testing.assert_allclose(found.activity_factors, expected.activity_factors, rtol=1e-12)
    assert found.total == pytest.approx(expected.total, rel=1e-12)


@settings(max_examples=40)
@given(
    st.sampled_from(VERSIONS),
    st.builds(
        Run,
        seed=st.integers(0, 2**32 - 1),
        n_books=st.integers(1, 4),
        fills_per_state=st.sampled_from([0.0, 0.3, 3.0]),
        restarts=st.lists(st.integers(1, 150), max_size=2).map(tuple),
        resets=st.lists(st.integers(0, 150), max_size=1).map(tuple),
    ),
)
def test_a_live_score_is_the_formula_of_the_whole_history(version: str, run: Run) -> None:
    """Kappa, P&L score, factors and total are those of everything that ever happened."""
    scorer, whole = KappaScorer(small(version)), WholeHistory(small(version))
    for state in run.states(150):
        expected, actual = whole.observe(state), scorer.observe(state)
        assert (expected is None) == (actual is None)
        if expected is not None and actual is not None:
            assert_same(expected, actual)


def last_score(era: EraConstants, run: Run, n_states: int) -> KappaScore:
    """The newest score of a run."""
    scorer = KappaScorer(era)
    for state in run.states(n_states):
        scorer.observe(state)
    assert scorer.latest is not None
    return scorer.latest


def test_columns_and_figures_tell_the_score() -> None:
    """The reported parts are those the score is made of."""
    era = small("0.5.4")
    score = last_score(era, Run(seed=3, fills_per_state=3.0), 101)
    figures, weights = score.figures, score.trading.weights
    assert weights is not None
    assert score.columns["score"].tolist() == weights.books.tolist()
    assert figures["score"] == score.total
    combined = era.kappa_weight * figures["kappa_score"] + era.pnl_weight * figures["pnl_score"]
    assert figures["score"] == pytest.approx(combined)
    assert score.columns["n_realised"].sum() > 0


def test_a_short_history_has_no_kappa() -> None:
    """An hour and a half must pass; until then only realised P&L pays."""
    score = last_score(ERAS["0.5.4"], Run(seed=3, fills_per_state=3.0), 21)
    assert score.trading.kappa is None
    assert np.isnan(score.figures["kappa_total"])
    assert np.all(np.isnan(score.columns["kappa"]))
    assert score.figures["kappa_score"] == 0.0


def test_memory_does_not_grow() -> None:
    """The ledger keeps the lookback and the period, however long the run."""
    era = small("0.5.4")
    scorer = KappaScorer(era)
    for state in Run(seed=2, fills_per_state=2.0).states(400):
        scorer.observe(state)
    assert scorer._ledger.history().times_ns.size <= 68
    assert len(scorer._ledger.roundtrips) <= 13


def test_self_trades_stay_out_of_the_lots_from_0_6() -> None:
    """Until then a trade with oneself was a buy."""
    for version, n_lots in (("0.5.4", 1), ("0.6.3", 0)):
        scorer = KappaScorer(small(version))
        for state in Run(seed=0, n_books=1, fills_per_state=1.0).states(2):
            fills = state.notices.kind == 4
            state = attrs.evolve(
                state,
                notices=attrs.evolve(
                    state.notices,
                    maker_id=np.where(fills, state.uid, -1),
                    taker_id=np.where(fills, state.uid, -1),
                ),
            )
            scorer.observe(state)
        assert min(len(scorer._ledger.lots[0].longs), 1) == n_lots
        assert not scorer._ledger.lots[0].shorts
