"""The constants of each scoring era in one table; every one can be changed with `attrs.evolve`.

A row of the table names only what its era changed, so reading down the table is reading the history of
the subnet's rules. Times are nanoseconds of simulated time, money is quote currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

import attrs

from obmm.market import DelayCurve

SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS
DAY_NS = 24 * HOUR_NS

Mechanism: TypeAlias = Literal["sharpe", "kappa", "debeta"]


@attrs.frozen(kw_only=True)
class EraConstants:
    """What one version of the validator was configured with, and the quirks of its code.

    Attributes:
        version: Version of the subnet's software.
        mechanism: What is paid: "sharpe" of inventory value, "kappa" of realised P&L, or "debeta".
        publish_interval_ns: Simulated time between two states.
        scoring_interval_ns: Scores are made at states whose time is a multiple of this.
        grace_period_ns: Simulated time before the first state of a run; a step at least this long between
            two states is a restart and is left out of the returns. 0 keeps every step.
        wealth_quote: What an account starts with, per book.
        volume_decimals: Decimals to which volumes and P&L are rounded.
        turnover_cap: Volume a miner may trade per book and rolling 24 h, in multiples of its wealth.
        max_instructions: Instructions forwarded per book and answer.
        volume_sample_ns: Length of a volume sample.
        volume_period_ns: How long volume samples are kept.
        early_volumes: Volume samples are named by the end of their bucket and rounded at every trade; from
            0.3.5 they are named by its start and rounded once per state.
        prune_interval_ns: From 0.3.5 histories are pruned at most this often.
        max_inactive_books: Share of the books that may stand idle without counting against the score.

        sharpe_lookback: Inventory values in the window, one per state.
        sharpe_min_observations: Fewer values than this give no Sharpe.
        sharpe_min: Lower clip of a Sharpe ratio.
        sharpe_max: Upper clip of a Sharpe ratio.
        sharpe_weight: Multiplies the score.

        kappa_weight: Weight of the Kappa score.
        kappa_lookback_ns: Window of realised P&L for Kappa and for the round-trip volume.
        kappa_min_lookback_ns: A history spanning less than this gives no Kappa.
        kappa_min_observations: A book needs so many non-zero realisations.
        kappa_tau: Threshold return.
        kappa_min: Lower clip of Kappa.
        kappa_max: Upper clip of Kappa.
        kappa_monotone: Always divide by the downside; before 0.5.5 a record without losses was divided by
            its upside.
        kappa_cuts_window: The Kappa function cuts the history to the lookback itself, unless that is 0.
        kappa_cached: A uid whose realisations did not change keeps its Kappa.

        pnl_weight: Weight of the P&L score.
        pnl_lookback_ns: Window of the P&L score.
        pnl_min_return: Lower clip of a book's return.
        pnl_max_return: Upper clip of a book's return.
        pnl_impact: Strength of the P&L factor on a book's Kappa; 0 in every live configuration.
        activity_impact: Strength of the round-trip volume in the activity factor.
        activity_decay_rate: How fast an idle book's factor decays; 0 keeps it.
        activity_grace_ns: Idle time before the decay accelerates.
        mixed_units: 0.3.5 and 0.4.5 multiply a lookback in ns by an interval in ns, so that all of the
            history counts as recent and the P&L reference becomes astronomically large.
        whole_fee_on_partial_close: 0.3.5 and 0.4.5 charge the whole fee of a fill that ends inside a lot.
        self_trades_in_fifo: Trades with oneself open and close lots.
        idle_times_survive_restart: States without realised P&L stay in the history over a restart.
        seeds_factor_from_kappa: A book with a Kappa but factor 0 is set to factor 1.
        empty_score_fails: A uid whose books are all idle and allowed to be makes the scoring fail; from 0.6
            it scores 0.

        pareto_shape: Shape of the Pareto draws that rank rewards; None hands scores on as they are.
        pareto_scale: Scale of the draws.
        pareto_seed: Seed of the draws, the same in every round.
        floor_percentile: Percentile of the positive scores below which the floor tapers; None for no floor.
        floor_softness: Width of the taper as a share of that percentile.
        moving_average_alpha: Weight of a new reward in the slow moving average.
        burn_ratio: Share of the weights given to `burn_uid`.
        burn_uid: Who receives the burnt share.
        training_share: Share of the weights reserved for the training pool at full participation.
        training_alpha: Weight of a new training score in its moving average.
        training_seeded: The training average starts at its first value instead of 0.

        timeout_s: Seconds a miner has to answer.
        delay_curve: How response time becomes delay: "linear" or "exponential".
        min_delay_ns: Delay of an instant answer.
        max_delay_ns: Delay of an answer at the timeout.

    >>> attrs.evolve(ERAS["0.1.51"], wealth_quote=50_000.0).volume_cap_quote
    1000000.0
    """

    version: str
    mechanism: Mechanism

    publish_interval_ns: int = SECOND_NS
    scoring_interval_ns: int = 5 * SECOND_NS
    grace_period_ns: int = 600 * SECOND_NS
    wealth_quote: float = 100_000.0
    volume_decimals: int = 4
    turnover_cap: float = 10.0
    max_instructions: int = 5
    volume_sample_ns: int = 600 * SECOND_NS
    volume_period_ns: int = DAY_NS
    early_volumes: bool = False
    prune_interval_ns: int = 60 * SECOND_NS
    max_inactive_books: float = 0.375

    sharpe_lookback: int = 3_600
    sharpe_min_observations: int = 1_800
    sharpe_min: float = -10.0
    sharpe_max: float = 10.0
    sharpe_weight: float = 1.0

    kappa_weight: float = 0.0
    kappa_lookback_ns: int = 3 * HOUR_NS
    kappa_min_lookback_ns: int = 5_400 * SECOND_NS
    kappa_min_observations: int = 3
    kappa_tau: float = 0.0
    kappa_min: float = -10.0
    kappa_max: float = 10.0
    kappa_monotone: bool = False
    kappa_cuts_window: bool = False
    kappa_cached: bool = True

    pnl_weight: float = 0.0
    pnl_lookback_ns: int = 3 * HOUR_NS
    pnl_min_return: float = -1.0
    pnl_max_return: float = 1.0
    pnl_impact: float = 0.0
    activity_impact: float = 0.0
    activity_decay_rate: float = 0.0
    activity_grace_ns: int = 600 * SECOND_NS
    mixed_units: bool = True
    whole_fee_on_partial_close: bool = True
    self_trades_in_fifo: bool = True
    idle_times_survive_restart: bool = False
    seeds_factor_from_kappa: bool = False
    empty_score_fails: bool = True

    pareto_shape: float | None = 1.42
    pareto_scale: float = 1.0
    pareto_seed: int = 898_746_039_182
    floor_percentile: float | None = None
    floor_softness: float = 0.5
    moving_average_alpha: float = 0.008298755
    burn_ratio: float = 0.0
    burn_uid: int = 0
    training_share: float = 0.0
    training_alpha: float = 0.1
    training_seeded: bool = True

    timeout_s: float = 3.0
    delay_curve: DelayCurve = "exponential"
    min_delay_ns: int = 10_000_000
    max_delay_ns: int = 1_000_000_000

    @property
    def volume_cap_quote(self) -> float:
        """Volume a miner may trade per book and rolling 24 h, quote."""
        return round(self.turnover_cap * self.wealth_quote, self.volume_decimals)


_A = EraConstants(
    version="0.1.9",
    mechanism="sharpe",
    publish_interval_ns=5 * SECOND_NS,
    early_volumes=True,
    turnover_cap=10.0,
    max_instructions=19,
    sharpe_lookback=720,
    sharpe_min_observations=2,
    pareto_shape=None,
    moving_average_alpha=0.1,
    timeout_s=5.0,
    delay_curve="linear",
    max_delay_ns=500_000_000,
)
_B = EraConstants(version="0.1.51", mechanism="sharpe", early_volumes=True, turnover_cap=20.0)
_C = attrs.evolve(
    _B,
    version="0.3.5",
    mechanism="kappa",
    early_volumes=False,
    wealth_quote=50_000.0,
    turnover_cap=10.0,
    kappa_weight=0.79,
    pnl_weight=0.21,
    burn_ratio=0.79,
)
_C_PRIME = attrs.evolve(_C, version="0.4.5", kappa_min=-2.5, kappa_max=2.5, training_share=0.05)
_D = attrs.evolve(
    _C_PRIME,
    version="0.5.4",
    kappa_cuts_window=True,
    kappa_cached=False,
    mixed_units=False,
    whole_fee_on_partial_close=False,
    pareto_shape=1.0,
    floor_percentile=50.0,
    burn_ratio=0.0,
    training_seeded=False,
)
_D_PRIME = attrs.evolve(_D, version="0.5.5", kappa_monotone=True)
_E = attrs.evolve(
    _D_PRIME,
    version="0.6.3",
    mechanism="debeta",
    kappa_weight=0.0,
    pnl_weight=0.0,
    self_trades_in_fifo=False,
    idle_times_survive_restart=True,
    seeds_factor_from_kappa=True,
    empty_score_fails=False,
    pareto_shape=1.42,
)

ERAS: Mapping[str, EraConstants] = MappingProxyType(
    {row.version: row for row in (_A, _B, _C, _C_PRIME, _D, _D_PRIME, _E)}
)
"""Default constants by version, oldest first."""


def era(version: str) -> EraConstants:
    """Constants of a version.

    Raises:
        KeyError: No such era, with the known ones.

    >>> era("0.5.4").mechanism
    'kappa'
    """
    if version not in ERAS:
        raise KeyError(f"unknown scoring era {version!r}; known: {', '.join(ERAS)}")
    return ERAS[version]
