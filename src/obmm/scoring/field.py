"""Several miners of one run: the steps that depend on rank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import attrs
import numpy as np

from obmm.market import FloatArray, MarketState
from obmm.scoring.eras import EraConstants
from obmm.scoring.kappa_scorer import KappaScore, KappaScorer
from obmm.scoring.pareto import Float32Array, distribute_rewards
from obmm.scoring.reward_floor import apply_reward_floor
from obmm.scoring.sharpe_scorer import EarlySharpeScorer, SharpeScore, SharpeScorer
from obmm.scoring.weights import chain_weights, moving_average

RunScorer: TypeAlias = SharpeScorer | KappaScorer
RunScore: TypeAlias = SharpeScore | KappaScore


def scorer_for(era: EraConstants) -> RunScorer:
    """A live scorer of one miner under an era.

    Raises:
        ValueError: The era pays a whole field at once, so a single miner has no score.

    >>> from obmm.scoring import ERAS
    >>> type(scorer_for(ERAS["0.3.5"])).__name__
    'KappaScorer'
    """
    if era.mechanism == "kappa":
        return KappaScorer(era)
    if era.mechanism == "sharpe":
        return EarlySharpeScorer(era) if era.version == "0.1.9" else SharpeScorer(era)
    raise ValueError(f"era {era.version} scores a whole field, not a single miner")


@attrs.frozen(kw_only=True, eq=False)
class FieldScore:
    """One scoring of all miners of a run, in the order of `uids`.

    Ranks are ranks among these uids: on the subnet the field is about 256, and a rank is worth what the draws
    of so many make it worth.

    Attributes:
        time_ns: When it was made.
        uids: The field, ascending.
        scores: Each miner's own score.
        raw: (n,) raw scores; where an era leaves a miner as it was, its average.
        rewards: (n,) after floor and Pareto ranks.
        averages: (n,) slow moving average of the rewards.
        weights: (n,) what the chain would be told, before its weight limit.
    """

    time_ns: int
    uids: tuple[int, ...]
    scores: Mapping[int, RunScore]
    raw: FloatArray
    rewards: Float32Array
    averages: Float32Array
    weights: Float32Array


class Field:
    """Scores all miners of one run together, with their ranks, moving average and weights.

    The burn uid takes part only if it is one of them. The floor of 0.5.4 is always applied: its validators
    left it out in a child process whose result they took nine times out of ten; `floor_percentile=None`
    gives that distribution.

    Attributes:
        era: Constants.
        latest: The newest score, None before the first.

    >>> from obmm.market import Venue
    >>> from obmm.scoring import ERAS
    >>> book = [[(299.0, 1.0)]], [[(301.0, 1.0)]]
    >>> time_ns = 600 * 10**9
    >>> states = {uid: MarketState.of_books(Venue.of(1), *book, time_ns=time_ns, uid=uid) for uid in (3, 7)}
    >>> Field(ERAS["0.5.4"]).observe(states).raw
    array([0., 0.])
    """

    def __init__(self, era: EraConstants) -> None:
        self.era = era
        self.latest: FieldScore | None = None
        self._scorers: dict[int, RunScorer] = {}
        self._averages: dict[int, float] = {}

    def observe(self, states: Mapping[int, MarketState]) -> FieldScore | None:
        """Take in the state of every miner at one time; return the score if the era makes one then.

        A miner may join later, but once there it must be in every state.

        Raises:
            ValueError: No states, states of different times, or a miner is missing.
        """
        times = {state.time_ns for state in states.values()}
        if len(times) != 1:
            raise ValueError(f"a field is observed at one time, got {sorted(times)}")
        if missing := sorted(set(self._scorers) - set(states)):
            raise ValueError(f"no state of uid {', '.join(map(str, missing))}")
        scores: dict[int, RunScore] = {}
        for uid in sorted(states):
            if uid not in self._scorers:
                self._scorers[uid] = scorer_for(self.era)
            if (score := self._scorers[uid].observe(states[uid])) is not None:
                scores[uid] = score
        if not scores:
            return None
        self.latest = self._rank(times.pop(), scores)
        return self.latest

    def _rank(self, time_ns: int, scores: Mapping[int, RunScore]) -> FieldScore:
        averages = np.array([self._averages.get(uid, 0.0) for uid in scores])
        own = [score.total for score in scores.values()]
        raw = np.array(
            [before if total is None else total for total, before in zip(own, averages, strict=True)]
        )
        rewards = distribute_rewards(apply_reward_floor(raw, self.era), self.era)
        after = moving_average(averages, rewards, self.era)
        self._averages = dict(zip(scores, after.tolist(), strict=True))
        return FieldScore(
            time_ns=time_ns,
            uids=tuple(scores),
            scores=scores,
            raw=raw,
            rewards=rewards,
            averages=after,
            weights=self._weights(tuple(scores), after),
        )

    def _weights(self, uids: tuple[int, ...], averages: Float32Array) -> Float32Array:
        burn = uids.index(self.era.burn_uid) if self.era.burn_uid in uids else len(uids)
        return chain_weights(averages, attrs.evolve(self.era, burn_uid=burn))
