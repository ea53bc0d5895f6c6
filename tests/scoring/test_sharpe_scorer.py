"""Live scorers of the Sharpe eras, against the formulas applied to everything that ever happened."""

from __future__ import annotations

from collections import defaultdict

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obmm.market import Accounts, MarketState, Venue
from obmm.scoring import (
    ERAS,
    EarlySharpeScorer,
    EraConstants,
    SharpeScore,
    SharpeScorer,
    activity_factors,
    era_at,
    midquote_value,
    own_fills,
    score_books,
    score_books_0_1_9,
    sharpe_ratios,
    sharpe_ratios_0_1_9,
)
from scoring.runs import SECOND, Run


class WholeHistory:
    """Keeps every value and every fill of a run and scores by the pure functions."""

    def __init__(self, era: EraConstants) -> None:
        self.era, self.early = era, era.version == "0.1.9"
        self.last: MarketState | None = None

    def clear(self, n_books: int, wealth: float) -> None:
        self.times: list[int] = []
        self.values: list[np.ndarray] = []
        self.volume: dict[int, list[float]] = defaultdict(lambda: [0.0] * n_books)
        self.factors = np.zeros(n_books)
        self.initial = np.full(n_books, wealth)

    def observe(self, state: MarketState) -> tuple[float | None, np.ndarray] | None:
        """Score (or None) and factors if the era scores at this state."""
        n, t = state.n_books, state.time_ns
        if self.last is None:
            self.era = era_at(state.venue, self.era)
            self.clear(n, self.era.wealth_quote)
        elif state.venue.simulation_id != self.last.venue.simulation_id:
            end = self.last.time_ns
            old = dict(self.volume)
            self.volume.clear()
            self.volume.update({time - end: volume for time, volume in old.items()})
            if not self.early:
                self.times = [time - end for time in self.times]
                self.initial = np.full(n, self.era.wealth_quote)
        self.last = state
        if np.any(state.notices.kind == 7):
            self.clear(n, np.nan)
        sample = -(-t // self.era.volume_sample_ns) * self.era.volume_sample_ns
        self.volume[sample]
        for fill in own_fills(state):
            added = self.volume[sample][fill.book] + round(fill.size_base * fill.price, 4)
            self.volume[sample][fill.book] = round(added, 4)
        if t % self.era.publish_interval_ns == 0:
            a = state.accounts
            quote = a.quote_total if self.early else a.quote_total - a.quote_loan + a.quote_collateral
            base = a.base_total if self.early else a.base_total - a.base_loan + a.base_collateral
            value = midquote_value(quote, base, state.best_bid, state.best_ask)
            self.initial = np.where(np.isnan(self.initial), value, self.initial)
            self.times.append(t)
            self.values.append(value - self.initial)
        return self.score(t) if t % self.era.scoring_interval_ns == 0 else None

    def score(self, t: int) -> tuple[float | None, np.ndarray]:
        era, newest = self.era, slice(-self.era.sharpe_lookback, None)
        values, times = np.array(self.values).T[:, newest], self.times[newest]
        since = t - era.sharpe_lookback * era.publish_interval_ns
        recent = np.array([v for time, v in self.volume.items() if time >= since]).sum(axis=0)
        latest = self.volume[max(self.volume)]
        if self.early:
            ratios = sharpe_ratios_0_1_9(values, times, era)
            recent = np.array([round(v, 4) for v in recent])
        else:
            ratios = sharpe_ratios(values, times, era)
        if ratios is None:
            return (None if self.early else 0.0), self.factors
        self.factors = activity_factors(self.factors, recent, latest, era)
        weigh = score_books_0_1_9 if self.early else score_books
        return weigh(ratios.books, self.factors, era).score, self.factors


SMALL = {"volume_sample_ns": 20 * SECOND, "volume_period_ns": 100 * SECOND}
SMALL_ERAS = {
    "0.1.51": attrs.evolve(ERAS["0.1.51"], sharpe_min_observations=10, sharpe_lookback=30, **SMALL),
    "0.1.9": attrs.evolve(ERAS["0.1.9"], sharpe_lookback=12, **SMALL),
}


def scorer_of(era: EraConstants) -> SharpeScorer:
    """The live scorer of a Sharpe era."""
    return EarlySharpeScorer(era) if era.version == "0.1.9" else SharpeScorer(era)


@settings(max_examples=30)
@given(
    st.sampled_from(sorted(SMALL_ERAS)),
    st.builds(
        Run,
        seed=st.integers(0, 2**32 - 1),
        n_books=st.integers(1, 4),
        fills_per_state=st.sampled_from([0.0, 0.2, 3.0]),
        restarts=st.lists(st.integers(1, 150), max_size=2).map(tuple),
        resets=st.lists(st.integers(0, 150), max_size=1).map(tuple),
    ),
)
def test_a_live_score_is_the_formula_of_the_whole_history(version: str, run: Run) -> None:
    """Scores and factors are those of everything that ever happened, to the last bit."""
    era = SMALL_ERAS[version]
    scorer, whole = scorer_of(era), WholeHistory(era)
    for state in run.states(150):
        expected, actual = whole.observe(state), scorer.observe(state)
        assert (expected is None) == (actual is None)
        if expected is not None and actual is not None:
            total, factors = expected
            np.testing.assert_array_equal(total, actual.total)
            np.testing.assert_array_equal(factors, actual.activity_factors)


def scores_of(era: EraConstants, run: Run, n_states: int) -> list[SharpeScore]:
    """All scores of a run."""
    scorer = scorer_of(era)
    return [score for state in run.states(n_states) if (score := scorer.observe(state)) is not None]


def test_scores_come_every_five_seconds() -> None:
    """States in between only extend the history."""
    scores = scores_of(ERAS["0.1.51"], Run(seed=1), 21)
    assert [score.time_ns // SECOND for score in scores] == [600, 605, 610, 615, 620]


def test_a_short_history_scores_zero_and_keeps_its_factors() -> None:
    """Half an hour must pass before 0.1.51 pays anything."""
    score = scores_of(ERAS["0.1.51"], Run(seed=1), 21)[-1]
    assert score.total == score.figures["score"] == 0.0
    assert score.activity_factors.tolist() == [0.0, 0.0, 0.0]
    assert np.all(np.isnan(score.columns["sharpe"]))
    assert np.isnan(score.figures["penalty"])


def test_the_first_era_leaves_a_miner_alone_at_first() -> None:
    """With a single value there is no score and the average stays."""
    first, second = scores_of(ERAS["0.1.9"], Run(seed=1), 6)
    assert first.total is None
    assert np.isnan(first.figures["score"])
    assert second.total is not None


def test_columns_and_figures_tell_the_score() -> None:
    """The reported parts are those the score is made of."""
    score = scores_of(SMALL_ERAS["0.1.51"], Run(seed=5, fills_per_state=3.0), 61)[-1]
    assert score.weights is not None
    assert score.columns["score"].tolist() == score.weights.books.tolist()
    assert score.figures["score"] == max(score.figures["median"] - score.figures["penalty"], 0.0)
    normalized = score.columns["normalized_sharpe"]
    np.testing.assert_array_equal(normalized, np.clip(score.columns["sharpe"], -10, 10) / 20 + 0.5)


def state_at(time_ns: int, **fixed: object) -> MarketState:
    """A state without affairs."""
    book = [[(299.0, 1.0)], [(299.0, 1.0)]], [[(301.0, 1.0)], [(301.0, 1.0)]]
    return MarketState.of_books(Venue.of(2), *book, time_ns=time_ns, **fixed)  # type: ignore[arg-type]


def test_a_state_seen_twice_counts_once() -> None:
    """The same time again is ignored."""
    scorer = SharpeScorer(ERAS["0.1.51"])
    assert scorer.observe(state_at(600 * SECOND)) is not None
    assert scorer.observe(state_at(600 * SECOND)) is None


def test_without_accounts_the_value_is_zero() -> None:
    """A miner that is not on a book has no value there, and no starting wealth is guessed."""
    scorer = SharpeScorer(attrs.evolve(ERAS["0.1.51"], sharpe_min_observations=2))
    for second in range(600, 606):
        score = scorer.observe(state_at(second * SECOND, accounts=Accounts.unknown(2)))
    assert score is not None
    assert score.columns["sharpe"].tolist() == [0.0, 0.0]


def test_the_number_of_books_is_fixed() -> None:
    """A run cannot gain books."""
    scorer = SharpeScorer(ERAS["0.1.51"])
    scorer.observe(state_at(600 * SECOND))
    book = [[(299.0, 1.0)]], [[(301.0, 1.0)]]
    with pytest.raises(ValueError, match="2 books, now 1"):
        scorer.observe(MarketState.of_books(Venue.of(1), *book, time_ns=601 * SECOND))


def test_an_era_wants_equal_wealth() -> None:
    """One volume cap serves all books, so they must be equal."""
    venue = attrs.evolve(Venue.of(2), wealth_quote=[50_000.0, 60_000.0])
    with pytest.raises(ValueError, match="same wealth"):
        era_at(venue, ERAS["0.1.51"])


def test_resetting_an_unused_scorer_is_harmless() -> None:
    """Before the first state there is nothing to forget."""
    scorer = SharpeScorer(ERAS["0.1.51"])
    scorer.reset()
    assert scorer.latest is None
    scorer.observe(state_at(600 * SECOND))
    scorer.reset()
    assert scorer.observe(state_at(605 * SECOND)) is scorer.latest


@pytest.mark.parametrize("version", SMALL_ERAS)
def test_memory_does_not_grow(version: str) -> None:
    """Histories keep the lookback and the period, however long the run."""
    era = SMALL_ERAS[version]
    scorer = scorer_of(era)
    for state in Run(seed=2, fills_per_state=2.0).states(400):
        scorer.observe(state)
    assert scorer._history.times_ns.size <= era.sharpe_lookback
    assert len(scorer._volumes.samples) <= 7
