"""What a scenario file may say: one class per table, one field per key, units in the names.

Fields without a value here must be given in the file. The defaults that exist mark switches that most
versions leave off.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import attrs
from attrs.validators import ge, gt, le, lt

_NOT_NEGATIVE = ge(0)
_POSITIVE = gt(0)
_SHARE = [ge(0.0), le(1.0)]


def _at_least_zero() -> float:
    return attrs.field(validator=_NOT_NEGATIVE)


def _positive() -> float:
    return attrs.field(validator=_POSITIVE)


def _share() -> float:
    return attrs.field(validator=_SHARE)


def _count() -> int:
    return attrs.field(validator=_NOT_NEGATIVE)


@attrs.frozen(kw_only=True)
class VenueRules:
    """Layout, clock and limits that all assets share."""

    books_per_block: int = attrs.field(validator=_POSITIVE)
    publish_interval_s: float = _positive()
    grace_period_s: float = _at_least_zero()
    duration_s: float = _positive()
    price_decimals: int = _count()
    volume_decimals: int = _count()
    depth_levels: int = attrs.field(validator=_POSITIVE)
    detail_levels: int = _count()
    max_open_orders: int = attrs.field(validator=_POSITIVE)
    max_instructions: int = attrs.field(validator=_POSITIVE)
    turnover_cap_quote: float = _positive()
    keeps_ghosts: bool
    shows_ghosts: bool
    ghosts_hold_a_side: bool
    self_trade_notices: bool
    self_trade_modes: bool
    reset_clears_fees: bool


@attrs.frozen(kw_only=True)
class Delay:
    """How the time a miner takes to answer becomes simulated delay."""

    min_ms: float = _at_least_zero()
    max_ms: float = _at_least_zero()
    timeout_s: float = _positive()
    extra_min_ms: int = _count()
    extra_max_ms: int = _count()


@attrs.frozen(kw_only=True)
class Rivals:
    """The other miners: synthetic quoters and takers, or an exogenous maker share."""

    makers: int = _count()
    takers: int = _count()
    delay_min_ms: float = _at_least_zero()
    delay_max_ms: float = _at_least_zero()
    half_spread_max_bps: float = _positive()
    quote_size_min: float = attrs.field(validator=ge(1.0))
    quote_size_max: float = attrs.field(validator=ge(1.0))
    take_size_min: float = attrs.field(validator=ge(1.0))
    take_size_max: float = attrs.field(validator=ge(1.0))
    take_min_per_minute: float = _positive()
    take_max_per_minute: float = _positive()
    take_fee_min_bps: float
    take_fee_max_bps: float
    exogenous_mtr: bool
    mtr_mean: float = _share()
    mtr_sd: float = _at_least_zero()
    mtr_time_scale_s: float = _positive()
    mtr_min: float = _share()
    mtr_max: float = _share()


@attrs.frozen(kw_only=True)
class Fundamental:
    """Fractional jump diffusion of the fundamental price."""

    update_s: float = _positive()
    drift_per_day: float
    sigma_per_sqrt_day: float = _at_least_zero()
    jumps_per_update: float = _at_least_zero()
    jump_mean: float
    jump_sd: float = _at_least_zero()
    hurst: float = attrs.field(validator=[gt(0.0), lt(1.0)])
    fractional_weight: float = _at_least_zero()


@attrs.frozen(kw_only=True)
class External:
    """The outside price whose direction all books share."""

    update_s: float = _positive()
    persistence_s: float = _positive()
    step_sd_bps: float = _at_least_zero()
    volume_decay_per_read: float = _at_least_zero()


@attrs.frozen(kw_only=True)
class SpinField:
    """The square of coupled spins behind the noise traders' herding."""

    side: int = attrs.field(validator=ge(3))
    update_s: float = _positive()
    beta: float = _at_least_zero()
    alpha: float = _at_least_zero()


@attrs.frozen(kw_only=True)
class AcdClock:
    """Log-ACD durations: ln d in ns follows omega + alpha ln d + beta psi + gamma ln(1 - |M|)."""

    omega: float
    alpha: float = _share()
    beta: float = _share()
    gamma: float = 0.0
    min_s: float = _positive()
    max_s: float = _positive()


@attrs.frozen(kw_only=True)
class NormalClock:
    """Durations N(mean, sd), folded at zero and cut at three deviations."""

    mean_s: float = _positive()
    sd_s: float = _at_least_zero()


@attrs.frozen(kw_only=True)
class Initialization:
    """The wall of orders that stands at the start and is never replenished."""

    count: int = _count()
    base: float = _at_least_zero()
    quote: float = _at_least_zero()
    max_order_base: float = _positive()


@attrs.frozen(kw_only=True)
class TimerMakers:
    """Resident market makers, each with its own refresh cycle (0.1.x to 0.5.x)."""

    count: int = _count()
    base: float = _at_least_zero()
    quote: float = _at_least_zero()
    gamma_mean: float = _positive()
    gamma_sd: float = _at_least_zero()
    cycle_ms: float = _positive()
    cycle_min_ms: float = _positive()
    cycle_max_ms: float = _positive()
    min_cycle_ms: float = _positive()
    inventory_scale_mean: float = _positive()
    inventory_scale_sd: float = _at_least_zero()
    variance: float = _at_least_zero()
    kappa: float = _positive()
    size_log_mean: float
    size_log_sd: float = _at_least_zero()
    noise_rayleigh: float = _positive()
    noise_shift_quantile: float = attrs.field(validator=[ge(0.0), lt(1.0)])
    reference_spread: float = _positive()
    life_cycles: float = _positive()
    maker_rate_sensitivity: float = _at_least_zero()
    rebalance_spread: float = _positive()
    rebalance_exponent: float = _positive()
    rebalance_maker_rate: float
    rebalance_rate_variance: float = _positive()
    order_latency_min_ms: float = _at_least_zero()
    order_latency_max_ms: float = _at_least_zero()
    tracks_inventory: bool
    one_cycle_at_a_time: bool


@attrs.frozen(kw_only=True)
class TokenMakers:
    """Resident market makers that take turns on one clock (0.6.x)."""

    count: int = _count()
    base: float = _at_least_zero()
    quote: float = _at_least_zero()
    gamma_mean: float = _positive()
    gamma_sd: float = _at_least_zero()
    inventory_scale_mean: float = _positive()
    inventory_horizon: float = _at_least_zero()
    variance: float = _at_least_zero()
    kappa: float = _positive()
    size_log_mean: float
    size_log_sd: float = _at_least_zero()
    size_volume_fraction: float = _at_least_zero()
    size_floor_base: float = _at_least_zero()
    wealth_fraction: float = _share()
    max_leverage: float = _at_least_zero()
    max_loan_quote: float = _at_least_zero()
    min_spread_ticks: int = _count()
    undercut_ticks: int = _count()
    noise_rayleigh: float = _positive()
    noise_shift_quantile: float = attrs.field(validator=[ge(0.0), lt(1.0)])
    reference_price: float = _positive()
    first_turn_s: float = _at_least_zero()
    reaction_ms: float = _at_least_zero()
    maker_rate_sensitivity: float = _at_least_zero()
    rebalance_spread: float = _positive()
    rebalance_exponent: float = _positive()
    rebalance_maker_rate: float
    rebalance_rate_variance: float = _positive()
    order_latency_min_ms: float = _at_least_zero()
    order_latency_max_ms: float = _at_least_zero()
    clock: AcdClock


@attrs.frozen(kw_only=True)
class Noise:
    """Herding traders on the spin field."""

    count: int = _count()
    wealth: Literal["pareto", "uniform"]
    wealth_min_quote: float = _positive()
    wealth_max_quote: float = _positive()
    feed_latency_mean_s: float = _at_least_zero()
    feed_latency_sd_s: float = _at_least_zero()
    order_latency_min_ms: float = _at_least_zero()
    order_latency_max_ms: float = _at_least_zero()
    balance_coefficient: float = _share()
    sigma: float = _positive()
    field_weight: float
    life_s: float = _positive()
    limit_orders: bool
    clock: AcdClock


@attrs.frozen(kw_only=True)
class Futures:
    """Takers that follow the external direction."""

    count: int = _count()
    base: float = _at_least_zero()
    quote: float = _at_least_zero()
    feed_latency_mean_s: float = _at_least_zero()
    feed_latency_sd_s: float = _at_least_zero()
    decision_delay_mean_s: float = _positive()
    decision_delay_sd_s: float = _at_least_zero()
    order_latency_min_ms: float = _at_least_zero()
    order_latency_max_ms: float = _at_least_zero()
    forecast_noise_sd: float = _at_least_zero()
    volume_median_base: float = _positive()
    volume_log_sd: float = _at_least_zero()
    market_probability: float = _share()
    life_s: float = _positive()


@attrs.frozen(kw_only=True)
class VarianceGuard:
    """Post-only probability as a logistic function of the variance of returns (0.1.x to 0.5.x)."""

    level: float = _positive()


@attrs.frozen(kw_only=True)
class DeviationGuard:
    """Post-only probability as a logistic function of the deviation of returns (0.6.x)."""

    midpoint: float = _positive()
    band: float = attrs.field(validator=gt(1.0))


@attrs.frozen(kw_only=True)
class Stylized:
    """Traders of the Chiarella type: fundamental, chartist and noise component in one forecast."""

    count: int = _count()
    wealth: Literal["pareto", "uniform"]
    wealth_min_quote: float = _positive()
    wealth_max_quote: float = _positive()
    sigma_fundamental: float = _positive()
    sigma_chartist: float = _positive()
    sigma_noise: float = _positive()
    noise_sd: float = _at_least_zero()
    poll_interval_s: float = _positive()
    poll_interval_min_s: float = _positive()
    poll_interval_max_s: float = _positive()
    history: int = attrs.field(validator=_POSITIVE)
    history_min: int = attrs.field(validator=_POSITIVE)
    history_max: int = attrs.field(validator=_POSITIVE)
    fundamental_horizon: float = _positive()
    risk_aversion: float = _positive()
    hara: float
    start_sigma_per_sqrt_day: float = _positive()
    feed_latency_mean_s: float = _at_least_zero()
    feed_latency_sd_s: float = _at_least_zero()
    order_latency_min_ms: float = _at_least_zero()
    order_latency_max_ms: float = _at_least_zero()
    market_band: float = _at_least_zero()
    market_exponent: float = _positive()
    returns: Literal["polls", "bars"]
    funds_fraction: float = _share()
    slides_post_only: bool
    guard: VarianceGuard | DeviationGuard
    clock: AcdClock | NormalClock


@attrs.frozen(kw_only=True)
class Algo:
    """Large executions toward the fundamental."""

    count: int = attrs.field(validator=[ge(0), le(1)])
    base: float = _at_least_zero()
    quote: float = _at_least_zero()
    look_s: float = _positive()
    feed_latency_mean_s: float = _at_least_zero()
    feed_latency_sd_s: float = _at_least_zero()
    order_latency_min_ms: float = _at_least_zero()
    order_latency_max_ms: float = _at_least_zero()
    program_rayleigh_base: float = _positive()
    immediate_depth_base: float = _positive()
    wake_mean_s: float = _positive()
    wake_sd_s: float = _at_least_zero()
    slice_log_mean: float
    slice_log_sd: float = _at_least_zero()
    funds_fraction: float = _share()
    first_wake_s: float = _at_least_zero()
    volatility_slope: float = _at_least_zero()
    volatility_midpoint: float = _at_least_zero()
    time_scale_s: float = _positive()
    distance_coefficient: float = _at_least_zero()
    depth_share: float = _at_least_zero()
    garch_omega: float = _positive()
    garch_alpha: float = _at_least_zero()
    garch_beta: float = _at_least_zero()
    garch_gamma: float = _at_least_zero()
    estimator: Literal["depth", "bars"]
    acts_at_once: bool


Makers: TypeAlias = TimerMakers | TokenMakers
Guard: TypeAlias = VarianceGuard | DeviationGuard
Clock: TypeAlias = AcdClock | NormalClock

#: Tables whose key `kind` chooses the class.
KINDS: dict[Any, dict[str, type]] = {
    Makers: {"timer": TimerMakers, "token": TokenMakers},
    Guard: {"variance": VarianceGuard, "deviation": DeviationGuard},
    Clock: {"acd": AcdClock, "normal": NormalClock},
}


@attrs.frozen(kw_only=True)
class Asset:
    """One class of books: its price, limits, processes and background population."""

    name: str
    blocks: int = attrs.field(validator=_POSITIVE)
    initial_price: float = _positive()
    min_size_base: float = _positive()
    miner_wealth_quote: float = _positive()
    price_band: float = _share()
    fundamental: Fundamental
    external: External
    field: SpinField
    initialization: Initialization
    high_frequency: TimerMakers | TokenMakers
    noise: Noise
    futures: Futures
    stylized: Stylized
    algo: Algo
