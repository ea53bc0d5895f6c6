"""Several miners of one run."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from obmm.scoring import (
    ERAS,
    EarlySharpeScorer,
    Field,
    FieldScore,
    KappaScorer,
    SharpeScorer,
    apply_reward_floor,
    chain_weights,
    distribute_rewards,
    moving_average,
    scorer_for,
)
from scoring.runs import SECOND, Run

UIDS = (9, 2, 5)
ERA = attrs.evolve(ERAS["0.1.51"], sharpe_min_observations=5, volume_sample_ns=20 * SECOND)


def scores_of(field: Field, n_states: int, uids: tuple[int, ...] = UIDS) -> list[FieldScore]:
    """All scores of a field whose miners have runs of their own."""
    runs = [Run(seed=uid, uid=uid, fills_per_state=2.0).states(n_states) for uid in uids]
    rounds = (field.observe({state.uid: state for state in states}) for states in zip(*runs, strict=True))
    return [score for score in rounds if score is not None]


def test_every_era_has_its_scorer() -> None:
    """Version and mechanism choose the scorer; a whole-field era has none for a single miner."""
    kinds = {version: type(scorer_for(ERAS[version])) for version in list(ERAS)[:-1]}
    sharpe, kappa = {"0.1.9": EarlySharpeScorer, "0.1.51": SharpeScorer}, ("0.3.5", "0.4.5", "0.5.4", "0.5.5")
    assert kinds == sharpe | dict.fromkeys(kappa, KappaScorer)
    with pytest.raises(ValueError, match="whole field"):
        scorer_for(ERAS["0.6.3"])


def test_a_field_is_its_miners_scores_then_ranks_then_averages() -> None:
    """Raw scores are the single scorers' own, and each later step is the pure function of the one before."""
    field = Field(ERA)
    scores = scores_of(field, 31)
    assert field.latest is scores[-1]
    averages = np.zeros(3)
    singles = {uid: scorer_for(ERA) for uid in UIDS}
    alone = {
        uid: [
            s.total
            for state in Run(seed=uid, uid=uid, fills_per_state=2.0).states(31)
            if (s := scorer.observe(state))
        ]
        for uid, scorer in singles.items()
    }
    for i, score in enumerate(scores):
        assert score.uids == (2, 5, 9)
        assert [alone[uid][i] for uid in score.uids] == score.raw.tolist()
        rewards = distribute_rewards(apply_reward_floor(score.raw, ERA), ERA)
        assert rewards.tolist() == score.rewards.tolist()
        averages = moving_average(averages, rewards, ERA)
        assert averages.tolist() == score.averages.tolist()
        assert chain_weights(averages, ERA).tolist() == score.weights.tolist()
    assert scores[-1].weights.sum() == pytest.approx(1.0)


def test_a_frozen_miner_is_paid_its_average() -> None:
    """0.1.9 hands a miner without history its own moving average, 0 at first."""
    scores = scores_of(Field(ERAS["0.1.9"]), 11)
    assert scores[0].raw.tolist() == [0.0, 0.0, 0.0]
    assert np.all(scores[-1].raw > 0.0)


def test_the_burn_goes_to_its_uid() -> None:
    """The burn uid is a uid, not a place in the field; without it nothing is burnt."""
    era = attrs.evolve(ERA, burn_ratio=0.79, burn_uid=5)
    burnt = scores_of(Field(era), 31)[-1]
    assert burnt.weights[1] > 0.7
    free = scores_of(Field(attrs.evolve(era, burn_uid=1)), 31)[-1]
    plain = scores_of(Field(ERA), 31)[-1]
    assert free.weights.tolist() == plain.weights.tolist()


def test_miners_may_join_but_not_leave() -> None:
    """A gap in a miner's states would score a hole in the recording."""
    field = Field(ERA)
    first, second = (list(Run(seed=uid, uid=uid).states(6)) for uid in (1, 2))
    assert field.observe({1: first[0]}) is not None
    for i in range(1, 5):
        field.observe({1: first[i], 2: second[i]})
    joined = field.observe({1: first[5], 2: second[5]})
    assert joined is not None
    assert joined.uids == (1, 2)
    with pytest.raises(ValueError, match="no state of uid 2"):
        field.observe({1: first[5]})


def test_a_field_has_one_time() -> None:
    """States of different times cannot be ranked."""
    first, second = Run(seed=1).states(2)
    with pytest.raises(ValueError, match="one time"):
        Field(ERA).observe({1: first, 2: second})
    with pytest.raises(ValueError, match="one time"):
        Field(ERA).observe({})
