"""How long the background's agents take: order and feed latencies, log-ACD durations."""

from __future__ import annotations

import math

from obmm.sim._jit import Record, kernel
from obmm.sim._random import Stream, exponential, normal, rayleigh_unit
from obmm.sim.background._layout import NORMAL_CLOCK, SECOND

_RAYLEIGH_SCALE = 0.235
_MILLISECOND = 1e6


@kernel
def order_latency_ns(rng: Stream, min_ms: float, max_ms: float) -> int:
    """From the decision to the exchange: a truncated Rayleigh between the two bounds."""
    return int(_MILLISECOND * (min_ms + (max_ms - min_ms) * rayleigh_unit(rng, _RAYLEIGH_SCALE)))


@kernel
def folded_normal_ns(rng: Stream, mean_s: float, sd_s: float) -> int:
    """Feed latencies and decision delays: min(|N(mean, sd)|, mean + 3 sd)."""
    return int(SECOND * min(abs(mean_s + sd_s * normal(rng)), mean_s + 3.0 * sd_s))


@kernel
def start_clock(clock: Record, p: Record) -> None:
    """Put a log-ACD clock at its fixed point."""
    clock.psi = p.omega / (1.0 - p.alpha - p.beta)
    clock.log_ns = clock.psi


@kernel
def acd_ns(rng: Stream, clock: Record, p: Record, magnetization: float) -> int:
    """The next log-ACD duration (Bauwens and Giot 2000), shortened by herding where p.gamma says so."""
    psi = p.omega + p.alpha * clock.log_ns + p.beta * clock.psi
    if p.gamma != 0.0:
        # All spins but one aligned give 1 - |M| = 2 / side²: the least that the logarithm may see.
        psi += p.gamma * math.log(max(1.0 - abs(magnetization), 1.0 / 512.0))
    duration = math.exp(psi) * exponential(rng)
    duration = min(max(duration, p.min_s * SECOND), p.max_s * SECOND)
    clock.psi = psi
    clock.log_ns = math.log(duration)
    return int(duration)


@kernel
def turn_ns(rng: Stream, clock: Record, p: Record) -> int:
    """The next duration of a clock of either kind, log-ACD or normal."""
    if p.kind == NORMAL_CLOCK:
        return folded_normal_ns(rng, p.mean_s, p.sd_s)
    return acd_ns(rng, clock, p, 0.0)
